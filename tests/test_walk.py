"""The walk: every file once, with the reason; ignore rules against git itself."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from pathlib import Path

import pytest

from codeindex import walk as walking
from codeindex.candidates import Candidate, Skipped, SkipReason
from codeindex.claims import Claims
from codeindex.errors import NotFoundError, UsageError
from codeindex.filters import Filter
from codeindex.ignores import IgnoreRules
from codeindex.specs import ExtractorSpec
from codeindex.walk import walk
from codeindex.walk_options import WalkOptions

PYTHON = {"suffixes": {".py": "python", ".d.ts": "types"}, "shebangs": {"python": "python"}}


def spec(name: str = "python", **changes: object) -> ExtractorSpec:
    return ExtractorSpec(name=name, summary="", make=lambda _: None, **(PYTHON | changes))


CLAIMS = Claims.of([spec()])


def grow(root: Path, *files: str, text: str = "x = 1\n") -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)


def candidates(paths: list[Path] | Path, root: Path, **options: object) -> list[str]:
    found = walk(
        [paths] if isinstance(paths, Path) else paths, root, CLAIMS, WalkOptions(**options)
    )
    return [one.path for one in found if isinstance(one, Candidate)]


def skipped(path: Path, root: Path, **options: object) -> dict[str, SkipReason]:
    found = walk([path], root, CLAIMS, WalkOptions(**options))
    return {one.path: one.reason for one in found if isinstance(one, Skipped)}


def test_files_of_a_folder_come_before_its_folders_each_by_name(tmp_path):
    grow(tmp_path, "b/a.py", "b.py", "a/z.py", "a/b/c.py", "a.py", "a/a.py")
    assert candidates(tmp_path, tmp_path) == [
        "a.py", "b.py", "a/a.py", "a/z.py", "a/b/c.py", "b/a.py",
    ]  # fmt: skip


def test_a_candidate_says_what_is_known_about_the_file(tmp_path):
    grow(tmp_path, "A.PY", text="x = 12\n")
    state = (tmp_path / "A.PY").stat()
    assert list(walk([tmp_path], tmp_path, CLAIMS, WalkOptions())) == [
        Candidate(
            "A.PY", Path(os.path.realpath(tmp_path)) / "A.PY", "python", "python", 7,
            state.st_mtime_ns, state.st_ctime_ns,
        )
    ]  # fmt: skip


def test_what_no_extractor_claims_is_named(tmp_path):
    grow(tmp_path, "a.txt", "types.d.ts", "x.ts")
    assert skipped(tmp_path, tmp_path) == dict.fromkeys(["a.txt", "x.ts"], SkipReason.NO_EXTRACTOR)
    assert candidates(tmp_path, tmp_path) == ["types.d.ts"]


@pytest.mark.parametrize(
    ("line", "claimed"),
    [
        ("#!/usr/bin/python", True),
        ("#! /usr/bin/env python3.12 -u", True),
        ("#!/usr/bin/env -S A=1 python3 -u", True),
        ("#!/bin/sh", False),
        ("python", False),
        ("", False),
    ],
)
def test_a_file_without_suffix_is_claimed_by_its_first_line(tmp_path, line, claimed):
    grow(tmp_path, "tool", "readme", text=line + "\n")
    (tmp_path / "tool").chmod(0o755)
    assert candidates(tmp_path, tmp_path) == (["tool"] if claimed else [])
    # Named by the user, it need not be executable.
    assert candidates(tmp_path / "readme", tmp_path) == (["readme"] if claimed else [])


def test_claims_leave_out_who_must_be_asked_and_name_both_who_disagree():
    assert Claims.of([spec(when_asked=True)]).by_name("a.py") is None
    with pytest.raises(UsageError, match=r"'python' and 'tree' both claim '\.py'"):
        Claims.of([spec(), spec("tree")])
    assert Claims.of([spec(), spec("tree", when_asked=True)]).by_name("a.py").extractor == "python"


VENDORED, GENERATED, HIDDEN = SkipReason.VENDORED, SkipReason.GENERATED, SkipReason.HIDDEN
LEFT_OUT = {
    "node_modules": VENDORED, "lib/third_party": VENDORED, "env": VENDORED,
    "pkg/__pycache__": GENERATED, "x.egg-info": GENERATED, "cache": GENERATED,
    "build": GENERATED, "dist": GENERATED, ".hidden": HIDDEN, ".x.py": HIDDEN,
    "a_pb2.py": GENERATED, "a_pb2_grpc.py": GENERATED,
}  # fmt: skip


def grow_left_out(root: Path) -> None:
    grow(root, "node_modules/m.py", "lib/third_party/t.py", "env/lib/e.py", "env/pyvenv.cfg")
    grow(root, "pkg/__pycache__/p.py", "x.egg-info/x.py", "cache/c.py", "cache/CACHEDIR.TAG")
    grow(root, "build/lib/b.py", "dist/a.whl", "dist/d.py", ".hidden/h.py", ".x.py")
    grow(root, "a_pb2.py", "a_pb2_grpc.py", ".git/g.py", ".codeindex/c.py")
    grow(root, "src/build/tool.py", "src/dist/tool.py", "src/env/tool.py")
    grow(root, "q/build/__init__.py", "q/build/lib/tool.py")


def test_foreign_and_generated_trees_are_left_out_and_named_once(tmp_path):
    grow_left_out(tmp_path)
    metadata = dict.fromkeys([".git", ".codeindex"], SkipReason.METADATA)
    assert skipped(tmp_path, tmp_path) == LEFT_OUT | metadata
    assert candidates(tmp_path, tmp_path) == [
        "q/build/__init__.py", "q/build/lib/tool.py",
        "src/build/tool.py", "src/dist/tool.py", "src/env/tool.py",
    ]  # fmt: skip


def test_everything_means_all_but_the_metadata(tmp_path):
    grow_left_out(tmp_path)
    grow(tmp_path, ".gitignore", text="*.py\n")
    found = candidates(tmp_path, tmp_path, everything=True)
    every = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.py")}
    assert set(found) == every - {".git/g.py", ".codeindex/c.py"}
    assert candidates(tmp_path / ".git", tmp_path, everything=True) == []
    assert candidates(tmp_path / ".git" / "g.py", tmp_path) == []


def test_codeindexignore_has_the_last_word(tmp_path):
    grow(tmp_path, "vendor/v.py", "gen.py", "old.py", ".ci/tool.py", "env/pyvenv.cfg", "env/e.py")
    grow(tmp_path, ".gitignore", text="gen.py\n")
    grow(tmp_path, ".codeindexignore", text="!vendor/\n!gen.py\nold.py\n!.ci\n!env/\n")
    assert candidates(tmp_path, tmp_path) == ["gen.py", ".ci/tool.py", "env/e.py", "vendor/v.py"]
    assert skipped(tmp_path, tmp_path)["old.py"] is SkipReason.IGNORED_HERE


def test_a_named_path_is_taken_though_a_rule_ignores_it(tmp_path):
    grow(tmp_path, "a.py", "out/b.py", "node_modules/m/c.py", "a.txt")
    grow(tmp_path, ".gitignore", text="a.py\nout/\n")
    named = [tmp_path / name for name in ("a.py", "out", "node_modules/m", ".")]
    assert candidates(named, tmp_path) == ["a.py", "out/b.py", "node_modules/m/c.py"]
    assert candidates(tmp_path / "a.py", tmp_path, exclude=("a.py",)) == []
    assert skipped(tmp_path / "a.txt", tmp_path) == {"a.txt": SkipReason.NO_EXTRACTOR}


def test_overlapping_paths_give_each_file_once(tmp_path):
    grow(tmp_path, "a.py", "x/b.py", "x/y/c.py")
    (tmp_path / "link").symlink_to("x")
    named = [tmp_path / name for name in ("x/y/c.py", ".", "x", "link", "x/../x/y", "a.py", "a.py")]
    found = candidates(named, tmp_path)
    assert sorted(found) == ["a.py", "x/b.py", "x/y/c.py"]


def test_a_path_outside_the_root_is_named_from_the_root(tmp_path):
    grow(tmp_path, "other/a.py", "root/b.py")
    assert candidates(tmp_path / "other", tmp_path / "root") == ["../other/a.py"]
    # A link in the root that the user names keeps its own name.
    (tmp_path / "root" / "link").symlink_to("../other")
    assert candidates(tmp_path / "root" / "link", tmp_path / "root") == ["link/a.py"]


def test_a_path_that_does_not_exist_is_an_error_before_anything_is_walked(tmp_path):
    with pytest.raises(NotFoundError, match="no such file or folder: '.*nowhere'"):
        walk([tmp_path, tmp_path / "nowhere"], tmp_path, CLAIMS, WalkOptions())


GLOBS = ["a", "a/b", "*.py", "a/*", "a/**", "**/b/*", "b.py", "**", "*/b/**", "a**", "[!a]**"]
GLOBS += ["/a/b", "a/***", "**/b/**"]


@pytest.mark.parametrize("glob", GLOBS)
def test_globs_mean_what_a_filter_means(tmp_path, glob):
    grow(tmp_path, "a.py", "b.py", "a/a.py", "a/b/b.py", "b/b.py", "c/b/d/e.py", "ab/a/b/c.py")
    every = candidates(tmp_path, tmp_path)
    matching = {path for path in every if Filter((glob,)).matches_path(path)}
    assert matching
    assert set(candidates(tmp_path, tmp_path, include=(glob,))) == matching
    assert set(candidates(tmp_path, tmp_path, exclude=(glob,))) == set(every) - matching


def test_an_excluded_folder_is_named_once_and_not_entered(tmp_path):
    grow(tmp_path, "a/b.py", "a/c/d.py")
    assert skipped(tmp_path, tmp_path, exclude=("a",)) == {"a": SkipReason.EXCLUDED}
    assert skipped(tmp_path, tmp_path, include=("z",))["a/b.py"] is SkipReason.NOT_INCLUDED


def test_links_are_not_followed(tmp_path):
    tree = tmp_path / "tree"
    grow(tree, "a/b.py")
    grow(tmp_path, "secret/s.py", "s.py")
    for name, target in {
        "file.py": "a/b.py", "folder": "a", "out.py": "../s.py", "away": "../secret",
        "a/up": "..", "self.py": "self.py", "broken.py": "nothing",
    }.items():  # fmt: skip
        (tree / name).symlink_to(target)
    assert candidates(tree, tree) == ["a/b.py"]
    assert skipped(tree, tree) == {
        "file.py": SkipReason.SYMLINK, "folder": SkipReason.SYMLINK,
        "out.py": SkipReason.SYMLINK_OUTSIDE, "away": SkipReason.SYMLINK_OUTSIDE,
        "a/up": SkipReason.SYMLINK_LOOP, "self.py": SkipReason.SYMLINK_LOOP,
        "broken.py": SkipReason.SYMLINK_BROKEN,
    }  # fmt: skip
    assert not any(one.is_error for one in walk([tree], tree, CLAIMS, WalkOptions())
                   if isinstance(one, Skipped))  # fmt: skip


def only_skipped(path: Path, **options: object) -> Skipped:
    (one,) = [
        one
        for one in walk([path], path, CLAIMS, WalkOptions(**options))
        if isinstance(one, Skipped)
    ]
    return one


def test_a_large_source_is_an_error_to_the_strict(tmp_path):
    grow(tmp_path, "a.py", "b.py", text="x" * 10)
    grow(tmp_path, "c.py", text="x" * 11)
    one = only_skipped(tmp_path, max_bytes=10)
    assert (one.path, one.reason, one.is_error) == ("c.py", SkipReason.TOO_LARGE, True)
    assert "11 bytes" in one.detail


def test_a_fifo_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.py")
    os.mkfifo(tmp_path / "tool", 0o755)
    reasons = {"a.py": SkipReason.NOT_A_FILE, "tool": SkipReason.NO_EXTRACTOR}
    assert skipped(tmp_path, tmp_path) == reasons
    for name, reason in reasons.items():
        assert skipped(tmp_path / name, tmp_path) == {name: reason}


def test_a_name_that_is_not_utf8_is_reported_in_letters_that_can_be_stored(tmp_path):
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).touch()
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff")).mkdir()
    except OSError:
        pytest.skip("this file system allows only UTF-8 names")
    found = list(walk([tmp_path], tmp_path, CLAIMS, WalkOptions()))
    assert {one.path for one in found} == {"caf\\xe9.py", "d\\xff"}
    assert all(one.reason is SkipReason.UNREADABLE and one.is_error for one in found)
    grow(tmp_path, "café/ü.py")
    assert candidates(tmp_path, tmp_path) == ["café/ü.py"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOENT, errno.EIO])
def test_a_folder_that_cannot_be_read_is_reported(tmp_path, monkeypatch, code):
    grow(tmp_path, "a.py", "closed/b.py", "z/c.py")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise OSError(code, os.strerror(code))
        return scandir(path)

    monkeypatch.setattr(walking.os, "scandir", refuse)
    one = only_skipped(tmp_path)
    assert (one.path, one.reason, one.is_error) == ("closed", SkipReason.UNREADABLE, True)
    assert candidates(tmp_path, tmp_path) == ["a.py", "z/c.py"]


def test_files_and_paths_that_vanish_meanwhile_are_reported(tmp_path, monkeypatch):
    grow(tmp_path, "a.py", "b.py")
    scandir = os.scandir

    class Late:
        def __init__(self, path):
            self.entries = list(scandir(path))
            (tmp_path / "b.py").unlink()

        def __enter__(self):
            return self.entries

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(walking.os, "scandir", Late)
    one = only_skipped(tmp_path)
    assert (one.path, one.reason, one.detail) == ("b.py", SkipReason.UNREADABLE, "it vanished")
    monkeypatch.undo()
    results = walk([tmp_path / "a.py"], tmp_path, CLAIMS, WalkOptions())
    (tmp_path / "a.py").unlink()
    assert [one.reason for one in results] == [SkipReason.UNREADABLE]


def test_an_ignore_file_that_cannot_be_read_is_reported(tmp_path, monkeypatch):
    grow(tmp_path, "a.py", ".gitignore")

    def refuse(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(walking, "read_ignore_file", refuse)
    found = {one.path: one for one in walk([tmp_path], tmp_path, CLAIMS, WalkOptions())
             if isinstance(one, Skipped) and one.is_error}  # fmt: skip
    assert found[".gitignore"].reason is SkipReason.UNREADABLE


def test_hostile_patterns_end():
    text = "*a" * 60 + "b\n" + "/**/a*" * 60 + "/zz\n"
    rules = IgnoreRules().with_file("/r", text)
    assert rules.verdict("/r/" + "a" * 250, "a" * 250, False) is None
    assert rules.verdict("/r/" + "a/" * 1900 + "c", "c", False) is None
    assert rules.verdict("/r/" + "a" * 250 + "b", "a" * 250 + "b", False) is True


def git(folder: Path, *arguments: str) -> str:
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "HOME": "/nowhere",
    }
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=kept | settings, check=True, capture_output=True,
        text=True,
    ).stdout  # fmt: skip


def git_says(folder: Path) -> list[str]:
    listed = git(folder, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
    return sorted(path for path in listed if path.endswith(".py"))


WORDS = ["a", "b", "ab", "a.py", ".py", "*", "*", "**", "***", "/", "/", "/", "?", " ", "#", "-"]
WORDS += ["[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[a-", "[b-a]", "[a/b]", "\\a", "\\*", "\\ "]
WORDS += ["*.py", "\\[", "[[:alpha:]]", "[[:x:]]", "[[:a]", "[\\]]"]


def random_pattern(dice: random.Random) -> str:
    body = "".join(dice.choice(WORDS) for _ in range(dice.randint(1, 5)))
    return dice.choice(["", "", "!"]) + body + dice.choice(["", "", "/", " ", "\r", "\\"]) + "\n"


def grow_randomly(root: Path, dice: random.Random) -> None:
    folders = [root]
    for _ in range(dice.randint(1, 9)):
        folders.append(dice.choice(folders) / dice.choice(["a", "b", "ab", "c", "a.py"]))
        folders[-1].mkdir(exist_ok=True)
    for _ in range(25):
        name = dice.choice(["a.py", "b.py", "ab.py", "a b.py", "#.py", "*.py", "-.py", "[.py"])
        file = dice.choice(folders) / name
        if not file.exists():
            file.touch()
    for folder in dice.sample(folders, min(len(folders), 3)):
        patterns = "".join(random_pattern(dice) for _ in range(dice.randint(1, 4)))
        (folder / ".gitignore").write_text(patterns, newline="")
    (root / ".git/info/exclude").write_text(random_pattern(dice), newline="")


@pytest.mark.parametrize("seed", range(8))
def test_random_trees_are_read_as_git_reads_them(tmp_path, seed):
    dice = random.Random(seed)
    decided = 0
    for number in range(15):
        root = tmp_path / str(number)
        root.mkdir()
        git(root, "init", "-q")
        grow_randomly(root, dice)
        expected = git_says(root)
        found = candidates(root, root)
        rules = {str(file): file.read_bytes() for file in root.rglob(".gitignore")}
        assert sorted(found) == expected, rules
        decided += len(list(root.rglob("*.py"))) - len(expected)
        # Walked by itself, a folder is read with the rules above it.
        for folder in {str(Path(path).parent) for path in found}:
            below = [path for path in found if folder == "." or path.startswith(folder + "/")]
            assert candidates(root / folder, root) == below, rules
    assert decided > 20  # the trees do test something


@pytest.mark.parametrize(
    "patterns",
    [
        "data/**\n!data/keep.py\n", "*\n!*/\n!keep.py\n", "/a**\n", "a**/b.py\n", "data/\n!data/\n",
        "\ufeffdata\n", "**/data/*\n!**/keep.py\n", "*.py\n!src/\n", "data/keep.py/\n", "!\n/\n",
        "data[!a]x.py\n", "/[c-d-t]*\n", "[&&~|^[-]*\n",
        "//\n",
        "keep.py \n", "keep.py\\ \n", "keep.py\\\\ \n", "*\\.py\n!keep.py", "data//\n",
        "src\\/keep.py\n",
    ],
)  # fmt: skip
def test_known_corners_are_read_as_git_reads_them(tmp_path, patterns):
    git(tmp_path, "init", "-q")
    grow(
        tmp_path,
        "data/keep.py",
        "data/x.py",
        "src/data/y.py",
        "src/keep.py",
        "ab/c/b.py",
        "a.py",
        "&.py",
        "^.py",
    )
    (tmp_path / ".gitignore").write_text(patterns, encoding="utf-8")
    assert sorted(candidates(tmp_path, tmp_path)) == git_says(tmp_path)


def test_a_repository_inside_another_follows_its_own_rules(tmp_path):
    git(tmp_path, "init", "-q")
    grow(tmp_path, "sub/a.py", "sub/b.py", "sub/c.py", "a.py")
    git(tmp_path / "sub", "init", "-q")
    grow(tmp_path, ".gitignore", text="a.py\n")
    grow(tmp_path, "sub/.git/info/exclude", text="b.py\n")
    grow(tmp_path, ".codeindexignore", text="c.py\n")
    assert candidates(tmp_path, tmp_path) == ["sub/a.py"]
    assert candidates(tmp_path / "sub", tmp_path) == ["sub/a.py"]


def test_a_linked_worktree_follows_the_excludes_of_its_repository(tmp_path):
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    git(main, "init", "-q")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    git(main, *identity, "commit", "-q", "--allow-empty", "-m", "one")
    git(main, "worktree", "add", "-q", str(linked))
    grow(linked, "a.py", "x/a.py", "x/b.py")
    grow(main, ".git/info/exclude", text="a.py\n")
    assert candidates(linked, linked) == candidates(linked / "x", linked) == ["x/b.py"]


def test_without_a_repository_rules_count_from_the_root(tmp_path):
    grow(tmp_path, ".gitignore", text="*.py\n")
    grow(tmp_path, "root/.gitignore", text="a.py\n")
    grow(tmp_path, "root/x/a.py", "root/x/b.py")
    assert candidates(tmp_path / "root" / "x", tmp_path / "root") == ["x/b.py"]


def test_an_ignore_file_that_is_a_link_does_not_count(tmp_path):
    grow(tmp_path, "rules", text="a.py\n")
    grow(tmp_path, "x/a.py")
    (tmp_path / ".gitignore").symlink_to("rules")
    (tmp_path / "x" / ".gitignore").symlink_to("../rules")
    assert candidates(tmp_path, tmp_path) == candidates(tmp_path / "x", tmp_path) == ["x/a.py"]
