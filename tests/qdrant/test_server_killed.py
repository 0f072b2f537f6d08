"""Killed at every request to the server, before and after it took effect: nothing is lost.

The process is played by one that, from a certain request on, only raises; the index is then
opened again by another.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import httpx
import pytest

from codeindex.catalog.catalog import Catalog
from codeindex.errors import CodeIndexError


class Killed(BaseException):
    """Stands for the end of the process."""


@contextlib.contextmanager
def dying(monkeypatch, at: int, after: bool) -> Iterator[list[int]]:
    """The `at`-th request is the last one, answered only if `after`; yields the requests left."""
    left, send = [at], httpx.Client.send

    def last(self, request, **named):
        left[0] -= 1
        if left[0] == 0 and after:
            send(self, request, **named).read()
        if left[0] <= 0:
            raise Killed
        return send(self, request, **named)

    with monkeypatch.context() as patch:
        patch.setattr(httpx.Client, "send", last)
        yield left


def run_killed(monkeypatch, index, act, at: int, after: bool) -> bool:
    """Whether `act` was killed, and not done before its `at`-th request."""
    with dying(monkeypatch, at, after) as left:
        with contextlib.suppress(Killed):
            act(index)
        with contextlib.suppress(Killed):
            index.close()
    index.close()
    return left[0] <= 0


def check(server, index, expected: list[str]) -> None:
    """Catalog, answers and server agree, and nothing is left over."""
    found = [result.snippet.name for result in index.search("words", 50)]
    assert sorted(found) == sorted(expected)
    report = index.verify()
    assert report.ok, report.problems
    index.close()
    assert list(server.store.collections) == [server.store.aliases["codeindex"]]


def test_killed_while_it_is_made(tree, server, open_index, monkeypatch):
    at, killed = 0, True
    while killed:
        at += 1
        killed = run_killed(monkeypatch, open_index(), lambda index: index.update(), at, False)
        index = open_index()
        index.update()
        check(server, index, ["apple", "banana", "hammer", "saw"])
        shutil.rmtree(tree / ".codeindex")
        server.store.drop(server.store.aliases["codeindex"])
    assert at > 12


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_while_it_is_changed(tree, server, open_index, monkeypatch, after):
    open_index().update()
    made = dict(server.store.aliases)
    at, killed = 0, True
    while killed:
        at += 1
        (tree / "tools.txt").write_text(f"tool{at} words\n\nsaw sharp teeth\n")
        killed = run_killed(monkeypatch, open_index(), lambda index: index.update(), at, after)
        index = open_index()
        index.update()
        check(server, index, ["apple", "banana", "saw", f"tool{at}"])
        assert server.store.aliases == made, "it was made anew, where a replay does"
    assert at > 7


def test_killed_while_another_is_made_in_its_place(tree, server, open_index, monkeypatch):
    open_index().update()
    at, killed = 0, True
    while killed:
        at += 1
        killed = run_killed(monkeypatch, open_index(), lambda index: index.rebuild(), at, False)
        index = open_index()
        assert index.verify().ok  # before anything was done about it
        (tree / "again.txt").write_text(f"run{at} words\n")
        index.update()
        check(server, index, ["apple", "banana", "hammer", "saw", f"run{at}"])
    assert at > 12


def test_killed_after_another_took_its_place_and_before_the_catalog_knew(
    tree, server, open_index, monkeypatch
):
    """The collection that the catalog names is there until the catalog names the other."""
    open_index().update()

    def die(*arguments, **named):
        raise Killed

    index = open_index()
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "set_manifest", die)
        with pytest.raises(Killed):
            index.rebuild()
    index.close()
    assert len(server.store.collections) == 2
    index = open_index()
    assert index.verify().ok
    (tree / "again.txt").write_text("again words\n")
    index.update()
    check(server, index, ["apple", "banana", "hammer", "saw", "again"])


def test_a_process_that_lost_its_server_can_be_closed(tree, server, open_index):
    index = open_index(retries=0)
    index.update()
    server.stop()
    (tree / "new.txt").write_text("zebra stripes\n")
    with pytest.raises(CodeIndexError):
        index.update()
    index.close()
    server.start()
