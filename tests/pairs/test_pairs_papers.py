"""Step 1: one pair for each (paper, code file), everything else counted."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from codeindex.errors import ExtractionError
from codeindex.pairs.papers import PaperCounts, paper_rows
from codeindex.pairs.reading import read_pairs
from codeindex.pairs.writing import write_rows


def code_file(number=1, **changes):
    file = {
        "path": f"src/a{number}.py",
        "extension": ".py",
        "language": "Python",
        "content": f"x = {number}\r\n",
        "lines": 1,
        "size_bytes": 7,
    }
    return file | changes


def entry(number=1, files=None, paper=None, **repository):
    facts = {"url": f"https://x.org/r{number}.git", "name": f"r{number}", "cloned": True}
    files = [code_file(number)] if files is None else files
    return {
        "paper": {"arxiv_id": f"17.{number}", "title": f"Title {number}", "abstract": "About."}
        | (paper or {}),
        "repositories": [facts | {"code_files": files, "stars": 3} | repository],
    }


def rows(tmp_path, data, **options):
    path = tmp_path / "in.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
    counts = PaperCounts()
    return list(paper_rows(path, counts, **options)), counts


def test_the_fields_in_the_workflows_order(tmp_path):
    (row,), counts = rows(tmp_path, [entry(7)])
    assert row == {
        "paper_text": "Title 7 About.",
        "code_text": "x = 7\r\n",
        "metadata": {
            "arxiv_id": "17.7",
            "paper_title": "Title 7",
            "repo_name": "r7",
            "repo_url": "https://x.org/r7.git",
            "code_file_path": "src/a7.py",
            "code_language": "Python",
            "code_file_extension": ".py",
            "code_file_lines": 1,
            "pair_index": 0,
        },
    }
    assert list(row["metadata"])[-1] == "pair_index"
    assert (counts.papers, counts.files, counts.pairs) == (1, 1, 1)


def test_everything_is_counted_and_pairs_are_numbered(tmp_path):
    data = [
        entry(1, [code_file(1), code_file(2, content=None), code_file(3, content=" \n")]),
        entry(2, cloned=False),
        {"paper": {"title": "No code"}, "repositories": None},
        entry(3, paper={"title": None, "abstract": " "}),
        entry(1, [code_file(1), code_file(2, content=None), code_file(3, content=" \n")]),
        entry(4, paper={"abstract": None}),
    ]
    found, counts = rows(tmp_path, data)
    assert [row["metadata"]["pair_index"] for row in found] == [0, 1]
    assert found[1]["paper_text"] == "Title 4"
    assert counts.as_json() == {
        "papers_processed": 6,
        "papers_skipped": 3,
        "files_processed": 8,
        "files_skipped": 6,
        "pairs": 2,
        "reasons": {
            "papers": {"without code": 2, "without title and abstract": 1},
            "files": {
                "empty": 2,
                "of a paper without title and abstract": 1,
                "twice under one paper": 3,
            },
        },
    }


def test_one_repository_under_two_papers_gives_pairs_of_both(tmp_path):
    same = [code_file(1)]
    found, _ = rows(tmp_path, [entry(1, same), entry(2, same)])
    assert len(found) == 2


def test_what_the_file_does_not_say_is_made_out(tmp_path):
    bare = {"path": "a/b.c.rs", "content": "one\ntwo"}
    (row,), _ = rows(tmp_path, [entry(1, [bare])])
    metadata = row["metadata"]
    assert (metadata["code_file_extension"], metadata["code_file_lines"]) == (".rs", 2)
    assert metadata["code_language"] == ""


def test_max_papers(tmp_path):
    found, counts = rows(tmp_path, [entry(n) for n in range(5)], max_papers=2)
    assert (len(found), counts.papers) == (2, 2)


def test_a_byte_order_mark_is_no_matter(tmp_path):
    assert len(rows(tmp_path, "\ufeff" + json.dumps([entry()]))[0]) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "in.json: not a JSON list of papers"),
        ("{}", "in.json: not a JSON list of papers"),
        ("[", "in.json: no valid JSON"),
        (json.dumps([entry()])[:-40], "in.json: no valid JSON"),
        ([entry(), 3], "in.json: entry 1: expected an object, found int"),
        ([entry(paper={"title": 3})], "entry 0, field 'paper.title': expected text, found int"),
        ([entry(files=[code_file(lines="3")])], r"code_files\[0\].lines': expected a whole number"),
        ([entry(files=[code_file(lines=True)])], r"code_files\[0\].lines': expected a whole"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_on_one_line(tmp_path, data, said):
    with pytest.raises(ExtractionError, match=said) as caught:
        rows(tmp_path, data)
    assert "\n" not in str(caught.value)


def test_what_is_written_is_read_again(tmp_path):
    found, _ = rows(tmp_path, [entry(n) for n in range(3)])
    assert write_rows(found, tmp_path / "parsed_pairs.json") == 3
    pairs = read_pairs(tmp_path / "parsed_pairs.json")
    assert [pair.paper for pair in pairs] == ["17.0", "17.1", "17.2"]
    assert pairs[1].file == "https://x.org/r1:src/a1.py"


def test_memory_does_not_grow_with_the_input(tmp_path):
    text = "x = 1  # é\n" * 2_000  # 22 kB

    def peak(papers):
        path = tmp_path / "large.json"
        data = [entry(n, [code_file(n, content=f"{n}\n{text}")]) for n in range(papers)]
        path.write_text(json.dumps(data, ensure_ascii=False), "utf-8")
        del data
        tracemalloc.start()
        write_rows(paper_rows(path, PaperCounts()), tmp_path / "out.json")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)  # what is imported now is not counted again
    assert peak(200) < peak(20) + 500_000  # ten times the input: 4 MB more
