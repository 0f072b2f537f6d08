"""Extractor `papers`: streams papers with their code; what is malformed is named."""

from __future__ import annotations

import json

import pytest

from codeindex import Host
from codeindex.errors import ExtractionError
from codeindex.extraction import Extraction
from codeindex.snippet import SourceFile
from codeindex_papers.extractor import PapersExtractor


def paper(number=1, **changes):
    file = {
        "path": "src/a.py",
        "language": "Python",
        "content": f"def f{number}():\r\n    pass\r\n",
    }
    repository = {"url": "https://x.org/r.git", "name": "r", "cloned": True, "code_files": [file]}
    return {
        "paper": {"arxiv_id": str(number), "title": "T", "abstract": None, "surplus": 1},
        "repositories": [{**repository, **changes}],
    }


def source(tmp_path, data):
    path = tmp_path / "papers.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return SourceFile(path.name, "papers", "", path)


def test_each_code_file_of_a_cloned_repository_with_its_papers_facts(tmp_path):
    (file,) = PapersExtractor().extract(source(tmp_path, [paper(7)]))
    assert (file.path, file.language) == ("r/src/a.py", "python")
    assert file.text == "def f7():\n    pass\n"
    assert file.extra == {
        "paper_id": "7",
        "paper_title": "T",
        "paper_abstract": "",
        "paper_url": "",
        "repo_name": "r",
        "repo_url": "https://x.org/r.git",
        "file_path": "src/a.py",
    }


def test_what_was_not_cloned_or_is_empty_is_left_out(tmp_path):
    data = [
        paper(1, cloned=False),
        paper(2, code_files=None),
        {"paper": {}, "repositories": None},
        paper(3, code_files=[{"path": "a.py", "language": "Python", "content": ""}]),
    ]
    assert list(PapersExtractor().extract(source(tmp_path, data))) == []


def test_max_papers(tmp_path):
    data = [paper(n) for n in range(5)]
    assert len(list(PapersExtractor(2).extract(source(tmp_path, data)))) == 2


def test_it_does_not_read_ahead(tmp_path):
    good = json.dumps(paper(1))
    files = PapersExtractor().extract(source(tmp_path, f"[{good}, {good + ' ' * 200_000}, oops"))
    assert next(files).path == "r/src/a.py"
    with pytest.raises(ExtractionError, match=r"papers\.json: no valid JSON"):
        list(files)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{}", "not a JSON list"),
        ("", "not a JSON list"),
        ('[{"paper": {}}', "no valid JSON"),
        ([3], "entry 0: expected an object, found int"),
        ([paper(), {"paper": "x"}], "entry 1, field 'paper': expected an object, found str"),
        ([paper(code_files=3)], r"field 'repositories\[0\].code_files': expected a list"),
        (
            [paper(code_files=[{"path": "a", "language": "Python", "content": 3}])],
            r"code_files\[0\].content': expected text, found int",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, data, said):
    with pytest.raises(ExtractionError, match=said):
        list(PapersExtractor().extract(source(tmp_path, data)))


def test_a_missing_file_is_said(tmp_path):
    gone = SourceFile("gone.json", "papers", "", tmp_path / "gone.json")
    with pytest.raises(ExtractionError, match=r"gone\.json: No such file"):
        list(PapersExtractor().extract(gone))


def test_the_host_hands_the_files_to_the_extractor_of_their_language(tmp_path):
    broken = {"path": "b.py", "language": "Python", "content": "def (:"}
    unknown = {"path": "c.zig", "language": "Zig", "content": "fn x() void {}"}
    data = [paper(1), paper(2, code_files=[broken, unknown]), paper(3)]
    extraction = Extraction(Host.load(), {})
    snippets = list(extraction.snippets(source(tmp_path, data), "papers"))
    assert [s.name for s in snippets] == ["f1", "f3"]
    assert snippets[0].extra["paper_id"] == "1"
    assert snippets[0].extra["signature"] == "def f1()"
