"""The model card of a static bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeindex_torch.export.card import (
    front_matter,
    has_base,
    hubness_section,
    licence_line,
    metrics_table,
)
from codeindex_torch.export.folder import ModelFacts

_TEMPLATE = """\
---
{front}
---
# {name}

A static text encoder for CPU: a table of {tokens:,} token vectors, {dim} dimensions, {precision},
{megabytes:.1f} MB. The embedding of a text is the sum of its tokens' vectors at unit length; a
token that stands in it n times counts √n times. Order does not count. At most {max_tokens} tokens
of a text are read.

## How it was made
`codeindex export` {version} made it of `{checkpoint}`{base}.

## How near it is to PyTorch
Measured on {pairs:,} pairs of {source}; all figures stand in `export_report.json`.

| | PyTorch fp32 | this bundle | share |
|---|---|---|---|
{metrics}

Task: {task}. Cosine of each text's vector with PyTorch's: mean {mean:.5f}, lowest {min:.5f}.
{hubness}
## How to use it
```console
$ codeindex index PATH --encoder onnx -E path={name}
```

`model.onnx` takes `input_ids` and `attention_mask` and gives `sentence_embedding`, for any ONNX
runtime; `tokenizer.json` is of the library `tokenizers`.

## Licence
{licence}
"""


def static_card(facts: ModelFacts, report: Mapping[str, Any], tokens: int) -> str:
    """Markdown. `report` is as it stands in the bundle; `tokens` is how many the table has."""
    quality = report["quality"]
    return _TEMPLATE.format(
        front=front_matter(facts, "codeindex"),
        name=facts.name,
        tokens=tokens,
        dim=facts.dim,
        max_tokens=facts.max_tokens,
        precision=report["precision"],
        megabytes=report["bytes"] / 1e6,
        version=report["made_by"]["codeindex"],
        checkpoint=facts.checkpoint,
        base=f", which began from `{facts.base_model}`" if has_base(facts) else "",
        pairs=quality["torch"]["pool"],
        source=report["checked_with"],
        metrics="\n".join(metrics_table(quality)),
        task=quality["task"],
        mean=quality["texts"]["mean"],
        min=quality["texts"]["min"],
        hubness=hubness_section(report),
        licence=licence_line(facts),
    )
