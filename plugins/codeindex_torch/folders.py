"""Model folders as `transformers` and `sentence-transformers` read them: what they say, and ours.

A dual encoder is a folder of two such folders, ``paper`` (what asks) and ``code`` (what is
searched), and ``codeindex.json``, which says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeindex.errors import UsageError
from codeindex.files import write_whole
from codeindex_torch.towers import DualEncoder, Tower

DUAL = "codeindex.json"
TOWER_FOLDERS: Mapping[str, str] = {"query": "paper", "corpus": "code"}
_POOLING_MODES = {"cls": "pooling_mode_cls_token", "mean": "pooling_mode_mean_tokens"}


@dataclass(frozen=True)
class FolderFacts:
    """What the files beside the weights say.

    Attributes:
        pooling: ``cls``, ``mean``, another name, or empty where nothing is said.
        max_length: tokens; 0 where nothing is said.
        prompts: by ``query`` and ``corpus``.
        licence: from the model card; empty where it does not say.
    """

    pooling: str = ""
    max_length: int = 0
    prompts: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""


def folder_facts(folder: Path) -> FolderFacts:
    """Reads what `sentence-transformers` and the model card left there."""
    pooling = ""
    modules = _json(folder / "modules.json", [])
    for module in modules if isinstance(modules, list) else []:
        if str(module.get("type", "")).endswith(".Pooling"):
            said = _json(folder / str(module.get("path", "")) / "config.json", {})
            modes = [name for name, key in _POOLING_MODES.items() if said.get(key)]
            pooling = modes[0] if len(modes) == 1 else str(said.get("pooling_mode", "another"))
    length = _json(folder / "sentence_bert_config.json", {}).get("max_seq_length") or 0
    prompts = _json(folder / "config_sentence_transformers.json", {}).get("prompts") or {}
    found = {
        "query": str(prompts.get("query", "")),
        "corpus": str(prompts.get("document", prompts.get("passage", ""))),
    }
    return FolderFacts(pooling, int(length), found, _licence(folder / "README.md"))


def save_towers(
    folder: Path, dual: DualEncoder, tokenizer: Any, max_length: int, prompts: Mapping[str, str]
) -> None:
    """Writes the model as a folder; of two towers, as a folder of two."""
    folder.mkdir(parents=True, exist_ok=True)
    if dual.shared:
        save_tower(folder, dual.query, tokenizer, max_length, prompts)
        return
    for role, name in TOWER_FOLDERS.items():
        tower = dual.query if role == "query" else dual.corpus
        save_tower(folder / name, tower, tokenizer, max_length, prompts)
    write_whole(folder / DUAL, json.dumps({"towers": dict(TOWER_FOLDERS)}, indent=2) + "\n")


def save_tower(
    folder: Path, tower: Tower, tokenizer: Any, max_length: int, prompts: Mapping[str, str]
) -> None:
    """Writes one tower: weights, tokenizer and the modules of `sentence-transformers`."""
    folder.mkdir(parents=True, exist_ok=True)
    backbone: Any = tower.backbone
    backbone.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    save_modules(folder, tower, max_length, prompts)


def save_modules(folder: Path, tower: Tower, max_length: int, prompts: Mapping[str, str]) -> None:
    """Writes what `sentence-transformers` needs besides the Transformer and its tokenizer."""
    names = ["Transformer", "Pooling", *(["Dense"] if tower.projection else []), "Normalize"]
    modules = [
        {
            "idx": number,
            "name": str(number),
            "path": f"{number}_{name}" if number else "",
            "type": f"sentence_transformers.models.{name}",
        }
        for number, name in enumerate(names)
    ]
    hidden = int(tower.config.hidden_size)
    pooling = {"word_embedding_dimension": hidden} | {
        key: name == tower.pooling for name, key in _POOLING_MODES.items()
    }
    _write(folder / "modules.json", modules)
    _write(
        folder / "sentence_bert_config.json",
        {"max_seq_length": max_length, "do_lower_case": False},
    )
    _write(folder / "1_Pooling" / "config.json", pooling)
    if tower.projection is not None:
        from safetensors.torch import save_file

        dense = {
            "in_features": hidden,
            "out_features": tower.dim,
            "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity",
        }
        _write(folder / "2_Dense" / "config.json", dense)
        weight = tower.projection.weight.detach().cpu().contiguous()
        save_file({"linear.weight": weight}, folder / "2_Dense" / "model.safetensors")
    named = {"query": prompts.get("query", ""), "document": prompts.get("corpus", "")}
    _write(folder / "config_sentence_transformers.json", {"prompts": named})
    (folder / f"{len(names) - 1}_Normalize").mkdir(exist_ok=True)


def read_projection(folder: Path) -> Any:
    """The weight (dim, hidden) of a projection after pooling, or None.

    Raises:
        UsageError: it is one that we do not compute.
    """
    config = _json(folder / "2_Dense" / "config.json", None)
    if config is None:
        return None
    if config.get("bias") or not str(config.get("activation_function", "")).endswith("Identity"):
        raise UsageError(f"{folder}: its Dense layer has a bias or an activation; not supported")
    from safetensors.torch import load_file

    return load_file(folder / "2_Dense" / "model.safetensors")["linear.weight"]


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps(value, indent=2) + "\n")


def _json(path: Path, otherwise: Any) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return otherwise
    except ValueError as error:
        raise UsageError(f"{path} is no valid JSON: {error}") from None


def _licence(card: Path) -> str:
    """``license:`` of the card's front matter."""
    if not card.is_file():
        return ""
    text = card.read_text("utf-8", errors="replace")
    if not text.startswith("---"):
        return ""
    found = re.search(r"^license:\s*(\S+)", text.split("---", 2)[1], re.MULTILINE)
    return found.group(1) if found else ""
