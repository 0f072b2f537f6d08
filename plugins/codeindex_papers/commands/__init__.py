"""``codeindex papers``: papers, and the code that goes with them."""

from __future__ import annotations

import click

from codeindex_papers.commands.collect import collect


@click.group(
    commands=[collect], epilog="Example: codeindex papers collect paper_code_pairs.json --jobs 8"
)
def papers() -> None:
    """Papers, and the code that goes with them."""
