"""The text of a snippet that is given to an encoder: one recipe for every encoder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePosixPath

from codeindex.snippet import Snippet
from codeindex.words import split_identifier

TEXT_RECIPE = "path-name-docstring-code/2"
"""Names the recipe below; part of an index's fingerprint. Change it with the recipe."""

HEAD_LINES = 2
"""Path and name: what stands before every part of a text that is longer than an encoder reads."""

MAX_CODE_CHARS = 12_000
MAX_DOCSTRING_CHARS = 1000
PATH_PARTS = 3


def embedding_text(snippet: Snippet) -> str:
    """Path words, qualified name (these two are `HEAD_LINES`), docstring and code.

    A snippet's docstring stands within its code too; it is cut from there where it stands
    verbatim, so that it does not use up the encoder's window twice.
    """
    lines = [
        _path_words(snippet.path),
        f"{snippet.name.replace('.', ' ')} {' '.join(split_identifier(snippet.name))}",
    ]
    docstring = _stripped(snippet.docstring)
    if docstring:
        lines.append(docstring[:MAX_DOCSTRING_CHARS])
    code = _stripped(snippet.code[: MAX_CODE_CHARS + 2 * len(docstring)])
    if docstring:
        code = code.replace(docstring, "", 1)
    lines.append(code[:MAX_CODE_CHARS])
    return "\n".join(lines)


@lru_cache(maxsize=64)  # the snippets of a file come one after the other
def _path_words(path: str) -> str:
    place = PurePosixPath(path)
    folders = [*place.parts[:-1], place.stem][-PATH_PARTS:]
    return " ".join(word for part in folders for word in split_identifier(part))


def _stripped(text: str) -> str:
    """Without indentation and runs of spaces, in which a docstring and its source differ."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))
