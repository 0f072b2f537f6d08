"""Systems on the same questions: levels, what is unknown, comparisons and saved results."""

from __future__ import annotations

import json
from contextlib import nullcontext

import numpy as np
import pytest
from eval_trees import indexed, python_host

from codeindex.errors import UsageError
from codeindex.evaluation.baseline import read_baseline, save, since_baseline
from codeindex.evaluation.comparison import compared
from codeindex.evaluation.held_out import held_out_questions
from codeindex.evaluation.metrics import METRICS
from codeindex.evaluation.questions import Asking, Level, Question, Questions
from codeindex.evaluation.report import Report
from codeindex.evaluation.systems import System, level_for, run
from codeindex.evaluation.temporary import EncoderChoice


def labels(*rows):
    asked = [
        Question(str(place), text, dict.fromkeys(targets, 1))
        for place, (text, *targets) in enumerate(rows, 1)
    ]
    return Questions("q.jsonl", asked, len(asked))


def silent(verb, unit):
    return nullcontext()


def report(index, questions, level=Level.SNIPPET, systems=()):
    asking = Asking(level)
    return Report(
        questions, asking, 0, run([System("toy", index), *systems], questions, asking, silent)
    )


def test_known_questions_have_known_metrics(index):
    """Each asks with a snippet's own words; the second judges two, of which one comes first."""
    own = {item.name: item for item in index.snippets()}
    questions = labels(
        (f"parsing read number {own['read_number'].code}", "parsing.py:read_number"),
        (own["short"].code, "writing.py:short", "writing.py:gone"),
    )
    (found,) = report(index, questions).systems
    assert found.values["MRR"].tolist() == [1, 1]
    assert found.values["Recall@1"].tolist() == [1, 0.5]
    assert found.values["Recall@100"].tolist() == [1, 0.5]
    assert (found.pool, found.targets) == (7, 3)
    assert found.unknown == ("writing.py:gone",)
    assert found.mean("Recall@1") == 0.75


def test_a_file_stands_where_its_best_snippet_does(index):
    own = {item.name: item for item in index.snippets()}
    questions = labels(
        (own["short"].code, "writing.py"), (own["short"].code, "parsing.py:read_number")
    )
    assert level_for(questions, index, None) is Level.FILE
    (found,) = report(index, questions, Level.FILE).systems
    assert found.pool == 2
    assert found.values["MRR"].tolist() == [1, 0.5]
    assert found.values["Recall@1"].tolist() == [1, 0]


def test_levels(index):
    snippets = labels(("a", "parsing.py:Ledger", "gone.py:f"))
    assert level_for(snippets, index, None) is Level.SNIPPET
    assert level_for(snippets, index, Level.FILE) is Level.FILE
    files = labels(("a", "parsing.py:Ledger"), ("b", "writing.py"))
    with pytest.raises(UsageError, match=r"q\.jsonl: the target 'writing\.py' is a file"):
        level_for(files, index, Level.SNIPPET)
    unknown = labels(("a", "gone.py:f", "x"), ("b", "y"))
    with pytest.raises(UsageError, match="none of the 3 judged targets is in the index; the first"):
        level_for(unknown, index, None)


def test_the_same_twice_gives_the_same_numbers(index):
    questions = held_out_questions(index)
    first, second = (json.dumps(report(index, questions).to_save()) for _ in range(2))
    assert first == second


def test_docstrings_find_less_without_docstrings(index):
    """With them, each finds itself; the temporary index is asked, not the index."""
    questions = held_out_questions(index)
    as_labels = Questions("q.jsonl", questions.asked, questions.possible)
    (leaky,) = report(index, as_labels).systems
    (clean,) = report(index, questions).systems
    assert leaky.mean("MRR") == 1
    assert clean.mean("MRR") < 1
    assert clean.pool == leaky.pool


