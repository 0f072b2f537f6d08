"""Exports a cross-encoder: folder → graph → gate → bundle, in its place only if all is right."""

from __future__ import annotations

import json
import platform
import shutil
import time
from pathlib import Path
from typing import Any

from codeindex.bundle import MODEL, TOKENIZER
from codeindex.files import replacing_folder
from codeindex.host import Host
from codeindex.reranker_bundle import write_reranker
from codeindex_torch.cross_encoder.card import reranker_card
from codeindex_torch.cross_encoder.graph import export_graph
from codeindex_torch.cross_encoder.graphs import Expected, Made, Say, make_graph
from codeindex_torch.cross_encoder.groups import CheckRows, check_rows
from codeindex_torch.cross_encoder.loading import LoadedCrossEncoder, load_cross_encoder
from codeindex_torch.export.folder import REPORT, UNKNOWN_LICENCE, copy_licence, without_path
from codeindex_torch.export.memory import release_memory
from codeindex_torch.export.options import ExportOptions
from codeindex_torch.export.reference import parameters
from codeindex_torch.export.run import made_by, may_write, processor
from codeindex_torch.export.texts import file_pairs, standard_library_pairs

_CHECK_OPERATIONS = 2.5e12
"""Multiplications and additions of one pass over the checked rows: half a minute on two cores."""


def export_cross_encoder(
    source: Path, checkpoint: str, target: Path, options: ExportOptions, host: Host, say: Say
) -> dict[str, Any]:
    """Writes a reranker bundle and returns its report.

    Args:
        source: the model's folder. checkpoint: what it was asked for as.

    Raises:
        UsageError: there is something at `target` that may not be replaced, or the model cannot
            be exported.
        GateFailedError: the quality is below the limit; nothing was written.
    """
    may_write(target, options)
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target) as folder:
        work = folder / ".work"
        work.mkdir()
        say(f"loading {checkpoint}, a cross-encoder")
        model = load_cross_encoder(source, options.max_length)
        rows, checked_with = _rows(model, options, host, say)
        say(f"scoring {len(rows.measured):,} pairs of {checked_with} with PyTorch")
        expected = _expected(model, rows)
        say("exporting the graph")
        raw, config = work / "raw.onnx", model.model.config
        export_graph(model.model, model.inputs, raw, options.opset)
        facts = _write_files(model, folder, checkpoint, target, options)
        copy_licence(source, folder)
        del model
        release_memory()
        made = make_graph(raw, folder / MODEL, config, rows, expected, options, say)
        shutil.rmtree(work)
        report = _report(facts, options, made, expected, folder) | {"checked_with": checked_with}
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", "utf-8")
        (folder / "README.md").write_text(reranker_card(facts, report), "utf-8")
        manifest = {"precision": options.precision, "made_by": report["made_by"]}
        write_reranker(folder, {**facts, **manifest})
    return report


def _rows(
    model: LoadedCrossEncoder, options: ExportOptions, host: Host, say: Say
) -> tuple[CheckRows, str]:
    if options.check_pairs is not None:
        pairs, source = file_pairs(options.check_pairs, say), options.check_pairs.name
    else:
        say("collecting functions of Python's standard library to check with")
        pairs = standard_library_pairs(host)
        source = f"Python {platform.python_version()}'s standard library"
    budget = int(_CHECK_OPERATIONS / (2 * max(1, parameters(model.model))))
    return check_rows(pairs, model, budget, options.check_limit), source


def _expected(model: LoadedCrossEncoder, rows: CheckRows) -> Expected:
    measured = model.scores(rows.measured)
    began = time.perf_counter()  # warm by now
    tuning = model.scores(rows.tuning)
    return Expected(measured, tuning, len(rows.tuning) / (time.perf_counter() - began))


def _write_files(
    model: LoadedCrossEncoder, folder: Path, checkpoint: str, target: Path, options: ExportOptions
) -> dict[str, Any]:
    """Writes everything but the graph; what the manifest says of it."""
    model.model.config.save_pretrained(folder)
    model.tokenizer.model_max_length = model.max_length
    model.tokenizer.save_pretrained(folder)
    for extra in ("vocab.txt", "vocab.json", "merges.txt"):  # they stand in tokenizer.json
        (folder / extra).unlink(missing_ok=True)
    (folder / TOKENIZER).write_text(model.definition(), "utf-8")
    return {
        "name": target.name,
        "version": "1",
        "max_tokens": model.max_length,
        "base_model": without_path(checkpoint),
        "licence": options.licence or model.licence or UNKNOWN_LICENCE,
    }


def _report(
    facts: dict[str, Any], options: ExportOptions, made: Made, expected: Expected, folder: Path
) -> dict[str, Any]:
    speeds = {"torch fp32": expected.rows_per_second, **made.rows_per_second}
    return {
        "format": 1,
        "kind": "cross-encoder",
        "base_model": facts["base_model"],
        "precision": options.precision,
        "opset": options.opset,
        "bytes": (folder / MODEL).stat().st_size,
        "fused": dict(made.fused),
        "layers": made.layers,
        "recipe": dict(made.recipe),
        "least_ratio": options.min_recall_ratio,
        "quality": made.quality.as_json(),
        "search": [{"fp32_layers": count, "ratio": ratio} for count, ratio in made.steps],
        "pairs_per_second": speeds,
        "processor": processor(),
        "made_by": made_by(),
    }
