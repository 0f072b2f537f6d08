"""Questions about repositories: the data holds what it promises, and fetching runs nothing."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.questions import loader, sources
from benchmarks.worked.packages import Package

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "codeindex-benchmarks")
ALL = loader.questions()
BY_PACKAGE = {name: [q for q in ALL if q.package == name] for name in {q.package for q in ALL}}


def words(text):
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)
    return {part.lower() for part in parts}


def plain(text):
    """Its words between single spaces, so that whole words are found in it."""
    return " ".join(["", *re.findall(r"[^\W_]+", text.casefold()), ""])


def archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_there_are_enough_questions():
    assert len(ALL) >= 150
    assert len(BY_PACKAGE) >= 8
    assert all(len(asked) >= 15 for asked in BY_PACKAGE.values())


def test_no_query_is_asked_twice_of_a_package():
    asked = Counter((question.package, question.query.casefold()) for question in ALL)
    assert [key for key, times in asked.items() if times > 1] == []


def test_every_package_asked_about_is_pinned_with_a_permissive_licence():
    pinned = {package.name: package for package in loader.packages()}
    assert set(BY_PACKAGE) <= set(pinned)
    for package in pinned.values():
        assert re.fullmatch(r"[\w.-]+==\d[\w.]*", package.requirement)
        assert re.match(r"BSD|MIT|Apache", package.licence), package


def test_a_package_is_either_fitted_on_or_reported():
    splits = {name: {question.split for question in asked} for name, asked in BY_PACKAGE.items()}
    assert {name: split for name, split in splits.items() if len(split) != 1} == {}
    counted = Counter(split for (split,) in splits.values())
    assert min(counted["fit"], counted["report"]) >= 4
    assert loader.questions("fit") + loader.questions("report") == sorted(
        ALL, key=lambda question: question.split
    )


def given_away(question):
    """What is wrong with a question: it names its answer, or that is no file of the library."""
    for file in question.files:
        if not file.endswith(".py") or re.search(r"(^|/)(tests?|docs?|examples?)/", file):
            return f"{file} is not code of the library"
        if file in question.query or not words(question.query) - words(Path(file).stem):
            return f"{file} is all that is asked for"
    if not 1 <= len(set(question.files)) == len(question.files) <= 3:
        return "one to three files answer"
    return None if question.query.strip() and question.source.strip() else "empty"


@pytest.mark.parametrize("package", sorted(BY_PACKAGE))
def test_questions_have_answers_that_they_do_not_give_away(package):
    wrong = {question.query: given_away(question) for question in BY_PACKAGE[package]}
    assert {query: reason for query, reason in wrong.items() if reason} == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"query": "src/a/reader.py"},
        {"query": "Reader"},
        {"files": ("tests/test_a.py",)},
        {"files": ()},
        {"files": ("a.py", "b.py", "c.py", "d.py")},
        {"query": " "},
    ],
)
def test_a_question_that_gives_itself_away_is_seen(changes):
    good = loader.Question("a", "how is it read", ("src/a/reader.py",), "fit", "README.rst")
    assert given_away(good) is None
    assert given_away(dataclasses.replace(good, **changes))


@pytest.fixture(params=loader.packages(), ids=lambda package: package.name)
def fetched(request):
    """A package whose tree is in the cache, and its tree."""
    tree = sources.folder(request.param, CACHE)
    if not tree.exists():
        pytest.skip(f"{request.param.requirement} is not fetched; benchmarks do so")
    return request.param, tree


def test_answers_are_files_of_the_package(fetched):
    package, tree = fetched
    files = {file for question in BY_PACKAGE.get(package.name, []) for file in question.files}
    assert sorted(file for file in files if not (tree / file).is_file()) == []


def test_a_sentence_is_not_copied_from_the_code_that_answers_it(fetched):
    package, tree = fetched
    asked = BY_PACKAGE.get(package.name, [])
    code = {f: plain((tree / f).read_text("utf-8")) for f in {f for q in asked for f in q.files}}
    sentences = {q: plain(q.query) for q in asked if len(q.query.split()) > 5}
    copied = {q.query for q, text in sentences.items() if any(text in code[f] for f in q.files)}
    assert copied == set()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "is not a question"),
        ('{"query": "q"}', "files"),
        ('{"files": [], "nonsense": 1}', "nonsense"),
        ('{"package": "p", "query": "q", "files": [], "split": "x", "source": "s"}', "'x'"),
    ],
)
def test_a_line_that_is_no_question_is_told_with_its_number(tmp_path, line, told):
    good = {"package": "p", "query": "q", "files": ["a.py"], "split": "fit", "source": "s"}
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps(good) + "\n" + line + "\n", "utf-8")
    with pytest.raises(ValueError, match=told) as caught:
        loader.read(path)
    assert "line 2" in str(caught.value)


def test_only_python_files_are_unpacked_without_the_folder_around_them(tmp_path):
    made = archive(
        tmp_path / "a.tar.gz",
        {"a-1.0/src/a/b.py": "b", "a-1.0/README.rst": "r", "a-1.0/tests/t.py": "t", "c.py": "c"},
    )
    sources.unpack(made, tmp_path / "tree")
    found = [path for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "tree").as_posix() for path in found} == {
        "src/a/b.py",
        "tests/t.py",
    }


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path):
    made = archive(tmp_path / "a.tar.gz", {"a-1.0/../../evil.py": "evil"})
    with pytest.raises(tarfile.FilterError):
        sources.unpack(made, tmp_path / "tree")
    assert not list(tmp_path.parent.glob("evil.py"))


def test_fetching_runs_nothing_of_the_package(tmp_path, monkeypatch):
    index = tmp_path / "index"
    index.mkdir()
    marker = tmp_path / "ran"
    code = f"import pathlib; pathlib.Path({str(marker)!r}).touch()"
    archive(
        index / "trap-1.5.tar.gz",
        {"trap-1.5/setup.py": code, "trap-1.5/trap.py": "x = 1", "trap-1.5/PKG-INFO": "Name: trap"},
    )
    archive(index / "trap-1.50.tar.gz", {"trap-1.50/setup.py": code, "trap-1.50/other.py": ""})
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    tree = sources.unpacked(Package("trap==1.5", "MIT"), tmp_path / "cache")
    assert {path.name for path in tree.iterdir()} == {"setup.py", "trap.py"}
    assert not marker.exists()
    with pytest.raises(SystemExit, match=r"trap==2\.0"):
        sources.unpacked(Package("trap==2.0", "MIT"), tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache" / "questions").iterdir()] == ["trap-1.5"]
