"""Where lines are after a patch, against difflib; and patches as git writes them."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from codeindex.evaluation.patches import Hunk, hunks_by_file, now_at


def hunks_between(old, new):
    found = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            # As git counts: where nothing is, it names the line before.
            found.append(Hunk(i1 + (i2 > i1), i2 - i1, j1 + (j2 > j1), j2 - j1))
    return found


@given(
    st.lists(st.integers(0, 40), max_size=15, unique=True),
    st.lists(st.integers(0, 40), max_size=15, unique=True),
)
def test_lines_are_followed(old, new):
    hunks = hunks_between(old, new)
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    kept = {i + n + 1: j + n + 1 for i, j, size in blocks for n in range(size)}
    for line in range(1, len(old) + 1):
        assert now_at(line, hunks) == kept.get(line)


PATCH = """\
diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -3 +3,2 @@ def f():
-    old
+++ b/not-a-header.py
+@@ -1 +1 @@
@@ -10,0 +12 @@
+    new
\\ No newline at end of file
diff --git a/gone.py b/gone.py
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/two words.py b/two words.py
--- a/two words.py\t
+++ b/two words.py\t
@@ -5,2 +4,0 @@
-a
-b
diff --git a/pic.png b/pic.png
Binary files a/pic.png and b/pic.png differ
diff --git "a/quo\\"ted.py" "b/quo\\"ted.py"
--- "a/quo\\"ted.py"
+++ "b/quo\\"ted.py"
@@ -1 +1 @@
-a
+b
"""


def test_patches_as_git_writes_them():
    assert hunks_by_file(PATCH) == {
        "a.py": [Hunk(3, 1, 3, 2), Hunk(10, 0, 12, 1)],
        "two words.py": [Hunk(5, 2, 4, 0)],
    }
    assert hunks_by_file("") == {}


@given(st.text(st.sampled_from("@-+ \n,1b/ad"), max_size=80))
def test_what_is_no_patch_gives_no_error(text):
    assert isinstance(hunks_by_file(text), dict)
