"""An index on a server, end to end: what goes wrong is said, nothing is lost, drift shows."""

from __future__ import annotations

import shutil
import threading

import pytest

from codeindex import Index
from codeindex.errors import DamagedIndexError, EncoderMismatch, UnavailableError, UsageError
from codeindex.remote import AttachedIndex


def names(index, query, **where):
    return [result.snippet.name for result in index.search(query, **where)]


def points(server, name="codeindex"):
    """How many snippets the collection of that name holds."""
    return len(server.store.get(name).points) - 1


@pytest.fixture
def filled(open_index):
    index = open_index()
    index.update()
    return index


def change(tree):
    (tree / "new.txt").write_text("zebra stripes\n")
    (tree / "tools.txt").write_text("saw sharp teeth\n")


def check_changed(index, server):
    """The state after `change`, in the catalog, in the answers and on the server."""
    assert names(index, "zebra stripes")[0] == "zebra"
    assert "hammer" not in names(index, "hammer")
    report = index.verify()
    assert report.ok, report.problems
    status = index.status()
    assert status["drift"] is None
    assert status["pending_changes"] == 0
    assert points(server) == 4


def test_an_index_is_made_changed_searched_and_says_where_it_is(tree, filled, server):
    assert names(filled, "iron")[0] == "hammer"
    assert sorted(names(filled, "iron", paths="fruit.txt")) == ["apple", "banana"]
    change(tree)
    filled.update()
    check_changed(filled, server)
    facts = filled.status()["backend_facts"]
    (physical,) = server.store.collections
    assert facts["physical"] == physical
    assert physical.startswith("codeindex--")
    assert (facts["url"], facts["collection"], facts["named"]) == (server.url, "codeindex", True)
    assert (facts["points"], facts["status"]) == (4, "green")


def test_a_path_filter_that_fields_cannot_answer_follows_changes(tree, filled):
    assert names(filled, "iron", paths="*.tx[a-z]", top_k=9)
    (tree / "sub").mkdir()
    (tree / "sub" / "deep.txt").write_text("iron gate\n")
    filled.update()
    assert names(filled, "iron gate", paths="s?b/*.txt") == ["iron"]
    assert names(filled, "iron gate", paths="none*.txt") == []


# -- the server fails ------------------------------------------------------------------------

POINTS = r"PUT /collections/[^/]+/points\?"


def planted(server, fault):
    """A fault that strikes the second half of an update, until `heal`."""
    match fault:
        case "gone":
            server.call(lambda: server.drop(times=999), on=POINTS)
        case "dropped":
            server.drop(times=999, on=POINTS, skip=1)
        case "429":
            server.answer(429, times=999, on=POINTS, skip=1, Retry_After="3")
        case "500":
            server.answer(500, times=999, on=POINTS, skip=1)
        case "unremoved":
            server.answer(503, times=999, on="points/delete")
        case "uncommitted":
            server.answer(500, times=999, on=POINTS, skip=2)
        case "lost":
            server.drop(times=999, on=POINTS, skip=1, after=True)


@pytest.mark.parametrize(
    "fault", ["gone", "dropped", "429", "500", "unremoved", "uncommitted", "lost"]
)
@pytest.mark.parametrize("again", ["same process", "new process"])
def test_a_server_that_fails_in_the_middle_loses_nothing(
    tree, filled, server, open_index, fault, again
):
    change(tree)
    planted(server, fault)
    with pytest.raises(UnavailableError, match="nothing is lost.*: codeindex index"):
        filled.update()
    assert filled.status()["pending_changes"] > 0
    server.heal()
    assert not filled.verify().ok
    index = filled
    if again == "new process":
        filled.close()
        index = open_index()
    index.update()
    check_changed(index, server)


def test_a_server_that_fails_in_passing_is_not_noticed(tree, filled, server, pauses):
    change(tree)
    server.answer(503, times=2, on=POINTS)
    server.answer(429, on="points/delete", Retry_After="2")
    server.drop(on="points/count")
    filled.update()
    assert len(pauses) == 4
    check_changed(filled, server)


