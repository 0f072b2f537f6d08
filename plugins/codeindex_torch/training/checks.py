"""What is refused, or told, before the first step: pairs that nothing can be learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codeindex.errors import UsageError
from codeindex.pairs import Pair
from codeindex.pairs.told_apart import few_queries, nothing_to_tell_apart, why_nothing
from codeindex_torch.training.batches import make_batches
from codeindex_torch.training.data import Encoded
from codeindex_torch.training.options import TrainOptions


def check_pairs(
    chosen: Sequence[Pair],
    held_out: Sequence[Pair],
    options: TrainOptions,
    say: Callable[[str], None],
) -> None:
    """Looks at both sides before a model is loaded; tells of few queries to validate with.

    Args:
        chosen: to train on, with the hard negatives of the file.

    Raises:
        UsageError: they fill no batch, or there is nothing to tell apart.
    """
    if options.batch_size > len(chosen):
        raise UsageError(
            f"--batch-size {options.batch_size} is more than the {len(chosen):,} pairs that are"
            " trained on; lower it"
        )
    if nothing_to_tell_apart(chosen, with_own=options.negatives == "file"):
        raise UsageError(why_nothing(chosen))
    if few := few_queries(held_out):
        say(few)


def check_batches(data: Encoded, options: TrainOptions, say: Callable[[str], None]) -> None:
    """Tells if most pairs meet nothing in their batch that they could be told apart from."""
    batches = make_batches(
        data.keys.shared.tolist(),
        options.batch_size,
        seed=options.seed,
        epoch=0,
        groups=data.repositories.tolist(),
        run=options.same_repository,
    )
    alone = sum(_alone(data, batch) for batch in batches)
    if alone > len(data) / 2:
        say(
            f"{alone:,} of {len(data):,} pairs have no negative in their batch, as it is full of"
            " their own paper, file or text, and teach nothing: collect more papers"
        )


def _alone(data: Encoded, batch: Sequence[int]) -> int:
    """How many pairs of a batch share something with all others of it."""
    if data.negatives_of(batch):
        return 0
    keys = data.keys.at(batch)
    apart = ~keys.conflicts(keys)
    apart.fill_diagonal_(False)  # a pair without paper, file and texts
    return int((~apart.any(dim=1)).sum())
