"""`papers collect` on what it is given: noisy pairs, addresses, and links that are wrong."""

from __future__ import annotations

import json
import os
import string
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from papers_repositories import Repositories, collect, links, output

from codeindex.errors import NotFoundError, UsageError
from codeindex_papers.collect.mentions import Mentions
from codeindex_papers.collect.pairs import read_pairs
from codeindex_papers.collect.urls import identity, refusal

PAPER = {"arxiv_id": "1706.03762", "title": "Attention"}


def pairs(tmp_path, data):
    path = tmp_path / "pairs.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


# Pairs


def test_what_is_null_or_missing_is_empty_and_what_is_unknown_stays(tmp_path):
    data = [
        {"paper": {"arxiv_id": None, "year": 1.5}, "repositories": None, "surplus": 1},
        {"paper": PAPER, "repositories": [{"url": None}, {"url": " u ", "topics": ["a"]}]},
    ]
    first, second = read_pairs(pairs(tmp_path, data))
    assert (first.arxiv_id, first.title, first.links) == ("", "", ())
    assert first.facts == {"arxiv_id": None, "year": 1.5}
    assert (second.arxiv_id, second.title) == ("1706.03762", "Attention")
    assert [link.url for link in second.links] == ["", "u"]
    assert second.links[1].facts == {"url": " u ", "topics": ["a"]}


def test_a_byte_order_mark_is_no_harm_and_max_papers_is_kept(tmp_path):
    data = b"\xef\xbb\xbf" + json.dumps([{"paper": PAPER}] * 3).encode()
    assert len(read_pairs(pairs(tmp_path, data), max_papers=2)) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a JSON list"),
        (b"{}", "not a JSON list"),
        (b"[", "no valid JSON"),
        (b'[{"paper": {}}', "no valid JSON"),
        (b'[{"paper": {"title": "\xff"}}]', "no valid JSON"),
        ([3], "entry 0: expected an object, found int"),
        ([{"paper": PAPER}, {}], "entry 1, field 'paper': expected an object, found nothing"),
        ([{"paper": []}], "entry 0, field 'paper': expected an object, found list"),
        ([{"paper": {"title": 3}}], "entry 0, field 'paper.title': expected text, found int"),
        (
            [{"paper": {"arxiv_id": 1706.03762}}],
            "entry 0, field 'paper.arxiv_id': expected text, found float",
        ),
        ([{"paper": {}, "repositories": {}}], "field 'repositories': expected a list, found dict"),
        (
            [{"paper": {}, "repositories": [{"url": "u"}, "v"]}],
            r"field 'repositories\[1\]': expected an object, found str",
        ),
        (
            [{"paper": {}, "repositories": [{"url": ["u"]}]}],
            r"field 'repositories\[0\].url': expected text, found list",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, data, said):
    with pytest.raises(UsageError, match=said) as caught:
        read_pairs(pairs(tmp_path, data))
    assert str(caught.value).startswith(f"{tmp_path / 'pairs.json'}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="no such file"):
        read_pairs(tmp_path / "gone.json")


def _like(values):
    names = ["paper", "repositories", "arxiv_id", "title", "url", "name"]
    return st.dictionaries(st.sampled_from(names), values)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | _like(s)))
def test_any_json_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(data))
    with suppress(UsageError):
        assert len(read_pairs(path)) == len(data)


# Addresses


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://github.com/A/B", "http://github.com/a/b.git/", True),
        ("https://github.com/a/b", "https://www.github.com/a/b", True),
        ("https://example.org/A", "https://EXAMPLE.org/A.git", True),
        ("https://example.org/A", "https://example.org/a", False),
        ("https://github.com/a/b", "https://github.com/a/c", False),
        ("/a/b", "/a/b.git", False),
        ("/a/b", "/a/./b/", True),
        ("file:///a%20b", "/a b/", True),
        ("", ".", False),
        ("git@host.org:a/b", "git@host.org:a/c", False),
    ],
)
def test_when_two_addresses_name_one_repository(one, other, same):
    assert (identity(one) == identity(other)) is same


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/a/b",
        "ssh://git@example.org/a",
        "git@example.org:a/b.git",
        "file:///a b",
        "/a/b",
        "../b",
        "C:\\a\\b",
    ],
)
def test_a_usual_address_is_not_refused(url):
    assert refusal(url) is None


@given(st.text() | st.text(alphabet=string.ascii_letters + ":/-.@[]"))
@example("ext::sh -c x")
@example("http://[")
@example("\ud800")
def test_no_address_breaks_anything_or_reaches_git_as_something_else(url):
    assert isinstance(identity(url), str)
    if refusal(url) is None:
        assert url
        assert not url.startswith("-")
        assert not url.split("/")[0].partition("::")[1] or not url[0].isalnum()


