"""Exports a model: checkpoint → graphs → gate → bundle, in its place only if all is right."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from codeindex import __version__
from codeindex.bundle import MANIFEST, MODEL
from codeindex.errors import UsageError
from codeindex.files import replacing_folder
from codeindex.host import Host
from codeindex.reranker_bundle import MANIFEST as RERANKER
from codeindex_torch.export.card import model_card
from codeindex_torch.export.folder import write_bundle_files
from codeindex_torch.export.graphs import Made, make_graphs
from codeindex_torch.export.hubness import add_hubness, hub_pairs
from codeindex_torch.export.memory import release_memory
from codeindex_torch.export.options import ExportOptions
from codeindex_torch.export.prepared import Prepared, Say, prepare
from codeindex_torch.export.static import Files, write_static
from codeindex_torch.export.static_card import static_card

_PACKAGES = ("torch", "transformers", "optimum-onnx", "onnx", "onnxruntime", "tokenizers")


def export(
    checkpoint: str, target: Path, options: ExportOptions, host: Host, say: Say
) -> dict[str, Any]:
    """Writes a bundle and returns its report.

    Raises:
        UsageError: there is something at `target` that may not be replaced, the model cannot
            be exported, or the pairs of ``hubness`` are too few.
        GateFailedError: the quality is below the limit; nothing was written.
    """
    may_write(target, options)
    hubs = None if options.hubness is None else hub_pairs(options.hubness, say)
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target) as folder:
        work = folder / ".work"
        work.mkdir()
        prepared = prepare(checkpoint, target, options, host, folder, say)
        release_memory()  # the model in PyTorch
        if prepared.static is not None:
            files = write_static(prepared.static, prepared, folder, options)
        else:
            files = Files(make_graphs(prepared, folder, options, say))
        report = _report(prepared, options, files.made, folder)
        shutil.rmtree(work)
        _write(prepared, report, folder, files)
        if hubs is not None and options.hubness is not None:
            name = options.hubness.name
            report["hubness"] = add_hubness(folder, hubs, name, prepared.texts, say)
            _write(prepared, report, folder, files)
    return report


def _write(prepared: Prepared, report: Mapping[str, Any], folder: Path, files: Files) -> None:
    if prepared.static is None:
        card = model_card(prepared.facts, report)
    else:
        tokens = len(prepared.static.tokenizer.backend_tokenizer.get_vocab())
        card = static_card(prepared.facts, report, tokens)
    write_bundle_files(folder, prepared.facts, report, card, files.manifest)


def may_write(target: Path, options: ExportOptions) -> None:
    """Refuses a target that is no bundle, or one that is not to be replaced.

    Raises:
        UsageError: see above.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target} is a file; -o names the bundle's folder")
    if not any(target.iterdir()):
        return
    if not any((target / name).is_file() for name in (MANIFEST, RERANKER)):
        raise UsageError(f"{target} holds something that is no bundle; name another folder")
    if not options.overwrite:
        raise UsageError(f"{target} is a bundle already; replace it with --overwrite")


def _report(prepared: Prepared, options: ExportOptions, made: Made, folder: Path) -> dict[str, Any]:
    facts = prepared.facts
    speeds = {"torch fp32": prepared.reference.texts_per_second, **made.texts_per_second}
    ours = speeds[f"onnx {options.precision}"]
    towers = {}
    for place in facts.configs:
        name = facts.tower_name(place)
        towers[name] = {
            "bytes": (folder / place / MODEL).stat().st_size,
            "fused": made.fused[name],
            "layers": made.layers.get(name, 0),
            "recipe": made.recipes.get(name, {}),
        }
    return {
        "format": 1,
        "checkpoint": facts.checkpoint,
        "base_model": facts.base_model,
        "precision": options.precision,
        "opset": options.opset,
        "bytes": sum(tower["bytes"] for tower in towers.values()),
        "towers": towers,
        "checked_with": prepared.texts.source,
        "least_ratio": options.min_recall_ratio,
        "quality": made.quality.as_json(),
        "search": [{"fp32_layers": count, "ratio": ratio} for count, ratio in made.steps],
        "texts_per_second": speeds,
        "times_as_fast_as": {
            name: ours / speed
            for name, speed in speeds.items()
            if not name.endswith(options.precision if options.precision == "int8" else "onnx fp32")
        },
        "processor": processor(),
        "made_by": made_by(),
    }


def made_by() -> dict[str, Any]:
    """The versions that a bundle depends on."""
    return {
        "codeindex": __version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def processor() -> str:
    """What the speeds were measured on, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
