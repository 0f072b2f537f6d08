"""codeindex embed: stopped anywhere, it goes on; nothing is mixed, nothing is done twice."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_embed import embedding, outputs, snippet

from codeindex.embedding.context import PaperContext
from codeindex.embedding.run import ROUND
from codeindex.embedding.vector_file import VectorFile
from codeindex.errors import IndexLockedError, StorageError, UsageError
from codeindex.interfaces import EncoderInfo
from codeindex.locking import writing

ROWS = 4 * ROUND + 10

_VICTIM = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_embed_resume import embedding, Dying
from codeindex.embedding.context import PaperContext
from codeindex.embedding.inputs import Input
from codeindex.embedding.run import Embedding
folder = Path(sys.argv[2])
Embedding(
    Input(folder / "in.json", str), folder / "out", PaperContext(), say=print,
    seconds_between_marks=0,
).run(lambda: Dying(int(sys.argv[3])))
"""


class Checksums:
    """A vector is a digest of its text: cheap, and another for every other text."""

    def __init__(self, salt=""):
        self.info = EncoderInfo("checksums", f"checksums{salt}", 8, 10)
        self.embedded = []

    def encode_queries(self, texts):
        digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
        return np.frombuffer(digests, np.uint8).reshape(-1, 8).astype(np.float32)

    def encode_corpus(self, texts):
        self.embedded.extend(texts)
        return self.encode_queries(texts)


class Dying(Checksums):
    """Ends the process, as kill -9 does, or raises, when its `rounds` are done."""

    def __init__(self, rounds, error=None):
        super().__init__()
        self.left = rounds
        self.error = error

    def encode_corpus(self, texts):
        if not self.left:
            if self.error is None:
                os._exit(9)
            raise self.error
        self.left -= 1
        return super().encode_corpus(texts)


def rows(count=ROWS):
    return [snippet(number) for number in range(count)]


def whole(tmp_path):
    """The bytes of an uninterrupted run."""
    other = tmp_path / "whole"
    other.mkdir()
    embedding(other, rows()).run(lambda: Checksums())
    return contents(other / "out")


def contents(folder):
    names = ("code_embeddings.npy", "metadata.json")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


