"""``codeindex pairs``: what an encoder is trained on, and how it is split."""

from __future__ import annotations

import click

from codeindex.cli.pairs_code import code
from codeindex.cli.pairs_papers import papers
from codeindex.cli.pairs_split import split


@click.group(
    epilog="Example: codeindex pairs code src -o pairs.jsonl && codeindex train pairs.jsonl"
)
def pairs() -> None:
    """Make pairs of text and code to train an encoder on."""


pairs.add_command(code)
pairs.add_command(papers)
pairs.add_command(split)
