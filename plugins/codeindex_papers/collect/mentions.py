"""Whether a repository speaks of a paper: its arXiv id or its title, anywhere in its texts."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

_MOST = 4 << 20  # bytes read of a file
_LONG_TITLE = 16  # letters; a shorter title could be a part of some other word
_NO_LETTERS = re.compile(r"[\W_]+")
_ID = re.compile(r"\d{4}\.\d{4,5}|[a-z.-]+/\d{7}", re.IGNORECASE)  # since 2007, and before
_VERSION = re.compile(r"v\d+\Z", re.IGNORECASE)
_PREFIX = re.compile(r"arxiv:\s*", re.IGNORECASE)
_QUERY = re.compile(r"arxiv query:|.*\bsearch_query=", re.IGNORECASE)


class Mentions:
    """Looks for one paper."""

    def __init__(self, arxiv_id: str, title: str) -> None:
        """The id may have a version. What is no id, or a query instead of a title, is ignored."""
        number = _VERSION.sub("", _PREFIX.sub("", arxiv_id.strip()))
        self.arxiv_id = number if _ID.fullmatch(number) else ""
        self.title = "" if _QUERY.match(title) else title.strip()
        self._id = re.compile(rf"(?<!\d)(?<!\d\.){re.escape(number)}(?!\d)", re.IGNORECASE)
        self._words = f" {_words(self.title)} "
        self._letters = self._words.replace(" ", "")

    def in_tree(self, tree: Path) -> bool:
        """Whether a text file of a clone mentions the paper; README files are read first."""
        return any(self.in_text(_read(path)) for path in _files(tree))

    def in_text(self, text: str) -> bool:
        """Whether a text does. Case, white space and punctuation of the title do not count."""
        if self.arxiv_id and self._id.search(text):
            return True
        if not self._letters:
            return False
        words = f" {_words(text)} "
        if self._words in words:
            return True
        # "Pre-training" is also written "pretraining".
        return len(self._letters) >= _LONG_TITLE and self._letters in words.replace(" ", "")

    def __str__(self) -> str:
        """What is looked for."""
        title = f"the title {self.title!r}" if self._letters else ""
        number = f"arXiv {self.arxiv_id}" if self.arxiv_id else ""
        return " or ".join(filter(None, (number, title)))


def _words(text: str) -> str:
    """Its letters and digits, without case, with one space between words."""
    return _NO_LETTERS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _files(tree: Path) -> Iterator[str]:
    """The regular files of a clone, README files first, hidden ones too."""
    others: list[str] = []
    waiting = [str(tree)]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=attrgetter("name"))
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git":
                    waiting.append(entry.path)
            elif entry.is_file(follow_symlinks=False):  # a link may lead out of the clone
                if entry.name.lower().startswith("readme"):
                    yield entry.path
                else:
                    others.append(entry.path)
    yield from others


def _read(path: str) -> str:
    """The text of a file; empty if it is binary or cannot be read."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST)
    except OSError:
        return ""
    return "" if b"\0" in data[:8192] else data.decode("utf-8", "ignore")