def test_another_encoder_and_another_index(index, code, tmp_path, toys):
    questions = held_out_questions(index)
    other = tmp_path / "other"
    other.mkdir()
    (other / "parsing.py").write_text((code / "parsing.py").read_text())
    with indexed(other, python_host(toys)) as second:
        found = report(
            index,
            questions,
            systems=[
                System("words", index, EncoderChoice("words", {"dim": "8", "salt": "x"})),
                System("other", second),
            ],
        )
    toy, words, smaller = found.systems
    assert words.facts["encoder"] == "words"
    assert words.facts["encoder_fingerprint"] != toy.facts["encoder_fingerprint"]
    assert words.pool == toy.pool == smaller.pool + 2
    assert smaller.unknown == ("writing.py:write_report",)
    assert [comparison.other for comparison in found.comparisons()] == [
        "words, hybrid",
        "other, hybrid",
    ]
    for comparison, system in zip(found.comparisons(), (words, smaller), strict=True):
        for metric in METRICS:
            change = comparison.differences[metric]
            assert change.value == pytest.approx(system.mean(metric) - toy.mean(metric))
            assert change.low <= change.value <= change.high


def values(*rows):
    return {metric: np.array(rows, dtype=float) for metric in METRICS}


def test_a_difference_is_significant_where_its_interval_leaves_nothing_out():
    worse = compared("a", values(*[0.5] * 40), "b", values(*[0.4] * 40)).differences["MRR"]
    assert worse.significant
    assert worse.value == pytest.approx(-0.1)
    assert worse.p_value < 0.001
    mixed = compared("a", values(1, 0, 1, 0), "b", values(0, 1, 0, 1)).differences["MRR"]
    assert not mixed.significant
    assert mixed.value == 0
    few = compared("a", values(*[0.5] * 4), "b", values(*[0.4] * 4)).differences["MRR"]
    assert (few.low, few.high) == pytest.approx((-0.1, -0.1))
    assert not few.significant  # four signs come out alike too often
    # Of the same size for both, a difference that is there for each query tells more.
    a, b = values(*np.linspace(0, 0.9, 30)), values(*(np.linspace(0, 0.9, 30) + 0.05))
    assert compared("a", a, "b", b).differences["MRR"].significant
    c = values(*(np.linspace(0, 0.9, 30)[::-1] + 0.05))
    assert not compared("a", a, "c", c).differences["MRR"].significant


def test_a_saved_result_is_held_against_a_later_one(index, tmp_path):
    questions = held_out_questions(index)
    path = tmp_path / "before.json"
    before = report(index, questions)
    save(path, before)
    same = since_baseline(path, read_baseline(path), before)
    assert {difference.value for difference in same.differences.values()} == {0}
    other = System("toy", index, EncoderChoice("words", {"dim": "8"}))
    asking = Asking()
    after = Report(questions, asking, 0, run([other], questions, asking, silent))
    change = since_baseline(path, read_baseline(path), after).differences["MRR"]
    assert change.value == pytest.approx(
        after.systems[0].mean("MRR") - before.systems[0].mean("MRR")
    )
    facts = json.loads(path.read_text())
    assert set(facts["versions"]) == {"codeindex", "ir-measures"}
    assert facts["systems"][0]["index"]["encoder_fingerprint"]
    assert set(facts["systems"][0]["per_query"]) == {question.id for question in questions.asked}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"asking": {"level": "file"}}, "has level file, not snippet"),
        ({"asking": {"level": "snippet", "depth": 200}}, "has depth 200, not 100"),
        ({"questions": {"fingerprint": "other"}}, "other questions were asked: 0 of now 3 are new"),
        ({"systems": []}, "is missing or wrong"),
        (
            {"systems": [{"name": "x", "per_query": {}}]},
            "the values of its questions are not whole",
        ),
        ({"questions": 3}, "is missing or wrong"),
        ({"format": 99}, "of format 99, not 1"),
    ],
)
def test_a_result_that_does_not_compare_is_refused(index, tmp_path, change, said):
    path = tmp_path / "before.json"
    questions = held_out_questions(index)
    found = report(index, questions)
    save(path, found)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UsageError, match=said) as caught:
        since_baseline(path, read_baseline(path), found)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', "7"])
def test_a_file_that_is_no_result_is_refused(tmp_path, text):
    path = tmp_path / "before.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"before\.json: .*codeindex eval --save FILE"):
        read_baseline(path)
