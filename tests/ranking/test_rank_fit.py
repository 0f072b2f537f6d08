"""What the weights are fitted with: the same ranking as the search's, and a model that is right."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.ranking.asking import Case
from benchmarks.ranking.calibration import (
    Judged,
    calibration_error,
    logistic,
    probabilities,
)
from benchmarks.ranking.fitting import STEPS, fitted, with_weight
from benchmarks.ranking.stripped import Asked, stripped
from benchmarks.ranking.tried import Tried, means
from codeindex.ranking.background import Background
from codeindex.ranking.gathering import Found
from codeindex.ranking.mode import Mode
from codeindex.ranking.place import place_of
from codeindex.ranking.query import analysed, asked_words
from codeindex.ranking.scoring import Candidate, scored
from codeindex.ranking.weights import Weights

PATHS = ["a/parse.py", "b.py", "tests/test_b.py", "examples/c/__init__.py"]
FOUND = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-1, 1, width=32)),
        st.floats(0, 30, width=32),
        st.sampled_from(PATHS),
        st.sampled_from(["parse_date", "Clock.now", "date"]),
    ),
    min_size=1,
    max_size=10,
)


def case(found, text="parse a date", names=(), files=()):
    candidates = [
        Candidate(n, place_of(path, "function", name), cosine, bm25)
        for n, (cosine, bm25, path, name) in enumerate(found)
    ]
    query = analysed(text, asked_words(text), {})
    asked = Asked(text, frozenset(names), frozenset(files))
    return Case("p", asked, Found(query, candidates, None, Background(0.1, 0.1), None, 40.0), {})


@given(FOUND, st.sampled_from(["parse a date", "parse_date", "tests of b"]))
def test_weights_are_tried_on_the_ranking_of_the_search(found, text):
    one = case(found, text)
    query, candidates = one.found.query, one.found.candidates
    ranked = scored(query, candidates, Mode.HYBRID, one.found.background, 40.0, Weights())
    tried = Tried(one).scores(Weights())
    for result in ranked:
        assert tried[result.candidate.id] == pytest.approx(result.score, abs=1e-9)


def test_quality_is_ndcg_of_snippets_and_of_files():
    found = [(0.9, 9.0, "b.py", "date"), (0.5, 5.0, "b.py", "Clock.now"), (0.4, 1.0, PATHS[0], "x")]
    one = Tried(case(found, names={(PATHS[0], "x")}, files={PATHS[0]}))
    scores = np.array([3.0, 2.0, 1.0])
    assert one.quality(scores) == pytest.approx((1 / np.log2(4), 1 / np.log2(3)))
    assert one.quality(scores, per_file=1) == pytest.approx((1 / np.log2(3), 1 / np.log2(3)))


def test_a_fit_finds_the_weight_that_matters():
    answer, test = (0.5, 5.0, "b.py", "x"), (0.6, 6.0, "tests/test_b.py", "y")
    cases = [Tried(case([test, answer], names={("b.py", "x")}, files={"b.py"}))]
    start = with_weight(Weights(), "tests", 0.0)
    assert means(cases, start)[1] < 1
    said: list[str] = []
    found = fitted(cases, cases, start, said.append)
    assert means(cases, found) == (1, 1)
    assert found.signals["tests"] < 0
    assert said
    assert set(STEPS) == {"dense", "dense_symbolic", *Weights().signals}


def test_a_model_is_found_again_and_is_calibrated():
    rng = np.random.default_rng(0)
    evidence = np.column_stack([rng.uniform(0, 1, 8000), rng.normal(1, 0.6, 8000)])
    true = 1 / (1 + np.exp(-(evidence @ np.array([2.0, 3.0]) - 4)))
    known = Judged(evidence, rng.uniform(size=8000) < true, np.ones(8000, bool))
    model = logistic(known)
    assert (model.bias, model.matched, model.score) == pytest.approx((-4, 2, 3), abs=0.35)
    likely = probabilities(known, model)
    assert calibration_error(likely, known.right) < 0.02
    assert calibration_error(likely**3, known.right) > 0.1, "it tells what is not"


def test_what_is_asked_for_is_taken_out_of_the_text(tmp_path):
    package = tmp_path / "made" / "pkg"
    package.mkdir(parents=True)
    (package / "a.py").write_text(
        'class A:\n    """Kept whole."""\n\n    def f(self):\n        """Read the settings of a'
        ' file.\n\n        More.\n        """\n        return 1\n\n\ndef g():\n    """Too short."""'
        '\n    return 2\n\n\ndef h():\n    """Only words are in here."""\n'
    )
    (asked,) = stripped(package, tmp_path / "out", 9)
    assert asked == Asked(
        "Read the settings of a file.", frozenset({("pkg/a.py", "A.f")}), frozenset({"pkg/a.py"})
    )
    text = (tmp_path / "out" / "pkg" / "a.py").read_text()
    ast.parse(text)
    assert "Read the settings" not in text
    assert "Kept whole" in text
    assert "Only words" in text
