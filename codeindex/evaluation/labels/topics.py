"""Queries that are judged elsewhere: id → text, from JSONL, TSV or TREC topics."""

from __future__ import annotations

import re
from pathlib import Path

from codeindex.errors import UsageError
from codeindex.evaluation.labels.lines import Line, lines_of, text_of

_TOPIC = re.compile(r"<top>(.*?)(?:</top>|(?=<top>)|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<(num|title)>(.*?)(?=</?\w+>|\Z)", re.DOTALL | re.IGNORECASE)


def read_topics(path: Path) -> dict[str, str]:
    """The queries by their ids.

    A file that begins with ``{`` has ``{"_id": …, "text": …}`` a line, as BEIR has it; one that
    begins with ``<`` are topics of TREC, of which the title is asked; else it has the id, a
    tab and the text a line.

    Raises:
        UsageError: it is none of these; the message names the line.
    """
    text = text_of(path)
    found: dict[str, str] = {}
    for line, name, query in _trec(path, text) if text.lstrip()[:1] == "<" else _rows(path):
        if name in found:
            line.wrong(f"a second query with the id {name!r}")
        found[name] = line.query(query)
    if not found:
        raise UsageError(f"{path}: holds no query")
    return found


def _rows(path: Path) -> list[tuple[Line, str, object]]:
    rows: list[tuple[Line, str, object]] = []
    for line in lines_of(path):
        if line.text.lstrip()[:1] == "{":
            row = line.json_object('{"_id": …, "text": …}')
            if not isinstance(row.get("_id"), str | int) or "text" not in row:
                line.wrong('a query needs "_id" and "text"')
            rows.append((line, str(row["_id"]), row["text"]))
        else:
            name, tab, query = line.text.partition("\t")
            if not tab:
                line.wrong("no query; expected its id, a tab and its text, or a JSON object")
            rows.append((line, name.strip(), query))
    return rows


def _trec(path: Path, text: str) -> list[tuple[Line, str, object]]:
    rows: list[tuple[Line, str, object]] = []
    for topic in _TOPIC.finditer(text):
        line = Line(path, text.count("\n", 0, topic.start()) + 1, "")
        fields = {tag[1].lower(): " ".join(tag[2].split()) for tag in _TAG.finditer(topic[1])}
        number = fields.get("num", "").removeprefix("Number:").strip()
        if not number or "title" not in fields:
            line.wrong("a topic needs <num> and <title>")
        rows.append((line, number, fields["title"].removeprefix("Topic:").strip()))
    return rows
