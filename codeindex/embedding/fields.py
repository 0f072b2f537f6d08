"""Fields: an object of the input, read field by field; a wrong one is named with its place."""

from __future__ import annotations

from typing import Any

from codeindex.errors import UsageError

_TOO_LARGE = 1 << 63  # for SQLite


class Fields:
    """One JSON object. A missing or null field is empty; unknown ones are left alone."""

    def __init__(self, value: Any, entry: str, where: str = "") -> None:
        """Takes the object and where it stands.

        Args:
            entry: file and position, for messages: ``code_snippets.json: entry 3``.
            where: the field that the object is the value of; empty for the entry itself.

        Raises:
            UsageError: it is no object.
        """
        self._entry = entry
        self._where = where
        if not isinstance(value, dict):
            raise self._wrong(where, "an object", value)
        self._values = value

    def text(self, key: str) -> str:
        """A text that can be written as UTF-8."""
        value = self._values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(self._place(key), "a text", value)
        # Half a surrogate pair is taken neither by SQLite nor by a tokenizer.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()

    def whole(self, key: str, default: int) -> int:
        """A whole number."""
        value = self._values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(self._place(key), "a whole number", value)
        if abs(value) >= _TOO_LARGE:
            raise self._wrong(self._place(key), "a whole number of 64 bits", value)
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(self._place(key), "true or false", value)
        return bool(value)

    def object(self, key: str) -> Fields:
        """An object."""
        value = self._values.get(key)
        return Fields({} if value is None else value, self._entry, self._place(key))

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def _place(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def _wrong(self, where: str, expected: str, value: Any) -> UsageError:
        field = f", field {where!r}" if where else ""
        return UsageError(f"{self._entry}{field}: expected {expected}, found {_kind(value)}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names: dict[type, str] = {bool: "true or false", str: "a text", list: "a list"}
    names |= {int: "a number", float: "a number", dict: "an object"}
    return names.get(type(value), type(value).__name__)
