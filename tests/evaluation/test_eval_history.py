"""Commits as questions, on repositories that the tests make."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest
from eval_trees import commit, git, indexed, python_host

from codeindex.errors import UsageError
from codeindex.evaluation.git import Repository
from codeindex.evaluation.history import HistoryOptions, history_questions

BASE = """def alpha(x):
    y = x + 1
    return y


def beta(x):
    y = x * 2
    z = y + 1
    return z


class Gamma:
    size = 3

    def delta(self):
        total = self.size
        return total
"""


def asked(root, host, number=0, seed=0, options=HistoryOptions()):  # noqa: B008 - frozen
    with indexed(root, host) as index:
        return history_questions(
            index.snippets(), Repository.at(root, os.environ), number, seed, options
        )


def answers(questions):
    return {question.text: sorted(question.relevant) for question in questions.asked}


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / "a.py").write_text(BASE)
    commit(root, "Initial commit of it all")
    return root


@pytest.fixture
def python(toys):
    return python_host(toys)


def change(root, old, new, subject, name="a.py", **more):
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))
    return commit(root, subject, **more)


def test_a_subject_asks_for_what_its_commit_changed_as_it_is_now(repository, python):
    first = change(repository, "y = x * 2", "y = x * 3", "Triple what beta is given (#7)")
    change(repository, "size = 3", "size = 4", "Gamma is as large as four")
    # Later lines move it; its own stay.
    change(repository, "def alpha(x):", "LIMIT = 10\n\n\n\ndef alpha(x):", "A limit before alpha")
    change(repository, "    return total", "    return total or 1", "Delta is never nothing at all")
    questions = asked(repository, python)
    assert answers(questions) == {
        "Triple what beta is given": ["a.py:beta"],
        "Gamma is as large as four": ["a.py:Gamma"],
        "Delta is never nothing at all": ["a.py:Gamma.delta"],
    }
    assert questions.asked[-1].id == first
    assert (questions.source, questions.possible) == ("git", 4)
    assert questions.left_out == {
        "a revert, a release or other routine": 1,
        "no function that it changed is in the index, as it was left": 1,
    }


def test_what_a_later_commit_has_changed_again_is_no_answer(repository, python):
    change(repository, "y = x * 2", "y = x * 3", "Triple what beta is given")
    change(repository, "y = x * 3", "y = x * 4", "Quadruple what beta is given")
    assert answers(asked(repository, python)) == {"Quadruple what beta is given": ["a.py:beta"]}


def test_lines_taken_away_between_functions_count_for_none(repository, python):
    change(repository, "    z = y + 1\n    return z", "    return y", "Beta adds one no more")
    change(repository, "\n\n\nclass Gamma", "\n\nclass Gamma", "One line less before Gamma")
    change(repository, "    size = 3\n\n", "    size = 3\n", "One line less within Gamma")
    found = answers(asked(repository, python))
    assert found == {"Beta adds one no more": ["a.py:beta"]}


def test_a_pure_deletion_within_a_function(repository, python):
    change(repository, "    total = self.size\n", "", "The total is counted no more")
    assert answers(asked(repository, python)) == {
        "The total is counted no more": ["a.py:Gamma.delta"]
    }


def test_merges_bots_tests_and_what_is_too_large_do_not_ask(repository, python):
    (repository / "test_a.py").write_text("def test_alpha():\n    assert alpha(1) == 2\n")
    commit(repository, "Test what alpha gives back")
    git(repository, "checkout", "--quiet", "-b", "topic")
    change(repository, "x + 1", "x + 2", "Alpha adds two instead")
    git(repository, "checkout", "--quiet", "main")
    (repository / "b.py").write_text("".join(f"def f{n}():\n    return {n}\n\n" for n in range(11)))
    commit(repository, "Eleven functions at one go")
    git(
        repository,
        "merge",
        "--quiet",
        "--no-ff",
        "--no-edit",
        "--message",
        "Alpha and others",
        "topic",
    )
    change(repository, "y = x * 2", "y = x * 3", "Triple what beta is given",
           author="dependabot[bot] <bot@example.org>")  # fmt: skip
    questions = asked(repository, python)
    assert answers(questions) == {"Alpha adds two instead": ["a.py:alpha"]}
    assert questions.left_out == {
        "by a bot": 1,
        "a revert, a release or other routine": 1,
        "changes too much": 1,
        "no function that it changed is in the index, as it was left": 1,
    }


def test_limits_are_kept(repository, python):
    change(repository, "y = x * 2", "y = x * 3", "Triple what beta is given")
    for options in (HistoryOptions(max_bytes=10), HistoryOptions(max_files=0)):
        questions = asked(repository, python, options=options)
        assert not questions.asked
        assert questions.left_out["changes too much"] == 1
    assert not asked(repository, python, options=HistoryOptions(commits=0)).asked


def test_a_subject_that_stands_twice_asks_once(repository, python):
    change(repository, "y = x * 2", "y = x * 3", "Change what beta is given")
    change(repository, "size = 3", "size = 4", "change what Beta is given")
    questions = asked(repository, python)
    assert answers(questions) == {"change what Beta is given": ["a.py:Gamma"]}
    assert questions.left_out["subject that stood before"] == 1


def test_an_index_of_a_folder_within_the_repository(repository, python):
    inner = repository / "inner folder"
    inner.mkdir()
    (inner / "c.py").write_text("def sigma(x):\n    return x\n")
    (repository / "a.py").write_text(BASE.replace("x * 2", "x * 3"))
    commit(repository, "Sigma beside a change of beta")
    assert answers(asked(inner, python)) == {"Sigma beside a change of beta": ["c.py:sigma"]}


def test_a_file_that_is_not_as_in_head_is_left_out(repository, python):
    change(repository, "y = x * 2", "y = x * 3", "Triple what beta is given")
    (repository / "a.py").write_text("\n\n" + (repository / "a.py").read_text())
    questions = asked(repository, python)
    assert not questions.asked
    (reason,) = (why for why in questions.left_out if "as they are in HEAD" in why)
    assert questions.left_out[reason] == 1


def test_a_draw_is_the_same_for_the_same_seed(repository, python):
    for number in range(6):
        (repository / f"m{number}.py").write_text(f"def f{number}(x):\n    return {number}\n")
        commit(repository, f"Function number {'one' * (number + 1)} is new")
    draws = [asked(repository, python, 3, seed).asked for seed in (1, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len({tuple(question.id for question in draw) for draw in draws}) > 1
    assert {len(draw) for draw in draws} == {3}


def test_nothing_that_a_repository_names_is_run(repository, python, tmp_path):
    """Its configuration and attributes name a program in every way that git has to run one."""
    commit_of_change = change(repository, "y = x * 2", "y = x * 3", "Triple what beta is given")
    proof = tmp_path / "it-ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> '{proof}'\ncat\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for key in (
        *("core.fsmonitor", "core.pager", "pager.log", "pager.diff-tree", "diff.external"),
        *("diff.evil.command", "diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge"),
        *("filter.evil.process", "gpg.program", "core.sshCommand", "core.editor", "alias.log"),
        *("core.alternateRefsCommand", "uploadpack.packObjectsHook", "credential.helper"),
    ):
        git(repository, "config", key, f"!{program}" if key == "alias.log" else str(program))
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "diff.noprefix", "true")
    git(repository, "config", "color.ui", "always")
    git(repository, "config", "diff.renames", "copies")
    (repository / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil\n")
    hooks = repository / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / hook).write_bytes(program.read_bytes())
        (hooks / hook).chmod(0o755)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GIT_EXTERNAL_DIFF", str(program))
        environment.setenv("GIT_PAGER", str(program))
        environment.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        questions = asked(repository, python)
    assert answers(questions) == {"Triple what beta is given": ["a.py:beta"]}
    assert not proof.exists(), proof.read_text()
    # The same without care runs it: the test could fail.
    subprocess.run(["git", "show", "--ext-diff", commit_of_change], cwd=repository,
                   capture_output=True, check=False)  # fmt: skip
    assert proof.exists()


def test_an_object_that_is_only_at_a_remote_is_not_fetched(repository, python, tmp_path):
    change(repository, "y = x * 2", "y = x * 3", "Triple what beta is given")
    proof = tmp_path / "it-ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{proof}'\nexit 1\n")
    program.chmod(0o755)
    blob = git(repository, "rev-parse", "HEAD~1:a.py")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in (
        *(("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin")),
        *(("remote.origin.promisor", "true"), ("remote.origin.url", "ssh://example.org/x")),
        *(("core.sshCommand", str(program)), ("remote.origin.uploadpack", str(program))),
    ):
        git(repository, "config", key, value)
    with pytest.raises(UsageError, match="git cannot read the history"):
        asked(repository, python)
    assert not proof.exists()
    subprocess.run(
        ["git", "cat-file", "-p", blob], cwd=repository, capture_output=True, check=False
    )
    assert proof.exists()


def test_what_is_no_repository_is_told(tmp_path):
    with pytest.raises(
        UsageError, match=r"git cannot read the history of .*: not a git repository"
    ):
        Repository.at(tmp_path, os.environ)
    git(tmp_path, "init", "--quiet")
    with pytest.raises(UsageError, match="git cannot read the history"):
        Repository.at(tmp_path, os.environ)
    with pytest.raises(UsageError, match="none on PATH"):
        Repository.at(tmp_path, {"PATH": str(tmp_path)})
