"""What a point holds beside its vector, and which path globs its fields answer directly.

Pure functions, for the server and for the embedded engine alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from codeindex.filters import Payload
from codeindex.snippet import Snippet

NAMESPACE = UUID("5b0c7d52-6d0e-5c0e-9e0a-3f1f6c5f7a11")
"""Of the UUIDv5 ids of points. Never to change: a point is found again by it."""

RESERVED = str(uuid5(NAMESPACE, "codeindex"))
"""Id of the point that has no vector and says what the collection is."""

KEYWORD_FIELDS = ("language", "kind", "path", "folders", "parts")
"""Fields with a keyword index: what filters look at."""

INTEGER_FIELDS = ("id",)

_MARK = "\ufdd0"  # no character: never in a text that anybody wrote
_UNSENDABLE = re.compile("[\ud800-\udfff\ufdd0]")
_SENT = re.compile(_MARK + "([0-9a-f]{4})")


def point_id(id: int) -> str:
    """The point of a snippet: a UUIDv5 of its id in the catalog."""
    return str(uuid5(NAMESPACE, str(id)))


def sendable(text: str) -> str:
    """`text` as UTF-8 can carry it: a lone surrogate, as in an undecodable file name, is spelt."""
    return _UNSENDABLE.sub(lambda match: f"{_MARK}{ord(match[0]):04x}", text)


def received(text: str) -> str:
    """What `sendable` was given."""
    return _SENT.sub(lambda match: chr(int(match[1], 16)), text)


def document(id: int, payload: Payload) -> dict[str, Any]:
    """The payload of a point, JSON values.

    ``folders`` are the folders above the path, ``parts`` the names it consists of: with them
    a filter by file, folder or name needs no scan. What a result shows is there if `payload`
    has a snippet.
    """
    path = sendable(payload.path)
    fields: dict[str, Any] = {
        "id": id,
        "path": path,
        "language": sendable(payload.language),
        "kind": sendable(payload.kind),
        "folders": [path[:place] for place, letter in enumerate(path) if letter == "/"],
        "parts": path.split("/"),
    }
    snippet = payload.snippet
    if snippet is not None:
        fields |= {
            "name": sendable(snippet.name),
            "start_line": snippet.start_line,
            "end_line": snippet.end_line,
            "code": sendable(snippet.code),
            "docstring": sendable(snippet.docstring),
            "extra": json.dumps(dict(snippet.extra)),
        }
    return fields


def snippet_of(fields: Mapping[str, Any]) -> Snippet:
    """The snippet of a point's payload.

    Raises:
        ValueError: the payload is not one that `document` made of a snippet.
    """
    try:
        return Snippet(
            path=received(fields["path"]),
            language=received(fields["language"]),
            kind=received(fields["kind"]),
            name=received(fields["name"]),
            start_line=int(fields["start_line"]),
            end_line=int(fields["end_line"]),
            code=received(fields["code"]),
            docstring=received(fields["docstring"]),
            extra=json.loads(fields["extra"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a point holds no snippet: {error}") from error


def direct(glob: str) -> tuple[tuple[str, str], ...] | None:
    """The fields and values one of which a point has exactly if its path matches `glob`.

    None where only the path itself can tell (see `codeindex.filters.glob_regex`).
    """
    pattern = glob.removeprefix("./").strip("/")
    below = pattern.endswith("/**")
    plain = pattern.removesuffix("/**") if below else pattern
    if not plain or any(mark in plain for mark in "*?["):
        return None
    value = sendable(plain)
    if below:
        return (("folders", value),)
    if "/" in pattern or glob.startswith(("/", "./")):
        return (("path", value), ("folders", value))
    return (("parts", value),)
