"""Step 2 of the workflow: ``dataset_info.json``, what a training run will see of its pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeindex.pairs.splitting import Split


@dataclass(frozen=True)
class LoaderOptions:
    """How pairs are loaded.

    Attributes:
        max_length: tokens of a text.
        batch_size: pairs of a batch; the last one of a side may be smaller.
    """

    json_path: Path
    model_name: str
    max_length: int
    batch_size: int
    train_split: float
    seed: int


def dataset_info(split: Split, options: LoaderOptions) -> dict[str, Any]:
    """The content of ``dataset_info.json``; shapes are those of the first batch."""
    shape = [min(options.batch_size, len(split.train)), options.max_length]
    tensors = ("paper_input_ids", "code_input_ids", "paper_attention_mask", "code_attention_mask")
    return {
        "train": _side(len(split.train), options.batch_size),
        "val": _side(len(split.validation), options.batch_size),
        "data_shapes": {name: list(shape) for name in tensors},
        "config": {
            "json_path": str(options.json_path),
            "model_name": options.model_name,
            "max_length": options.max_length,
            "batch_size": options.batch_size,
            "train_split": options.train_split,
            "seed": options.seed,
        },
    }


def _side(samples: int, batch_size: int) -> dict[str, int]:
    return {
        "num_batches": -(-samples // batch_size),
        "batch_size": batch_size,
        "total_samples": samples,
    }
