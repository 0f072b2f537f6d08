"""A file of pairs → pairs: JSON or JSONL, as the workflow or as sentence-transformers writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from codeindex.errors import NotFoundError, UsageError
from codeindex.pairs.pair import Pair

_COLUMNS = (("paper_text", "code_text"), ("anchor", "positive"))
_NEGATIVE = re.compile(r"negative(?:_(\d{1,9}))?\Z")


def read_pairs(path: Path, say: Callable[[str], None] = lambda text: None) -> list[Pair]:
    """Reads the pairs of a file, in its order. What the file is, its content says, not its name.

    A JSON list, or one object a line. An entry has ``paper_text`` and ``code_text``, or
    ``anchor`` and ``positive``; in either case also ``negative`` (a text or a list of them),
    ``negative_1``, ``negative_2``, … and ``metadata``, if it likes. Other fields are ignored.

    Args:
        path: the file, UTF-8.
        say: told how many pairs are left out because one of their texts is empty.

    Raises:
        UsageError: it cannot be read, or is not what it should be; the message names the file,
            the entry's position (from 0) and the field. Also if no pair is in it.
    """
    pairs: list[Pair] = []
    empty: list[int] = []
    for position, (place, row) in enumerate(_rows(path, _text_of(path))):
        pair = _pair(f"{path}: {place}", row)
        if pair.anchor.strip() and pair.positive.strip():
            pairs.append(pair)
        else:
            empty.append(position)
    if not pairs:
        why = f" with two texts; each of its {len(empty):,} entries lacks one" if empty else ""
        raise UsageError(f"{path}: holds no pair{why}")
    if empty:
        say(
            f"{path}: {len(empty):,} of {len(pairs) + len(empty):,} pairs lack a text and are left"
            f" out; the first is entry {empty[0]}"
        )
    return pairs


def _text_of(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    if not text.strip():
        raise UsageError(f"{path}: is empty; expected a JSON list of pairs, or one object a line")
    return text


def _rows(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """(What to call it, an entry), one by one."""
    first = text.lstrip()[0]
    if first == "[":
        for position, row in enumerate(_parsed(str(path), text)):
            yield f"entry {position}", row
    elif first == "{":
        yield from _lines(path, text)
    else:
        raise UsageError(
            f"{path}: begins with {first!r}; expected a JSON list of pairs, or one object a line"
        )


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    position = 0
    # Not `splitlines`: U+2028 and the like may stand in a JSON string as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if position == 0 and _is_one_object(text, line):
            raise UsageError(
                f"{path}: is one JSON object; expected a JSON list of pairs, or one object a line"
            )
        yield f"entry {position}", _parsed(f"{path}: entry {position} (line {number})", line)
        position += 1


def _is_one_object(text: str, first_line: str) -> bool:
    """Whether the file is an object over several lines."""
    try:
        json.loads(first_line)
    except (ValueError, RecursionError):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
        return True
    return False


def _parsed(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        # What breaks off, breaks off at its very end, or inside a string that never ends.
        ended = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        hint = "; the file seems cut off" if ended else ""
        raise UsageError(f"{place}: no valid JSON: {error.msg} at {at}{hint}") from None
    except RecursionError:
        raise UsageError(f"{place}: no valid JSON: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise UsageError(f"{place}: no valid JSON: {error}") from None


def _pair(place: str, row: Any) -> Pair:
    if not isinstance(row, dict):
        raise UsageError(f"{place}: expected an object, found {_kind(row)}")
    anchor, positive = _columns(place, row)
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise UsageError(f"{place}, field 'metadata': expected an object, found {_kind(metadata)}")
    return Pair(
        _text(place, anchor, row.get(anchor)),
        _text(place, positive, row.get(positive)),
        tuple(_negatives(place, row)),
        metadata or {},
    )


def _columns(place: str, row: dict[str, Any]) -> tuple[str, str]:
    for columns in _COLUMNS:
        if any(column in row for column in columns):
            return columns
    fields = ", ".join(repr(key) for key in list(row)[:6]) or "none"
    raise UsageError(
        f"{place}: has neither 'paper_text' and 'code_text' nor 'anchor' and 'positive';"
        f" its fields: {fields}"
    )


def _negatives(place: str, row: dict[str, Any]) -> Iterator[str]:
    """The texts of ``negative``, then those of ``negative_1``, ``negative_2``, …"""
    found = [(int(match[1] or -1), key) for key in row if (match := _NEGATIVE.match(key))]
    for _, key in sorted(found):
        value = row[key]
        listed = isinstance(value, list)
        for number, text in enumerate(value if listed else [value]):
            field = f"{key}[{number}]" if listed else key
            if clean := _text(place, field, text):
                yield clean


def _text(place: str, field: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{place}, field {field!r}: expected text, found {_kind(value)}")
    # A lone surrogate, which JSON can write, is taken by no tokenizer.
    return value.encode("utf-8", "replace").decode()


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "an object"
