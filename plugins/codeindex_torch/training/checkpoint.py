"""``.pt`` files: a model whole (weights, architecture, tokenizer), and where training stands.

They are read with ``weights_only=True``: tensors and plain values, nothing that can run code.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codeindex.errors import NotFoundError, StorageError, UsageError
from codeindex.files import replacing
from codeindex_torch.loading import LoadedModel, choose_pooling, position_limit, without_pooler
from codeindex_torch.static_folders import static_facts, static_model
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.towers import DualEncoder, Tower
from codeindex_torch.training.options import TrainOptions

FORMAT = 1


@dataclass(frozen=True)
class Progress:
    """Where a run stands: all that is needed to go on as if it had never stopped.

    Attributes:
        epoch, batch: the next batch is this one of this epoch.
        step: optimiser steps so far.
        loss_sum, loss_count: of this epoch's training loss, in pairs.
        seconds: spent in this epoch.
        best: the best validation value so far, by `best_by`; None before the first.
        waited: epochs since then.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    seconds: float = 0.0
    best: float | None = None
    waited: int = 0

    def finished(self, options: TrainOptions) -> bool:
        """Whether all epochs are done, or as many without gain as patience lasts."""
        tired = bool(options.patience) and self.waited >= options.patience
        return tired or self.epoch >= options.num_epochs


@dataclass(frozen=True)
class Checkpoint:
    """A read ``.pt``.

    Attributes:
        model: rebuilt, with its weights.
        training: what `write_checkpoint` was given; empty in a best model.
    """

    model: LoadedModel
    training: Mapping[str, Any]


def write_checkpoint(
    path: Path, model: LoadedModel, training: Mapping[str, Any] | None = None
) -> None:
    """Writes a model, and where training stands, whole or not at all.

    Args:
        training: tensors, numbers, texts and lists and dicts of them; None for the model alone.

    Raises:
        StorageError: it cannot be written.
    """
    content = {
        "codeindex": FORMAT,
        "facts": json.dumps(_facts(model)),
        "tokenizer": model.tokenizer.backend_tokenizer.to_str(),
        "weights": _weights(model.dual),
        "training": dict(training or {}),
    }
    content["digest"] = _digest(content)
    with replacing(path) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # how PyTorch's writer reports a full disk
            raise StorageError(f"cannot write {path}: {str(error).splitlines()[0]}") from error


def read_checkpoint(path: Path, *, attention: str = "sdpa") -> Checkpoint:
    """Reads a ``.pt`` of ours.

    Raises:
        NotFoundError: there is none.
        UsageError: it is damaged, of something else, or holds more than data.
    """
    content = _read(path)
    facts = _part(path, content, "facts")
    if content.pop("digest", None) != _digest(content):
        raise UsageError(f"{path} is damaged: it does not hold what was written (its digest)")
    try:
        known = json.loads(facts)
        model = _rebuilt(path, known, str(content["tokenizer"]), content["weights"], attention)
    except Exception as error:  # the libraries that rebuild it raise whatever they like
        raise UsageError(f"{path} is not what codeindex train writes: {error}") from error
    return Checkpoint(model, dict(content.get("training") or {}))


def options_of(path: Path) -> dict[str, Any]:
    """The options that a checkpoint was trained with; empty for a model alone.

    Raises:
        NotFoundError, UsageError: see `read_checkpoint`.
    """
    training = _read(path, mapped=True).get("training") or {}
    return dict(json.loads(training["options"])) if "options" in training else {}


def read_model(
    path: Path, *, pooling: str = "auto", max_length: int = 0, attention: str = "sdpa"
) -> LoadedModel:
    """The model of a ``.pt``; for the arguments, see `load_model`.

    Raises:
        NotFoundError, UsageError: see `read_checkpoint`.
    """
    model = read_checkpoint(path, attention=attention).model
    if isinstance(model.dual.query, StaticTower):
        model.max_length = max_length or model.max_length
        return model
    for tower in {id(t): t for t in (model.dual.query, model.dual.corpus)}.values():
        tower.pooling = choose_pooling(pooling, tower.pooling, str(path))
    if max_length:
        limit = position_limit(model.dual.query.config, model.tokenizer)
        if max_length > limit:
            raise UsageError(f"{path} reads at most {limit} tokens, not {max_length}")
        model.max_length = max_length
    return model


