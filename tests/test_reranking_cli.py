"""``codeindex search --reranker``: options, settings, the explanation, and what is told."""

from __future__ import annotations

import json

import pytest

from codeindex.cli import run

PLUGIN = """
from dataclasses import dataclass, field

from codeindex.hookimpl import hookimpl
from codeindex.specs import RerankerSpec


@dataclass(frozen=True)
class Options:
    word: str = field(default="socket", metadata={"help": "What it likes."})


class Likes:
    def __init__(self, word):
        self.word = word

    def rerank(self, query, texts):
        print("noise", len(texts))
        if self.word == "trouble":
            raise RuntimeError("no luck")
        return [float(self.word in text) for text in texts]


@hookimpl
def codeindex_rerankers():
    make = lambda options: Likes(options.word)
    return [RerankerSpec(name="likes", summary="A word.", options=Options, make=make)]
"""

CODE = "def {name}():\n    '''Says {text}.'''\n    return 1\n"


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys):
    """Runs a search over three functions with the plugin: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "likes.py").write_text(PLUGIN)
    (tmp_path / "src").mkdir()
    for name, text in (("file", "read file"), ("socket", "open socket"), ("date", "parse date")):
        (tmp_path / "src" / f"{name}.py").write_text(CODE.format(name=name, text=text))
    assert run(["--quiet", "index", "src", "--index", "here"]) == 0
    capsys.readouterr()

    def ask(*words, code=0):
        assert run(["--plugin", "likes.py", "search", "--index", "here", *words]) == code
        return capsys.readouterr()

    return ask


def lines(said):
    return [json.loads(line) for line in said.out.splitlines()]


def test_none_is_asked_by_default(asked):
    said = asked("read file", "--json")
    assert lines(said)[0]["name"] == "file"
    assert all("reranker" not in hit["parts"] for hit in lines(said))
    assert "noise" not in said.err


def test_its_score_is_a_part_and_explained(asked):
    words = ("read file", "--reranker", "likes", "-R", "word=date")
    said = asked(*words, "--json")
    parts = {hit["name"]: hit["parts"].get("reranker", 0) for hit in lines(said)}
    assert parts == {"file": 0, "socket": 0, "date": 0.5}
    assert "noise 3" in said.err
    assert "0.500 reranker" in asked(*words, "--explain").out
    first = lines(asked(*words, "--rerank-depth", "1", "--json"))
    assert first[0]["name"] == "file"
    assert "noise 1" in asked(*words, "--rerank-depth", "1").err


def test_settings_name_one_and_the_command_line_another_or_none(asked, tmp_path):
    (tmp_path / "codeindex.toml").write_text(
        'reranker = "likes"\nrerank-depth = 1\n[reranker-options]\nword = "file"\n'
    )
    said = asked("read file", "--json")
    assert "noise 1" in said.err
    parts = {hit["name"]: hit["parts"].get("reranker", 0) for hit in lines(said)}
    assert parts == {"file": 0.5, "socket": 0, "date": 0}
    typed = lines(asked("read file", "-R", "word=date", "--rerank-depth", "3", "--json"))
    assert {hit["name"]: hit["parts"].get("reranker", 0) for hit in typed}["date"] == 0.5
    assert "noise" not in asked("read file", "--reranker", "").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reranker", "like"], "no reranker 'like'; installed: cross-encoder, likes"),
        (["--reranker", "likes", "-R", "words=x"], "no option 'words'; its options: word"),
        (["-R", "word=x"], "name one with --reranker; installed: cross-encoder, likes"),
        (["--reranker", "cross-encoder"], "needs a bundle; say -R path=FOLDER"),
        (["--reranker", "cross-encoder", "-R", "path=gone"], "no reranker bundle at gone"),
        (["--reranker", "likes", "--rerank-depth", "0"], "--rerank-depth"),
        (
            ["--reranker", "likes", "-R", "word=trouble"],
            "reranker 'likes' (plugin 'likes' of likes.py) failed: RuntimeError: no luck",
        ),
    ],
)
def test_mistakes_are_told(asked, words, said):
    message = asked("read file", *words, code=2).err
    assert said in message
    assert "Traceback" not in message


def test_plugins_lists_rerankers(capsys):
    assert run(["plugins", "--json"]) == 0
    offers = json.loads(capsys.readouterr().out)["offers"]
    (found,) = [offer for offer in offers if offer["kind"] == "reranker"]
    assert found["name"] == "cross-encoder"
    assert [option["name"] for option in found["options"]] == ["path", "threads", "max_tokens"]
