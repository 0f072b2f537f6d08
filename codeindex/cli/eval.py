"""``codeindex eval``: measures how well an index finds, on the user's own code."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codeindex.cli.eval_options import question_options, result_options, system_options
from codeindex.cli.options import encoder_options, index_option, json_option
from codeindex.cli.progress import progress_bar
from codeindex.cli.reranking import reranker_options, reranking_asked
from codeindex.cli.session import Session, pass_session
from codeindex.errors import UsageError
from codeindex.options import split_assignments

if TYPE_CHECKING:
    from codeindex.evaluation.comparison import Comparison
    from codeindex.evaluation.questions import Questions
    from codeindex.evaluation.report import Report
    from codeindex.evaluation.systems import System
    from codeindex.index import Index


@click.command(
    "eval", epilog="Example: codeindex eval --save before.json && codeindex eval --from git"
)
@index_option
@question_options
@encoder_options
@system_options
@reranker_options
@result_options
@json_option
@pass_session
def evaluate(session: Session, /, **given: Any) -> None:
    """Measure how well an index finds: MRR, NDCG and recall, with 95 % intervals.

    Without judgements of yours, docstrings ask for the functions that they were taken out of:
    all snippets are searched in a temporary index in which no docstring stands. With --from
    git, the subject of a commit asks for the functions that it changed. Nothing in the index
    or the tree is changed, and nothing of it is run.

    More modes, --reranker and --against-… measure other ways to search, too, and compare each
    with the first, question by question.
    """
    from codeindex.evaluation.baseline import read_baseline, save, since_baseline
    from codeindex.evaluation.chart import check_chart, draw
    from codeindex.evaluation.metrics import check_installed

    _check(given)
    for name in ("save", "chart"):
        if given[name] and not given[name].absolute().parent.is_dir():
            raise UsageError(f"no such folder: {given[name].absolute().parent}")
    check_installed()
    if given["chart"]:
        check_chart(given["chart"])
    baseline = read_baseline(given["baseline"]) if given["baseline"] else None
    report = _measured(session, given)
    since = since_baseline(given["baseline"], baseline, report) if baseline else None
    failed = since is not None and _fell(since, given)
    _print(report, since, failed, given)
    if given["save"]:
        save(given["save"], report)
    if given["chart"]:
        draw(given["chart"], report)
    if failed and since is not None:
        fell = -since.differences[given["metric"]].value
        allowed = given["fail_below"]
        # Also with --quiet: it is why the check failed.
        click.echo(
            f"{given['metric']} fell by {fell:.3f}, more than the {allowed:g} allowed", err=True
        )
        click.get_current_context().exit(1)


def _check(given: Mapping[str, Any]) -> None:
    """Refuses options that say nothing together."""
    for option, needed in (
        ("qrels", "queries"),
        ("fail_below", "baseline"),
        ("against_encoder_option", "against_encoder"),
    ):
        if given[option] not in (None, ()) and given[needed] is None:
            names = (f"--{name.replace('_', '-')}" for name in (option, needed))
            raise UsageError("{} is for {}, which is missing".format(*names))
    if given["queries"] and given["source"]:
        raise UsageError("--queries and --from both say what to ask; leave one of them out")


def _measured(session: Session, given: Mapping[str, Any]) -> Report:
    from codeindex.evaluation.questions import Asking, Level
    from codeindex.evaluation.report import Report
    from codeindex.evaluation.systems import level_for, run

    with ExitStack() as stack:
        systems = _systems(session, given, stack)
        index = systems[0].index
        questions = _questions(session, given, index)
        if not questions.asked:
            session.say(f"nothing to ask by {questions.source}: {_why(questions)}")
            click.get_current_context().exit(1)
        level = level_for(questions, index, Level(given["level"]) if given["level"] else None)
        if level is Level.FILE and not given["level"]:
            session.say(
                "a target is a whole file, so files are what counts as an answer, to every"
                " question; judge functions in a file of questions of its own"
            )
        asking = Asking(level, given["depth"], given["per_file"])
        started = time.monotonic()
        bar = partial(progress_bar, session)
        measured = run(systems, questions, asking, bar)
        session.say(f"measured in {time.monotonic() - started:.1f} s")
    return Report(questions, asking, given["seed"], measured)


def _systems(session: Session, given: Mapping[str, Any], stack: ExitStack) -> list[System]:
    from codeindex.evaluation.systems import System
    from codeindex.evaluation.temporary import EncoderChoice
    from codeindex.index import Index
    from codeindex.ranking.mode import Mode

    def opened(folder: Path | None, **encoder: Any) -> Index:
        place = session.find_index(folder)
        return stack.enter_context(Index.open(index=place, host=session.host, **encoder))

    first = opened(
        given["index"],
        encoder=given["encoder"],
        encoder_options=split_assignments(given["encoder_option"]),
    )
    name = (first.status()["encoder"] or {}).get("name", "index")
    modes = tuple(map(Mode, dict.fromkeys(given["mode"] or [Mode.HYBRID])))
    again = reranking_asked(session, **given)
    reranker = (given["reranker"], again) if again else None
    systems = [System(name, first, modes=modes, reranker=reranker)]
    systems += [
        System(f"index {place.resolve().name}", opened(place), modes=modes[:1])
        for place in given["against_index"]
    ]
    if given["against_encoder"]:
        options = split_assignments(given["against_encoder_option"])
        words = (f" {key}={Path(value).name}" for key, value in options.items())
        choice = EncoderChoice(given["against_encoder"], options)
        systems.append(
            System(" ".join([given["against_encoder"], *words]), first, choice, modes[:1])
        )
    return systems


def _questions(session: Session, given: Mapping[str, Any], index: Index) -> Questions:
    """What is asked."""
    if given["queries"]:
        from codeindex.evaluation.labels.reading import read_labels

        return read_labels(given["queries"], given["qrels"])
    if given["source"] == "git":
        from codeindex.evaluation.git import Repository
        from codeindex.evaluation.history import history_questions

        repository = Repository.at(index.root, os.environ)
        with progress_bar(session, "reading commits", "commits") as progress:
            return history_questions(
                index.snippets(), repository, given["sample"], given["seed"], progress=progress
            )
    from codeindex.evaluation.held_out import held_out_questions

    session.say(
        "docstrings are taken out of all snippets, in a temporary index; what that changes is"
        " embedded again"
    )
    return held_out_questions(index).sampled(given["sample"], given["seed"])


def _why(questions: Questions) -> str:
    counts = (f"{number:,} {reason}" for reason, number in questions.left_out.items())
    return ", ".join(counts) or "there is none"


def _fell(since: Comparison, given: Mapping[str, Any]) -> bool:
    if given["fail_below"] is None:
        return False
    return bool(since.differences[given["metric"]].value < -given["fail_below"])


def _print(
    report: Report, since: Comparison | None, failed: bool, given: Mapping[str, Any]
) -> None:
    if given["as_json"]:
        result = report.as_json()
        if since is not None:
            result["since_baseline"] = since.as_json()
            if given["fail_below"] is not None:
                result["gate"] = {
                    "metric": given["metric"],
                    "allowed_drop": given["fail_below"],
                    "passed": not failed,
                }
        click.echo(json.dumps(result))
        return
    from codeindex.cli.eval_text import comparison_lines, report_lines

    for line in report_lines(report):
        click.echo(line)
    for line in comparison_lines(since) if since is not None else ():
        click.echo(line)