# Mentions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see arXiv:1706.03762", True),
        ("https://arxiv.org/abs/1706.03762v5", True),
        ("https://arxiv.org/pdf/1706.03762.pdf", True),
        ("11706.03762", False),
        ("1706.037621", False),
        ("3.1706.03762", False),
        ("1706x03762", False),
        ("**attention** is\n> ALL  you-need!", True),
        ("Attention is all you needed", True),  # as letters, it is there
        ("Attention is all one needs", False),
        ("", False),
    ],
)
def test_id_or_title(text, found):
    assert Mentions("1706.03762v1", "Attention Is All You Need").in_text(text) is found


def test_a_short_title_is_found_as_words_only():
    assert Mentions("", "BERT").in_text("the bert model")
    assert not Mentions("", "BERT").in_text("roberta; Bertrand")
    assert Mentions("", "Pre-training of Transformers").in_text("Pretraining of\ttransformers")


@pytest.mark.parametrize("title", ["", " ", "...", "arXiv Query: search_query=&id_list=1706.03762"])
def test_what_is_no_title_is_not_looked_for(title):
    mentions = Mentions("1706.03762", title)
    assert not mentions.in_text("anything ... " + title.replace("1706", "")[:60])
    assert str(mentions) == "arXiv 1706.03762"


def test_an_old_id():
    mentions = Mentions("arXiv:cs/0112017", "")
    assert mentions.in_text("at http://arxiv.org/abs/CS/0112017v2.")
    assert not mentions.in_text("cs 0112017")


@pytest.mark.parametrize("number", ["", "1", "n/a", "10.1000/182", "2505"])
def test_what_is_no_id_is_not_looked_for(number):
    mentions = Mentions(number, "")
    assert not mentions.in_text(f"x = {number}, see arXiv:{number}")
    assert str(mentions) == ""


@given(st.text(alphabet="aA1 -_.\n", max_size=30), st.text(alphabet="aA1 -_.\n", max_size=30))
def test_a_title_is_found_however_it_is_set(title, around):
    if any(letter.isalnum() for letter in title):
        shouted = title.upper().replace(" ", " \n").replace("-", " – ")
        assert Mentions("", title).in_text(f"{around} {shouted} {around}")


@pytest.fixture
def repositories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Repositories(tmp_path)


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({"README.md": "Code of *A study  of\n nets*"}, True),
        ({"docs/deep/cite.bib": "eprint={1706.03762}"}, True),
        ({".github/about.txt": "1706.03762v2"}, True),
        ({"notes.bin": b"1706.03762\0"}, False),
        ({"README.md": "Code of another study of nets"}, False),
    ],
)
def test_verify_links(repositories, files, kept):
    url = repositories.make("r", {"a.py": "x\n", **files})
    paper = {"arxiv_id": "1706.03762", "title": "A Study of Nets!"}
    repositories.pairs([[{"url": url}]], [paper])
    code, receipt, said = collect("--verify-links")
    (link,) = links(output())
    assert link["cloned"] is kept
    if kept:
        assert code == 0
        assert link["code_files"]
        return
    assert code == 1
    assert "no repository mentions its paper" in said
    wanted = "does not mention arXiv 1706.03762 or the title 'A Study of Nets!'"
    assert link["error"] == f"the repository {wanted}"
    assert receipt["unmentioned"] == [
        {"arxiv_id": "1706.03762", "url": url, "error": link["error"]}
    ]
    assert receipt["repositories"][0]["outcome"] == "cloned"
    assert collect()[0] == 0  # without it, all are kept


def test_verify_links_by_link_and_not_by_repository(repositories):
    url = repositories.make("r", {"a.py": "x\n", "README": "arXiv:1706.03762"})
    papers = [{"arxiv_id": "1706.03762"}, {"arxiv_id": "1810.04805"}, {"arxiv_id": ""}]
    papers = [{**paper, "title": ""} for paper in papers]
    repositories.pairs([[{"url": url}]] * 3, papers)
    code, receipt, _ = collect("--verify-links", "--strict")
    assert code == 0  # all could be cloned
    assert [link["cloned"] for link in links(output())] == [True, False, False]
    assert "neither an arXiv id nor a title" in links(output())[2]["error"]
    assert (receipt["links"], receipt["links_kept"], len(receipt["unmentioned"])) == (3, 1, 2)


def test_a_mention_outside_the_repository_does_not_count(repositories, tmp_path):
    (tmp_path / "outside.md").write_text("1706.03762")
    url = repositories.make(
        "r", {"a.py": "x\n"}, symlinks={"README.md": os.fspath(tmp_path / "outside.md")}
    )
    repositories.pairs([[{"url": url}]], [{"arxiv_id": "1706.03762", "title": ""}])
    assert collect("--verify-links")[0] == 1
    assert Path("cache/codeindex/papers").exists()
