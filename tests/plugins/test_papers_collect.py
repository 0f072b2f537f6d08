"""`papers collect`: repositories are cloned once, safely and within limits; their code is kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from papers_repositories import Repositories, collect, links, output

from codeindex.cli import run
from codeindex_papers.collect.git import Git

GIT = shutil.which("git")


@pytest.fixture
def repositories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Repositories(tmp_path)


def fake_git(tmp_path, monkeypatch, script):
    """Puts a program called git before the real one; `$REAL` is that."""
    folder = tmp_path / "fake"
    folder.mkdir(exist_ok=True)
    program = folder / "git"
    program.write_text(f"#!/bin/sh\nREAL={GIT}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


# What is written


def test_the_code_files_are_those_of_the_format(repositories):
    url = repositories.make(
        "net",
        {
            "src/a.py": "def f():\r\n    return 'ä'",
            "run.SH": "echo\n",
            "README.md": "# no code\n",
            "notebook.ipynb": "{}",
            "empty.py": "",
            ".hidden/b.py": "x = 1\n",
            ".hidden.py": "x = 1\n",
            "node_modules/c.js": "1\n",
            "api_pb2.py": "x = 1\n",
            "binary.py": b"\0\1",
            "large.py": "#" * 1_048_577,
            "largest.py": "#" * 1_048_576,
            "lib/tracked.py": "y = 2\n",
            ".gitignore": "lib/\n",
        },
    )
    repositories.pairs([[{"url": url, "name": "me/net", "description": None, "stars": 3}]])
    code, receipt, _ = collect()
    assert code == 0
    (link,) = links(output())
    files = link.pop("code_files")
    assert link == {"url": url, "name": "me/net", "description": None, "stars": 3, "cloned": True}
    assert files[-1] == {
        "path": "src/a.py",
        "extension": ".py",
        "language": "Python",
        "content": "def f():\n    return 'ä'",
        "lines": 2,
        "size_bytes": 25,
    }
    assert [(f["path"], f["extension"], f["language"], f["lines"]) for f in files] == [
        ("empty.py", ".py", "Python", 0),
        ("largest.py", ".py", "Python", 1),
        ("run.SH", ".sh", "Shell", 1),
        ("lib/tracked.py", ".py", "Python", 1),
        ("src/a.py", ".py", "Python", 2),
    ]
    assert (receipt["code_files"], receipt["repositories"][0]["code_files"]) == (5, 5)
    assert receipt["skipped_files"] == {"too large": 1, "binary (null byte)": 1}
    assert receipt["repositories"][0]["commit"] == repositories.commit("net")


def test_papers_stand_in_their_order_with_all_their_facts(repositories):
    url = repositories.make("r", {"a.py": "x = 1\n"})
    repositories.pairs([[{"url": url}], [], [{"url": url}]])
    before = output("pairs.json")
    assert collect()[0] == 0
    after = output()
    assert [entry["paper"] for entry in after] == [entry["paper"] for entry in before]
    assert [len(entry["repositories"]) for entry in after] == [1, 0, 1]
    # It may be read again: what was added is made anew.
    shutil.copy("paper_code_with_files.json", "pairs.json")
    assert collect("-o", "again.json")[0] == 0
    assert output("again.json") == after


def test_only_the_languages_asked_for(repositories):
    url = repositories.make("r", {"a.py": "x\n", "b.cpp": "x\n", "c.js": "x\n"})
    repositories.pairs([[{"url": url}]])
    assert collect("--language", "PYTHON", "--language", "c++")[0] == 0
    assert [f["path"] for f in links(output())[0]["code_files"]] == ["a.py", "b.cpp"]


def test_a_wrong_language_is_said_before_anything_is_cloned(repositories, capsys):
    repositories.pairs([[{"url": repositories.make("r", {"a.py": "x\n"})}]])
    assert run(["papers", "collect", "pairs.json", "--language", "pyton"]) == 2
    assert "unknown language 'pyton'; did you mean Python?" in capsys.readouterr().err
    assert not Path("cache").exists()


def test_a_link_out_of_the_repository_is_not_followed(repositories, tmp_path):
    (tmp_path / "secret.py").write_text("password = 1\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "b.py").write_text("password = 2\n")
    url = repositories.make(
        "r",
        {"a.py": "x = 1\n"},
        symlinks={"l.py": tmp_path / "secret.py", "d": tmp_path / "secrets", "m.py": "a.py"},
    )
    repositories.pairs([[{"url": url}]])
    collect()
    assert [f["path"] for f in links(output())[0]["code_files"]] == ["a.py"]
    assert "password" not in Path("paper_code_with_files.json").read_text()


def test_extract_reads_what_collect_writes(repositories):
    code = 'def f():\n    """Adds."""\n    return 1\n'
    repositories.pairs([[{"url": repositories.make("r", {"a.py": code}), "name": "me/r"}]])
    collect()
    words = ["extract", "paper_code_with_files.json", "-o", "s.json", "--min-lines", "1"]
    assert run(words) == 0
    (row,) = output("s.json")
    assert (row["function_name"], row["repo_name"], row["paper_id"]) == ("f", "me/r", "2000.00000")


# The cache


def test_a_second_run_clones_nothing(repositories):
    urls = [repositories.make(name, {"a.py": f"{name} = 1\n"}) for name in ("one", "two")]
    repositories.pairs([[{"url": url}] for url in urls])
    assert [r["outcome"] for r in collect()[1]["repositories"]] == ["cloned", "cloned"]
    first = output()
    for name in ("one", "two"):
        repositories.remove(name)
    code, receipt, _ = collect("--max-papers", "2")
    assert (code, output()) == (0, first)
    assert [r["outcome"] for r in receipt["repositories"]] == ["from the cache"] * 2
    assert Path("cache/codeindex/papers").is_dir()


def test_no_git_is_needed_where_all_is_in_the_cache(repositories, monkeypatch, capsys):
    repositories.pairs([[{"url": repositories.make("r", {"a.py": "x\n"})}]])
    collect()
    monkeypatch.setenv("PATH", "")
    assert collect()[0] == 0
    assert run(["papers", "collect", "pairs.json", "--cache", "other"]) == 2
    assert "git is needed" in capsys.readouterr().err


def test_a_repository_under_several_papers_is_cloned_once(repositories, tmp_path, monkeypatch):
    url = repositories.make("r", {"a.py": "x\n", "b.py": b"\0"})
    repositories.pairs([[{"url": url}], [{"url": f" {url}/"}, {"url": url}]])
    fake_git(tmp_path, monkeypatch, 'echo "$*" >> calls; exec $REAL "$@"')
    _, receipt, _ = collect()
    assert len([c for c in Path("calls").read_text().splitlines() if " clone " in c]) == 1
    assert [len(link["code_files"]) for link in links(output())] == [1, 1, 1]
    assert (len(receipt["repositories"]), receipt["links_kept"], receipt["code_files"]) == (1, 3, 3)
    assert receipt["skipped_files"] == {"binary (null byte)": 1}


def test_two_repositories_of_one_name_are_two(repositories):
    one = repositories.make("a/net", {"one.py": "x\n"})
    two = repositories.make("b/net", {"two.py": "x\n"})
    repositories.pairs([[{"url": one}, {"url": two}]])
    collect()
    assert [link["code_files"][0]["path"] for link in links(output())] == ["one.py", "two.py"]


def test_killed_while_cloning_and_run_again(repositories, tmp_path, monkeypatch):
    first = repositories.make("first", {"a.py": "x\n"})
    second = repositories.make("second", {"b.py": "x\n"})
    repositories.pairs([[{"url": first}, {"url": second}]])
    # The second is cloned, and then git does not come to an end.
    hang = 'case "$*" in *clone*second*) echo $$ > new; mv new half; sleep 600;; esac'
    fake_git(tmp_path, monkeypatch, f'$REAL "$@"; code=$?; {hang}; exit $code')
    words = [sys.executable, "-m", "codeindex", "papers", "collect", "pairs.json", "-j", "1"]
    process = subprocess.Popen(words, start_new_session=True)
    wait_for(Path("half"))
    process.kill()
    process.wait()
    os.killpg(int(Path("half").read_text()), signal.SIGKILL)  # nobody else does
    assert not Path("paper_code_with_files.json").exists()
    unfinished = list(Path("cache/codeindex/papers").glob(".unfinished-*"))
    assert len(unfinished) == 1
    repositories.remove("first")  # it is in the cache, or it is lost
    fake_git(tmp_path, monkeypatch, 'exec $REAL "$@"')
    _, receipt, _ = collect()
    assert [r["outcome"] for r in receipt["repositories"]] == ["from the cache", "cloned"]
    assert [link["code_files"][0]["path"] for link in links(output())] == ["a.py", "b.py"]
    assert not unfinished[0].exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_kills_the_clones_at_work_and_keeps_the_rest(
    repositories, tmp_path, monkeypatch, number
):
    first = repositories.make("first", {"a.py": "x\n"})
    second = repositories.make("second", {"b.py": "x\n"})
    repositories.pairs([[{"url": first}, {"url": second}]])
    hang = 'case "$*" in *clone*second*) sleep 600 & echo $! > pid.new; mv pid.new pid; wait;; esac'
    fake_git(tmp_path, monkeypatch, f'{hang}; exec $REAL "$@"')
    words = [sys.executable, "-m", "codeindex", "papers", "collect", "pairs.json", "-j", "1"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for(Path("pid"))
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "finished clones are in" in said
    assert "Traceback" not in said
    assert ended(int(Path("pid").read_text()))
    assert not list(Path("cache/codeindex/papers").glob(".unfinished-*"))
    _, receipt, _ = collect("--timeout", "0.5")
    assert [r["outcome"] for r in receipt["repositories"]] == ["from the cache", "failed"]


def test_what_failed_is_tried_again(repositories):
    url = repositories.make("r", {"a.py": "x\n"})
    Path("r").rename("away")
    repositories.pairs([[{"url": url}]])
    assert collect()[0] == 1
    assert links(output())[0]["cloned"] is False
    Path("away").rename("r")
    assert collect()[0] == 0
    assert links(output())[0]["cloned"] is True


@pytest.mark.parametrize("damage", ["clone.json", "tree"])
def test_a_damaged_clone_is_made_again(repositories, damage):
    repositories.pairs([[{"url": repositories.make("r", {"a.py": "x\n"})}]])
    collect()
    (place,) = Path("cache/codeindex/papers").glob("r-*")
    if damage == "tree":
        shutil.rmtree(place / "tree")
    else:
        (place / damage).write_text("{")
    _, receipt, _ = collect()
    assert receipt["repositories"][0]["outcome"] == "cloned"
    assert receipt["code_files"] == 1


# Limits


def test_one_that_takes_too_long_is_given_up(repositories, tmp_path, monkeypatch):
    slow = repositories.make("slow", {"a.py": "x\n"})
    good = repositories.make("good", {"b.py": "x\n"})
    repositories.pairs([[{"url": slow}, {"url": good}]])
    hang = 'case "$*" in *clone*slow*) sleep 600 & echo $! > pid; wait;; esac'
    fake_git(tmp_path, monkeypatch, f'{hang}; exec $REAL "$@"')
    code, receipt, _ = collect("--timeout", "2")
    assert code == 0
    assert [r["error"] for r in receipt["repositories"]] == ["took longer than 2 s (--timeout)", ""]
    first, second = links(output())
    assert (first["cloned"], first["error"]) == (False, "took longer than 2 s (--timeout)")
    assert "code_files" not in first
    assert second["cloned"] is True
    assert ended(int(Path("pid").read_text()))
    assert collect("--timeout", "2", "--strict")[0] == 1


def test_one_that_grows_too_large_is_killed_while_it_grows(repositories, tmp_path, monkeypatch):
    repositories.pairs([[{"url": repositories.make("r", {"a.py": "x\n"})}]])
    endless = (
        'for folder; do :; done; mkdir -p "$folder"; echo $$ > pid; '
        'while :; do head -c 300000 /dev/zero >> "$folder/pack"; sleep 0.02; done'
    )
    fake_git(tmp_path, monkeypatch, endless)
    code, receipt, said = collect("--max-size", "1", "--timeout", "60")
    assert code == 1
    assert "no repository could be had" in said
    assert receipt["repositories"][0]["error"] == "larger than 1 MB (--max-size)"
    assert receipt["repositories"][0]["seconds"] < 50
    assert ended(int(Path("pid").read_text()))
    assert not list(Path("cache/codeindex/papers").glob("*r*-*"))


def test_one_that_is_too_large_at_once_is_refused(repositories):
    repositories.pairs([[{"url": repositories.make("r", {"a.bin": os.urandom(700_000)})}]])
    assert collect("--max-size", "1")[1]["repositories"][0]["error"].startswith("larger than 1 MB")
    assert collect("--max-size", "2")[0] == 0


def test_repositories_are_cloned_side_by_side(repositories, tmp_path, monkeypatch):
    repositories.pairs([[{"url": repositories.make(n, {"a.py": "x\n"})} for n in ("r1", "r2")]])
    # Each waits until the other has begun.
    meet = (
        'case "$*" in *clone*r1*) touch b1; other=b2;; *clone*r2*) touch b2; other=b1;; '
        '*) exec $REAL "$@";; esac; while [ ! -e $other ]; do sleep 0.02; done; exec $REAL "$@"'
    )
    fake_git(tmp_path, monkeypatch, meet)
    assert collect("--jobs", "2", "--timeout", "60")[1]["links_kept"] == 2


def test_max_papers_and_max_repos(repositories):
    urls = [repositories.make(f"r{n}", {"a.py": "x\n"}) for n in range(3)]
    repositories.pairs([[{"url": urls[0]}], [{"url": urls[0]}, {"url": urls[1]}], [{"url": "no"}]])
    code, receipt, _ = collect("--max-papers", "2", "--max-repos", "1", "--strict")
    assert code == 0
    assert receipt["papers"] == 2
    assert [r["outcome"] for r in receipt["repositories"]] == ["cloned", "left out"]
    assert [link["cloned"] for link in links(output())] == [True, True, False]
    assert links(output())[2]["error"] == "left out by --max-repos 1"


# Hostile input


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("--upload-pack=touch pwned", "begins with '-'"),
        ("-u./pwned", "begins with '-'"),
        ("ext::sh -c touch% pwned", "git helper, ext::"),
        ("fd::17", "git helper, fd::"),
        ("ftp://example.org/r", "protocol ftp"),
        ("EXT://sh", "protocol EXT"),
        ("ssh://-oProxyCommand=touch pwned/r", "strange hostname"),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
        ("", "no url"),
        (None, "no url"),
        ("http://[::1", ""),
        ("nowhere", "does not exist"),
        ("file:///nowhere/at/all", "does not"),
    ],
)
def test_a_url_that_is_none_or_means_harm_fails_alone(repositories, url, said):
    good = repositories.make("r", {"a.py": "x\n"})
    repositories.pairs([[{"url": url, "name": "../../x"}, {"url": good}]])
    code, receipt, _ = collect("--timeout", "30")
    assert code == 0
    bad = receipt["repositories"][0]
    assert (bad["outcome"], bad["url"]) == ("failed", url or "")
    assert bad["error"]
    assert "\n" not in bad["error"]
    assert said in bad["error"]
    assert not Path("pwned").exists()
    assert [link["cloned"] for link in links(output())] == [False, True]


def test_nothing_of_a_repository_or_its_attributes_runs(repositories, tmp_path):
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(
        f'[core]\n hooksPath = {hooks}\n[filter "lfs"]\n required = true\n'
        f" smudge = touch {tmp_path}/pwned\n[submodule]\n recurse = true\n"
    )
    inner = repositories.make("inner", {"b.py": "x\n"})
    url = repositories.make(
        "r",
        {
            "a.py": "version https://git-lfs.github.com/spec/v1\n",
            ".gitattributes": "*.py filter=lfs text eol=crlf\n",
            ".gitmodules": f'[submodule "b"]\n path = b\n url = {inner}\n',
        },
        submodules={"b": repositories.commit("inner")},
    )
    repositories.pairs([[{"url": url}]])
    assert collect()[0] == 0
    (file,) = links(output())[0]["code_files"]
    assert (file["path"], file["size_bytes"]) == ("a.py", 43)
    assert not Path("pwned").exists()


def test_git_asks_nobody_and_looks_at_no_other_repository():
    git = Git.find({**os.environ, "GIT_DIR": "/elsewhere", "SSH_ASKPASS": "window"})
    assert git.environment["GIT_TERMINAL_PROMPT"] == "0"
    assert git.environment["GIT_ALLOW_PROTOCOL"] == "file:https:http:ssh:git"
    assert git.environment["GIT_LFS_SKIP_SMUDGE"] == "1"
    assert git.environment["GIT_SSH_COMMAND"] == "ssh -oBatchMode=yes"
    assert not {"GIT_DIR", "SSH_ASKPASS"} & set(git.environment)


def test_a_clone_is_shallow(repositories):
    url = repositories.make("r", {"a.py": "x\n"})
    repositories.make("r", {"a.py": "y\n"})
    repositories.pairs([[{"url": url}]])
    collect()
    (tree,) = Path("cache/codeindex/papers").glob("r-*/tree")
    words = ["git", "-C", str(tree), "rev-list", "--count", "HEAD"]
    assert subprocess.check_output(words, text=True).strip() == "1"
    assert links(output())[0]["code_files"][0]["content"] == "y\n"


def test_a_repository_without_a_commit_is_said_to_be_empty(repositories):
    subprocess.run(["git", "init", "-q", "none"], check=True)
    repositories.pairs([[{"url": "none"}]])
    assert collect()[1]["repositories"][0]["error"] == "the repository is empty"


# Outcomes


def test_where_nothing_could_be_had_an_older_output_stays(repositories):
    Path("paper_code_with_files.json").write_text("old")
    repositories.pairs([[{"url": "gone"}]])
    code, receipt, said = collect()
    assert (code, receipt["saved"]) == (1, False)
    assert "left as it was" in said
    assert Path("paper_code_with_files.json").read_text() == "old"
    code, receipt, _ = collect("-o", "new.json")
    assert (code, receipt["saved"]) == (1, True)
    assert links(output("new.json"))[0]["error"] == "repository 'gone' does not exist"


def test_the_receipt_is_for_people_too(repositories, capsys):
    url = repositories.make("r", {"a.py": "x\n", "b.py": b"\0"})
    repositories.pairs([[{"url": url}, {"url": "gone"}]])
    assert run(["papers", "collect", "pairs.json"]) == 0
    said = capsys.readouterr().out
    assert "papers        1, with 2 links to 2 repositories\n" in said
    assert "repositories  1 cloned, 1 failed\n" in said
    assert "code files    1 (0.0 MB) under 1 link\n" in said
    assert "skipped       1 source file: binary (null byte)\n" in said
    assert "failed        gone: repository 'gone' does not exist\n" in said
    assert run(["papers", "collect", "pairs.json", "--strict"]) == 1


def test_the_input_is_not_written_over(repositories, capsys):
    repositories.pairs([[{"url": "gone"}]])
    assert run(["papers", "collect", "pairs.json", "-o", "./pairs.json"]) == 2
    assert "is the input" in capsys.readouterr().err
    assert run(["papers", "collect", "pairs.json", "-o", "no/such.json"]) == 2
    assert "no folder" in capsys.readouterr().err


def wait_for(path):
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def ended(pid):
    """Whether a process ends soon; one that nobody has reaped has ended."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