@pytest.mark.parametrize("rounds", [0, 1, 4])
def test_killed_after_some_rounds_it_goes_on_to_the_same_bytes(rounds, tmp_path):
    job = embedding(tmp_path, rows())
    done = subprocess.run(
        [sys.executable, "-c", _VICTIM, str(Path(__file__).parent), str(tmp_path), str(rounds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 9, done.stderr
    assert contents(tmp_path / "out") == {}
    encoder = Checksums()
    receipt = job.run(lambda: encoder)
    assert (receipt.resumed, receipt.encoded) == (rounds * ROUND, ROWS - rounds * ROUND)
    assert len(encoder.embedded) == receipt.encoded
    assert contents(tmp_path / "out") == whole(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("bug"), OSError(28, "full")])
def test_an_error_keeps_the_rounds_that_are_done(error, tmp_path):
    job = embedding(tmp_path, rows(), seconds_between_marks=1e9)
    with pytest.raises(type(error)):
        job.run(lambda: Dying(3, error))
    encoder = Checksums()
    assert job.run(lambda: encoder).resumed == 3 * ROUND
    assert len(encoder.embedded) == ROWS - 3 * ROUND
    assert contents(tmp_path / "out") == whole(tmp_path)


_AT_EACH_STEP = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_embed_resume import contents
from test_embed_resume import Checksums
from codeindex.embedding.context import PaperContext
from codeindex.embedding.inputs import Input
from codeindex.embedding.run import Embedding
import filelock, ijson, numpy, shutil

root = Path(sys.argv[2])

def job(name, folder):
    return Embedding(Input(root / name, str), folder / "out", PaperContext(),
                     say=lambda text: None, seconds_between_marks=0)

def encoder():
    return Checksums()

def child(work):
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def dying(step, folder):
    count = 0
    def hook(event, args):
        nonlocal count
        if event in ("os.rename", "os.remove", "os.truncate") or (
            event == "open" and isinstance(args[1], str) and args[1][:1] in "wra" and "b" != args[1]
        ):
            count += 1
            if count == step:
                os._exit(9)
    sys.addaudithook(hook)
    job("new.json", folder).run(encoder)

for name in ("old", "new"):
    job(f"{name}.json", root / name).run(encoder)
old, new = contents(root / "old" / "out"), contents(root / "new" / "out")
assert old != new
step = 0
while True:
    step += 1
    folder = root / f"step{step}"
    shutil.copytree(root / "old", folder)
    code = child(lambda: dying(step, folder))
    after = contents(folder / "out")
    if "metadata.json" in after:
        assert after in (old, new), step
    assert code in (0, 9), step
    job("new.json", folder).run(encoder)
    assert contents(folder / "out") == new, step
    shutil.rmtree(folder)
    if code == 0:
        break
print(step)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_step_metadata_and_vectors_belong_together(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(rows(300)))
    (tmp_path / "new.json").write_text(json.dumps(rows(350)[::-1]))
    done = subprocess.run(
        [sys.executable, "-c", _AT_EACH_STEP, str(Path(__file__).parent), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15


# -- nothing is mixed ------------------------------------------------------------------------


def stopped(tmp_path, said):
    job = embedding(tmp_path, rows(), say=said.append)
    with pytest.raises(RuntimeError):
        job.run(lambda: Dying(2, RuntimeError()))
    return job


def test_another_input_begins_anew(tmp_path):
    said = []
    stopped(tmp_path, said)
    other = [snippet(number, code=f"other {number}") for number in range(ROWS)]
    receipt = embedding(tmp_path, other, say=said.append).run(lambda: Checksums())
    assert receipt.resumed == 0
    assert said == ["the input changed since the earlier run: embedding begins anew"]
    vectors, metadata = outputs(tmp_path / "out")
    texts = [PaperContext().of(item.snippet) for item in embedding(tmp_path, other).source.items()]
    np.testing.assert_array_equal(vectors, Checksums().encode_queries(texts))
    assert len(metadata) == ROWS


def test_another_encoder_begins_anew(tmp_path):
    said = []
    job = stopped(tmp_path, said)
    encoder = Checksums("another")
    assert job.run(lambda: encoder).resumed == 0
    assert len(encoder.embedded) == ROWS
    assert said == ["the encoder changed since the earlier run: embedding begins anew"]


def test_another_weight_begins_anew(tmp_path):
    said = []
    stopped(tmp_path, said)
    job = embedding(tmp_path, rows(), texts=PaperContext(0.4), say=said.append)
    assert job.run(lambda: Checksums()).resumed == 0
    assert said == ["the paper context changed since the earlier run: embedding begins anew"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', '{"format": 9, "of": {}}'])
def test_a_damaged_mark_of_progress_begins_anew(text, tmp_path):
    job = stopped(tmp_path, [])
    (tmp_path / "out" / ".embed" / "progress.json").write_text(text)
    assert job.run(lambda: Checksums()).resumed == 0


def test_vectors_that_are_cut_off_begin_anew(tmp_path):
    job = stopped(tmp_path, [])
    draft = tmp_path / "out" / ".embed" / "code_embeddings.npy"
    with draft.open("r+b") as file:
        file.truncate(1000)
    assert job.run(lambda: Checksums()).resumed == 0
    assert contents(tmp_path / "out") == whole(tmp_path)


def test_run_again_nothing_is_embedded_unless_the_vectors_were_touched(tmp_path):
    job = embedding(tmp_path, rows())
    job.run(lambda: Checksums())
    encoder = Checksums()
    again = embedding(tmp_path, rows(), json=tmp_path / "all.json")
    assert again.run(lambda: encoder).resumed == ROWS
    assert not encoder.embedded
    assert len(json.loads((tmp_path / "all.json").read_text())) == ROWS
    (tmp_path / "out" / "code_embeddings.npy").write_bytes(b"other")
    assert job.run(lambda: encoder).resumed == 0
    assert contents(tmp_path / "out") == whole(tmp_path)


def test_an_input_that_changes_meanwhile_is_refused(tmp_path):
    job = embedding(tmp_path, rows())

    class Meddling(Checksums):
        def encode_corpus(self, texts):
            job.source.path.write_text(json.dumps(rows()[::-1]))
            return super().encode_corpus(texts)

    with pytest.raises(UsageError, match="changed while it was read"):
        job.run(lambda: Meddling())
    assert contents(tmp_path / "out") == {}


def test_two_runs_into_one_folder(tmp_path):
    work = tmp_path / "out" / ".embed"
    work.mkdir(parents=True)
    with writing(work), pytest.raises(IndexLockedError, match="another codeindex process"):
        embedding(tmp_path, rows(3)).run(lambda: Checksums())


# -- the disk --------------------------------------------------------------------------------


def test_a_full_disk_is_an_error_before_any_text_is_embedded(tmp_path, monkeypatch):
    def full(descriptor, offset, length):
        assert length >= ROWS * 8 * 4
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    encoder = Checksums()
    with pytest.raises(OSError, match="No space left"):
        embedding(tmp_path, rows()).run(lambda: encoder)
    assert not encoder.embedded
    assert not (tmp_path / "out" / ".embed" / "code_embeddings.npy").exists()


def test_space_is_taken_where_the_system_has_no_call_for_it(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    file = VectorFile.create(tmp_path / "v.npy", 70_000, 8)
    file.write(69_999, np.ones((1, 8), dtype=np.float32))
    vectors = np.load(tmp_path / "v.npy")
    assert vectors.shape == (70_000, 8)
    assert vectors.sum() == 8
    with pytest.raises(ValueError, match="70000"):
        file.write(70_000, np.ones((1, 8), dtype=np.float32))


def test_an_output_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    job = embedding(tmp_path, rows(3))
    with pytest.raises(StorageError, match="cannot make"):
        type(job)(job.source, tmp_path / "file" / "out", job.texts).run(lambda: Checksums())


_MEMORY = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
from codeindex.embedding.context import PaperContext
from codeindex.embedding.inputs import Input
from codeindex.embedding.run import Embedding
from codeindex.interfaces import EncoderInfo

class Ones:
    info = EncoderInfo("ones", "ones", 768, 10)
    def encode_corpus(self, texts):
        return np.ones((len(texts), 768), dtype=np.float32)

folder = Path(sys.argv[2])
Embedding(Input(folder / "in.json", str), folder / "out", PaperContext(), say=print,
          json=None).run(Ones)
print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is needed")
def test_memory_does_not_grow_with_the_input(tmp_path):
    peaks = []
    for count in (1_500, 15_000):  # vectors of 4.6 and 46 MB, texts of 3 and 30 MB
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / "in.json").write_text(
            json.dumps([snippet(n, code="x = 1\n" * 330) for n in range(count)])
        )
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY, str(Path(__file__).parent), str(folder)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
    assert peaks[1] < peaks[0] + 10, peaks  # MiB
