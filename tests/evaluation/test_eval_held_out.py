"""Docstrings as questions: which are asked, and that no docstring is in what is searched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from eval_trees import PARSING, PLANTED, indexed, python_host

from codeindex.evaluation.held_out import held_out_questions
from codeindex.evaluation.temporary import EncoderChoice, temporary_index
from codeindex.evaluation.undocumented import undocumented
from codeindex.ranking.mode import Mode
from codeindex.ranking.options import SearchOptions
from codeindex.texts import embedding_text


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def forget(toys) -> None:
    """What was embedded so far."""
    for encoder in toys.encoders:
        encoder.embedded.clear()


def test_docstrings_ask_for_their_functions(index):
    questions = held_out_questions(index)
    assert {question.text: dict(question.relevant) for question in questions.asked} == {
        f"Turn written digits into {PLANTED} for the ledger of the shop.": {
            "parsing.py:read_number": 1
        },
        "Add up what every line of the ledger says.": {"parsing.py:Ledger.total": 1},
        "Write the rows of a report into a file, one a line.": {"writing.py:write_report": 1},
    }
    assert questions.possible == 3
    assert questions.left_out == {"without a docstring": 1, "code too short": 1}


def test_what_is_planted_in_docstrings_only_is_nowhere_in_what_is_searched(index, toys):
    assert PLANTED.encode() in contents(index.folder)  # or the test could not fail
    forget(toys)
    with temporary_index(index, without_docstrings=True) as bare:
        found = contents(bare.folder)
        assert b"undocumented" in found
        for word in (PLANTED, "digits into", "quickly", "every line"):
            assert word.encode() not in found, word
        assert toys.embedded
        assert PLANTED not in " ".join(toys.embedded)
        results = bare.search_many([PLANTED, "turn written digits"], 50)
        texts = [
            f"{result.snippet.code} {result.snippet.docstring}"
            for answers in results
            for result in answers
        ]
        assert not any(PLANTED in text or "Turn written" in text for text in texts)
        words = SearchOptions(Mode.LEXICAL, per_file=0)
        assert index.search_many([PLANTED], 50, options=words)[0]
        assert bare.search_many([PLANTED], 50, options=words) == [[]]
        folder = bare.folder
    assert not folder.exists()


def test_a_docstring_that_stands_elsewhere_in_its_code_is_no_question(tmp_path, toys):
    text = "Turn the written digits into a number."
    root = tmp_path / "code"
    root.mkdir()
    (root / "a.py").write_text(
        f'def f(value):\n    """{text}"""\n    log("Turn the WRITTEN",\n        value)\n'
        f'    print("turn the written digits -- into a number")\n    return value\n'
    )
    with indexed(root, python_host(toys)) as index:
        questions = held_out_questions(index)
    assert not questions.asked
    assert questions.left_out == {"docstring stands in the code, too": 1}


def test_a_text_over_two_functions_asks_for_both_and_over_many_for_none(tmp_path, toys):
    body = "    rows = sorted(value)\n    rows.reverse()\n    return rows\n"
    root = tmp_path / "code"
    root.mkdir()
    two = "Put the rows into their order."
    many = "Call what was registered before."
    (root / "a.py").write_text(
        "".join(f'def two{n}(value):\n    """{two}"""\n{body}' for n in range(2))
        + "".join(f'def many{n}(value):\n    """{many}"""\n{body}' for n in range(3))
    )
    with indexed(root, python_host(toys)) as index:
        questions = held_out_questions(index)
    assert [dict(question.relevant) for question in questions.asked] == [
        {"a.py:two0": 1, "a.py:two1": 1}
    ]
    assert questions.left_out == {"docstring that stands often": 3}


def test_the_pool_is_whole_and_unchanged_texts_keep_their_vectors(index, toys):
    forget(toys)
    with temporary_index(index, without_docstrings=True) as bare:
        before = [(item.path, item.name, item.start_line) for item in index.snippets()]
        assert [(item.path, item.name, item.start_line) for item in bare.snippets()] == before
        documented = sum(bool(item.docstring) for item in index.snippets())
        assert 0 < len(toys.embedded) == documented < len(before)
        # Old vectors and new ones stand at the right snippets: each text finds its own.
        for snippet in map(undocumented, index.snippets()):
            (best,) = bare.search_many([embedding_text(snippet)], 1)[0]
            assert best.snippet == snippet


def test_another_encoder_embeds_everything(index, toys):
    forget(toys)
    other = EncoderChoice("words", {"dim": "32"})
    with temporary_index(index, without_docstrings=False, encoder=other) as made:
        assert made.encoder().info.dim == 32
        assert len(toys.embedded) == sum(1 for _ in index.snippets())
        assert PLANTED in " ".join(toys.embedded)
        for snippet in index.snippets():  # each text finds its own snippet
            (best,) = made.search_many([embedding_text(snippet)], 1)[0]
            assert best.snippet == snippet


def test_the_index_itself_is_not_changed(index):
    before = {path: path.read_bytes() for path in index.folder.rglob("*") if path.is_file()}
    with temporary_index(index, without_docstrings=True):
        pass
    assert {path: path.read_bytes() for path in before} == before


def test_a_sample_is_the_same_for_the_same_seed(index):
    questions = held_out_questions(index)
    seeds = range(20)
    samples = [questions.sampled(2, seed) for seed in seeds]
    assert [one.asked for one in samples] == [questions.sampled(2, seed).asked for seed in seeds]
    assert {len(one.asked) for one in samples} == {2}
    assert {one.possible for one in samples} == {3}
    assert len({one.fingerprint() for one in samples}) == 3  # of three, two in all ways
    order = [question.id for question in questions.asked]
    rows = [[order.index(question.id) for question in one.asked] for one in samples]
    assert all(np.all(np.diff(places) > 0) for places in rows)
    assert questions.sampled(0, 0) is questions
    assert questions.sampled(7, 0) is questions


@pytest.mark.parametrize("head", ["# @generated by a tool\n", "# Do not edit.\n"])
def test_generated_files_do_not_ask(tmp_path, toys, head):
    root = tmp_path / "code"
    root.mkdir()
    (root / "a.py").write_text(head + PARSING)
    with indexed(root, python_host(toys)) as index:
        questions = held_out_questions(index)
    assert not questions.asked
    assert questions.left_out["in a generated file"] == 2
