"""Similar: the right snippet is meant, its own vector is taken, and it is not in the answer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from codeindex import Index
from codeindex.errors import ExtractionError, IndexStateError, NotFoundError, UsageError
from codeindex.filters import Filter
from codeindex.resemblance import resemblance, shingles
from codeindex.similar.target import Target, target_of
from codeindex.snippet import Snippet


def snippet(name, start, end, kind="function"):
    return Snippet("a.py", "python", kind, name, start, end, "\n" * (end - start))


FILE = [
    snippet("Clock", 1, 20, "class"),
    snippet("Clock.now", 3, 9),
    snippet("Clock.now.inner", 5, 7),
    snippet("Clock.set", 11, 12),
    snippet("set", 30, 31),
]


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        *(("1", "Clock"), ("3", "Clock.now"), ("6", "Clock.now.inner"), ("8", "Clock.now")),
        *(("10", "Clock"), ("31", "set"), ("6:12", "Clock.now.inner"), ("7: x", "Clock.now.inner")),
        *(("3-9", "Clock.now"), ("5-8", "Clock.now"), ("3-11", "Clock"), ("30-99", "set")),
        *(("Clock.set", "Clock.set"), ("set", "set"), ("now", "Clock.now")),
    ],
)  # fmt: skip
def test_the_innermost_snippet_of_a_line_and_the_one_of_a_name(selector, name):
    assert [each.name for each in Target("a.py", selector).chosen(FILE)] == [name]


def test_a_place_that_is_none_or_several_is_told_with_what_there_is():
    with pytest.raises(NotFoundError, match=r"line 25 is in no snippet; .*Clock \(1-20\)"):
        Target("a.py", "25").chosen(FILE)
    with pytest.raises(NotFoundError, match="nothing is called 'get'; there are Clock"):
        Target("a.py", "get").chosen(FILE)
    twice = [*FILE, snippet("set", 40, 41)]
    with pytest.raises(UsageError, match=r"2 snippets are called 'set': .* a.py:30"):
        Target("a.py", "set").chosen(twice)
    assert Target("a.py").chosen(FILE) == FILE
    module = [snippet("set", 1, 2, "module"), *FILE]
    assert Target("a.py", "set").chosen(module) == [FILE[-1]]


def test_a_file_may_have_colons_and_a_name_too():
    files = {"a:b.py", "a.rs"}
    assert target_of("a:b.py", files.__contains__) == Target("a:b.py")
    assert target_of("a:b.py:12", files.__contains__) == Target("a:b.py", "12")
    assert target_of("a.rs:Foo::bar", files.__contains__) == Target("a.rs", "Foo::bar")
    with pytest.raises(NotFoundError, match=r"no file 'c.py'.*FILE:LINE"):
        target_of("c.py:1", files.__contains__)


def test_resemblance_by_hand():
    one = shingles("a b c d e f")  # abcd bcde cdef
    assert resemblance(one, shingles("a b\n  c d e f  # comment")) == 1
    assert resemblance(one, shingles("a b c d e g")) == 2 / 4
    assert resemblance(one, shingles("x")) == 0
    assert resemblance(shingles(""), shingles(" ")) == 1


@pytest.fixture
def filled(tree, opened):
    (tree / "copy.txt").write_text("apple   red sweet\n\nnothing like it\n")
    opened.update()
    return opened


def test_the_stored_vector_is_taken_and_the_snippet_itself_left_out(filled, toys):
    before = list(toys.embedded)
    found = filled.similar("fruit.txt:1", 3)
    assert toys.embedded == before  # nothing was embedded again
    assert [each.name for each in found.subject.snippets] == ["apple"]
    places = [(result.snippet.path, result.snippet.start_line) for result in found.results]
    assert ("fruit.txt", 1) not in places
    assert places[0] == ("copy.txt", 1)
    assert found.results[0].is_copy
    assert not found.results[1].is_copy
    assert [result.rank for result in found.results] == [1, 2, 3]


def test_scores_are_the_cosines_of_an_exact_search(filled):
    found = filled.similar("fruit.txt:apple", 10)
    catalog = filled._store.catalog
    row = catalog.manifest()["encoder"]["row"]
    ids, vectors = catalog.vectors(row, 64, catalog.snippet_ids())
    exact = dict(zip(ids, vectors @ found.vector, strict=True))
    names = {id: (s.path, s.start_line) for id, s in catalog.iterate()}
    expected = {names[id]: score for id, score in exact.items() if names[id] != ("fruit.txt", 1)}
    got = {(r.snippet.path, r.snippet.start_line): r.score for r in found.results}
    assert got == pytest.approx(expected)


def test_a_file_as_a_whole_is_the_mean_of_its_snippets(filled):
    found = filled.similar("fruit.txt", 10)
    assert {result.snippet.path for result in found.results} == {"copy.txt", "tools.txt"}
    parts = [filled.similar(f"fruit.txt:{name}").vector for name in ("apple", "banana")]
    mean = np.mean(parts, axis=0)
    assert found.vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_a_changed_file_is_extracted_again_and_its_old_self_left_out(filled, tree, toys):
    (tree / "fruit.txt").write_text("\n\nhammer heavy iron\n\nbanana yellow long\n")
    before = len(toys.embedded)
    found = filled.similar("fruit.txt:3", 2)
    assert found.results[0].snippet.path == "tools.txt"
    assert found.results[0].is_copy
    assert len(toys.embedded) == before + 1
    # What has only moved is not embedded again, and is not like itself.
    moved = filled.similar("fruit.txt:5", 10)
    assert len(toys.embedded) == before + 1
    assert ("fruit.txt", "banana") not in {
        (result.snippet.path, result.snippet.name) for result in moved.results
    }


def test_a_file_that_is_not_indexed_is_compared_all_the_same(filled, tree, tmp_path):
    outside = tmp_path / "elsewhere.txt"
    outside.write_text("saw sharp teeth\n")
    found = filled.similar(f"{outside}:1", 1)
    assert [result.snippet.name for result in found.results] == ["saw"]
    assert filled.status()["snippets"] == 6  # nothing was added


def test_a_file_that_is_gone_is_still_in_the_index(filled, tree):
    (tree / "fruit.txt").unlink()
    assert filled.similar("fruit.txt:1", 1).results[0].snippet.path == "copy.txt"


def test_what_cannot_be_compared_is_told(filled, tree, tmp_path, host):
    for target, error, said in [
        ("nowhere.txt:1", NotFoundError, "no file 'nowhere.txt'"),
        ("fruit.txt:2", NotFoundError, "line 2 is in no snippet"),
        ("", NotFoundError, "no file"),
        ("x" * 9000, NotFoundError, "no file"),
        ("a\0b", NotFoundError, "no file"),
    ]:
        with pytest.raises(error, match=said):
            filled.similar(target)
    (tree / "fruit.txt").write_text("broken\n")
    with pytest.raises(ExtractionError, match=r"fruit.txt: it says so itself"):
        filled.similar("fruit.txt:1")
    (tmp_path / "page.html").write_text("x")
    with pytest.raises(ExtractionError, match="no extractor for it"):
        filled.similar(f"{tmp_path / 'page.html'}:1")
    with pytest.raises(UsageError, match="at least 1 result"):
        filled.similar("tools.txt:1", 0)


def test_filters_hold(filled):
    found = filled.similar("fruit.txt:1", paths="tools.txt")
    assert {result.snippet.path for result in found.results} == {"tools.txt"}
    assert not filled.similar("fruit.txt:1", kinds="poem").results


def test_nothing_embedded_is_told(tmp_path, host):
    (tmp_path / "a.txt").write_text("broken\n")
    with Index.open(tmp_path, create=True, host=host) as index:
        index.update()
        with pytest.raises(IndexStateError, match="holds no vectors"):
            index.similar("a.txt:1")


def test_as_json_is_json(filled):
    (result,) = filled.similar("fruit.txt:1", 1).results
    assert json.loads(json.dumps(result.as_json()))["copy"] is True


def test_snippets_are_found_by_their_path(filled):
    catalog = filled._store.catalog
    for path in ("fruit.txt", "tools.txt", "nowhere"):
        expected = sorted(id for id, each in catalog.iterate(Filter()) if each.path == path)
        assert catalog.ids_at(path) == expected
