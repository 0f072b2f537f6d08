"""Names in a pack: whatever passes stays inside its folder, on every system."""

from __future__ import annotations

import ntpath
import posixpath
from pathlib import PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeindex.packing.names import name_fault, names_fault

SHORT = [*"aBé/\\.~-* \n\x00\u202e\ud800", "", "..", "e\u0301"]
PIECES = st.sampled_from([*SHORT, "C:", "nul", "con.txt", "COM1", "a.", "a ", "aux .x", "-wal"])
NAMES = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).map("".join))


@given(NAMES)
@example("backend/packed/base-000001.vectors.npy")
@example("a/../../b")
def test_a_name_that_passes_stays_inside_and_is_itself(name):
    if name_fault(name) is not None:
        return
    inside = "/place/index/"
    assert posixpath.normpath(inside + name) == inside + name
    windows = PureWindowsPath(name)
    assert not windows.drive
    assert not windows.root
    assert not windows.is_reserved()
    assert ".." not in windows.parts
    assert ntpath.normpath(f"C:\\place\\{name}") == "C:\\place\\" + name.replace("/", "\\")
    assert name.isprintable()


PLAIN = st.text("abCD1_", min_size=1, max_size=3)


@given(st.lists(st.lists(PLAIN, min_size=1, max_size=3).map("/".join)))
def test_plain_names_pass_unless_they_meet(names):
    assert not any(map(name_fault, names))
    folded = [name.lower() for name in names]
    meet = len(set(folded)) < len(folded) or any(
        one != other and other.startswith(f"{one}/") for one in folded for other in folded
    )
    assert (names_fault(names) is not None) == meet


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("../up", "leaves"),
        ("a/../../up", "leaves"),
        ("a//b", "leaves"),
        ("a/", "leaves"),
        ("./a", "leaves"),
        ("a\\b", "forbidden"),
        ("C:/x", "forbidden"),
        ("file:stream", "forbidden"),
        ("a\x00b", "forbidden"),
        ("a\x1b[2Jb", "forbidden"),
        ("a\u202etxt", "forbidden"),
        ("nul", "device"),
        ("x/COM3.txt", "device"),
        ("name.", "Windows"),
        (" name", "Windows"),
        ("x" * 300, "too long"),
        ("é" * 200, "too long"),
        ("a/" * 600 + "b", "too long"),
    ],
)
def test_a_name_is_refused_for_a_reason(name, reason):
    assert reason in (name_fault(name) or "")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a", "a"], "twice"),
        (["Model.onnx", "model.ONNX"], "twice"),
        (["é", "e\u0301"], "twice"),
        (["a", "a/b"], "inside another file"),
        (["A/b/c", "a/B"], "inside another file"),
        (["a", "../b"], "leaves"),
    ],
)
def test_names_are_refused_together(names, reason):
    assert reason in (names_fault(names) or "")
    assert names_fault(["a", "b/c", "b/d"]) is None
