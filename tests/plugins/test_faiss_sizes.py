"""Backend `faiss` with a structure: SQ8, PQ, HNSW and IVF against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from test_faiss_backend import ALL, DIM, assert_same, fill, oracle, vectors

from codeindex.filters import Filter, Payload
from codeindex_faiss import nearest, structures
from codeindex_faiss.backend import FaissBackend
from codeindex_faiss.structures import Building, Searching

NUMBER = 4000
KINDS = ["sq8", "pq", "hnsw", "ivf"]
FILTERS = [
    ALL,
    Filter(kinds=("kind1", "kind2")),  # half of them
    Filter(paths=("pkg3",)),  # a fifth
    Filter(paths=("**/m7.py",)),  # a hundredth
    Filter(paths=("pkg2/m7.py",), kinds=("kind3",)),
]


def opened(folder, kind, files=None):
    how = Searching(ef=64, nprobe=32)
    return FaissBackend(folder, DIM, files or {}, building=Building(kind), searching=how)


def recall(given, expected):
    """Share of the wanted scores that were reached: equal ones stand for each other."""
    found = wanted = 0
    for hits, best in zip(given, expected, strict=True):
        found += sum(hit.score >= best[-1][0] - 1e-5 for hit in hits[: len(best)]) if best else 0
        wanted += len(best)
    return found / wanted if wanted else 1.0


@pytest.fixture(scope="module", params=KINDS)
def built(request, tmp_path_factory):
    """A generation, and after it: vectors added, replaced and removed, committed and opened."""
    folder = tmp_path_factory.mktemp(request.param)
    backend = opened(folder, request.param)
    store = fill(backend, NUMBER)
    backend.optimize()
    backend.commit()
    store |= fill(backend, 200, NUMBER, seed=5)
    store |= fill(backend, 100, 50, seed=6)
    backend.remove(list(range(1000, 1150)))
    for id in range(1000, 1150):
        del store[id]
    files = backend.commit()
    backend.close()
    backend = opened(folder, request.param, files)
    facts = backend.facts()
    assert (facts["type"], facts["generation"]) == (request.param, NUMBER)
    assert (facts["added_since"], facts["removed_since"]) == (300, 250)
    return backend, store


@pytest.mark.parametrize("where", FILTERS)
@pytest.mark.parametrize("scanned", [True, False])
def test_the_nearest_are_found_with_their_exact_scores(built, where, scanned, monkeypatch):
    if not scanned:
        monkeypatch.setattr(nearest, "COPIED_VALUES", 0)
    backend, store = built
    backend._kept.clear()
    queries = vectors(40, seed=1)
    together = backend.search(queries, 10, where)
    expected = oracle(store, queries, 10, where)
    assert recall(together, expected) >= (0.99 if scanned and where else 0.9)
    for query, hits in zip(queries, together, strict=True):
        assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.id))
        for hit in hits:
            vector, facts = store[hit.id]
            assert where.matches(facts)
            assert hit.score == pytest.approx(float(vector @ query), abs=1e-5)


def test_every_vector_finds_itself(built):
    backend, store = built
    ids = list(store)[::37]
    answers = backend.search(np.vstack([store[id][0] for id in ids]), 1, ALL)
    assert [hits[0].id for hits in answers] == ids


def test_more_removed_than_asked_for_leaves_enough(tmp_path):
    """The best are all gone: the search goes on until it has as many as were asked for."""
    backend = opened(tmp_path, "sq8")
    store = fill(backend, 600)
    backend.optimize()
    query = vectors(1, seed=1)
    best = [id for _, id in oracle(store, query, 100)[0]]
    backend.remove(best)
    for id in best:
        del store[id]
    assert_same(backend.search(query, 5, ALL), oracle(store, query, 5))
    assert_same(backend.search(query, 500, ALL), oracle(store, query, 500))


def test_auto_is_exact_until_there_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr(structures, "EXACT_BELOW", 300)
    backend = FaissBackend(tmp_path, DIM, {})
    fill(backend, 300)
    backend.commit()
    assert not backend.needs_optimizing()
    assert backend.facts()["type"] == "flat"
    fill(backend, 100, 300)
    assert backend.needs_optimizing()
    before = backend.commit()
    assert backend.facts()["type"] == "flat", "a commit must not take minutes"
    backend.optimize()
    assert not backend.needs_optimizing()
    assert backend.facts()["type"] == "pq"
    after = backend.commit()
    assert not set(before) & set(after)


def test_a_large_index_is_renewed_when_a_fifth_of_it_has_changed(tmp_path):
    backend = opened(tmp_path, "hnsw")
    fill(backend, 100)
    backend.optimize()
    first = backend.commit()
    fill(backend, 15, 100)
    backend.remove([0, 1, 2, 3, 4])
    second = backend.commit()
    assert not backend.needs_optimizing()
    assert set(first) < set(second)
    backend.remove([5])
    assert backend.needs_optimizing()
    backend.optimize()
    assert backend.facts()["generation"] == len(backend) == 109


def test_optimize_stopped_leaves_all_as_it_was(tmp_path, monkeypatch):
    backend = opened(tmp_path, "hnsw")
    store = fill(backend, 500)
    files = backend.commit()
    backend.remove([7])
    del store[7]

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(structures, "build", stop)
    with pytest.raises(KeyboardInterrupt):
        backend.optimize()
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    queries = vectors(3, seed=1)
    assert_same(backend.search(queries, 5, ALL), oracle(store, queries, 5))


@pytest.mark.parametrize("dim", [1, 2, 3, 7, 8, 30])
@pytest.mark.parametrize("number", [1, 5, 40, 700])
def test_packed_codes_of_any_dimension_and_of_few_vectors(tmp_path, dim, number):
    rng = np.random.default_rng(dim)
    made = rng.normal(size=(number, dim)).astype(np.float32)
    how = Searching(candidates=number)
    backend = FaissBackend(tmp_path, dim, {}, building=Building("pq"), searching=how)
    backend.add(range(number), made, [Payload("a.py", "python", "function")] * number)
    backend.optimize()
    files = backend.commit()
    backend = FaissBackend(tmp_path, dim, files, building=Building("pq"), searching=how)
    assert backend.facts()["type"] == "pq"
    queries = rng.normal(size=(3, dim)).astype(np.float32)
    for query, hits in zip(queries, backend.search(queries, 10, ALL), strict=True):
        best = np.sort(made @ query)[::-1][:10]
        assert [hit.score for hit in hits] == pytest.approx(best.tolist(), abs=1e-5)


def test_a_filter_that_lets_too_much_through_to_be_copied_is_exact(tmp_path, monkeypatch):
    monkeypatch.setattr(nearest, "COPIED_VALUES", 0)
    monkeypatch.setattr(nearest, "_PACKED_VALUES", 0)
    backend = opened(tmp_path, "pq")
    store = fill(backend, 3000)
    backend.optimize()
    queries = vectors(5, seed=1)
    where = Filter(kinds=("kind1", "kind2"))
    assert_same(backend.search(queries, 10, where), oracle(store, queries, 10, where))


def test_more_candidates_find_more(tmp_path):
    backend = opened(tmp_path, "pq")
    store = fill(backend, 4000)
    backend.optimize()
    files = backend.commit()
    queries = vectors(40, seed=1)
    expected = oracle(store, queries, 10)
    reached = []
    for number in (1, 200, 4000):
        how = Searching(candidates=number)
        other = FaissBackend(tmp_path, DIM, files, building=Building("pq"), searching=how)
        reached.append(recall(other.search(queries, 10, ALL), expected))
    assert reached == sorted(reached)
    assert reached[0] < reached[-1] == 1
