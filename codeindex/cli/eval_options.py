"""The options of ``codeindex eval``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(dir_okay=False, path_type=Path)
METRIC_NAMES = ("MRR", "NDCG@10", "Recall@1", "Recall@5", "Recall@10", "Recall@100")


def question_options(command: F) -> F:
    """What is asked."""
    return _all(
        command,
        click.option(
            "--from",
            "source",
            type=click.Choice(["docstrings", "git"]),
            help="Ask by docstrings that are taken out of the code, or by subjects of commits."
            " Default: docstrings.",
        ),
        click.option(
            "--queries",
            type=click.Path(exists=True, path_type=Path),
            metavar="PATH",
            help="Ask by your own questions: a JSONL file, a BEIR folder, or topics with --qrels.",
        ),
        click.option(
            "--qrels",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Judgements of --queries, as TREC or BEIR have them.",
        ),
        click.option(
            "--sample",
            type=click.IntRange(min=0),
            default=500,
            show_default=True,
            help="Questions that are drawn; 0 for all. Your own are always all asked.",
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Of the draw."),
        click.option(
            "--level",
            type=click.Choice(["snippet", "file"]),
            help="What counts as an answer. Default: snippet, or file where --queries names files.",
        ),
        click.option(
            "--depth",
            type=click.IntRange(min=100),
            default=100,
            show_default=True,
            help="Answers that are looked at; further down is not found.",
        ),
    )


def system_options(command: F) -> F:
    """What is measured, and what it is compared with."""
    return _all(
        command,
        click.option(
            "--mode",
            multiple=True,
            type=click.Choice(["hybrid", "dense", "lexical"]),
            help="How to search. May be repeated: the others are compared with the first."
            " Default: hybrid.",
        ),
        click.option(
            "--per-file",
            type=click.IntRange(min=0),
            metavar="NUMBER",
            help="Most answers of one file, as search has it; 0 for no limit. Default: no limit,"
            " and one at --level file.",
        ),
        click.option(
            "--against-index",
            multiple=True,
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            metavar="DIR",
            help="Compare with another index. May be repeated.",
        ),
        click.option(
            "--against-encoder",
            metavar="NAME",
            help="Compare with another encoder, by which all snippets are embedded for it.",
        ),
        click.option(
            "--against-encoder-option",
            "-A",
            multiple=True,
            metavar="KEY=VALUE",
            help="Option of that encoder. May be repeated.",
        ),
    )


def result_options(command: F) -> F:
    """What becomes of the result."""
    return _all(
        command,
        click.option("--save", type=_FILE, metavar="FILE", help="Write the result as JSON."),
        click.option(
            "--baseline",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Compare with a result that --save has written.",
        ),
        click.option(
            "--fail-below",
            type=click.FloatRange(min=0, max=1),
            metavar="DROP",
            help="Exit with 1 if --metric is lower than in --baseline by more than this.",
        ),
        click.option(
            "--metric",
            type=click.Choice(METRIC_NAMES, case_sensitive=False),
            default="NDCG@10",
            show_default=True,
            metavar="NAME",
            help="What --fail-below looks at: MRR, NDCG@10, or Recall@1, @5, @10 or @100.",
        ),
        click.option("--chart", type=_FILE, metavar="FILE", help="Draw a .png or .svg chart."),
    )


def _all(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command
