"""``paper_code_pairs.json``: papers and the links to repositories that go with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from codeindex.errors import NotFoundError, UsageError

_PAPER_TEXTS = ("arxiv_id", "title", "abstract", "url")
_REPOSITORY_TEXTS = ("url", "name")
_OURS = ("cloned", "error", "code_files")  # an output of an earlier run may be the input
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Link:
    """A repository as an entry gives it: its address (may be empty), and all that is said of it."""

    url: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PaperEntry:
    """A paper and its repositories.

    Attributes:
        arxiv_id: may be empty.
        title: may be empty, or no title at all: real data has query strings here.
        facts: the paper as the file has it.
        links: its repositories; the same one may stand here twice.
    """

    arxiv_id: str
    title: str
    facts: Mapping[str, Any]
    links: tuple[Link, ...]


def read_pairs(path: Path, max_papers: int = 0) -> list[PaperEntry]:
    """All entries, or the first `max_papers`, without any code that they may already carry.

    Raises:
        NotFoundError: no such file.
        UsageError: it is not what it should be; the message names the file, the entry's
            position (from 0) and the field.
    """
    import ijson

    try:
        with path.open("rb") as file:
            head = file.read(4096)
            if head.removeprefix(_BOM).lstrip()[:1] != b"[":
                raise UsageError(f"{path}: not a JSON list of papers with their repositories")
            file.seek(len(_BOM) if head.startswith(_BOM) else 0)
            entries = islice(ijson.items(file, "item", use_float=True), max_papers or None)
            return [_entry(f"{path}: entry {n}", value) for n, value in enumerate(entries)]
    except (ijson.JSONError, UnicodeDecodeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"{path}: no valid JSON: {reason}") from error
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _entry(place: str, value: Any) -> PaperEntry:
    entry = _object(place, "", value)
    paper = _object(place, "paper", entry.get("paper"))
    texts = dict(_texts(place, "paper", paper, _PAPER_TEXTS))
    rows = entry.get("repositories")
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise _wrong(place, "repositories", "a list", rows)
    links = []
    for number, row in enumerate(rows):
        where = f"repositories[{number}]"
        facts = _object(place, where, row)
        url = dict(_texts(place, where, facts, _REPOSITORY_TEXTS))["url"].strip()
        links.append(Link(url, {key: facts[key] for key in facts if key not in _OURS}))
    return PaperEntry(texts["arxiv_id"].strip(), texts["title"].strip(), paper, tuple(links))


def _texts(
    place: str, where: str, owner: Mapping[str, Any], keys: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The texts of an object; a missing or null one is empty."""
    for key in keys:
        value = owner.get(key)
        if value is not None and not isinstance(value, str):
            raise _wrong(place, f"{where}.{key}", "text", value)
        yield key, value or ""


def _object(place: str, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(place, where, "an object", value)
    return value


def _wrong(place: str, where: str, expected: str, value: Any) -> UsageError:
    field = f", field {where!r}" if where else ""
    found = "nothing" if value is None else type(value).__name__
    return UsageError(f"{place}{field}: expected {expected}, found {found}")