def test_a_server_that_is_away_during_the_first_run(tree, open_index, server):
    server.stop()
    index = open_index(retries=0)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        index.update()
    server.start()
    index.update()
    assert names(index, "iron")[0] == "hammer"
    assert index.verify().ok


def test_a_server_that_is_away_is_said_by_search_status_and_verify(filled, server):
    server.stop()
    with pytest.raises(UnavailableError, match="cannot be reached"):
        filled.search("iron")
    assert "cannot be reached" in filled.status()["drift"]
    assert "cannot be reached" in filled.verify().problems[0]
    server.start()
    assert names(filled, "iron")[0] == "hammer"
    assert filled.verify().ok


def test_a_server_that_is_slow_is_said_and_the_next_run_finishes(tree, filled, server, open_index):
    filled.close()
    change(tree)
    release = threading.Event()
    server.stall(release, times=9, on=POINTS)
    slow = open_index(timeout=1, retries=0)
    try:
        with pytest.raises(UnavailableError, match="gives no answer within 1 s"):
            slow.update()
    finally:
        release.set()
    slow.close()
    server.heal()
    index = open_index()
    index.update()
    check_changed(index, server)


@pytest.mark.parametrize("key", ["", "wr0ng"])
def test_a_wrong_key_is_said_and_is_nowhere(tree, open_index, server, monkeypatch, capsys, key):
    monkeypatch.setenv("MY_KEY", "s3cret")
    server.api_key = "s3cret"
    index = open_index(api_key_env="MY_KEY")
    index.update()
    index.close()
    change(tree)
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(UnavailableError, match="MY_KEY") as caught:
        open_index(api_key_env="MY_KEY").update()
    monkeypatch.setenv("MY_KEY", "s3cret")
    index = open_index()  # the name is kept, not the key
    index.update()
    check_changed(index, server)
    index.close()
    kept = b"".join(path.read_bytes() for path in tree.rglob("*") if path.is_file())
    said = str(caught.value) + "".join(capsys.readouterr())
    for secret in ("s3cret", "wr0ng"):
        assert secret.encode() not in kept
        assert secret not in said
        assert secret not in "".join(server.bodies)


# -- the server holds something else ---------------------------------------------------------


def physical_of(server):
    return server.store.aliases["codeindex"]


def deleted(server):
    server.store.drop(physical_of(server))


def of_another_dimension(server):
    server.store.get("codeindex").made.vectors["dense"].size = 32


def lost_a_point(server):
    collection = server.store.get("codeindex")
    collection.points.pop(next(id for id, point in collection.points.items() if point.vectors))


def got_a_point(server):
    collection = server.store.get("codeindex")
    other = next(point for point in collection.points.values() if point.vectors)
    collection.points["00000000-0000-0000-0000-000000000001"] = other


def restored_from_a_snapshot(server):
    collection = server.store.get("codeindex")
    state = next(point for point in collection.points.values() if not point.vectors)
    state.payload["codeindex"].update(token="of an earlier commit")


def without_its_state(server):
    collection = server.store.get("codeindex")
    collection.points.pop(next(id for id, point in collection.points.items() if not point.vectors))


DRIFTS = [
    (deleted, "doesn't exist"),
    (of_another_dimension, "32 dimensions, not 64"),
    (lost_a_point, "holds 3 snippets; 4 were committed"),
    (got_a_point, "holds 5 snippets; 4 were committed"),
    (restored_from_a_snapshot, "restored from a snapshot"),
    (without_its_state, "no longer says which index"),
]


