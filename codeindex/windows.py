"""Windows: a text that is longer than an encoder reads is embedded in parts, and found as one.

Without them, the end of a long function would never be found by its meaning. The parts overlap,
so that what stands at a border is whole in one of them; each begins with the lines that say what
it is a part of. The vector is the mean of theirs, so that there is one a snippet, whatever its
length: two thirds to three quarters of what a vector for each window gains, without more vectors to
keep and to search (``python -m benchmarks run long_functions``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codeindex.interfaces import Encoder
from codeindex.vectors import Embeddings, unit

_CHARS_PER_TOKEN = 2.75
"""Of code, in the vocabulary of the shipped encoders: what fits for nearly every text."""
_OVERLAP = 0.2


def encode_whole(encoder: Encoder, texts: Sequence[str], head: int) -> Embeddings:
    """Vectors of texts, all of which counts, however long they are.

    Args:
        head: so many lines at the beginning of a text stand before each of its windows.

    Returns:
        float32 (len(texts), dim), unit rows; 0 where no token of a text means anything.

    Raises:
        PluginError: the encoder failed.
    """
    size = window_size(encoder)
    parts: list[str] = []
    starts = []
    for text in texts:
        starts.append(len(parts))
        if len(text) <= size:
            parts.append(text)
        else:
            parts.extend(windows(text, size, head))
    vectors = encoder.encode_corpus(parts)
    if len(parts) == len(texts):
        return vectors
    return unit(np.add.reduceat(vectors, starts, axis=0))


def window_size(encoder: Encoder) -> int:
    """How many characters of a text an encoder reads, nearly always."""
    return int(encoder.info.max_tokens * _CHARS_PER_TOKEN)


def windows(text: str, size: int, head: int) -> list[str]:
    """A text in parts of about `size` characters, cut between lines; each begins as it does.

    A line that is longer than a part is cut, too.

    Args:
        size: a part is longer only where its head takes more than half of that.
        head: how many lines at the beginning every part has.
    """
    lines = text.split("\n")
    begin = lines[:head]
    room = max(size - sum(len(line) + 1 for line in begin), size // 2, 1)
    rest = [piece for line in lines[head:] for piece in _pieces(line, room)]
    parts = []
    first, last = 0, _filled(rest, 0, room)
    while True:
        parts.append("\n".join([*begin, *rest[first:last]]))
        if last >= len(rest):
            return parts
        before, first = last, max(first + 1, _back(rest, last, room * _OVERLAP))
        last = _filled(rest, first, room)
        if last <= before:  # the next line leaves no room for what overlaps
            first, last = before, _filled(rest, before, room)


def _pieces(line: str, size: int) -> Sequence[str]:
    return [line[start : start + size] for start in range(0, len(line), size)] or [""]


def _filled(lines: Sequence[str], first: int, room: float) -> int:
    """Where a part ends that begins at a line: it has one line at least."""
    last, used = first, 0.0
    while last < len(lines) and (last == first or used + len(lines[last]) <= room):
        used += len(lines[last]) + 1
        last += 1
    return last


def _back(lines: Sequence[str], last: int, room: float) -> int:
    """The first of the lines before `last` that fit into `room`."""
    first, used = last, 0.0
    while first > 0 and used + len(lines[first - 1]) <= room:
        used += len(lines[first - 1]) + 1
        first -= 1
    return first
