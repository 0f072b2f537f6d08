"""The word index gives the scores of BM25F, whatever was added, removed and merged before."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexical_corpus import WORDS, add, held, new_catalog, remove, segments, snippet, snippets
from lexical_oracle import scores

from codeindex.catalog.catalog import Catalog
from codeindex.catalog.rows import snippet_values
from codeindex.filters import Filter
from codeindex.lexical.merging import AT_REST, AT_WORK
from codeindex.lexical.weights import FieldWeights
from codeindex.words import query_words

QUERY = query_words(" ".join(WORDS), keep_stop_words=True)
STEPS = st.lists(
    st.one_of(
        st.lists(snippets(), min_size=1, max_size=6),
        st.integers(1, 5),  # remove each so-and-so-many-th
        st.sampled_from([AT_WORK, AT_REST, "compact"]),
    ),
    min_size=1,
    max_size=12,
)


def carry_out(catalog: Catalog, steps: list) -> None:
    for step in steps:
        if isinstance(step, list):
            add(catalog, step)
        elif isinstance(step, int):
            remove(catalog, catalog.snippet_ids()[::step])
        elif step == "compact":
            with catalog.transaction():
                catalog._words.compact()
        else:
            with catalog.transaction():
                catalog._words.merge(step)


@settings(max_examples=60)
@given(STEPS, st.lists(st.sampled_from(QUERY), min_size=1, max_size=5, unique=True))
def test_any_history_gives_the_scores_of_a_fresh_index_and_of_the_formula(steps, query):
    lived, fresh = new_catalog(), new_catalog()
    carry_out(lived, steps)
    present = held(lived)
    add(fresh, list(present.values()))
    found = lived.lexical(query)
    ids = list(present)
    assert found.of(ids).tolist() == fresh.lexical(query).of(fresh.snippet_ids()).tolist()
    expected = scores(present, query, FieldWeights())
    assert found.of(ids) == pytest.approx([expected.get(id, 0.0) for id in ids], rel=1e-4)
    best, _ = found.top(len(ids) + 1)
    assert set(best.tolist()) == set(expected)
    assert lived.problems() == []
    lived.close()
    fresh.close()


@settings(max_examples=30)
@given(
    st.lists(snippets(), min_size=1, max_size=12),
    st.sampled_from(
        [
            Filter(("net/**",)),
            Filter(("*.js",), ("javascript",)),
            Filter((), ("python",), ("method",)),
            Filter(("nowhere",)),
        ]
    ),
    st.integers(1, 4),
)
def test_a_filter_leaves_the_best_of_those_that_satisfy_it(items, where, k):
    catalog = new_catalog()
    for item in items:
        add(catalog, [item])
    remove(catalog, catalog.snippet_ids()[::4])
    found = catalog.lexical(QUERY)
    matching = [id for id, _ in catalog.iterate(where)]
    expected = sorted(
        ((-score, id) for id, score in zip(matching, found.of(matching).tolist(), strict=True)),
    )
    ids, best = found.top(k, where)
    wanted = [(-score, id) for score, id in expected if score < 0][:k]
    assert [(score, id) for id, score in zip(ids.tolist(), best.tolist(), strict=True)] == wanted
    catalog.close()


def test_the_parts_of_a_score_are_its_words():
    catalog = new_catalog()
    first, second = add(catalog, [snippet("load date"), snippet("http http")])
    found = catalog.lexical(["load", "http", "absent"])
    assert found.parts(first) == {"load": pytest.approx(float(found.of([first])[0]))}
    assert list(found.parts(second)) == ["http"]
    assert found.parts(99) == {}
    catalog.close()


def test_words_can_have_weights():
    catalog = new_catalog()
    first, second = add(catalog, [snippet("load"), snippet("http")])
    ids, values = catalog.lexical({"load": 1.0, "http": 3.0}).top(2)
    assert ids.tolist() == [second, first]
    assert values[0] == pytest.approx(3 * values[1])
    catalog.close()


def test_ties_are_in_the_order_of_ids():
    catalog = new_catalog()
    ids = add(catalog, [snippet("load") for _ in range(9)])
    assert catalog.lexical(["load"]).top(4)[0].tolist() == ids[:4]
    catalog.close()


def test_fields_count_as_they_are_weighted():
    catalog = new_catalog()
    in_code, in_name = add(catalog, [snippet("load", "f"), snippet("x", "load")])
    assert catalog.lexical(["load"]).top(1)[0].tolist() == [in_name]
    for_code = FieldWeights(code=9.0, name=0.1)
    assert catalog.lexical(["load"], for_code).top(1)[0].tolist() == [in_code]
    catalog.close()


def test_segments_stay_few_while_a_run_adds_and_fewer_at_its_end():
    catalog = new_catalog()
    most = 0
    for _ in range(100):
        add(catalog, [snippet("load")])
        most = max(most, len(segments(catalog)))
    assert most <= 16
    with catalog.transaction():
        catalog.tidy()
    sizes = [size for size, _ in segments(catalog)]
    assert sum(sizes) == 100
    assert all(size >= 2 * sum(sizes[n:]) for n, size in enumerate(sizes, start=1))
    catalog.close()


def test_a_segment_of_which_most_was_removed_is_written_anew():
    catalog = new_catalog()
    ids = add(catalog, [snippet("load") for _ in range(10)])
    remove(catalog, ids[:4])
    assert segments(catalog) == [(10, 4)]
    remove(catalog, ids[4:7])
    with catalog.transaction():
        catalog.tidy()
    assert segments(catalog) == [(3, 0)]
    catalog.close()


def test_what_a_failed_transaction_has_written_is_not_seen(tmp_path):
    catalog = Catalog.create(tmp_path / "catalog.sqlite", {})
    add(catalog, [snippet("load")])
    with suppress(ZeroDivisionError), catalog.transaction():
        catalog._words.remove(catalog.snippet_ids())
        catalog._words.add([2], [snippet_values(snippet("date date"))])
        assert catalog.lexical(["date", "load"]).top(5)[0].tolist() == [2]
        raise ZeroDivisionError
    assert len(catalog.lexical(["load"]).top(5)[0]) == 1
    (second,) = add(catalog, [snippet("http")])
    assert catalog.lexical(["http"]).top(5)[0].tolist() == [second]
    catalog.close()


def test_a_reader_sees_what_another_connection_has_committed(tmp_path):
    writer = Catalog.create(tmp_path / "catalog.sqlite", {})
    reader = Catalog(tmp_path / "catalog.sqlite", readonly=True)
    assert len(reader.lexical(["load"]).top(5)[0]) == 0
    first, second = add(writer, [snippet("load"), snippet("load")])
    assert reader.lexical(["load"]).top(5)[0].tolist() == [first, second]
    remove(writer, [first])
    assert reader.lexical(["load"]).top(5)[0].tolist() == [second]
    for _ in range(20):
        add(writer, [snippet("load")])
    assert len(reader.lexical(["load"]).top(50)[0]) == 21
    assert np.all(reader.lexical(["load"]).of([first]) == 0)
    reader.close()
    writer.close()


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("機能を検索", True),
        ("🎉 🚀", False),
        ("the of and", False),
        ("", False),
        ('"load" OR (NEAR/2 date*) -x:y ^', True),
        (" ".join(f"unknown{n}" for n in range(10_000)) + " load", False),
        ("load " + " ".join(f"unknown{n}" for n in range(10_000)), True),
        ("LOADING dates", True),
    ],
)
def test_any_question_is_answered_also_of_a_single_snippet(question, found):
    catalog = new_catalog()
    ids = add(catalog, [snippet("load_date 検索機能")])
    assert catalog.lexical(query_words(question)).top(3)[0].tolist() == (ids if found else [])
    catalog.close()


def test_an_index_without_snippets_answers():
    catalog = new_catalog()
    found = catalog.lexical(["load"])
    assert found.top(3)[0].tolist() == []
    assert found.top(3, Filter(("a.py",)))[0].tolist() == []
    assert found.of([1]).tolist() == [0.0]
    assert found.parts(1) == {}
    catalog.close()
