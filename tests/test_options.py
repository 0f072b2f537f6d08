"""key=value words become typed options, or an error that lists the right ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from codeindex.errors import OptionError
from codeindex.options import build_options, describe_options, options_as_json, split_assignments


@dataclass(frozen=True)
class Options:
    threads: int = field(default=0, metadata={"help": "How many."})
    rate: float = 0.5
    path: Path = Path("x")
    exact: bool = False
    mode: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    limit: int | None = None


def test_values_are_converted_to_the_fields_types():
    words = ["threads=3", "rate=1e-2", "path=/a b", "exact=yes", "mode=b", "names=x,y", "limit=4"]
    options = build_options(Options, split_assignments(words), "encoder 'e'")
    assert options == Options(3, 0.01, Path("/a b"), True, "b", ("x", "y"), 4)
    assert options_as_json(options)["path"] == "/a b"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("thread=3", "encoder 'e' has no option 'thread'; its options: exact, limit, mode"),
        ("threads=many", "threads=many: expected a whole number"),
        ("rate=fast", "expected a number"),
        ("exact=perhaps", "expected true or false"),
        ("mode=c", "expected one of a, b"),
        ("limit=x", "expected a whole number"),
    ],
)
def test_what_is_wrong_is_said(word, said):
    with pytest.raises(OptionError, match=said):
        build_options(Options, split_assignments([word]), "encoder 'e'")


@pytest.mark.parametrize("word", ["threads", "=3", ""])
def test_a_word_that_is_no_assignment_is_refused(word):
    with pytest.raises(OptionError, match="key=value"):
        split_assignments([word])


def test_an_equals_sign_in_the_value_is_kept_and_dashes_are_underscores():
    assert split_assignments(["a-b=c=d", "a_b=e"]) == {"a_b": "e"}
    assert split_assignments(["a-b=c=d"]) == {"a_b": "c=d"}


def test_described_for_people():
    first = describe_options(Options)[0]
    assert first == {"name": "threads", "type": "int", "default": 0, "help": "How many."}
