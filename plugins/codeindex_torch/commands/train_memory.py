"""Where memory runs out in training: which option to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codeindex_torch.training.options import TrainOptions


@contextmanager
def explaining_memory(options: TrainOptions) -> Iterator[None]:
    """Where memory runs out, says which option to lower."""
    import torch

    from codeindex.errors import UsageError

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        text = str(error)
        if isinstance(error, RuntimeError) and not any(
            words in text for words in ("out of memory", "can't allocate memory")
        ):
            raise
        chunk = (
            f"lower --chunk-size (now {options.chunk_size})"
            if options.chunk_size
            else "give --chunk-size 8, which keeps the batch and its result"
        )
        raise UsageError(
            f"out of memory: {chunk}, or lower --batch-size (now {options.batch_size}) or"
            " --max-length. What was saved is kept"
        ) from error
