"""The command line: ``python -m benchmarks list|run NAME…|run --all|table``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.frame import results, table
from benchmarks.frame.benchmark import Measure, Settings, all_benchmarks
from benchmarks.ranking.report import markdown as ranking
from benchmarks.worked.report import markdown as finetune


@click.group()
def main() -> None:
    """Measure codeindex, beside its peers where there are any."""


@main.command("list")
def list_them() -> None:
    """Names and what they measure."""
    for benchmark in all_benchmarks().values():
        click.echo(f"{benchmark.name:12} {benchmark.summary}")


@main.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Run every benchmark but the slow.")
@click.option("--repeats", default=7, show_default=True, help="Counted runs of each thing.")
@click.option("--quick", is_flag=True, help="A small input; no result is written.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path(
        os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "codeindex-benchmarks"
    ),
    show_default="~/.cache/codeindex-benchmarks",
    help="Where corpora and peers are kept.",
)
def run(names: tuple[str, ...], everything: bool, repeats: int, quick: bool, cache: Path) -> None:
    """Run benchmarks and write their results."""
    known = all_benchmarks()
    quick_ones = [name for name, benchmark in known.items() if not benchmark.slow]
    wanted = quick_ones if everything else list(names)
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise click.UsageError(f"say --all or one of: {', '.join(known)}")
    settings = Settings(repeats, quick, cache.absolute())
    for name in wanted:
        click.echo(f"{name}: {known[name].summary}")
        measures = known[name].run(settings)
        for measure in measures:
            click.echo(f"  {_line(measure)}")
        if not quick:
            results.write(results.record(known[name], settings, measures))


def _line(measure: Measure) -> str:
    verdict = {True: "met", False: "MISSED", None: ""}[measure.met]
    goal = table.goal_of(measure.goal, measure.unit, at_least=measure.at_least)
    goal = goal and f", goal {goal}"
    value = table.amount(measure.value, measure.unit)
    return f"{measure.name}: {value}{goal} {verdict} ({measure.detail})"


@main.command("table")
@click.option("--write", type=click.Path(exists=True, path_type=Path), help="Put it into FILE.")
@click.option("--check", type=click.Path(exists=True, path_type=Path), help="Is it in FILE?")
def show_table(write: Path | None, check: Path | None) -> None:
    """The results as Markdown: the table, the worked run, and what the ranking earns."""
    parts = {
        "benchmarks": table.markdown(results.read_all()),
        "finetune": finetune(),
        "ranking": ranking(),
    }
    if write is not None:
        write.write_text(_filled(write, parts), "utf-8")
    elif check is not None:
        if _filled(check, parts) != check.read_text("utf-8"):
            raise click.ClickException(f"the table in {check} is not the one of the results")
    else:
        click.echo("\n\n".join(parts.values()))


def _filled(path: Path, parts: Mapping[str, str]) -> str:
    """The file's text with each part between its marks."""
    text = path.read_text("utf-8")
    for name, part in parts.items():
        text = table.put_into(text, part, name)
    return text


if __name__ == "__main__":
    main()
