"""Backend `faiss` against brute force: scores, order, filters, durability, damage."""

from __future__ import annotations

import hashlib
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeindex.errors import DamagedIndexError, StorageError
from codeindex.filters import Filter, Payload
from codeindex_faiss.backend import FaissBackend
from codeindex_faiss.payloads import Payloads
from codeindex_faiss.structures import Building

DIM = 16
ALL = Filter()


def vectors(number, seed=0, dim=DIM):
    rows = np.random.default_rng(seed).normal(size=(number, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def payload(id):
    return Payload(f"pkg{id % 5}/m{id % 100}.py", "python" if id % 2 else "sql", f"kind{id % 4}")


def oracle(store, queries, k, where=ALL):
    answers = []
    for query in queries:
        hits = [
            (float(np.float32(vector @ query)), id)
            for id, (vector, facts) in store.items()
            if where.matches(facts)
        ]
        answers.append(sorted(hits, key=lambda hit: (-hit[0], hit[1]))[:k])
    return answers


def assert_same(given, expected):
    assert len(given) == len(expected)
    for hits, wanted in zip(given, expected, strict=True):
        assert [hit.score for hit in hits] == pytest.approx([s for s, _ in wanted], abs=1e-5)
        # Ids may differ only where scores are equal to rounding.
        assert len({hit.id for hit in hits}) == len(hits)
        for hit, (score, id) in zip(hits, wanted, strict=True):
            assert hit.id == id or abs(hit.score - score) < 1e-5


def fill(backend, number, first=0, seed=0):
    ids = list(range(first, first + number))
    rows = vectors(number, seed)
    backend.add(ids, rows, [payload(id) for id in ids])
    return {id: (row, payload(id)) for id, row in zip(ids, rows, strict=True)}


@pytest.fixture
def filled(tmp_path):
    backend = FaissBackend(tmp_path, DIM, {})
    ids = list(range(3, 603))
    rows = vectors(len(ids))
    backend.add(ids, rows, [payload(id) for id in ids])
    return backend, {id: (row, payload(id)) for id, row in zip(ids, rows, strict=True)}


@pytest.mark.parametrize(
    "where",
    [
        ALL,
        Filter(languages=("python",)),
        Filter(paths=("pkg3",)),
        Filter(paths=("**/m7.py",)),
        Filter(kinds=("kind1", "kind2"), languages=("sql",)),
        Filter(kinds=("none",)),
    ],
)
@pytest.mark.parametrize("k", [1, 10, 1000])
def test_results_are_those_of_brute_force(filled, where, k):
    backend, store = filled
    queries = vectors(7, seed=1)
    assert_same(backend.search(queries, k, where), oracle(store, queries, k, where))


def test_equal_scores_come_by_id_also_at_the_cut(tmp_path):
    backend = FaissBackend(tmp_path, DIM, {})
    row = vectors(1)
    ids = [90, 10, 50, 30, 70]
    backend.add(ids, np.repeat(row, 5, axis=0), [payload(id) for id in ids])
    for k in range(1, 7):
        assert [hit.id for hit in backend.search(row, k, ALL)[0]] == sorted(ids)[:k]


@pytest.mark.parametrize("threads", [2, 3])
def test_a_scan_by_several_threads_gives_the_same(tmp_path, monkeypatch, threads):
    monkeypatch.setattr("codeindex_faiss.scan._PARTS_FROM", 0)
    started = threading.active_count()
    backend = FaissBackend(tmp_path, DIM, {}, threads)
    rows = np.repeat(vectors(40), 5, axis=0)  # many ties, also at the cut
    store = {id: (row, payload(id)) for id, row in zip(range(100, 300), rows, strict=True)}
    backend.add(list(store), rows, [facts for _, facts in store.values()])
    queries = vectors(6, seed=1)
    for k in (1, 7, 199, 200, 1000):
        for query in queries:
            given = backend.search(query[None], k, ALL)
            assert_same(given, oracle(store, query[None], k))
            for hits in given:
                assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.id))
    assert threading.active_count() > started, "one thread did it all"
    backend.remove([100, 299])
    del store[100], store[299]
    assert_same(backend.search(queries[:1], 198, ALL), oracle(store, queries[:1], 198))
    before = threading.active_count()
    backend.close()
    assert threading.active_count() < before


def test_an_empty_index_and_no_queries(tmp_path):
    backend = FaissBackend(tmp_path, DIM, {})
    assert backend.search(vectors(2), 5, ALL) == [[], []]
    assert backend.search(vectors(0), 5, ALL) == []
    assert (len(backend), backend.ids()) == (0, [])


def test_an_id_added_again_is_replaced(filled):
    backend, store = filled
    new = vectors(1, seed=9)
    backend.add([5], new, [Payload("new.py", "rust", "kind9")])
    assert len(backend) == len(store)
    assert backend.search(new, 1, ALL)[0][0].id == 5
    assert [hit.id for hit in backend.search(new, 9, Filter(languages=("rust",)))[0]] == [5]


def test_removed_ids_are_gone_and_absent_ones_no_error(filled):
    backend, store = filled
    backend.remove([3, 4, 99_999])
    backend.remove([3])
    backend.remove([])
    for id in (3, 4):
        del store[id]
    queries = vectors(3, seed=2)
    assert_same(backend.search(queries, 700, ALL), oracle(store, queries, 700))
    assert backend.ids() == sorted(store)


@pytest.mark.parametrize(
    ("ids", "rows", "said"),
    [
        ([1, 1], vectors(2), "twice"),
        ([-1], vectors(1), "negative"),
        ([1], vectors(1, dim=8), "shape"),
        ([1], np.full((1, DIM), np.nan), "NaN"),
        ([1, 2], vectors(1), "expected 2 vectors"),
    ],
)
def test_what_cannot_be_stored_is_refused_and_changes_nothing(filled, ids, rows, said):
    backend, store = filled
    with pytest.raises(ValueError, match=said):
        backend.add(ids, rows, [payload(id) for id in ids])
    assert backend.ids() == sorted(store)