@pytest.mark.parametrize(("drift", "said"), DRIFTS, ids=lambda item: getattr(item, "__name__", ""))
@pytest.mark.parametrize("remedy", ["search", "update", "repair"])
def test_drift_shows_and_is_mended_without_embedding(
    tree, filled, server, open_index, toys, drift, said, remedy
):
    filled.close()
    drift(server)
    embedded = len(toys.embedded)
    index = open_index()
    assert said in index.status()["drift"]
    assert said in index.verify().problems[0]
    if remedy == "search":
        assert names(index, "iron")[0] == "hammer"
    elif remedy == "update":
        change(tree)
        index.update()
        check_changed(index, server)
        assert len(toys.embedded) == embedded + 1
        return
    else:
        assert index.verify(repair=True).ok
    assert index.verify().ok
    assert index.status()["drift"] is None
    assert points(server) == 4
    assert len(toys.embedded) == embedded


def test_a_vector_that_changed_on_the_server_is_found_by_verify(filled, server):
    collection = server.store.get("codeindex")
    point = next(point for point in collection.points.values() if point.vectors)
    point.vectors["dense"] = -point.vectors["dense"]
    assert "1 of 4 sampled vectors differ" in filled.verify().problems[0]
    assert filled.verify(repair=True).ok


def test_a_copy_of_an_index_cannot_write_unnoticed(tree, filled, server, qdrant_host, tmp_path):
    filled.close()
    shutil.copytree(tree, tmp_path / "copy")
    (tmp_path / "copy" / "more.txt").write_text("quartz stone\n")
    with Index.open(tmp_path / "copy", host=qdrant_host) as copy:
        copy.update()
    with Index.open(tree, host=qdrant_host) as index:
        assert "a copy of this index has written to it" in index.status()["drift"]
        assert "quartz" not in names(index, "quartz stone")
        assert index.verify().ok


def test_a_copy_of_an_index_that_was_stopped_is_noticed(
    tree, filled, server, qdrant_host, tmp_path
):
    filled.close()
    shutil.copytree(tree, tmp_path / "copy")
    change(tmp_path / "copy")
    server.answer(500, times=99, on="points/delete")
    with Index.open(tmp_path / "copy", host=qdrant_host) as copy:
        with pytest.raises(UnavailableError):
            copy.update()
    server.heal()
    with Index.open(tree, host=qdrant_host) as index:
        assert "a copy of this index has written to it" in index.status()["drift"]


# -- whose the name is -----------------------------------------------------------------------


def test_a_name_of_another_index_is_refused_until_it_may_be_replaced(
    tree, filled, server, qdrant_host, tmp_path
):
    filled.close()
    other = tmp_path / "other"
    other.mkdir()
    (other / "gem.txt").write_text("quartz stone\n")
    options = {"url": server.url}
    place = {"create": True, "host": qdrant_host, "backend": "qdrant"}
    with Index.open(other, backend_options=options, **place) as index:
        with pytest.raises(UsageError, match="belongs to another index.*4 snippets.*replace=true"):
            index.update()
    assert points(server) == 4
    shutil.rmtree(other / ".codeindex")
    with Index.open(other, backend_options={**options, "replace": True}, **place) as index:
        index.update()
        assert index.verify().ok
    assert points(server) == 1
    with Index.open(tree, host=qdrant_host) as index:  # its collection is there, without the name
        assert names(index, "iron")[0] == "hammer"
        assert index.status()["backend_facts"]["named"] is False


def test_two_indexes_with_names_of_their_own(filled, server, qdrant_host, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "gem.txt").write_text("quartz stone\n")
    options = {"url": server.url, "collection": "gems"}
    with Index.open(
        other, create=True, host=qdrant_host, backend="qdrant", backend_options=options
    ) as index:
        index.update()
        index.rebuild()
        assert names(index, "iron") == ["quartz"]
    assert names(filled, "quartz")[0] != "quartz"
    assert set(server.store.aliases) == {"codeindex", "gems"}
    assert len(server.store.collections) == 2


def test_a_collection_that_is_no_alias_is_refused(open_index, server):
    server.store.create("codeindex", {"vectors": {"dense": {"size": 64, "distance": "Dot"}}})
    with pytest.raises(UsageError, match="codeindex has not made.*-B collection=NAME"):
        open_index().update()
    assert server.store.get("codeindex").points == {}


