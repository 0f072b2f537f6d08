"""``key=value`` words → a provider's options dataclass."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from codeindex.errors import OptionError

T = TypeVar("T")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def split_assignments(words: Iterable[str]) -> dict[str, str]:
    """``["a=1", "b=x=y"]`` → ``{"a": "1", "b": "x=y"}``. The last of two equal keys wins.

    Raises:
        OptionError: a word without ``=`` or without a key.
    """
    assignments = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise OptionError(f"an option is given as key=value, not {word!r}")
        assignments[key.strip().replace("-", "_")] = value
    return assignments


def build_options(cls: type[T], values: Mapping[str, Any], owner: str) -> T:
    """An instance of the options dataclass `cls`; text is converted to each field's type.

    Args:
        cls: a dataclass in which every field has a default.
        values: field name → value, as text or, from a configuration file, already typed.
        owner: what the options belong to, for messages: ``encoder 'onnx'``.

    Raises:
        OptionError: an unknown key, or a value that is not of the field's type.
    """
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    converted: dict[str, Any] = {}
    for key, value in values.items():
        if key not in fields:
            known = ", ".join(sorted(fields)) or "it has none"
            raise OptionError(f"{owner} has no option {key!r}; its options: {known}")
        try:
            converted[key] = _convert(value, hints[key])
        except ValueError as error:
            raise OptionError(f"{owner}: {key}={value}: expected {error}") from None
    try:
        return cls(**converted)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{owner}: {error}") from error


def options_as_json(options: Any) -> dict[str, Any]:
    """The fields of an options instance as JSON values."""
    return {
        field.name: _plain(getattr(options, field.name)) for field in dataclasses.fields(options)
    }


def describe_options(cls: type[Any]) -> list[dict[str, Any]]:
    """Name, type, default and help of each option, for ``codeindex plugins``."""
    hints = typing.get_type_hints(cls)
    return [
        {
            "name": field.name,
            "type": _type_name(hints[field.name]),
            "default": _plain(_default(field)),
            "help": str(field.metadata.get("help", "")),
        }
        for field in dataclasses.fields(cls)
    ]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _type_name(hint: Any) -> str:
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return "|".join(str(choice) for choice in typing.get_args(hint))
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _convert(value: Any, hint: Any) -> Any:
    """`value` as the type `hint`; a ValueError's text says what was expected."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        for choice in arguments:
            if value == choice or str(value) == str(choice):
                return choice
        raise ValueError("one of " + ", ".join(str(choice) for choice in arguments))
    if origin in (typing.Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        if value is None or (value == "" and len(inner) < len(arguments)):
            return None
        return _convert(value, inner[0])
    if origin is tuple:
        items = value.split(",") if isinstance(value, str) else list(value)
        return tuple(_convert(item, arguments[0]) for item in items if item != "")
    return _convert_plain(value, hint)


def _convert_plain(value: Any, hint: Any) -> Any:
    if hint is bool:
        text = str(value).lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        raise ValueError("true or false")
    if hint in (int, float):
        try:
            return hint(value)
        except (TypeError, ValueError):
            wanted = "a whole number" if hint is int else "a number"
            raise ValueError(wanted) from None
    return hint(value) if isinstance(hint, type) else value
