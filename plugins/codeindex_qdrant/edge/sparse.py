"""Files that are mostly holes: the engine reserves megabytes and fills a few pages of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096
_READ = 256 * PAGE
_NOTHING = bytes(_READ)


def pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """What is in a file besides zeros: the places, and the bytes there.

    The file must have been flushed: some systems take for a hole what is not on disk yet.
    """
    with path.open("rb", buffering=0) as file:
        for start, end in _filled(file.fileno()):
            place = start
            file.seek(start)
            while place < end and (data := file.read(min(_READ, end - place))):
                if data != _NOTHING[: len(data)]:
                    yield from _pages(place, data)
                place += len(data)


def _filled(descriptor: int) -> Iterator[tuple[int, int]]:
    """The ranges of a file that are no holes, where the system tells; else all of it."""
    size, end = os.fstat(descriptor).st_size, 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except (AttributeError, OSError) as error:  # Windows has no SEEK_DATA
            if getattr(error, "errno", None) == errno.ENXIO:
                return  # a hole up to the end
            start, end = end, size
        yield start, end


def _pages(place: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The runs of pages that are not empty."""
    start: int | None = None
    for page in range(0, len(data), PAGE):
        empty = data[page : page + PAGE] == _NOTHING[: min(PAGE, len(data) - page)]
        if empty and start is not None:
            yield place + start, data[start:page]
            start = None
        elif not empty and start is None:
            start = page
    if start is not None:
        yield place + start, data[start:]


def write(path: Path, size: int, parts: Iterator[tuple[int, bytes]]) -> None:
    """Makes a file of `size` bytes that is zero but for `parts`."""
    with path.open("wb") as file:
        file.truncate(size)
        for place, data in parts:
            file.seek(place)
            file.write(data)


def copy(source: Path, target: Path) -> None:
    """Copies a file, holes as holes."""
    write(target, source.stat().st_size, pieces(source))


def copy_tree(source: Path, target: Path) -> None:
    """Copies all files of a folder into another."""
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copy(path, copied)
