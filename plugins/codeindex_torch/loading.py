"""A model by Hub name, folder or checkpoint → towers and tokenizer, ready to compute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch

from codeindex.errors import NotFoundError, UsageError
from codeindex_torch.folders import DUAL, FolderFacts, folder_facts, read_projection
from codeindex_torch.hub import fetch
from codeindex_torch.tokens import Tokens
from codeindex_torch.towers import DualEncoder, Pooling, Tower

DEFAULT_LENGTH = 512


@dataclass
class LoadedModel:
    """Towers with what they need.

    Attributes:
        name: for people: the Hub name, or that of the folder or file.
        tokenizer: the tokenizer of `transformers`, to be saved again.
        prompts: put before each text, by ``query`` and ``corpus``.
        base_model: what it was made from, as the licence and the card need it.
    """

    name: str
    dual: DualEncoder
    tokenizer: Any
    max_length: int
    prompts: Mapping[str, str] = field(default_factory=dict)
    base_model: str = ""
    licence: str = ""

    def tokens(self) -> Tokens:
        """Its tokenizer, cutting at its longest text."""
        definition = self.tokenizer.backend_tokenizer.to_str()
        return Tokens(definition, self.max_length, int(self.tokenizer.pad_token_id or 0))


def load_model(
    model: str, *, pooling: str = "auto", max_length: int = 0, attention: str = "sdpa"
) -> LoadedModel:
    """Loads a model, from disk or from the Hugging Face Hub; no code of a model is run.

    Args:
        model: a Hub name, a folder (of one model, of two towers, of a static model or of a bundle
            with its table), or a ``.pt``.
        pooling: ``auto`` takes what the folder says, else ``cls``.
        max_length: tokens of a text; 0 takes what the folder says, else 512.
        attention: implementation of attention: ``sdpa``, or ``eager`` for export.

    Raises:
        NotFoundError: there is none; the message says how to give a local folder.
        UsageError: it is no encoder, or incomplete.
    """
    path = Path(model)
    if path.suffix == ".pt":
        from codeindex_torch.training.checkpoint import read_model

        return read_model(path, pooling=pooling, max_length=max_length, attention=attention)
    if not path.exists() and (model.startswith((".", "/", "~")) or model.count("/") > 1):
        raise NotFoundError(f"no model at {model}: no such folder")
    folder = path if path.exists() else fetch(model)
    from codeindex_torch.static_folders import load_static

    static = load_static(folder, max_length)
    if static is not None:
        return static
    if (folder / DUAL).is_file():
        return _load_dual(folder, pooling, max_length, attention)
    if not (folder / "config.json").is_file():
        raise NotFoundError(f"{model} is no model folder: it has no config.json")
    facts = folder_facts(folder)
    tower, tokenizer, length = _load_tower(folder, facts, pooling, max_length, attention)
    name = path.absolute().name if path.exists() else model
    return LoadedModel(
        name, DualEncoder(tower, tower), tokenizer, length, facts.prompts, name, facts.licence
    )


def _load_dual(path: Path, pooling: str, max_length: int, attention: str) -> LoadedModel:
    named = json.loads((path / DUAL).read_text("utf-8")).get("towers", {})
    if set(named) != {"query", "corpus"}:
        raise UsageError(f"{path / DUAL} names no two towers")
    facts = folder_facts(path / named["query"])
    query, tokenizer, length = _load_tower(
        path / named["query"], facts, pooling, max_length, attention
    )
    corpus, _, _ = _load_tower(path / named["corpus"], facts, pooling, max_length, attention)
    dual = DualEncoder(query, corpus, share_projection=False)
    return LoadedModel(path.name, dual, tokenizer, length, facts.prompts, path.name, facts.licence)


def _load_tower(
    folder: Path, facts: FolderFacts, pooling: str, max_length: int, attention: str
) -> tuple[Tower, Any, int]:
    backbone, tokenizer = _from_pretrained(folder, attention)
    chosen = choose_pooling(pooling, facts.pooling, str(folder))
    tower = Tower(backbone, chosen)
    weight = read_projection(folder)
    if weight is not None:
        tower = Tower(backbone, chosen, weight.shape[0])
        cast(torch.nn.Linear, tower.projection).weight.data.copy_(weight)
    limit = position_limit(backbone.config, tokenizer)
    length = max_length or facts.max_length or min(DEFAULT_LENGTH, limit)
    if length > limit:
        raise UsageError(f"{folder} reads at most {limit} tokens, not {length}")
    return tower.eval(), tokenizer, length


def _from_pretrained(folder: Path, attention: str) -> tuple[Any, Any]:
    import transformers

    transformers.logging.set_verbosity_error()
    arguments = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True, **arguments)
        backbone, report = transformers.AutoModel.from_pretrained(
            folder,
            attn_implementation=None if attention == "sdpa" else attention,  # else what it has
            output_loading_info=True,
            **arguments,
        )
    except Exception as error:  # whatever a damaged file makes of the libraries
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"cannot load the model in {folder}: {reason}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(f"{folder}: its tokenizer has no tokenizer.json form, which is needed")
    without_pooler(backbone)
    missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
    if missing:
        raise UsageError(
            f"{folder} is incomplete: {len(missing)} weights are missing: {missing[0]}"
        )
    return backbone.float(), tokenizer


def choose_pooling(asked: str, said: str, model: str) -> Pooling:
    """What was asked for, or else what the folder says, or else ``cls``.

    Raises:
        UsageError: the folder says one that we do not compute.
    """
    chosen = asked if asked != "auto" else said or "cls"
    if chosen not in ("cls", "mean"):
        raise UsageError(f"{model} pools by {chosen!r}; supported: cls, mean (say pooling=…)")
    return cast(Pooling, chosen)


def position_limit(config: Any, tokenizer: Any) -> int:
    """The longest text that a model has positions for."""
    positions = int(getattr(config, "max_position_embeddings", 0) or 0)
    if positions and config.model_type in _OFFSET_MODELS:
        positions -= int(config.pad_token_id) + 1  # its positions begin after the padding's id
    limits = [positions, int(getattr(tokenizer, "model_max_length", 0) or 0)]
    return min((limit for limit in limits if 0 < limit < 1_000_000), default=DEFAULT_LENGTH)


_OFFSET_MODELS = {"roberta", "xlm-roberta", "camembert", "mpnet", "xlm-roberta-xl", "longformer"}


def without_pooler(backbone: Any) -> None:
    """Takes out the pooler of BERT's next-sentence task, which no embedding goes through."""
    if getattr(backbone, "pooler", None) is not None:
        backbone.pooler = None
