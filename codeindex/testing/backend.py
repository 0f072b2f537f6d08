"""BackendContract: an index backend against brute force, closed, killed and opened again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from codeindex.filters import Filter, Payload
from codeindex.interfaces import Hit, IndexBackend
from codeindex.testing.contract import Contract, undecided
from codeindex.testing.killing import Step, kill_at_each_step
from codeindex.vectors import Embeddings, VectorSpace, unit

EVERYTHING = Filter()

Rows = dict[int, tuple[Embeddings, Payload]]


class BackendContract(Contract):
    """What the host relies on in an index backend.

    Attributes:
        recall: least share of the true nearest that a search finds; 1 for an exact backend.
        number: how many vectors the larger tests store.
        tolerance: how far a score may be from the exact one.
    """

    kind = "backend"
    recall: ClassVar[float] = 1.0
    number: ClassVar[int] = 600
    dim: ClassVar[int] = 32
    tolerance: ClassVar[float] = 1e-4

    # -- searching ---------------------------------------------------------------------------

    def test_scores_are_inner_products_best_first(self, tmp_path: Path) -> None:
        """Scores are inner products, higher is better, and the best come first."""
        backend, rows = self._filled(tmp_path)
        for hits, query in self._asked(backend, 10):
            scores = [hit.score for hit in hits]
            assert len(hits) == 10, f"{len(hits)} hits for k = 10"
            assert scores == sorted(scores, reverse=True), "the hits are not sorted best first"
            for hit in hits:
                assert hit.id in rows, f"id {hit.id} was never added"
                exact = float(rows[hit.id][0] @ query)
                assert abs(hit.score - exact) <= self.tolerance, (
                    f"id {hit.id} has score {hit.score:.5f}; its inner product is {exact:.5f}"
                )

    def test_the_nearest_are_found(self, tmp_path: Path) -> None:
        """A search finds the promised share of the true nearest vectors."""
        backend, rows = self._filled(tmp_path)
        answers = [(hits, _nearest(rows, query, 10)) for hits, query in self._asked(backend, 10)]
        self._assert_recall(answers)

    def test_ties_come_by_id(self, tmp_path: Path) -> None:
        """Equal scores are in the order of their ids, also where k cuts through them."""
        if self.recall < 1:
            undecided("an approximate backend may miss some of the tied")
        backend = self.open(tmp_path)
        vector = _vectors(1, self.dim)
        ids = [90, 10, 50, 30, 70]
        backend.add(ids, np.repeat(vector, 5, axis=0), [_payload(id) for id in ids])
        for k in range(1, 7):
            found = [hit.id for hit in backend.search(vector, k, EVERYTHING)[0]]
            assert found == sorted(ids)[:k], f"k = {k} gave {found}"

    def test_more_wanted_than_there_is_invents_nothing(self, tmp_path: Path) -> None:
        """With a k larger than the index, every id comes once and no other, not even −1."""
        backend = self.open(tmp_path)
        self._add(backend, [5, 6, 7])
        (hits,) = backend.search(_vectors(1, self.dim, seed=9), 50, EVERYTHING)
        found = [hit.id for hit in hits]
        assert len(found) == len(set(found)), f"an id comes twice: {found}"
        assert set(found) <= {5, 6, 7}, f"ids that were never added: {found}"
        assert self.recall < 1 or len(found) == 3, f"3 are there, {len(found)} were found"

    def test_an_empty_index_answers_nothing(self, tmp_path: Path) -> None:
        """An empty index gives an empty list for each query, and no queries give no lists."""
        backend = self.open(tmp_path)
        assert backend.search(_vectors(2, self.dim), 5, EVERYTHING) == [[], []]
        assert backend.search(_vectors(2, self.dim)[:0], 5, EVERYTHING) == []
        assert (len(backend), backend.ids()) == (0, [])

    def test_queries_together_are_answered_as_alone(self, tmp_path: Path) -> None:
        """A query's answer does not depend on the other queries."""
        backend, _ = self._filled(tmp_path)
        queries = _vectors(9, self.dim, seed=1)
        together = backend.search(queries, 5, EVERYTHING)
        assert len(together) == len(queries)
        for number, query in enumerate(queries):
            (alone,) = backend.search(query[None], 5, EVERYTHING)
            self._assert_same(together[number], alone, f"query {number}")

    def test_filters_are_exact(self, tmp_path: Path) -> None:
        """A filter that lets 20 %, 1 % or none through loses and adds nothing."""
        backend, rows = self._filled(tmp_path)
        for where in (
            Filter(kinds=("fifth",)),
            Filter(paths=("rare/**",)),
            Filter(paths=("rare",), languages=("python",)),
            Filter(kinds=("absent",)),
        ):
            allowed = {id: row for id, row in rows.items() if where.matches(row[1])}
            answers = []
            for hits, query in self._asked(backend, 10, where):
                wrong = [hit.id for hit in hits if hit.id not in allowed]
                assert not wrong, f"{where} let through {wrong}"
                answers.append((hits, _nearest(allowed, query, 10)))
            self._assert_recall(answers)

    # -- changing ----------------------------------------------------------------------------

    def test_adding_an_id_again_replaces_it(self, tmp_path: Path) -> None:
        """An id that is added again has the new vector and payload, and is there once."""
        backend = self.open(tmp_path)
        self._add(backend, [1, 2, 3])
        vector = _vectors(1, self.dim, seed=7)
        backend.add([2], vector, [Payload("new/place.py", "python", "other")])
        assert (len(backend), backend.ids()) == (3, [1, 2, 3])
        best = backend.search(vector, 1, EVERYTHING)[0][0]
        assert best.id == 2, f"the new vector of id 2 is not found; the best is {best}"
        assert abs(best.score - 1) <= self.tolerance
        (moved,) = backend.search(vector, 5, Filter(paths=("new",)))
        assert [hit.id for hit in moved] == [2], "the payload was not replaced"

    def test_removed_ids_are_gone(self, tmp_path: Path) -> None:
        """A removed id is not found again; removing what is not there is no error."""
        backend = self.open(tmp_path)
        self._add(backend, [1, 2, 3, 4])
        backend.remove([2, 4, 99])
        backend.remove([])
        assert (len(backend), backend.ids()) == (2, [1, 3])
        (hits,) = backend.search(_vectors(1, self.dim), 10, EVERYTHING)
        assert {hit.id for hit in hits} <= {1, 3}

    def test_inputs_are_left_untouched(self, tmp_path: Path) -> None:
        """Vectors that are added or asked for are not changed, not even normalised."""
        backend = self.open(tmp_path)
        vectors = 3 * _vectors(4, self.dim)
        copy = vectors.copy()
        backend.add([1, 2, 3, 4], vectors, [_payload(id) for id in (1, 2, 3, 4)])
        assert np.array_equal(vectors, copy), "add changed the caller's vectors"
        backend.search(vectors, 2, EVERYTHING)
        assert np.array_equal(vectors, copy), "search changed the caller's queries"

    def test_numbers_of_other_types_are_taken(self, tmp_path: Path) -> None:
        """float64 and strided arrays are stored and asked for as float32."""
        backend = self.open(tmp_path)
        vectors: Any = _vectors(8, self.dim)
        wide: Any = np.zeros((8, 2 * self.dim))
        wide[:, ::2] = vectors
        backend.add(list(range(4)), vectors[:4].astype(np.float64), [_payload(0)] * 4)
        backend.add(list(range(4, 8)), wide[4:, ::2], [_payload(0)] * 4)
        for id in range(8):
            (hits,) = backend.search(wide[id : id + 1, ::2], 1, EVERYTHING)
            assert hits and hits[0].id == id, f"vector {id} does not find itself"

    def test_what_is_no_vector_is_refused(self, tmp_path: Path) -> None:
        """NaN, infinity, a wrong dim, a missing payload, an id twice: ValueError, no change."""
        backend = self.open(tmp_path)
        self._add(backend, [1])
        good = _vectors(2, self.dim, seed=3)
        payloads = [_payload(5), _payload(6)]
        bad: list[tuple[Sequence[int], Any, Sequence[Payload], str]] = [
            ([5, 6], np.where(np.eye(2, self.dim) > 0, np.nan, good), payloads, "NaN"),
            ([5, 6], np.where(np.eye(2, self.dim) > 0, np.inf, good), payloads, "infinity"),
            ([5, 6], good[:, :-1], payloads, "a wrong dimension"),
            ([5, 6], good[0], payloads, "one dimension too few"),
            ([5, 6], good[:1], payloads, "fewer vectors than ids"),
            ([5, 6], good, payloads[:1], "fewer payloads than ids"),
            ([5, 5], good, payloads, "an id twice"),
        ]
        for ids, vectors, given, what in bad:
            try:
                backend.add(ids, vectors, given)
            except ValueError:
                pass
            else:
                raise AssertionError(f"{what} was taken")
            assert backend.ids() == [1], f"refusing {what} left something behind"
        for queries, what in ((good[:, :-1], "a wrong dimension"), (good * np.nan, "NaN")):
            try:
                backend.search(queries, 1, EVERYTHING)
            except ValueError:
                continue
            raise AssertionError(f"a query of {what} was taken")

    # -- lasting -----------------------------------------------------------------------------

    def test_closed_and_opened_again_it_is_the_same(self, tmp_path: Path) -> None:
        """What was committed is there after opening again: ids, answers, filters."""
        backend, _ = self._filled(tmp_path)
        backend.remove(backend.ids()[:7])
        files = backend.commit()
        ids, before = backend.ids(), self._asked(backend, 10)
        fifth = Filter(kinds=("fifth",))
        filtered = self._asked(backend, 10, fifth)
        backend.close()
        backend.close()
        again = self.open(tmp_path, files)
        assert again.ids() == ids, f"{len(ids)} were committed, {len(again)} are there"
        for old, new in zip(before, self._asked(again, 10), strict=True):
            self._assert_same(new[0], old[0], "after opening again")
        for old, new in zip(filtered, self._asked(again, 10, fifth), strict=True):
            self._assert_same(new[0], old[0], "with a filter, after opening again")

    def test_a_commit_names_its_files(self, tmp_path: Path) -> None:
        """`commit` gives the SHA-256 of every file that it consists of, within its folder."""
        backend = self.open(tmp_path)
        self._add(backend, [1, 2])
        files = backend.commit()
        backend.close()
        for name, digest in files.items():
            path = tmp_path / name
            assert not Path(name).is_absolute() and ".." not in Path(name).parts, name
            assert path.is_file(), f"{name} is not there"
            actual = hashlib.sha256(path.read_bytes()).hexdigest()
            assert actual == digest, f"{name}: the digest is not that of the file"

    def test_a_commit_leaves_the_files_of_the_one_before(self, tmp_path: Path) -> None:
        """A second opener goes on answering while another one commits, and after."""
        writer = self.open(tmp_path)
        self._add(writer, [1, 2, 3])
        files = writer.commit()
        if not files:
            undecided("it keeps nothing in its folder")
        digests = _digests(tmp_path, files)
        reader = self.open(tmp_path, files)
        writer.remove([1])
        self._add(writer, [4])
        writer.commit()
        assert _digests(tmp_path, files) == digests, "the files of the first commit were changed"
        assert reader.ids() == [1, 2, 3]
        (hits,) = reader.search(_vectors(1, self.dim), 5, EVERYTHING)
        assert {hit.id for hit in hits} <= {1, 2, 3}
        reader.close()
        late = self.open(tmp_path, files)
        assert late.ids() == [1, 2, 3], "the first commit can no longer be opened"
        late.close()
        writer.close()

    def test_killed_at_any_step_the_old_is_there_and_the_new_can_be_made(
        self, tmp_path: Path
    ) -> None:
        """Killed at any step of a commit, the last one is whole, and a repeat gives the new."""
        backend = self.open(tmp_path)
        self._add(backend, list(range(20)))
        files = dict(backend.commit())
        backend.close()
        step = Step(
            loaded=self.host().loaded,
            name=self.offer().spec.name,
            options=dict(self.options),
            dim=self.dim,
            files=files,
            remove=[0, 1],
            add=[20, 21, 22],
        )
        for folder, at in kill_at_each_step(step, tmp_path):
            after = self.open(folder, files)
            if files:
                assert after.ids() == list(range(20)), f"killed at {at}, the old state is gone"
            after.remove(step.remove)
            self._add(after, step.add)
            changed = after.commit()
            after.close()
            again = self.open(folder, changed)
            assert again.ids() == list(range(2, 23)), f"killed at {at}, a repeat gave another state"
            again.close()

    # -- helpers -----------------------------------------------------------------------------

    def open(self, folder: Path, files: Mapping[str, str] | None = None) -> IndexBackend:
        """The backend under test in `folder`, as of the commit that gave `files`."""
        spec, space = self.offer().spec, VectorSpace(self.dim)
        backend: IndexBackend = self.build(
            lambda options: spec.open(options, folder, space, files or {})
        )
        return backend

    def _filled(self, folder: Path) -> tuple[IndexBackend, Rows]:
        backend = self.open(folder)
        ids = list(range(3, 3 + self.number))
        vectors = _vectors(self.number, self.dim)
        payloads = [_payload(id) for id in ids]
        half = self.number // 2
        backend.add(ids[:half], vectors[:half], payloads[:half])
        backend.add(ids[half:], vectors[half:], payloads[half:])
        return backend, {
            id: (vector, payload)
            for id, vector, payload in zip(ids, vectors, payloads, strict=True)
        }

    def _add(self, backend: IndexBackend, ids: Sequence[int]) -> None:
        vectors = np.vstack([_vectors(1, self.dim, seed=100 + id) for id in ids])
        backend.add(ids, vectors, [_payload(id) for id in ids])

    def _asked(
        self, backend: IndexBackend, k: int, where: Filter = EVERYTHING
    ) -> list[tuple[list[Hit], Embeddings]]:
        queries = _vectors(12, self.dim, seed=1)
        return list(zip(backend.search(queries, k, where), queries, strict=True))

    def _assert_recall(self, answers: list[tuple[list[Hit], list[tuple[float, int]]]]) -> None:
        found = wanted = 0
        for hits, nearest in answers:
            # One that scores as well as the last of the nearest is as good as it.
            least = min((score for score, _ in nearest), default=0) - self.tolerance
            found += sum(hit.score >= least for hit in hits[: len(nearest)])
            wanted += len(nearest)
        recall = found / wanted if wanted else 1.0
        assert recall >= self.recall, f"recall {recall:.3f}, promised {self.recall}"

    def _assert_same(self, given: list[Hit], expected: list[Hit], what: str) -> None:
        assert len(given) == len(expected), f"{what}: {len(given)} hits, not {len(expected)}"
        for one, other in zip(given, expected, strict=True):
            close = abs(one.score - other.score) <= self.tolerance
            assert close, f"{what}: score {one.score:.5f}, not {other.score:.5f}"


def _vectors(number: int, dim: int, seed: int = 0) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(number, dim)).astype(np.float32)
    return unit(rows)


def _payload(id: int) -> Payload:
    folder = "rare" if id % 100 == 0 else f"package{id % 7}"
    return Payload(f"{folder}/m{id}.py", "python", "fifth" if id % 5 == 0 else "function")


def _nearest(rows: Rows, query: Embeddings, k: int) -> list[tuple[float, int]]:
    scored = [(float(vector @ query), id) for id, (vector, _) in rows.items()]
    return sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:k]


def _digests(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in files
        if (folder / name).is_file()
    }
