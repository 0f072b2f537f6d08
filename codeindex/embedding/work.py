"""Work: a run that can be stopped at any instant, kept in a hidden folder of its output."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from codeindex.embedding.vector_file import VectorFile
from codeindex.errors import StorageError, UsageError
from codeindex.files import sync, write_whole
from codeindex.vectors import Embeddings

VECTORS = "code_embeddings.npy"
METADATA = "metadata.json"

INPUT = "the input"
ENCODER = "the encoder"
RECIPE = "the paper context"
"""Names in the binding of a run, see `Work.begin`."""

_FOLDER = ".embed"
_PROGRESS = "progress.json"
_FORMAT = 1


class Work:
    """Vectors so far, how many they are and of what, under ``OUTPUT/.embed/``.

    The mark of progress is written after the vectors that it counts, and names what they were
    computed from: nothing of another input, encoder or recipe is ever continued. It stays when
    the run is over, so that a later one knows that the files are of the same making.
    """

    def __init__(self, output: Path) -> None:
        """Takes the output folder, which need not be there yet."""
        self.output = output
        self.folder = output / _FOLDER
        self.metadata = self.folder / METADATA
        self._draft = self.folder / VECTORS
        self._progress = self.folder / _PROGRESS
        self._binding: Mapping[str, Any] = {}
        self._vectors: VectorFile | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folders, and keeps other runs out while it works.

        Raises:
            StorageError: the output cannot be made.
            IndexLockedError: another run is writing there.
        """
        from codeindex.locking import writing

        made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {self.output}: {error.strerror or error}") from error
        try:
            with writing(self.folder):
                yield
                for path in (self._draft, self.metadata):
                    path.unlink(missing_ok=True)
        finally:
            if not self._progress.exists():  # nothing came of it
                self._clear(made)

    def _clear(self, made: list[Path]) -> None:
        with suppress(OSError):
            for path in self.folder.iterdir():
                path.unlink()
            for path in made or [self.folder]:
                path.rmdir()

    # -- vectors ----------------------------------------------------------------------------

    def begin(self, binding: Mapping[str, Any], rows: int, dim: int) -> tuple[int, str]:
        """Continues where a run of the same `binding` stopped, or begins anew.

        Args:
            binding: what the vectors depend on, by its name for people.
            rows, dim: shape of the vectors.

        Returns:
            How many rows are there already, and what differs from the binding of an earlier
            run (empty if nothing, or if there was none).
        """
        self._binding = binding
        known = self.read()
        differing = [key for key, value in binding.items() if known.get("of", {}).get(key) != value]
        if known and not differing:
            done = int(known["done"])
            if VectorFile.fits(self._draft, rows, dim):
                self._vectors = VectorFile(self._draft, rows, dim)
                return done, ""
            target = self.output / VECTORS
            if done == rows and known.get("placed") == _stamp(target):
                self._vectors = VectorFile(target, rows, dim)
                return done, ""
        self._progress.unlink(missing_ok=True)
        self._vectors = VectorFile.create(self._draft, rows, dim)
        self.mark(0)
        return 0, " and ".join(differing) if known else ""

    def write(self, start: int, vectors: Embeddings) -> None:
        """Writes the rows from `start`; they count when `mark` has said so."""
        self.vectors.write(start, vectors)

    def mark(self, done: int, placed: list[int] | None = None) -> None:
        """Notes durably that the first `done` rows are written."""
        self.vectors.sync()
        state = {"format": _FORMAT, "of": self._binding, "done": done, "placed": placed}
        write_whole(self._progress, json.dumps(state))

    @property
    def vectors(self) -> VectorFile:
        """The vectors, wherever they are by now; there after `begin`."""
        if self._vectors is None:
            raise ValueError("begin comes first")
        return self._vectors

    def read(self) -> dict[str, Any]:
        """What is known of an earlier run; nothing, if it cannot be read."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            state = json.loads(self._progress.read_text("utf-8"))
            if state["format"] == _FORMAT and isinstance(state["of"], dict) and state["done"] >= 0:
                return dict(state)
        return {}

    # -- end --------------------------------------------------------------------------------

    def place(self) -> None:
        """Puts vectors and metadata in their place.

        The old metadata goes first and the new comes last: where a ``metadata.json`` stands,
        it belongs to the vectors beside it, whenever the process may end.
        """
        target = self.output / METADATA
        if self._draft.exists():
            self.mark(self.vectors.rows, _stamp(self._draft))
            target.unlink(missing_ok=True)
            self._draft.replace(self.output / VECTORS)
            self._vectors = VectorFile(self.output / VECTORS, self.vectors.rows, self.vectors.dim)
        self.metadata.replace(target)
        sync(self.output)

    def rows(self, start: int, stop: int) -> Embeddings:
        """Vectors (stop - start, dim), in memory."""
        return np.array(self.vectors.read(start, stop))


def check_output(output: Path) -> None:
    """Refuses a place where a folder of vectors cannot be.

    Raises:
        UsageError: it is one.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; -o names a folder")
    for name in (VECTORS, METADATA):
        if (output / name).is_dir():
            raise UsageError(f"{output / name} is a folder, where a file is to be")


class EmbeddedWith(NamedTuple):
    """What a finished run has embedded with.

    Attributes:
        fingerprint, dim: of the encoder.
        recipe: of the texts, by name.
        source: SHA-256 of the input.
    """

    fingerprint: str
    dim: int
    recipe: str
    source: str


def embedded_with(output: Path) -> EmbeddedWith | None:
    """What the vectors in a folder were embedded with.

    None if no run of ``codeindex embed`` has put them there, or they were written to since.
    """
    known = Work(output).read()
    with suppress(KeyError, TypeError, ValueError):
        if known["placed"] is not None and known["placed"] == _stamp(output / VECTORS):
            of = known["of"]
            (fingerprint, dim), (source, _) = of[ENCODER], of[INPUT]
            return EmbeddedWith(str(fingerprint), int(dim), str(of[RECIPE]), str(source))
    return None


def _stamp(path: Path) -> list[int] | None:
    """Size and time of a file; a rename keeps both."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