def test_inputs_of_other_types_are_taken_and_left_untouched(tmp_path):
    backend = FaissBackend(tmp_path, DIM, {})
    rows = np.asfortranarray(vectors(6).astype(np.float64))[::2]
    before = rows.copy()
    backend.add([1, 2, 3], rows, [payload(id) for id in (1, 2, 3)])
    query = vectors(6)[:1].copy()
    assert backend.search(query, 1, ALL)[0][0].id == 1
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(query, vectors(6)[:1])
    with pytest.raises(ValueError, match="NaN"):
        backend.search(np.full((1, DIM), np.nan), 1, ALL)


def test_closed_and_opened_again_it_is_the_same(filled, tmp_path):
    backend, store = filled
    files = backend.commit()
    for name, digest in files.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    backend.close()
    backend.close()
    again = FaissBackend(tmp_path, DIM, files)
    queries = vectors(4, seed=3)
    for where in (ALL, Filter(paths=("pkg1",))):
        assert_same(again.search(queries, 12, where), oracle(store, queries, 12, where))
    assert again.commit() == files


def test_a_commit_leaves_the_old_generation_for_who_still_reads_it(filled, tmp_path):
    backend, store = filled
    first = backend.commit()
    backend.remove([3])
    second = backend.commit()
    assert set(first) < set(second), "a small change does not write everything anew"
    backend.remove(list(range(4, 400)))
    third = backend.commit()
    assert not set(first) & set(third)
    assert FaissBackend(tmp_path, DIM, first).ids() == sorted(store)
    assert FaissBackend(tmp_path, DIM, second).ids() == sorted(store)[1:]
    assert FaissBackend(tmp_path, DIM, third).ids() == sorted(store)[397:]
    assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_is_told_and_nothing_is_lost(filled, tmp_path, monkeypatch):
    backend, store = filled

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("codeindex_faiss.files.os.fsync", full)
        with pytest.raises(StorageError, match="No space left"):
            backend.commit()
    assert list(tmp_path.iterdir()) == []
    assert FaissBackend(tmp_path, DIM, backend.commit()).ids() == sorted(store)


@pytest.mark.parametrize("ending", [".vectors.npy", ".ids.npy", ".payload.npz", ".sq8.faiss"])
@pytest.mark.parametrize("size", [0, 100])
def test_a_truncated_file_is_damage(tmp_path, ending, size):
    backend = FaissBackend(tmp_path, DIM, {}, building=Building("sq8"))
    fill(backend, 200)
    files = backend.commit()
    (path,) = tmp_path.glob(f"*{ending}")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DamagedIndexError, match="cannot read"):
        FaissBackend(tmp_path, DIM, files).search(vectors(1), 1, Filter(kinds=("kind1",)))


def test_files_of_another_generation_are_damage(tmp_path):
    backend = FaissBackend(tmp_path, DIM, {})
    fill(backend, 200)
    first = backend.commit()
    backend.remove([0])
    second = backend.commit()
    backend.remove(list(range(100)))
    third = backend.commit()
    (delta,) = set(second) - set(first)
    with pytest.raises(DamagedIndexError, match="another generation"):
        FaissBackend(tmp_path, DIM, {**third, delta: second[delta]})


def test_another_dimension_is_damage(filled, tmp_path):
    files = filled[0].commit()
    with pytest.raises(DamagedIndexError, match="cannot read"):
        FaissBackend(tmp_path, 8, files)


_IDS = st.lists(st.integers(0, 30), min_size=0, max_size=6, unique=True)


@settings(deadline=None)
@given(
    st.sampled_from(["auto", "sq8", "hnsw", "ivf"]),
    st.lists(st.tuples(st.sampled_from(["add", "remove", "reopen", "optimize"]), _IDS), max_size=8),
)
def test_any_sequence_of_changes_equals_a_dictionary(tmp_path_factory, kind, steps):
    """So few vectors are found by every kind."""
    folder = tmp_path_factory.mktemp("faiss")
    building = Building(kind)
    backend, store = FaissBackend(folder, DIM, {}, building=building), {}
    for number, (step, ids) in enumerate(steps):
        if step == "add":
            rows = vectors(len(ids), seed=number)
            backend.add(ids, rows, [payload(id) for id in ids])
            store.update({id: (row, payload(id)) for id, row in zip(ids, rows, strict=True)})
        elif step == "remove":
            backend.remove(ids)
            store = {id: row for id, row in store.items() if id not in ids}
        elif step == "optimize":
            backend.optimize()
        else:
            files = backend.commit()
            backend.close()
            backend = FaissBackend(folder, DIM, files, building=building)
        assert backend.ids() == sorted(store)
    queries = vectors(2, seed=99)
    for where in (ALL, Filter(languages=("sql",))):
        assert_same(backend.search(queries, 5, where), oracle(store, queries, 5, where))


@given(
    st.dictionaries(
        st.integers(0, 2**62), st.tuples(st.text(max_size=9), st.text(max_size=3)), max_size=8
    )
)
def test_payloads_survive_bytes_whatever_the_text(rows):
    facts = [Payload(path, language, "k") for path, language in rows.values()]
    again = Payloads.from_arrays(Payloads.of(list(rows), facts).arrays())
    for id, fact in zip(rows, facts, strict=True):
        found = again.ids[again.mask(Filter(languages=(fact.language,)))]
        assert id in found
    assert len(again) == len(rows)
