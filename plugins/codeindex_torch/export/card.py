"""The model card of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeindex.hubness import HUBNESS
from codeindex_torch.export.folder import UNKNOWN_LICENCE, ModelFacts

_TEMPLATE = """\
---
{front}
---
# {name}

A text encoder for CPU: {dim} dimensions, at most {max_tokens} tokens of a text, {precision},
{megabytes:.0f} MB. Pooling ({pooling}) and normalisation are inside the graph.

## How it was made
`codeindex export` {version} made it of `{checkpoint}`{base}.
{recipe}

## How near it is to PyTorch
Measured on {pairs:,} pairs of {source}; all figures stand in `export_report.json`.

| | PyTorch fp32 | this bundle | share |
|---|---|---|---|
{metrics}

Task: {task}. Cosine of each text's vector with PyTorch's: mean {mean:.5f}, lowest {min:.5f}.
{caution}{hubness}
## How to use it
With codeindex, which needs no PyTorch for it:

```console
$ codeindex index PATH --encoder onnx -E path={name}
```

{uses}
## Licence
{licence}
"""

_USES = """\
With sentence-transformers (`pip install "sentence-transformers[onnx]"`):

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{path}", backend="onnx")
vectors = model.encode(["def add(a, b): return a + b"])
```

With fastembed:

```python
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

TextEmbedding.add_custom_model(
    model="{name}", pooling=PoolingType.DISABLED, normalization=False,
    sources=ModelSource(url="file:{name}"), dim={dim}, model_file="model.onnx",
    output_name="sentence_embedding",
)
model = TextEmbedding("{name}", specific_model_path="{path}")
vectors = list(model.embed(["def add(a, b): return a + b"]))
```

With onnxruntime and tokenizers alone:

```python
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("{path}/tokenizer.json")
tokenizer.enable_truncation({max_tokens})
tokenizer.enable_padding()
session = onnxruntime.InferenceSession("{path}/model.onnx")
texts = tokenizer.encode_batch(["def add(a, b): return a + b"])
(vectors,) = session.run(
    ["sentence_embedding"],
    {{
        "input_ids": np.array([text.ids for text in texts], dtype=np.int64),
        "attention_mask": np.array([text.attention_mask for text in texts], dtype=np.int64),
    }},
)
```
"""

_INT8 = """\
int8 was measured on one kind of processor. Without VNNI or AMX, 8-bit weights may overflow:
measure again there.
"""


_HUBNESS = """
## Hubs
codeindex takes from the score of what is near to every question (CSLS), as {pairs:,} pairs of
`{of}` show it; {network} holds what it needs. MRR of text to code on the pairs above: {off:.3f}
without it, {on:.3f} with it. `-E hubness=false` serves the vectors as the graph gives them, which
other libraries do anyway.
"""


def model_card(facts: ModelFacts, report: Mapping[str, Any]) -> str:
    """Markdown. `report` is as it stands in the bundle."""
    quality = report["quality"]
    return _TEMPLATE.format(
        front=front_matter(facts),
        name=facts.name,
        dim=facts.dim,
        max_tokens=facts.max_tokens,
        pooling=facts.pooling,
        precision=report["precision"],
        megabytes=report["bytes"] / 1e6,
        version=report["made_by"]["codeindex"],
        checkpoint=facts.checkpoint,
        base=f", whose base model is `{facts.base_model}`" if has_base(facts) else "",
        recipe="\n".join(_recipe(role, tower) for role, tower in report["towers"].items()),
        pairs=quality["torch"]["pool"],
        source=report["checked_with"],
        metrics="\n".join(metrics_table(quality)),
        task=quality["task"],
        mean=quality["texts"]["mean"],
        min=quality["texts"]["min"],
        caution=_INT8 if report["precision"] == "int8" else "",
        hubness=hubness_section(report),
        uses=_uses(facts),
        licence=licence_line(facts),
    )


def hubness_section(report: Mapping[str, Any]) -> str:
    """What a card says of `codeindex.hubness`; nothing of a bundle without it."""
    facts = report.get("hubness")
    return _HUBNESS.format(**facts, **facts["mrr"], network=f"`{HUBNESS}`") if facts else ""


def _uses(facts: ModelFacts) -> str:
    path = facts.name if len(facts.configs) == 1 else f"{facts.name}/corpus"
    uses = _USES.format(path=path, name=facts.name, dim=facts.dim, max_tokens=facts.max_tokens)
    if path != facts.name:
        uses = (
            "It has two towers: `query` for what asks, `corpus` for what is searched. Below is"
            f" `corpus`.\n\n{uses}"
        )
    prompts = {role: text for role, text in facts.prompts.items() if text}
    if prompts:
        words = "; ".join(f"{role}: `{text}`" for role, text in sorted(prompts.items()))
        uses = f"Put before each text, which codeindex does by itself: {words}.\n\n{uses}"
    return uses


def front_matter(facts: ModelFacts, library: str = "sentence-transformers") -> str:
    """What a card says to machines."""
    lines = [f"library_name: {library}", "pipeline_tag: feature-extraction"]
    if facts.licence != UNKNOWN_LICENCE:
        lines.insert(0, f"license: {facts.licence.lower()}")
    if facts.base_model.count("/") == 1:
        lines.append(f"base_model: {facts.base_model}")
    return "\n".join(lines)


def has_base(facts: ModelFacts) -> bool:
    """Whether it is known what the checkpoint was made from."""
    return facts.base_model not in ("", facts.checkpoint)


def licence_line(facts: ModelFacts) -> str:
    """What is known of the licence."""
    if facts.licence == UNKNOWN_LICENCE:
        return f"Unknown: that of `{facts.checkpoint}` and `{facts.base_model}`; look there."
    return f"{facts.licence}, as `{facts.checkpoint}` says of itself."


def _recipe(role: str, tower: Mapping[str, Any]) -> str:
    which = "The graph" if role == "both" else f"The tower `{role}`"
    recipe = tower["recipe"]
    if not recipe:
        return f"{which} is fp32."
    kept = recipe["fp32_layers"]
    words = f"all {tower['layers']} layers" if not kept else f"all layers but {', '.join(kept)}"
    text = (
        f"{which} has {words} in int8: weights {recipe['weight_bits']} bits per"
        f" {recipe['granularity']}, activations 8 bits."
    )
    if recipe["smoothing"]:
        text += f" Outliers after norms were smoothed (SmoothQuant, {recipe['smoothing']})."
    if recipe["activation_limit"]:
        text += f" Others are cut at {recipe['activation_limit']:g} times what is typical."
    return text + f" Token vectors: {recipe['embeddings']}."


def metrics_table(quality: Mapping[str, Any]) -> list[str]:
    """A row for each metric: of PyTorch, of the bundle, the share that is kept."""
    names = {
        "mrr": "MRR",
        "recall_at_1": "Recall@1",
        "recall_at_5": "Recall@5",
        "recall_at_10": "Recall@10",
    }
    return [
        f"| {label} | {quality['torch'][key]:.3f} | {quality['onnx'][key]:.3f} |"
        f" {quality['ratio'].get(key, 1.0):.2%} |"
        for key, label in names.items()
    ]
