"""Similar, of a store without an index: the file is at hand, its vector is made here."""

from __future__ import annotations

import moving_toys
import pytest

from codeindex import Index
from codeindex.errors import NotFoundError
from codeindex.remote import AttachedIndex


@pytest.fixture
def both(tree, host, tmp_path):
    host.register(moving_toys, "moving", "toy-distribution")
    (tmp_path / "server").mkdir()
    options = {"at": str(tmp_path / "server")}
    (tree / "copy.txt").write_text("apple red sweet\n")
    given = {"encoder": "words", "backend": "shelf", "backend_options": options}
    with Index.open(tree, create=True, host=host, **given) as index:
        index.update()
        with AttachedIndex.open("shelf", options, host=host) as attached:
            yield index, attached


@pytest.mark.parametrize("folder", ["tree", "tmp"])
def test_answers_are_those_of_the_index(both, tree, tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tree if folder == "tree" else tmp_path)
    target = f"{'' if folder == 'tree' else 'tree/'}fruit.txt:1"
    index, attached = both
    mine, theirs = attached.similar(target, 10), index.similar(target, 10)
    assert mine.results[0].snippet == theirs.results[0].snippet
    assert mine.results[0].snippet.path == "copy.txt"
    assert mine.results[0].is_copy
    assert "apple" not in {r.snippet.name for r in mine.results if r.snippet.path == "fruit.txt"}
    assert len(mine.results) == len(theirs.results) == 4
    if folder == "tree":  # else the path, which is embedded too, is another
        assert [each.score for each in mine.results] == pytest.approx(
            [each.score for each in theirs.results], abs=1e-6
        )


def test_a_file_that_is_not_at_hand_is_told(both, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match=r"no file 'fruit.txt'"):
        both[1].similar("fruit.txt:1")