def _facts(model: LoadedModel) -> dict[str, Any]:
    dual = model.dual
    if isinstance(dual.query, StaticTower):
        return {"architecture": "static", **static_facts(model)}
    return {
        "name": model.name,
        "base_model": model.base_model,
        "licence": model.licence,
        "shared": dual.shared,
        "shared_projection": dual.query.projection is dual.corpus.projection,
        "projection": dual.query.dim if dual.query.projection is not None else 0,
        "pooling": dual.query.pooling,
        "max_length": model.max_length,
        "prompts": dict(model.prompts),
        "config": dual.query.config.to_dict(),
        "special_tokens": dict(model.tokenizer.special_tokens_map),
        "position_limit": int(min(model.tokenizer.model_max_length, 10**9)),
    }


def _weights(dual: DualEncoder) -> dict[str, Tensor]:
    state = dual.state_dict()
    if dual.shared:
        state = {name: value for name, value in state.items() if name.startswith("query.")}
    return {name: value.detach().cpu() for name, value in state.items()}


def _rebuilt(
    path: Path, facts: dict[str, Any], definition: str, weights: Mapping[str, Any], attention: str
) -> LoadedModel:
    import transformers
    from tokenizers import Tokenizer

    if facts.get("architecture") == "static":
        table = StaticTower(weights["query.vectors"], weights["query.log_weights"].exp())
        table.load_state_dict({name[6:]: value for name, value in weights.items()})
        return static_model(table, definition, facts)

    transformers.logging.set_verbosity_error()
    values = dict(facts["config"])
    config = transformers.AutoConfig.for_model(values.pop("model_type"), **values)

    def tower() -> Tower:
        backbone = transformers.AutoModel.from_config(config, attn_implementation=attention)
        without_pooler(backbone)
        pooling = choose_pooling("auto", facts["pooling"], str(path))
        return Tower(backbone.float(), pooling, int(facts["projection"]))

    query = tower()
    corpus = query if facts["shared"] else tower()
    dual = DualEncoder(query, corpus, share_projection=bool(facts["shared_projection"]))
    given = dict(weights)
    if dual.shared:
        given |= {f"corpus.{name[6:]}": value for name, value in weights.items()}
    dual.load_state_dict(given, strict=True)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(definition),
        model_max_length=int(facts["position_limit"]),
        **facts["special_tokens"],
    )
    return LoadedModel(
        str(facts["name"]),
        dual.eval(),
        tokenizer,
        int(facts["max_length"]),
        dict(facts["prompts"]),
        str(facts["base_model"]),
        str(facts["licence"]),
    )


def _read(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    if not path.is_file():
        raise NotFoundError(f"no checkpoint at {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what PyTorch says of files that others wrote
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{path} was refused: it holds more than tensors and plain values, which could run"
            " code when it is read; codeindex train writes no such file"
        ) from error
    except Exception as error:  # a damaged file fails wherever its bytes lead the reader
        raise UsageError(f"{path} is damaged or truncated, or no checkpoint") from error
    if not isinstance(content, dict) or "codeindex" not in content:
        raise UsageError(f"{path} is no checkpoint of codeindex train")
    if int(content["codeindex"]) > FORMAT:
        raise UsageError(f"{path} was written by a newer codeindex")
    return content


def _digest(value: Any) -> str:
    """SHA-256 of nested dicts, lists, tensors and plain values."""
    digest = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, Tensor):
            digest.update(repr((part.dtype, tuple(part.shape))).encode())
            flat = part.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(flat.numpy().data)
        elif isinstance(part, Mapping):
            for key in sorted(part, key=str):
                digest.update(repr(key).encode())
                add(part[key])
        elif isinstance(part, list | tuple):
            digest.update(repr(len(part)).encode())
            for item in part:
                add(item)
        else:
            digest.update(repr(part).encode())

    add(value)
    return digest.hexdigest()


def _part(path: Path, content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or "weights" not in content or "tokenizer" not in content:
        raise UsageError(f"{path} is not what codeindex train writes: it lacks a part")
    return value
