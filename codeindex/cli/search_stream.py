"""``codeindex search -``: queries from standard input, a line of JSON for each."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from codeindex.errors import CodeIndexError, UsageError

if TYPE_CHECKING:
    from codeindex.cli.asked import Opened
    from codeindex.filters import Filter
    from codeindex.query_lines import QueryLine
    from codeindex.ranking.options import SearchOptions
    from codeindex.searching import SearchResult

_SHOWN = 100  # letters of a query that could not be read


class AnswerStream:
    """What is kept from one batch of queries to the next: the open index, and its encoder.

    An index that was made anew meanwhile, or embedded with another encoder, is opened again;
    what was only brought up to date is seen without.
    """

    def __init__(
        self,
        opened: Opened,
        reopen: Callable[[], Opened],
        top_k: int,
        where: Filter,
        options: SearchOptions,
    ) -> None:
        """Takes what is open, which is closed by `close`, and how to open it again."""
        self._opened = opened
        self._reopen = reopen
        self._top_k = top_k
        self._where = where
        self._options = options
        self._seen = opened.state()

    def answers(self, queries: Sequence[str]) -> list[list[SearchResult]]:
        """One list of results for each query.

        Raises:
            CodeIndexError: the index cannot be searched, nor after it was opened again.
        """
        if self._opened.state() != self._seen:
            self._open_again()
        try:
            return self._search(queries)
        except UsageError:
            raise
        except CodeIndexError:
            # It may have been put in another's place between the look and the search.
            self._open_again()
            return self._search(queries)

    def _search(self, queries: Sequence[str]) -> list[list[SearchResult]]:
        return self._opened.search_many(queries, self._top_k, self._where, self._options)

    def _open_again(self) -> None:
        self._opened.close()
        self._opened = self._reopen()
        self._seen = self._opened.state()

    def notes(self) -> list[str]:
        """What is to be said of the answers and was not said before."""
        return self._opened.notes(self._options.mode)

    def close(self) -> None:
        """Closes what is open."""
        self._opened.close()


def answer_lines(stream: AnswerStream, say: Callable[[str], None]) -> bool:
    """Answers the lines of standard input, each as soon as it is there.

    Ends with the input, or when nobody reads the answers any more.

    Args:
        say: tells the user something.

    Returns:
        Whether anything was found.
    """
    from codeindex.query_lines import query_batches

    if sys.stdin.isatty():
        say("one query a line; end with Ctrl-D")
    found = False
    for batch in query_batches(sys.stdin.fileno()):
        queries = [line.text for line in batch if not line.problem]
        answers = iter(stream.answers(queries) if queries else [])
        for note in stream.notes():
            say(note)
        for line in batch:
            results = [] if line.problem else next(answers)
            found = found or bool(results)
            try:
                click.echo(json.dumps(_entry(line, results)))  # `echo` flushes
            except BrokenPipeError:
                # Python would try to write the rest when it exits.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return True
    return found


def _entry(line: QueryLine, results: Sequence[SearchResult]) -> dict[str, Any]:
    if line.problem:
        return {"line": line.number, "query": line.text[:_SHOWN], "error": line.problem}
    return {
        "line": line.number,
        "query": line.text,
        "results": [result.as_json() for result in results],
    }
