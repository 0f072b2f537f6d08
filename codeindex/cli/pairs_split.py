"""``codeindex pairs split``: step 2 of the workflow, the two sides and their statistics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.options import json_option
from codeindex.cli.session import Session, pass_session

if TYPE_CHECKING:
    from codeindex.pairs import Pair
    from codeindex.pairs.splitting import Split

_FILE = click.Path(path_type=Path)
_TOGETHER = {"paper": "paper and repository", "file": "file", "pair": "nothing"}
_FAR = 0.05  # from the share that was asked for


@click.command(
    epilog="Example: codeindex pairs split parsed_pairs.json --train-split 0.8 --batch-size 8"
    " -o dataset_info.json"
)
@click.argument("pairs", type=_FILE)
@click.option(
    "--output",
    "-o",
    type=_FILE,
    default=Path("dataset_info.json"),
    show_default=True,
    help="Statistics to write.",
)
@click.option("--train-split", default=0.8, show_default=True, help="Share trained on.")
@click.option(
    "--split-by",
    type=click.Choice(["paper", "file", "pair"]),
    default="paper",
    show_default=True,
    help="What stays on one side; paper: and repository.",
)
@click.option("--seed", default=42, show_default=True, help="Another seed, another split.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Pairs of a batch.",
)
@click.option("--model", default="microsoft/codebert-base", show_default=True, help="Noted only.")
@click.option(
    "--max-length",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    help="Tokens of a text.",
)
@click.option("--train-out", type=_FILE, help="Write the pairs trained on to this file.")
@click.option("--val-out", type=_FILE, help="Write the pairs to validate with to this file.")
@json_option
@pass_session
def split(session: Session, /, **given: Any) -> None:
    """Split PAIRS into those to train on and those to validate with.

    By default pairs of one paper or one repository stay together, so that nothing that is
    validated with is known from training. `codeindex train` splits in the same way by itself:
    the same options give the same split.
    """
    from codeindex.errors import UsageError
    from codeindex.files import write_whole
    from codeindex.pairs.info import LoaderOptions, dataset_info
    from codeindex.pairs.reading import read_pairs
    from codeindex.pairs.splitting import split_pairs
    from codeindex.pairs.writing import as_row, write_rows

    outputs = [given[name] for name in ("output", "train_out", "val_out") if given[name]]
    if len({path.absolute() for path in (*outputs, given["pairs"])}) <= len(outputs):
        raise UsageError("PAIRS and the files to write must be different files")
    pairs = read_pairs(given["pairs"], session.say)
    sides = split_pairs(
        pairs, train_share=given["train_split"], seed=given["seed"], by=given["split_by"]
    )
    names = ("max_length", "batch_size", "train_split", "seed")
    options = LoaderOptions(given["pairs"], given["model"], *(given[name] for name in names))
    info = dataset_info(sides, options)
    for target, places in ((given["train_out"], sides.train), (given["val_out"], sides.validation)):
        if target:
            write_rows((as_row(pairs[place]) for place in places), target)
    write_whole(given["output"], json.dumps(info, indent=2, ensure_ascii=False) + "\n")
    notes = _notes(pairs, sides, given)
    if given["as_json"]:
        facts = {"split_by": given["split_by"], "left_out": len(sides.left_out), "notes": notes}
        click.echo(json.dumps({"output": str(given["output"]), **info, **facts}))
    else:
        _show(len(pairs), sides, info, given, outputs)
        for note in notes:
            click.echo(f"note: {note}")


def _notes(pairs: Sequence[Pair], sides: Split, given: dict[str, Any]) -> list[str]:
    """What the numbers do not say by themselves, and what would go wrong in training."""
    from codeindex.pairs.told_apart import few_queries, nothing_to_tell_apart, why_nothing

    notes = []
    share, asked, by = len(sides.train) / len(pairs), given["train_split"], given["split_by"]
    if by != "pair" and abs(share - asked) > _FAR:
        notes.append(
            f"{share:.1%} are trained on, not {asked:.1%}: pairs of one {_TOGETHER[by]} stay"
            " together, so that large groups leave gaps; another --seed may come nearer,"
            " --split-by pair does"
        )
    chosen = [pairs[place] for place in sides.train]
    if nothing_to_tell_apart(chosen):
        notes.append(why_nothing(chosen))
    few = few_queries([pairs[place] for place in sides.validation])
    return [*notes, few] if few else notes


def _show(
    pairs: int, sides: Split, info: dict[str, Any], given: dict[str, Any], outputs: Sequence[Path]
) -> None:
    click.echo(f"{'pairs':<12}{pairs:>9,}  kept together: {_TOGETHER[given['split_by']]}")
    for name, key in (("train", "train"), ("validation", "val")):
        side = info[key]
        share = side["total_samples"] / pairs
        click.echo(
            f"{name:<12}{side['total_samples']:>9,}  {share:.1%}, {side['num_batches']:,}"
            f" batches of {side['batch_size']}"
        )
    if sides.left_out:
        click.echo(f"{'left out':<12}{len(sides.left_out):>9,}  copies of what is trained on")
    click.echo(f"written: {', '.join(map(str, outputs))}")
