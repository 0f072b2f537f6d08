"""The model card of a reranker bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeindex_torch.export.folder import UNKNOWN_LICENCE

_TEMPLATE = """\
---
{front}
---
# {name}

A cross-encoder for CPU: it reads a query and a text together, at most {max_tokens} tokens, and
gives one score, the higher the better. {precision}, {megabytes:.0f} MB.

## How it was made
`codeindex export` {version} made it of `{base_model}`. {recipe}

## How near it is to PyTorch
{queries:,} queries ranked {candidates} texts each, of {source}: their own, those that share
the most words with them, and others. All figures stand in `export_report.json`.

| | |
|---|---|
| NDCG of its rankings, PyTorch's scores as the gains | {gain:.4f} |
| PyTorch's best is the best | {first:.1%} |
| pairs of texts in PyTorch's order | {order:.1%} |
| correlation of the scores | {correlation:.5f} |
| MRR of the query's own text, PyTorch / this bundle | {torch:.3f} / {onnx:.3f} |
{caution}
## How to use it
With codeindex, which needs no PyTorch for it:

```console
$ codeindex search "parse a date" --reranker cross-encoder -R path={name}
```

With sentence-transformers (`pip install "sentence-transformers[onnx]"`):

```python
from sentence_transformers import CrossEncoder

model = CrossEncoder("{name}", backend="onnx")
scores = model.predict([("parse a date", "def parse_date(text): ...")])
```

## Licence
{licence}
"""

_INT8 = """
int8 was measured on one kind of processor. Without VNNI or AMX, 8-bit weights may overflow:
measure again there.
"""


def reranker_card(facts: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Markdown. `facts` are those of the manifest, `report` is as it stands in the bundle."""
    quality = report["quality"]
    found = quality["found"]
    return _TEMPLATE.format(
        front=_front(facts),
        name=facts["name"],
        max_tokens=facts["max_tokens"],
        precision=report["precision"],
        megabytes=report["bytes"] / 1e6,
        version=report["made_by"]["codeindex"],
        base_model=facts["base_model"],
        recipe=_recipe(report),
        source=report["checked_with"],
        caution=_INT8 if report["precision"] == "int8" else "",
        licence=_licence(facts),
        torch=found["torch"],
        onnx=found["onnx"],
        **{name: quality[name] for name in ("queries", "candidates", "gain", "first", "order")},
        correlation=quality["correlation"],
    )


def _front(facts: Mapping[str, Any]) -> str:
    lines = ["library_name: sentence-transformers", "pipeline_tag: text-ranking"]
    if facts["licence"] != UNKNOWN_LICENCE:
        lines.insert(0, f"license: {facts['licence'].lower()}")
    if facts["base_model"].count("/") == 1:
        lines.append(f"base_model: {facts['base_model']}")
    return "\n".join(lines)


def _recipe(report: Mapping[str, Any]) -> str:
    recipe = report["recipe"]
    if not recipe:
        return "The graph is fp32."
    kept = recipe["fp32_layers"]
    words = f"all {report['layers']} layers" if not kept else f"all layers but {', '.join(kept)}"
    return (
        f"{words[0].upper()}{words[1:]} are int8: weights {recipe['weight_bits']} bits per"
        f" {recipe['granularity']}, activations 8 bits. Token vectors: {recipe['embeddings']}."
    )


def _licence(facts: Mapping[str, Any]) -> str:
    if facts["licence"] == UNKNOWN_LICENCE:
        return f"Unknown: that of `{facts['base_model']}`; look there."
    return f"{facts['licence']}, as `{facts['base_model']}` says of itself."
