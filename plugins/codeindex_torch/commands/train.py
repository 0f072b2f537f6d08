"""``codeindex train``: fine-tunes an encoder on pairs of text and code."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from codeindex.cli import INTERRUPTED
from codeindex.cli.options import json_option
from codeindex.cli.session import Session, pass_session
from codeindex_torch import DEFAULT_MODEL
from codeindex_torch.commands.train_check_loss import print_checks
from codeindex_torch.commands.train_memory import explaining_memory
from codeindex_torch.commands.train_progress import is_first_process, watching
from codeindex_torch.commands.train_result import as_json, print_result

if TYPE_CHECKING:
    from codeindex_torch.training.options import TrainOptions


@click.command(
    epilog="Example: codeindex train parsed_pairs.json --towers shared --batch-size 64"
    " --chunk-size 16"
)
@click.argument("pairs", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    help="Hub name, local folder or .pt to begin with.",
)
@click.option(
    "--architecture",
    type=click.Choice(["transformer", "static"]),
    default="transformer",
    show_default=True,
    help="static: a table of token vectors, with defaults of its own.",
)
@click.option("--dim", default=256, show_default=True, help="Of a static model's vectors.")
@click.option(
    "--add-words",
    default=0,
    metavar="N",
    help="Give N common words that are cut up tokens in a static model.",
)
@click.option(
    "--towers",
    type=click.Choice(["two", "shared"]),
    default="two",
    show_default=True,
    help="An encoder each for papers and code, or one.",
)
@click.option("--projection", default=0, metavar="DIM", help="Shared linear layer on top.")
@click.option(
    "--pooling",
    type=click.Choice(["auto", "cls", "mean"]),
    default="auto",
    show_default=True,
    help="auto: what the model says, else cls.",
)
@click.option(
    "--freeze-layers",
    default=0,
    metavar="N",
    help="Keep the embeddings and the N lowest layers as they are: faster, forgets less.",
)
@click.option("--max-length", default=0, help="Tokens read; default: what the model says, or 512.")
@click.option("--batch-size", default=8, show_default=True, help="Pairs that are compared.")
@click.option(
    "--same-repository",
    default=1,
    metavar="N",
    show_default=True,
    help="Put N pairs of a repository side by side: harder negatives.",
)
@click.option(
    "--chunk-size", default=0, help="Texts encoded at once: large batches in little memory."
)
@click.option(
    "--accumulate", default=1, show_default=True, help="Batches a step; adds no negatives."
)
@click.option("--num-epochs", default=3, show_default=True, help="Passes over the pairs.")
@click.option("--learning-rate", default=2e-5, show_default=True, help="The highest rate.")
@click.option(
    "--schedule",
    type=click.Choice(["linear", "cosine", "constant"]),
    default="linear",
    show_default=True,
    help="How the rate falls after the warm-up.",
)
@click.option("--warmup", default=0.1, show_default=True, help="Share of steps it rises in.")
@click.option("--weight-decay", default=0.01, show_default=True, help="Of matrices.")
@click.option("--clip", default=1.0, show_default=True, help="Longest gradient; 0: not clipped.")
@click.option("--temperature", default=0.07, show_default=True, help="Of InfoNCE.")
@click.option("--learn-temperature", is_flag=True, help="Begin there, and learn it.")
@click.option(
    "--matryoshka",
    default="",
    metavar="DIMS",
    help="Train vectors that may be cut down to these dimensions, as 128,64.",
)
@click.option(
    "--directions",
    type=click.Choice(["one", "two"]),
    default="one",
    show_default=True,
    help="Paper to code, or code to paper as well.",
)
@click.option(
    "--negatives",
    type=click.Choice(["file", "none"]),
    default="file",
    show_default=True,
    help="Whether hard negatives of the file are used.",
)
@click.option("--teacher", default="", metavar="MODEL", help="Encoder to learn likeness from.")
@click.option("--teacher-weight", default=1.0, show_default=True, help="Of that in the loss.")
@click.option("--mine-negatives", default=0, metavar="N", help="Find N hard negatives a pair.")
@click.option("--train-split", default=0.8, show_default=True, help="Share trained on.")
@click.option(
    "--split-by",
    type=click.Choice(["paper", "file", "pair"]),
    default="paper",
    show_default=True,
    help="What stays on one side; paper: and repository.",
)
@click.option("--patience", default=0, help="Epochs without gain until it stops; 0: never.")
@click.option(
    "--best-by",
    type=click.Choice(["loss", "mrr"]),
    default="loss",
    show_default=True,
    help="What decides the best model.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="auto: bf16 where it is computed in hardware.",
)
@click.option("--seed", default=42, show_default=True, help="Of order and dropout.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--checkpoint-dir",
    default="checkpoints/code_encoder",
    show_default=True,
    help="Folder for models and history.",
)
@click.option("--checkpoint-steps", default=500, show_default=True, help="Save every N steps, too.")
@click.option(
    "--keep",
    default=0,
    metavar="N",
    help="Keep the newest N checkpoint_epoch_*.pt (and best, last); default: all.",
)
@click.option("--max-steps", default=0, metavar="N", help="Save and stop after N steps.")
@click.option("--log-to", default="", metavar="DIR", help="Also log for TensorBoard.")
@click.option(
    "--resume-from",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Go on from this checkpoint_*.pt, with its options.",
)
@click.option("--overwrite", is_flag=True, help="Replace a run in --checkpoint-dir.")
@click.option("--check-loss", is_flag=True, help="Only test the loss function, and exit.")
@json_option
@pass_session
def train(session: Session, /, pairs: Path | None, **given: Any) -> None:
    """Fine-tune encoders so that a text and its code are near to each other.

    PAIRS is parsed_pairs.json, or JSON or JSONL with anchor, positive and negative. Validation
    pairs are held out by paper and repository. The best model is kept as best_model.pt and as
    the folder best_model, which transformers and sentence-transformers load.

    --architecture static trains a table of token vectors, begun from a bundle with such a table
    or distilled from the Transformer that --model names; minutes on a processor. Its defaults:
    --towers shared --batch-size 2048 --learning-rate 3e-3 --temperature 0.05 --directions two.

    Several processes: accelerate launch -m codeindex train PAIRS …
    """
    if given.pop("check_loss"):
        print_checks(given)
        return
    if pairs is None:
        raise click.UsageError("which pairs? codeindex train PAIRS (or --check-loss)")
    from codeindex_torch.training.run import train as run

    resume_from, wants_json = given.pop("resume_from"), given.pop("as_json")
    overwrite = given.pop("overwrite")
    options = _options(given, resume_from)
    with watching(session, options.log_to) as watcher, explaining_memory(options):
        result = run(
            pairs,
            options,
            watcher,
            resume_from=resume_from,
            overwrite=overwrite,
            say=session.say,
            started=watcher.start,
        )
    if not is_first_process():
        return
    if wants_json:
        click.echo(json.dumps(as_json(result)))
    else:
        print_result(session, result, pairs)
    if not result.finished and watcher.stop:
        click.get_current_context().exit(INTERRUPTED)


def _options(given: dict[str, Any], resume_from: Path | None) -> TrainOptions:
    """What was said, over what the checkpoint says, over the defaults."""
    from codeindex_torch.training.checkpoint import options_of
    from codeindex_torch.training.options import STATIC_DEFAULTS, TrainOptions

    values = dict(given)
    if resume_from is not None:
        context = click.get_current_context()
        before = options_of(resume_from)
        for name in before:
            if context.get_parameter_source(name) is ParameterSource.DEFAULT:
                values[name] = before[name]
        if context.get_parameter_source("max_steps") is ParameterSource.DEFAULT:
            values["max_steps"] = 0
        if context.get_parameter_source("checkpoint_dir") is ParameterSource.DEFAULT:
            values["checkpoint_dir"] = str(resume_from.parent)
    elif values["architecture"] == "static":
        context = click.get_current_context()
        values |= {
            name: value
            for name, value in STATIC_DEFAULTS.items()
            if context.get_parameter_source(name) is ParameterSource.DEFAULT
        }
    known = {field.name for field in fields(TrainOptions)}
    return TrainOptions(**{name: value for name, value in values.items() if name in known})
