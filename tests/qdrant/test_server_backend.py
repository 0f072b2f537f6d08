"""The backend `qdrant` by itself: how a collection is made, filled, searched and checked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from codeindex.errors import DamagedIndexError, UnavailableError, UsageError
from codeindex.filters import Filter, Payload
from codeindex.vectors import unit
from codeindex_qdrant.payload import RESERVED
from codeindex_qdrant.server import querying
from codeindex_qdrant.server.backend import QdrantBackend
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server_spec import QdrantOptions

EVERYTHING = Filter()


def rows(number, dim=8, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(number, dim)).astype(np.float32))


def payloads(number):
    return [Payload(f"p{id % 3}/m{id}.py", "python", "function") for id in range(number)]


@pytest.fixture
def open_backend(server, tmp_path):
    opened = []

    def open_backend(files=(), dim=8, folder=tmp_path, **options):
        options = QdrantOptions(**{"url": server.url, **options})
        backend = QdrantBackend(Connection(options), folder, dim, dict(files))
        opened.append(backend)
        return backend

    yield open_backend
    server.heal()
    for backend in opened:
        backend.close()


def collection(server):
    (only,) = server.store.collections.values()
    return only


def test_nothing_is_made_before_there_is_something_to_store(server, open_backend):
    backend = open_backend()
    assert (len(backend), backend.ids(), backend.search(rows(1), 3, EVERYTHING)) == (0, [], [[]])
    backend.remove([1, 2])
    backend.close()
    assert server.log == []


def test_how_a_collection_is_made(server, open_backend):
    backend = open_backend(
        shard_number=6,
        replication_factor=2,
        write_consistency_factor=2,
        on_disk=True,
        quantization="scalar",
        m=8,
        ef_construct=64,
    )
    backend.add([1], rows(1), payloads(1))
    made = collection(server).made
    (name, vector), *others = made.vectors.items()
    assert not others
    assert (name, vector.size, vector.distance.value, vector.on_disk) == ("dense", 8, "Dot", True)
    assert (made.shard_number, made.replication_factor, made.write_consistency_factor) == (6, 2, 2)
    assert (made.hnsw_config.m, made.hnsw_config.ef_construct) == (8, 64)
    assert made.quantization_config.scalar.type.value == "int8"
    fields = ["language", "kind", "path", "folders", "parts", "id"]
    # Each before the first point, or the vector index has no links for filters.
    assert collection(server).index_order == [(field, 0) for field in fields]
    assert collection(server).indexes["id"] == "integer"


def test_what_is_not_asked_for_is_left_to_the_server(server, open_backend):
    open_backend().add([1], rows(1), payloads(1))
    (made,) = (body for body in server.bodies if "vectors" in body and "Dot" in body)
    assert set(json.loads(made)) == {"vectors", "on_disk_payload"}


def test_every_change_is_waited_for(server, open_backend):
    backend = open_backend(batch_size=3)
    backend.add(range(10), rows(10), payloads(10))
    backend.remove([3])
    backend.commit()
    changes = [line for line in server.log if "/points?" in line or "delete" in line]
    assert len(changes) == 4 + 1 + 2  # batches, a delete, the state before and after
    changes += [line for line in server.log if "/index" in line]
    assert all("wait=true" in line for line in changes), changes


@pytest.mark.parametrize("parallel", [1, 3])
def test_an_upload_that_fails_stops_and_can_be_repeated(server, open_backend, parallel):
    backend = open_backend(batch_size=2, parallel=parallel, retries=0)
    server.answer(500, times=99, on=r"PUT .*/points\?", skip=4)
    with pytest.raises(UnavailableError):
        backend.add(range(100), rows(100), payloads(100))
    sent = len([line for line in server.log if "PUT" in line and "/points?" in line])
    assert sent <= 4 + 2 * parallel
    server.heal()
    backend.add(range(100), rows(100), payloads(100))
    backend.commit()
    assert len(backend) == 100


def test_a_collection_that_is_made_twice_because_an_answer_was_lost(server, open_backend):
    server.drop(on=r"PUT /collections/[^/]+$", after=True)
    backend = open_backend()
    backend.add([1], rows(1), payloads(1))
    backend.commit()
    assert backend.ids() == [1]


def test_ids_come_from_all_pages(server, open_backend, monkeypatch):
    monkeypatch.setattr(querying, "_PAGE", 7)
    backend = open_backend()
    backend.add(range(30), rows(30), payloads(30))
    assert backend.ids() == list(range(30))
    assert len([line for line in server.log if "scroll" in line]) == 5


def test_ties_are_by_id_also_among_many(open_backend):
    backend = open_backend()
    same = np.repeat(rows(1), 300, axis=0)
    ids = np.random.default_rng(1).permutation(300).tolist()
    backend.add(ids, same, payloads(300))
    backend.add([1000], rows(1, seed=5), payloads(1))
    both = np.vstack([rows(1), rows(1, seed=5)])
    for k in (1, 5, 299, 300, 301, 500):
        first, second = backend.search(both, k, EVERYTHING)
        assert [hit.id for hit in first] == [*range(300), 1000][:k]
        assert [hit.id for hit in second] == [1000, *range(300)][:k]


def test_the_nearest_one_is_looked_for_exactly(server, open_backend):
    backend = open_backend(ef=77, quantization="binary")
    backend.add(range(5), rows(5), payloads(5))
    for k, exact in ((1, True), (3, False)):
        backend.search(rows(1), k, EVERYTHING)
        asked = json.loads(server.bodies[-1])["searches"][0]
        assert asked["params"]["exact"] is exact
        assert asked["params"]["hnsw_ef"] == 77
        assert asked["params"]["quantization"]["rescore"] is True


def test_distinct_paths_are_asked_for_once_a_commit(server, open_backend):
    backend = open_backend()
    backend.add(range(9), rows(9), payloads(9))
    files = backend.commit()
    reader = open_backend(files)
    where = Filter(paths=("p[01]/*",))

    def facets():
        return len([line for line in server.log if "facet" in line])

    for _ in range(3):
        found = {hit.id for hit in reader.search(rows(1), 9, where)[0]}
        assert found == {0, 1, 3, 4, 6, 7}
    assert facets() == 1
    backend.add([9], rows(1, seed=4), [Payload("p1/new.py", "python", "function")])
    assert 9 in {hit.id for hit in reader.search(rows(1), 9, where)[0]}
    backend.commit()
    assert 9 in {hit.id for hit in reader.search(rows(1), 9, where)[0]}
    before = facets()
    assert 9 in {hit.id for hit in reader.search(rows(1), 9, where)[0]}
    assert facets() == before


@pytest.mark.parametrize("when", ["new", "changed"])
def test_what_the_server_lost_is_found_before_the_commit(server, open_backend, when):
    backend = open_backend()
    backend.add(range(5), rows(5), payloads(5))
    if when == "changed":
        backend.commit()
        backend.add(range(5, 10), rows(5, seed=2), payloads(5))
        backend.remove([0])
    named = dict(server.store.aliases)
    points = collection(server).points
    lost = 4 if when == "new" else 7
    del points[next(id for id, point in points.items() if point.payload.get("id") == lost)]
    with pytest.raises(DamagedIndexError):
        backend.commit()
    assert server.store.aliases == named


def test_a_commit_without_changes_asks_nothing(server, open_backend):
    backend = open_backend()
    backend.add([1], rows(1), payloads(1))
    files = backend.commit()
    before = len(server.log)
    assert backend.commit() == files
    assert len(server.log) == before


def test_a_new_collection_that_is_not_committed_is_deleted(server, open_backend):
    backend = open_backend()
    backend.add([1], rows(1), payloads(1))
    assert server.store.collections
    backend.close()
    assert not server.store.collections


def test_an_index_that_never_changes_hands(server, open_backend, tmp_path):
    """Another id than the collection's: refused when it is opened, and when it is made."""
    backend = open_backend()
    backend.describe({"id": "one", "encoder": {"dim": 8, "name": "words"}})
    backend.add([1], rows(1), payloads(1))
    files = backend.commit()
    with pytest.raises(UsageError, match=r"another index \(one\)"):
        open_backend(files).describe({"id": "two"})
    other = tmp_path / "other"
    other.mkdir()
    late = open_backend(folder=other)
    with pytest.raises(UsageError, match=r"another index \(one, 1 snippets.*'words'"):
        late.describe({"id": "two"})
    late.add([1], rows(1), payloads(1))  # as if the name had been free when it was described
    with pytest.raises(UsageError, match="another index"):
        late.commit()


def test_a_record_that_is_none_is_damage(open_backend, tmp_path):
    backend = open_backend()
    backend.add([1], rows(1), payloads(1))
    (name,) = files = backend.commit()
    (tmp_path / name).write_text("[]")
    with pytest.raises(DamagedIndexError, match="cannot read"):
        open_backend(files)
    with pytest.raises(DamagedIndexError, match="no record"):
        open_backend({"other.json": ""})


def test_the_reserved_point_is_never_found(server, open_backend):
    backend = open_backend()
    backend.add(range(3), rows(3), payloads(3))
    backend.commit()
    assert RESERVED in collection(server).points
    (hits,) = backend.search(rows(1), 50, EVERYTHING)
    assert len(hits) == len(backend) == len(backend.ids()) == 3
