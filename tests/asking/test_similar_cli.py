"""``codeindex similar`` as users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

DATES = '''"""Dates."""


def parse_date(text):
    """Parse a date string such as 2024-01-31."""
    year, month, day = text.split("-")
    return int(year), int(month), int(day)


class Clock:
    """Tells the time."""

    def now(self):
        return self.hours, self.minutes
'''
TIMES = '''def parse_time(text):
    """Parse a time string such as 12:30."""
    hour, minute = text.split(":")
    return int(hour), int(minute)
'''
PAPERS = [
    {
        "paper": {
            "arxiv_id": f"2401.0000{number}",
            "title": title,
            "abstract": abstract,
            "url": f"https://example.org/{number}",
        },
        "repositories": [
            {
                "url": f"https://example.org/r{number}",
                "name": f"r{number}",
                "cloned": True,
                "code_files": [
                    {"path": "a.py", "extension": ".py", "language": "Python", "content": code}
                ],
            }
        ],
    }
    for number, title, abstract, code in (
        (1, "On dates", "Nothing is new. We parse a date string. Thanks.", DATES),
        (2, "On times", "Parse a time string. All is well here.", TIMES),
    )
]


def codeindex(*words, cwd):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "codeindex", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "util").mkdir()
    (root / "util" / "dates.py").write_text(DATES)
    (root / "old.py").write_text(DATES.replace("Dates", "Old dates"))
    (root / "times.py").write_text(TIMES)
    done = codeindex("index", cwd=root)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    root = tmp_path_factory.mktemp("papers")
    (root / "in.json").write_text(json.dumps(PAPERS))
    snippets = ("extract", "in.json", "-o", "snippets.json", "--min-lines", "1")
    assert codeindex(*snippets, "--no-require-docstring", cwd=root).returncode == 0
    embed = ("embed", "snippets.json", "-o", "embeddings", "--index", "index", "--encoder", "fast")
    done = codeindex(*embed, "--no-paper-context", cwd=root)
    assert done.returncode == 0, done.stderr
    return root


def test_copies_come_first_and_are_marked(indexed):
    done = codeindex("similar", "dates.py:6", "--lines", 1, cwd=indexed / "util")
    assert done.returncode == 0, done.stderr
    first, code, *_ = done.stdout.splitlines()
    assert first.startswith(" 1  ")
    assert "old.py:4-7  parse_date  (function)  copy" in first
    assert code.strip() == "4  def parse_date(text):"
    assert "parse_time" in done.stdout
    assert "util/dates.py:4-7" not in done.stdout
    assert done.stderr == "like util/dates.py:4-7  parse_date  (function)\n"


def test_what_search_prints_is_taken_as_a_place(indexed):
    place = codeindex("search", "parse a time", "-k", 1, cwd=indexed).stdout.split()[2]
    assert place == "times.py:1-4"
    done = codeindex("similar", place, "--json", "-k", 2, "--kind", "function", cwd=indexed)
    hits = [json.loads(line) for line in done.stdout.splitlines()]
    assert {hit["name"] for hit in hits} == {"parse_date"}
    assert [hit["rank"] for hit in hits] == [1, 2]
    assert not any(hit["copy"] for hit in hits)


def test_by_name_by_file_and_from_a_file_that_is_not_indexed(indexed, tmp_path):
    done = codeindex("similar", "times.py", "--by", "file", "-k", 1, "--json", cwd=indexed)
    (group,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert group["title"] in ("old.py", "util/dates.py")
    (tmp_path / "new.py").write_text(TIMES.replace("parse_time", "read_time"))
    done = codeindex("similar", f"{tmp_path}/new.py:read_time", "-k", 1, cwd=indexed)
    assert "times.py:1-4  parse_time" in done.stdout
    assert "read now: it is not in the index" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.py:3"], 2, "no file 'nowhere.py', neither on disk nor in the index"),
        (["times.py:99"], 2, "line 99 is in no snippet; there are"),
        (["times.py:parse_dat"], 2, "nothing is called 'parse_dat'; there are"),
        (["times.py:1", "--kind", "poem"], 1, "nothing found"),
        (["times.py:1", "--by", "paper"], 1, "the index is not one of papers' code"),
        (["times.py:1", "--by", "folder"], 2, "'folder' is not one of"),
        (["times.py:1", "-k", "0"], 2, "top-k"),
        (["times.py:1", "--index", "nowhere"], 2, "no index at"),
    ],
)
def test_mistakes_end_in_one_clear_line(indexed, words, code, said):
    done = codeindex("similar", *words, cwd=indexed)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_from_a_function_to_its_papers(papers, tmp_path):
    (tmp_path / "mine.py").write_text(DATES.replace("parse_date", "date_of"))
    words = ("similar", f"{tmp_path}/mine.py:date_of", "--index", "index", "--by", "paper")
    done = codeindex(*words, cwd=papers)
    assert done.returncode == 0, done.stderr
    assert " 1  " in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[0].endswith("On dates (arXiv 2401.00001)")
    assert "says: We parse a date string." in done.stdout
    assert "r1/a.py:4-7  parse_date" in done.stdout
    first = json.loads(codeindex(*words, "--json", cwd=papers).stdout.splitlines()[0])
    assert first["paper"]["id"] == "2401.00001"
    assert first["sentence"] == "We parse a date string."
    assert 0 < first["sentence_score"] <= 1


def test_code_of_papers_is_found_by_its_path_and_names_its_paper(papers):
    done = codeindex("similar", "r1/a.py:5", "--index", "index", "-k", 1, cwd=papers)
    assert done.returncode == 0, done.stderr
    assert "paper   On times (arXiv 2401.00002)" in done.stdout


def test_lines_that_end_before_they_begin_and_folders_are_refused(indexed):
    done = codeindex("similar", "util/dates.py:9-3", cwd=indexed)
    assert (done.returncode, "end before they begin" in done.stderr) == (2, True)
    done = codeindex("similar", "util", cwd=indexed)
    assert (done.returncode, "util is a folder; say FILE:LINE" in done.stderr) == (2, True)
