"""The files of a bundle besides the graph: for codeindex, sentence-transformers and fastembed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeindex.bundle import CORPUS, QUERY, TOKENIZER, write_manifest
from codeindex_torch.folders import save_modules
from codeindex_torch.loading import LoadedModel
from codeindex_torch.towers import Role, Tower

REPORT = "export_report.json"
ROLES: tuple[Role, Role] = ("query", "corpus")
UNKNOWN_LICENCE = "unknown"
_LICENCE_FILES = ("LICENSE*", "LICENCE*", "NOTICE*")


@dataclass(frozen=True)
class ModelFacts:
    """What is told of a model when it is no longer in memory; no path of this machine.

    Attributes:
        name: of the bundle. checkpoint: what was exported. base_model: what that was made from.
        places: role → folder of its tower in the bundle.
        configs: folder → configuration of its Transformer.
    """

    name: str
    checkpoint: str
    base_model: str
    licence: str
    dim: int
    max_tokens: int
    pooling: str
    prompts: Mapping[str, str]
    places: Mapping[str, str]
    configs: Mapping[str, Any]

    def tower_name(self, place: str) -> str:
        """For people: ``both`` where one tower serves both roles."""
        return "both" if place == "." else place


def facts_of(model: LoadedModel, checkpoint: str, target: Path, licence: str) -> ModelFacts:
    """Names a bundle after its folder."""
    dual = model.dual
    where = {QUERY: ".", CORPUS: "."} if dual.shared else {QUERY: QUERY, CORPUS: CORPUS}
    return ModelFacts(
        target.absolute().name,
        without_path(checkpoint),
        without_path(model.base_model or model.name),
        licence or model.licence or UNKNOWN_LICENCE,
        dual.query.dim,
        model.max_length,
        dual.query.pooling,
        dict(model.prompts),
        where,
        {where[role]: dual.tower(role).config for role in ROLES},
    )


def without_path(name: str) -> str:
    """A Hub name as it is; of a path, its last part."""
    path = Path(name)
    is_hub_name = name.count("/") == 1 and not name.startswith((".", "/", "~"))
    return name if is_hub_name and not path.exists() else path.name


def write_tower_files(folder: Path, tower: Tower, model: LoadedModel) -> None:
    """Writes everything of a tower but its weights."""
    folder.mkdir(exist_ok=True)
    tower.config.save_pretrained(folder)
    model.tokenizer.model_max_length = model.max_length  # fastembed cuts there
    model.tokenizer.save_pretrained(folder)
    for extra in ("vocab.txt", "vocab.json", "merges.txt"):  # they stand in tokenizer.json
        (folder / extra).unlink(missing_ok=True)
    (folder / TOKENIZER).write_text(model.tokens().definition, "utf-8")
    save_modules(folder, tower, model.max_length, model.prompts)


def copy_licence(source: Path, target: Path) -> None:
    """Takes the licence files of a model folder along."""
    if source.is_dir():
        for pattern in _LICENCE_FILES:
            for path in sorted(source.glob(pattern)):
                if path.is_file():
                    shutil.copyfile(path, target / path.name)


def write_bundle_files(
    folder: Path,
    facts: ModelFacts,
    report: Mapping[str, Any],
    card: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes manifest, report and card; the graphs must stand there already.

    Args:
        more: what else the manifest is to say.
    """
    manifest: dict[str, Any] = {
        "name": facts.name,
        "version": "1",
        "dim": facts.dim,
        "pooling": facts.pooling,
        "max_tokens": facts.max_tokens,
        "prompts": {role: facts.prompts.get(role, "") for role in ROLES},
        "base_model": facts.base_model,
        "licence": facts.licence,
        "precision": report["precision"],
        "made_by": report["made_by"],
    }
    if len(facts.configs) > 1:
        manifest["towers"] = dict(facts.places)
    manifest |= more or {}
    (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    (folder / "README.md").write_text(card, "utf-8")
    write_manifest(folder, manifest)
