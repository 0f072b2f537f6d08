"""Two readers beside a writer of a few steps; ``python -m benchmarks run beside`` runs longer."""

from __future__ import annotations

import threading
import time

import pytest

from benchmarks.reliability.beside import readers_beside_a_writer
from benchmarks.reliability.board import Board
from benchmarks.reliability.marked import TOPICS, torn, version_of, write_version
from codeindex import Snippet
from codeindex.errors import IndexLockedError
from codeindex.locking import writing

STEPS = 18  # removals, optimizing and a rebuild are among them


@pytest.mark.parametrize(("backend", "options"), [("faiss", {"type": "hnsw"}), ("qdrant-edge", {})])
def test_readers_see_one_state_or_the_next(tmp_path, backend, options):
    done = readers_beside_a_writer(tmp_path, backend, options, 2, lambda steps: steps < STEPS)
    assert done.problems == []
    assert done.steps == STEPS
    assert done.queries > 0


def snippet(topic, code):
    return Snippet(f"{topic}.py", "python", "function", f"lift_{topic}", 1, 2, code)


def test_a_torn_snippet_is_told(tmp_path):
    write_version(tmp_path, "hammer", 7)
    whole = snippet("hammer", (tmp_path / "hammer.py").read_text())
    assert not torn(whole)
    assert version_of(whole) == 7
    assert "not of this file" in torn(snippet("hammer", "def lift_hammer(): pass"))
    assert "not of this file" in torn(snippet("saw", whole.code))
    assert "several versions" in torn(snippet("hammer", whole.code.replace("7", "8", 1)))


def test_what_the_writer_tells_readers(tmp_path):
    writer, reader = Board(tmp_path / "board"), Board(tmp_path / "board")
    topic = TOPICS[3]
    assert (reader.committed(topic), reader.present(topic), reader.stopped) == (0, False, False)
    writer.commit(topic, 5)
    assert (reader.committed(topic), reader.present(topic)) == (5, True)
    writer.removing(topic)
    writer.stop()
    assert (reader.committed(topic), reader.present(topic), reader.stopped) == (5, False, True)


def test_a_writer_waits_until_a_reader_has_finished_what_a_killed_one_left(opened):
    opened.update()
    held = threading.Event()

    def catch_up():
        with writing(opened.folder):
            held.set()
            time.sleep(0.2)

    reader = threading.Thread(target=catch_up)
    reader.start()
    assert held.wait(60)
    with opened._store.writing(patience=60):
        reader.join()
    with writing(opened.folder), pytest.raises(IndexLockedError), opened._store.writing(patience=0):
        pass
