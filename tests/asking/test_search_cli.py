"""``codeindex search`` asked otherwise: by a paper, several indexes, a stream of queries."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from test_similar_cli import DATES, PAPERS, TIMES, codeindex

ABSTRACT = """Abstract. We parse a date string [1, 2]. The method tells the
time of a clock, cf. Fig. 2. We compress files with gzip. We thank the reviewers."""
ARCHIVE = '''def compress_file(path):
    """Compress a file with gzip."""
    import gzip
    return gzip.compress(path.read_bytes())
'''


def start(*words, cwd, **more):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "codeindex", *map(str, words)],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def ask(process, query):
    process.stdin.write(f"{query}\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def piped(text, *words, cwd):
    process = start(*words, cwd=cwd)
    out, said = process.communicate(text, timeout=120)
    return process.returncode, out, said


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "util").mkdir()
    (root / "util" / "dates.py").write_text(DATES)
    (root / "archive.py").write_text(ARCHIVE)
    (root / "abstract.txt").write_text(ABSTRACT)
    done = codeindex("index", cwd=root)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    root = tmp_path_factory.mktemp("other")
    (root / "times.py").write_text(TIMES)
    done = codeindex("index", cwd=root)
    assert done.returncode == 0, done.stderr
    return root


# -- a paper ----------------------------------------------------------------------------------


def test_each_hit_of_a_paper_names_the_sentences_that_found_it(project):
    words = ("search", "--paper", "abstract.txt")
    hits = [
        json.loads(line) for line in codeindex(*words, "--json", cwd=project).stdout.splitlines()
    ]
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    said = {hit["title"]: hit["evidence"][0]["sentence"] for hit in hits}
    assert said["util/dates.py:parse_date"] == "We parse a date string."
    assert said["archive.py:compress_file"] == "We compress files with gzip."
    for hit in hits:
        weights = [each["weight"] for each in hit["evidence"]]
        assert weights == sorted(weights, reverse=True)
        assert hit["score"] == pytest.approx(sum(weights) / 4, abs=1e-3)
    shown = codeindex(*words, "--lines", 1, cwd=project).stdout
    assert "%  1: We parse a date string.\n" in shown
    assert "  def parse_date(text):" in shown


def test_a_paper_by_file_and_from_standard_input(project):
    code, out, said = piped(
        ABSTRACT, "search", "--paper", "-", "--by", "file", "-k", "2", cwd=project
    )
    assert code == 0, said
    assert "archive.py\n" in out
    assert "compress_file ← 3: We compress files with gzip.\n" in out


def test_a_query_by_file_lists_what_is_in_it(project):
    done = codeindex("search", "parse a date", "--by", "file", "-k", 1, cwd=project)
    assert done.stdout.splitlines()[0].endswith("  util/dates.py")
    assert "util/dates.py:4-7  parse_date" in done.stdout


def test_code_of_papers_names_its_paper_and_papers_can_be_asked_for(tmp_path):
    (tmp_path / "in.json").write_text(json.dumps(PAPERS))
    (tmp_path / "abstract.txt").write_text("We read times of the day. We parse a time string.")
    words = ("embed", "in.json", "-o", "out", "--index", "index", "--encoder", "fast")
    done = codeindex(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = codeindex("search", "time string", "--index", "index", "-k", 1, cwd=tmp_path).stdout
    assert "paper   On times (arXiv 2401.00002)" in shown
    words = ("search", "--paper", "abstract.txt", "--by", "paper", "--index", "index", "--json")
    found = codeindex(*words, cwd=tmp_path)
    assert json.loads(found.stdout.splitlines()[0])["paper"]["id"] == "2401.00002"


# -- several indexes --------------------------------------------------------------------------


def test_several_indexes_in_one_search(project, other):
    words = ("search", "parse a string", "--index", project, "--index", other)
    hits = [json.loads(line) for line in codeindex(*words, "--json", cwd="/").stdout.splitlines()]
    assert {hit["index"] for hit in hits} == {str(project), str(other)}
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    shown = codeindex(*words, "--lines", 0, cwd="/").stdout
    assert f"[{other}] times.py:1-4  parse_time  (function)" in shown


def test_a_broken_index_is_told_and_hides_no_other(project, tmp_path):
    words = ("search", "parse a date", "--index", tmp_path, "--index", project)
    done = codeindex(*words, cwd="/")
    assert done.returncode == 0
    assert "parse_date" in done.stdout
    assert f"note: not searched: {tmp_path}: no index at {tmp_path}" in done.stderr
    none = codeindex("search", "x", "--index", tmp_path, "--index", "/nowhere", cwd="/")
    assert none.returncode == 2
    assert none.stdout == ""
    assert none.stderr.count("no index at") == 2


def test_one_index_of_a_settings_file_is_one(project, tmp_path):
    (tmp_path / "codeindex.toml").write_text(f'index = "{project}"\n')
    done = codeindex("search", "parse a date", "-k", 1, cwd=tmp_path)
    assert "  util/dates.py:4-7  parse_date" in done.stdout
    assert "[" not in done.stdout.splitlines()[0]
    (tmp_path / "codeindex.toml").write_text(f'[search]\nindex = ["{project}", "{project}/x"]\n')
    done = codeindex("search", "parse a date", "-k", 1, cwd=tmp_path)
    assert f"[{project}] util/dates.py" in done.stdout


# -- a stream ---------------------------------------------------------------------------------


def test_a_line_of_json_for_each_query(project):
    text = f"parse a date\n\n{'x' * 30_000}\n  \ncompress with gzip\n"
    code, out, said = piped(text, "search", "-", "-k", "1", cwd=project)
    assert (code, said) == (0, "")
    first, long, last = map(json.loads, out.splitlines())
    assert first["query"] == "parse a date"
    assert [hit["name"] for hit in first["results"]] == ["parse_date"]
    assert (long["line"], len(long["query"])) == (3, 100)
    assert "at most 20,000" in long["error"]
    assert last["results"][0]["name"] == "compress_file"
    alone = codeindex("search", "parse a date", "-k", 1, "--json", cwd=project).stdout
    assert first["results"] == [json.loads(alone)]


def test_nothing_found_for_any_query_is_no_success(project):
    code, out, said = piped("time\n", "search", "-", "--kind", "poem", cwd=project)
    assert (code, json.loads(out)["results"]) == (1, [])
    assert said == "nothing found for any query\n"
    assert piped("", "search", "-", cwd=project)[:2] == (1, "")


def test_answers_come_at_once_and_a_changed_index_is_seen(project, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(project, root)
    process = start("search", "-", "-k", "3", cwd=root)
    names = [hit["name"] for hit in ask(process, "weigh the apples")["results"]]
    assert "weigh_apples" not in names
    (root / "fruit.py").write_text("def weigh_apples(apples):\n    return sum(apples)\n")
    assert codeindex("index", cwd=root).returncode == 0
    assert ask(process, "weigh the apples")["results"][0]["name"] == "weigh_apples"
    # Made anew as a whole, by another file of another name.
    shutil.rmtree(root / ".codeindex")
    (root / "fruit.py").rename(root / "pears.py")
    assert codeindex("index", cwd=root).returncode == 0
    assert ask(process, "weigh the apples")["results"][0]["path"] == "pears.py"
    process.stdin.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stdout.close()
    process.stderr.close()


def test_a_stream_of_several_indexes_tells_a_broken_one_once(project, tmp_path):
    words = ("search", "-", "-k", "1", "--index", project, "--index", tmp_path)
    code, out, said = piped("parse a date\ncompress\n" * 40, *words, cwd="/")
    assert (code, len(out.splitlines())) == (0, 80)
    assert {json.loads(line)["results"][0]["index"] for line in out.splitlines()} == {str(project)}
    assert said.count("not searched") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_ends_a_stream(project):
    process = start(
        "search", "-", cwd=project, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert ask(process, "parse a date")["results"]
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "stopped" in said
    assert "Traceback" not in said


def test_a_reader_that_goes_away_ends_a_stream(project):
    process = start("search", "-", cwd=project)
    assert ask(process, "parse a date")["results"]
    process.stdout.close()
    process.stdin.write("compress\n" * 5000)
    process.stdin.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 0


# -- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "say what to look for: a QUERY, or the text of a paper by --paper"),
        (["x", "--paper", "abstract.txt"], 2, "both say what to look for"),
        (["--paper", "nowhere.txt"], 2, "'nowhere.txt' does not exist"),
        (["--paper", "empty.txt"], 2, "holds no sentence"),
        (["--paper", "some.pdf"], 2, "is a PDF"),
        (["--paper", "latin.txt"], 2, "not UTF-8: byte 1"),
        (["--paper", "zero.txt"], 2, "is no text"),
        (["-", "--by", "file"], 2, "leave --by out"),
        (["x", "--by", "paper"], 1, "papers are found in an index of papers' code"),
        (["x", "--index", ".", "--index", "..", "-B", "a=1"], 2, "are for one index"),
        (["x", "--index", ".", "--index", "nowhere", "--kind", "y"], 1, "found in 1 index"),
    ],
)
def test_mistakes_end_in_one_clear_line(project, words, code, said):
    (project / "empty.txt").write_text(" \n[1]\n")
    (project / "some.pdf").write_bytes(b"%PDF-1.7 x")
    (project / "latin.txt").write_bytes("é".encode("latin-1").join([b"a", b"b"]))
    (project / "zero.txt").write_bytes(b"a\0b")
    done = codeindex("search", *words, cwd=project)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", [["--paper", "abstract.txt"], ["gzip", "--by", "file"]])
def test_what_cannot_be_explained_says_so(project, how):
    done = codeindex("search", *how, "--explain", cwd=project)
    assert done.returncode == 2
    assert "leave it out with --paper and --by" in done.stderr


def test_results_that_are_probably_none_are_told(project):
    assert "probably none" not in codeindex("search", "parse a date", cwd=project).stderr
    done = codeindex("search", "zqxv wkrr", cwd=project)
    assert done.returncode == 0
    assert "note: probably none of these: the best is" in done.stderr
    assert codeindex("-q", "search", "zqxv wkrr", cwd=project).stderr == ""
    assert codeindex("search", "zqxv wkrr", "--json", cwd=project).stderr == ""