# -- another encoder -------------------------------------------------------------------------


def test_the_name_is_switched_only_after_the_new_collection_was_checked(
    tree, filled, server, open_index
):
    filled.close()
    old = physical_of(server)
    index = open_index(encoder_options={"salt": "new"})
    seen = []
    server.call(lambda: seen.append(dict(server.store.aliases)), on="query/batch")
    index.reencode()
    assert seen == [{"codeindex": old}]
    new = physical_of(server)
    assert new != old
    assert old in server.store.collections  # until the catalog has surely noted the new one
    assert names(index, "iron")[0] == "hammer"
    index.close()
    assert set(server.store.collections) == {new}


def spoil(server):
    """What is stored last arrives changed."""

    def act():
        name = next(name for name in server.store.collections if name != physical_of(server))
        points = server.store.get(name).points.values()
        point = next(point for point in points if point.vectors)
        point.vectors["dense"] = -point.vectors["dense"]

    return act


def test_a_new_collection_that_is_not_sound_changes_nothing(filled, server, open_index):
    filled.close()
    old = physical_of(server)
    index = open_index(encoder_options={"salt": "new"})
    server.call(spoil(server), on="points/count")  # after the host found it sound
    with pytest.raises(DamagedIndexError, match="1 of 4 sampled changes are not"):
        index.reencode()
    index.close()
    assert server.store.aliases == {"codeindex": old}
    assert set(server.store.collections) == {old}
    with_old = open_index()
    assert names(with_old, "iron")[0] == "hammer"
    assert with_old.verify().ok


# -- another machine -------------------------------------------------------------------------


def attach(server, host, **more):
    return AttachedIndex.open("qdrant", {"url": server.url}, host=host, **more)


def test_another_machine_searches_with_nothing_but_the_url(tree, filled, server, qdrant_host):
    filled.close()
    shutil.rmtree(tree)
    with attach(server, qdrant_host) as there:
        (best, *_) = there.search("iron", paths="*.txt")
        assert (best.snippet.path, best.snippet.code) == ("tools.txt", "hammer heavy iron")
        assert (best.snippet.start_line, best.snippet.end_line) == (1, 1)
        assert there.status()["snippets"] == 4
        assert there.status()["backend_facts"]["physical"] == physical_of(server)


def test_another_machine_sees_the_lines_where_they_are_now(tree, filled, server, qdrant_host):
    (tree / "tools.txt").write_text("\n\n\nhammer heavy iron\n\nsaw sharp teeth\n")
    filled.update()
    with attach(server, qdrant_host) as there:
        assert there.search("iron")[0].snippet.start_line == 4


def test_another_machine_with_another_encoder_is_refused(filled, server, qdrant_host):
    with attach(server, qdrant_host, encoder_options={"salt": "other"}) as there:
        with pytest.raises(EncoderMismatch):
            there.search("iron")


def test_another_machine_never_meets_vectors_of_a_later_encoder(
    filled, server, qdrant_host, open_index
):
    filled.close()
    with attach(server, qdrant_host) as there:
        assert there.search("iron")
        index = open_index(encoder_options={"salt": "new"})
        index.reencode()
        index.close()
        with pytest.raises(DamagedIndexError, match="doesn't exist"):
            there.search("iron")
    with attach(server, qdrant_host) as there:
        assert there.search("iron")[0].snippet.name == "hammer"


def test_what_there_is_not_to_attach_to_is_said(server, qdrant_host):
    with pytest.raises(UsageError, match="no collection 'codeindex'.*there are: none"):
        attach(server, qdrant_host)
    server.store.create("codeindex", {"vectors": {"dense": {"size": 64, "distance": "Dot"}}})
    with pytest.raises(UsageError, match="was not made by codeindex"):
        attach(server, qdrant_host)
