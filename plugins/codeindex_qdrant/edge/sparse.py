"""Files that are mostly holes: the engine reserves megabytes and fills a few pages of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PAGE = 4096
_READ = 256 * PAGE
_NOTHING = bytes(_READ)


def pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """What is in a file besides zeros: the places, multiples of `PAGE`, and the bytes there."""
    place = 0
    with path.open("rb") as file:
        while data := file.read(_READ):
            if data != _NOTHING[: len(data)]:
                yield from _pages(place, data)
            place += len(data)


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
