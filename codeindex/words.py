"""Words of code: identifiers split at case, underscores and digits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

from codeindex.lexical.stemming import stem
from codeindex.lexical.stop_words import STOP_WORDS

MOST_WORDS = 256
"""Distinct words that are looked for; of a longer query, the first."""

_IDENTIFIER = re.compile(r"[^\W\d_]+(?:[_\w]*\w)?|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_SIMPLE = re.compile(r"_*[a-z][a-z_]*")
# Scripts that are written without spaces: Han, Kana, Hangul.
_UNSPACED = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


def split_identifier(identifier: str) -> list[str]:
    """Lower-case parts: ``parseHTTPDate2_utc`` → parse, http, date, 2, utc."""
    if identifier.isascii():
        return list(map(str.lower, _PART.findall(identifier)))
    shape = _shape(identifier)
    return [identifier[part.start() : part.end()].lower() for part in _PART.finditer(shape)]


def _shape(identifier: str) -> str:
    """Letters of any script as ``A`` or ``a``, where they have case, and others as ``ª``."""
    return "".join(
        "A" if sign.isupper() else "a" if sign.islower() else "ª" if sign.isalpha() else sign
        for sign in identifier
    )


# ASCII bytes → those of identifiers, and spaces between them.
_TO_IDENTIFIERS = bytes(
    code if code < 128 and (chr(code).isalnum() or code == ord("_")) else 32 for code in range(256)
)


Run = str | bytes
"""Neighbouring characters of words, as bytes where they are ASCII."""


def runs_in(text: str) -> Sequence[Run]:
    """What `words_of_run` takes, of a text: they repeat, and are only looked up mostly."""
    if text.isascii():
        # Several times as fast as below: whole runs are cut out here, identifiers within them
        # (``3d`` has two) when a run is met for the first time.
        return text.encode("ascii").translate(_TO_IDENTIFIERS).split()
    return _IDENTIFIER.findall(text)


def words_of_runs(runs: Iterable[Run]) -> list[tuple[str, ...]]:
    """The searchable words of each run."""
    return list(map(_split.__getitem__, runs))


def searchable_words(text: str) -> list[str]:
    """Each identifier of `text` as its parts, with the compound kept beside them.

    ``parse_dates(x)`` → ``parse date parse_dates x``: parts are stemmed, compounds are not.
    Of scripts without spaces, each two neighbouring characters are a word.
    """
    return [word for run in runs_in(text) for word in _split[run]]


def query_words(text: str, *, keep_stop_words: bool = False) -> list[str]:
    """The distinct words to look for, in the order of `text`; `MOST_WORDS` at most.

    Nothing in `text` is an operator; what is no letter and no digit only separates.

    Args:
        keep_stop_words: ``is`` and ``in`` are meant, as in a symbol. They stay also where
            nothing else is left.
    """
    words = list(dict.fromkeys(searchable_words(text)))
    if not keep_stop_words:
        words = [word for word in words if word not in _STEMMED_STOP_WORDS] or words
    return words[:MOST_WORDS]


class _Split(dict[Run, tuple[str, ...]]):
    """Run of word characters → its words. They repeat, so most are only looked up."""

    def __missing__(self, run: Run) -> tuple[str, ...]:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        text = run.decode("ascii") if isinstance(run, bytes) else run
        if text.isalpha() and text.islower() and text.isascii():  # most are; others take longer
            words: tuple[str, ...] = (_stems[text],)
        elif _SIMPLE.fullmatch(text):
            words = tuple(_with_compound(text, list(filter(None, text.split("_")))))
        else:
            words = tuple(chain.from_iterable(map(_words_of, _IDENTIFIER.findall(text))))
        self[run] = words
        return words


def _words_of(identifier: str) -> list[str]:
    parts = split_identifier(identifier)
    if not identifier.isascii() and _UNSPACED.search(identifier):
        return list(chain.from_iterable(map(_pairs, parts)))
    return _with_compound(identifier.lower(), parts)


def _with_compound(identifier: str, parts: Sequence[str]) -> list[str]:
    whole = identifier.strip("_")
    stems = list(map(_stems.__getitem__, parts))
    return stems if len(parts) == 1 and parts[0] == whole else [*stems, whole]


def _pairs(part: str) -> list[str]:
    """Each two neighbouring characters, where the script has no spaces."""
    if len(part) < 2 or not _UNSPACED.search(part):
        return [part]
    return [part[start : start + 2] for start in range(len(part) - 1)]


class _Stems(dict[str, str]):
    """Lower-case word → its stem."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        found = self[word] = stem(word)
        return found


_STEMMED_STOP_WORDS = frozenset(map(stem, STOP_WORDS)) | STOP_WORDS
_CACHE_LIMIT = 200_000
_split = _Split()
_stems = _Stems()
