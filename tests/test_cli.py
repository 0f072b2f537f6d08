"""The command line as users run it: fresh processes, real plugins, real exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codeindex_onnx import BUNDLES

DATES = '''"""Dates."""

import datetime


def parse_date(text):
    """Parse a date string such as 2024-01-31."""
    return datetime.date.fromisoformat(text)


class Clock:
    """Tells the time."""

    def now(self):
        return datetime.datetime.now()
'''
ARCHIVE = '''def compress_file(path):
    """Compress a file with gzip."""
    import gzip
    return gzip.compress(path.read_bytes())
'''


def codeindex(*words, cwd, env=None, timeout=120):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "codeindex", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "util").mkdir(parents=True)
    (root / "util" / "dates.py").write_text(DATES)
    (root / "archive.py").write_text(ARCHIVE)
    return root


@pytest.fixture
def indexed(project):
    done = codeindex("index", cwd=project)
    assert done.returncode == 0, done.stderr
    return project


def test_index_ends_with_a_receipt(project):
    (project / "old.py").write_text("print 'python 2'\n")
    done = codeindex("index", ".", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert receipt["files_indexed"] == 2
    assert receipt["languages"]["python"]["files"] == 3
    assert [error["path"] for error in receipt["errors"]] == ["old.py"]
    assert receipt["embedded"] == receipt["snippets"] >= 4
    strict = codeindex("index", "--strict", cwd=project)
    assert strict.returncode == 1
    assert "old.py" in strict.stdout


def test_search_prints_the_best_first_with_code(indexed):
    done = codeindex("search", "parse a date string", "--lines", 2, cwd=indexed)
    assert done.returncode == 0, done.stderr
    first, *code = done.stdout.splitlines()
    assert "util/dates.py:6-8" in first
    assert "parse_date" in first
    assert code[:2] == [
        "          6  def parse_date(text):",
        '          7      """Parse a date string such as 2024-01-31."""',
    ]


def test_search_json_lines_have_the_promised_fields(indexed):
    done = codeindex("search", "compress", "--json", "-k", 2, cwd=indexed / "util")
    hits = [json.loads(line) for line in done.stdout.splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2]
    assert hits[0]["name"] == "compress_file"
    assert hits[0]["code"] == ARCHIVE.rstrip("\n")
    wanted = ["rank", "score", "path", "name", "kind", "language", "start_line", "end_line", "code"]
    assert set(wanted) <= set(hits[0])


def test_what_a_place_is_due_to_is_explained(indexed):
    plain = codeindex("search", "parse a date", "-k", 1, "--lines", 0, cwd=indexed)
    done = codeindex("search", "parse a date", "-k", 1, "--lines", 0, "--explain", cwd=indexed)
    head, score, cosine, words, end = done.stdout.splitlines()
    assert [head] == plain.stdout.splitlines()
    assert re.fullmatch(r" 1 +\d+%  util/dates.py:6-8  parse_date  \(function\)", head)
    total, first, *more = re.findall(r"-?\d+\.\d+", score)
    assert float(first) + sum(map(float, more)) == pytest.approx(float(total), abs=0.005)
    assert re.search(r"[ +]0\.\d\d\d dense", score)
    assert re.fullmatch(r" +cosine  0\.\d\d\d", cosine)
    assert "words " in words
    assert " date " in words
    assert end == ""
    in_json = json.loads(codeindex("search", "parse a date", "-k", 1, "--json", cwd=indexed).stdout)
    assert sum(in_json["parts"].values()) == pytest.approx(in_json["score"], abs=1e-5)
    assert "date" in in_json["words"]


def test_what_is_not_sure_enough_is_not_found(indexed):
    said = "nothing found that is at least 50% likely (--min-confidence)\n"
    for mode in ("hybrid", "dense", "lexical"):
        options = ("--mode", mode, "--min-confidence", 0.5)
        nonsense = codeindex("search", "zxqv blorp", *options, cwd=indexed)
        assert (nonsense.returncode, nonsense.stdout) == (1, ""), mode
        assert nonsense.stderr.startswith("nothing found"), mode
    assert codeindex("search", "zxqv", "--min-confidence", 0.5, cwd=indexed).stderr == said
    asked = codeindex("search", "parse a date", "--min-confidence", 0.5, "--json", cwd=indexed)
    hits = [json.loads(line) for line in asked.stdout.splitlines()]
    assert hits[0]["name"] == "parse_date"
    assert all(hit["confidence"] >= 0.5 for hit in hits)


def test_at_most_so_many_of_a_file(indexed):
    for most in (1, 2):
        done = codeindex("search", "time now date", "--per-file", most, "--json", cwd=indexed)
        paths = [json.loads(line)["path"] for line in done.stdout.splitlines()]
        assert max(map(paths.count, paths)) <= most
    done = codeindex("search", "time now date", "--per-file", 0, "--json", cwd=indexed)
    assert len(done.stdout.splitlines()) == 5


def test_by_words_only_what_has_one_is_found(indexed):
    done = codeindex("search", "gzip", "--mode", "lexical", "--json", cwd=indexed)
    (hit,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (hit["name"], hit["cosine"], list(hit["words"])) == ("compress_file", None, ["gzip"])


def test_filters(indexed):
    done = codeindex("search", "time", "--kind", "method", "--json", cwd=indexed)
    assert {json.loads(line)["name"] for line in done.stdout.splitlines()} == {"Clock.now"}
    done = codeindex("search", "time", "--path", "archive.py", "--json", cwd=indexed)
    assert {json.loads(line)["path"] for line in done.stdout.splitlines()} == {"archive.py"}
    none = codeindex("search", "time", "--language", "cobol", cwd=indexed)
    assert (none.returncode, none.stdout, none.stderr) == (
        1,
        "",
        "nothing found; languages in the index: python\n",
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["search", ""], 2, "the query is empty"),
        (["search", "x" * 50_000], 2, "at most 20,000"),
        (["search", "x", "--top-k", "0"], 2, "top-k"),
        (["search", "x", "--mode", "psychic"], 2, "'psychic' is not one of 'hybrid', 'dense'"),
        (["search", "x", "--per-file", "-1"], 2, "--per-file"),
        (["search", "x", "--min-confidence", "1.5"], 2, "--min-confidence"),
        (["search", "x", "--index", "nowhere"], 2, "no index at"),
        (["search", "x", "--encoder", "fest"], 2, "no encoder 'fest'; installed: fast"),
        (["search", "x", "-E", "thread=1"], 2, "no option 'thread'; its options:"),
        (["search", "x", "-E", "threads"], 2, "key=value"),
        (["search", "x", "-B", "probes=1"], 2, "no option 'probes'"),
        (["index", "nowhere"], 2, "no such file or folder: nowhere"),
        (["index", "-X", "colour=red"], 2, "'colour' is unknown"),
        (["index", "--backend", "qdrnt"], 2, "no backend 'qdrnt'; installed: faiss"),
        (["index", "--backend", "qdrant"], 2, "uses backend 'faiss', not 'qdrant'"),
        (["serch", "x"], 2, "No such command 'serch'. Did you mean 'search'?"),
        (["--no-plugin", "nope", "plugins"], 2, "no plugin 'nope' to leave out; plugins: faiss,"),
        (["remove", "nothing/**"], 2, "no source in the index matches"),
        (["--config", "archive.py", "status"], 2, "no valid TOML"),
        (["extract", "nowhere"], 2, "no such file or folder"),
        (["extract", ".", "-o", "out.json", "--min-lines", "500"], 1, "no snippet matched"),
    ],
)
def test_mistakes_end_in_one_clear_line(indexed, words, code, said):
    done = codeindex(*words, cwd=indexed)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "" or words[0] == "extract"


def test_debug_shows_the_traceback(indexed):
    done = codeindex("--debug", "search", "", cwd=indexed)
    assert "Traceback" in done.stderr


def test_without_an_index_the_way_to_one_is_shown(tmp_path):
    done = codeindex("search", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "make one with: codeindex index PATH" in done.stderr


def test_nothing_indexed_is_no_success(tmp_path):
    (tmp_path / "notes.md").write_text("# no code\n")
    done = codeindex("index", cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing was indexed" in done.stderr
    assert "1 file: no extractor for it" in done.stdout


def test_status_verify_remove(indexed):
    facts = json.loads(codeindex("status", "--json", cwd=indexed).stdout)
    assert facts["sources"] == 2
    assert facts["encoder"]["name"] == "fast"
    assert facts["backend"]["name"] == "faiss"
    assert "snippets" in codeindex("status", cwd=indexed).stdout
    sound = codeindex("verify", cwd=indexed)
    assert (sound.returncode, sound.stdout[:5]) == (0, "sound")
    removed = codeindex("remove", "archive.py", "--json", cwd=indexed)
    assert json.loads(removed.stdout) == {"removed": 1}
    assert codeindex("search", "compress", "--path", "archive.py", cwd=indexed).returncode == 1


def test_a_flipped_byte_in_the_faiss_file_is_found_and_repaired(indexed):
    (path,) = (indexed / ".codeindex" / "backend").rglob("*.vectors.npy")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    damaged = codeindex("verify", cwd=indexed)
    assert damaged.returncode == 1
    assert "its digest differs" in damaged.stdout
    assert codeindex("verify", "--repair", cwd=indexed).returncode == 0
    assert codeindex("verify", cwd=indexed).returncode == 0
    assert "parse_date" in codeindex("search", "parse a date", cwd=indexed).stdout


def test_index_by_option_and_by_environment(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    assert codeindex("index", project, "--index", elsewhere, cwd=tmp_path).returncode == 0
    assert not (project / ".codeindex").exists()
    found = codeindex("search", "date", cwd="/", env={"CODEINDEX_INDEX": str(elsewhere)})
    assert found.returncode == 0


def test_settings_files_give_defaults_and_options_win(indexed):
    (indexed / "codeindex.toml").write_text('lines = 0\n[search]\ntop-k = 1\nkind = ["method"]\n')
    assert len(codeindex("search", "date", cwd=indexed).stdout.splitlines()) == 1
    two = codeindex("search", "date", "-k", 2, "--kind", "function", cwd=indexed / "util")
    assert len(two.stdout.splitlines()) == 2
    (indexed / "codeindex.toml").write_text("topk = 1\n")
    wrong = codeindex("search", "date", cwd=indexed)
    assert wrong.returncode == 2
    assert "unknown setting 'topk'" in wrong.stderr


def test_plugins_lists_offers_and_their_distribution():
    facts = json.loads(codeindex("plugins", "--json", cwd="/").stdout)
    offers = {(row["kind"], row["name"]): row for row in facts["offers"]}
    for offer in [
        ("extractor", "python"),
        ("encoder", "fast"),
        ("encoder", "onnx"),
        ("backend", "faiss"),
    ]:
        assert offers[offer]["from"].startswith("codeindex ")
        assert offers[offer]["missing"] == []
    shown = codeindex("--no-plugin", "faiss", "plugins", cwd="/").stdout
    assert "python" in shown
    assert "faiss" not in shown
    only = codeindex("plugins", cwd="/", env={"CODEINDEX_PLUGINS": "python"}).stdout
    assert "python" in only
    assert "onnx" not in only


def test_help_imports_nothing_heavy():
    heavy = [
        "numpy",
        "onnxruntime",
        "faiss",
        "tokenizers",
        "torch",
        "transformers",
        "qdrant_client",
    ]
    program = (
        "import sys\nfrom codeindex.cli import run\n"
        f"run(['--help'])\nprint([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Find code by meaning" in done.stdout


@pytest.mark.parametrize(
    "command", ["", "extract", "index", "plugins", "remove", "search", "status", "verify"]
)
def test_every_command_has_help_with_an_example(command):
    done = codeindex(*command.split(), "--help", cwd="/")
    assert done.returncode == 0
    assert "Example: codeindex" in done.stdout


def test_a_closed_pipe_is_no_error(indexed):
    process = subprocess.Popen(
        [sys.executable, "-m", "codeindex", "search", "date", "--lines", "50"],
        cwd=indexed,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 0


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_stops_cleanly_and_keeps_finished_work(tmp_path):
    for number in range(300):
        body = "\n".join(f"def f{number}_{k}(x):\n    return x + {k}\n" for k in range(40))
        (tmp_path / f"m{number}.py").write_text(body)
    process = subprocess.Popen(
        [sys.executable, "-m", "codeindex", "index", "--jobs", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    catalog = tmp_path / ".codeindex" / "catalog.sqlite-wal"
    deadline = time.monotonic() + 60
    while not (catalog.exists() and catalog.stat().st_size > 2_000_000):
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopped; what was finished is kept" in said
    assert "Traceback" not in said
    kept = json.loads(codeindex("status", "--json", cwd=tmp_path).stdout)["snippets"]
    assert 0 < kept < 12_000
    assert codeindex("index", cwd=tmp_path).returncode == 0
    assert json.loads(codeindex("status", "--json", cwd=tmp_path).stdout)["snippets"] == 12_000
    assert codeindex("verify", cwd=tmp_path).returncode == 0


def test_kill_nine_at_several_moments(tmp_path):
    for number in range(60):
        body = "\n".join(f"def f{number}_{k}(x):\n    return x + {k}\n" for k in range(60))
        (tmp_path / f"m{number}.py").write_text(body)
    index = tmp_path / ".codeindex"
    log = index / "catalog.sqlite-wal"
    moments = [
        lambda: (index / "writer").exists(),
        lambda: log.exists() and log.stat().st_size > 100_000,
        lambda: (index / "backend").exists(),
        lambda: log.exists() and log.stat().st_size > 2_000_000,
        lambda: any(index.glob("backend/*/*.tmp")) or any(index.glob("backend/*/*.npy")),
    ]
    killed = 0
    for come in moments:
        process = subprocess.Popen(
            [sys.executable, "-m", "codeindex", "--quiet", "index"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not come():
            pass
        process.kill()
        killed += process.wait() != 0
    assert killed >= 2
    assert codeindex("index", cwd=tmp_path).returncode == 0
    assert codeindex("verify", cwd=tmp_path).returncode == 0
    assert json.loads(codeindex("status", "--json", cwd=tmp_path).stdout)["snippets"] == 3600


def test_extract_writes_the_workflows_file(project):
    done = codeindex(
        *["extract", "util", "-o", "out.json", "--min-lines", "1", "--json"], cwd=project
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(Path(project / "out.json").read_text())
    assert row["function_name"] == "parse_date"
    assert row["line_numbers"] == {"start": 6, "end": 8}
    assert (row["has_docstring"], row["num_lines"]) == (True, 3)
    codeindex(
        *["extract", "util", "-o", "out.json", "--min-lines", "1", "--no-require-docstring"],
        cwd=project,
    )
    rows = json.loads((project / "out.json").read_text())
    assert [row["function_name"] for row in rows] == ["parse_date", "Clock.now"]


def test_extract_reads_papers(tmp_path):
    papers = [
        {
            "paper": {"arxiv_id": "1", "title": "Dates", "abstract": "On dates.", "url": "u"},
            "repositories": [
                {
                    "url": "https://example.org/r",
                    "name": "r",
                    "cloned": True,
                    "code_files": [
                        {"path": "d.py", "extension": ".py", "language": "Python", "content": DATES}
                    ],
                }
            ],
        }
    ]
    (tmp_path / "in.json").write_text(json.dumps(papers))
    done = codeindex("extract", "in.json", "-o", "out.json", "--min-lines", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "out.json").read_text())
    assert (row["paper_id"], row["repo_name"], row["file_path"]) == ("1", "r", "d.py")
    (tmp_path / "bad.json").write_text('[{"paper": 3}]')
    bad = codeindex("extract", "bad.json", "-o", "never.json", cwd=tmp_path)
    assert bad.returncode == 2
    assert "bad.json" in bad.stderr
    assert not (tmp_path / "never.json").exists()


def test_where_an_index_is_looked_for_is_said(project):
    (project.parent / "codeindex.toml").write_text("[search]\ntopk = 3\n")
    done = codeindex("search", "x", cwd=project)
    assert "unknown setting 'topk' in [search]" in done.stderr
    (project.parent / "codeindex.toml").unlink()
    assert codeindex("index", cwd=project).returncode == 0
    done = codeindex("search", "x", cwd=project.parent)
    assert f"but in {project.name}: say --index {project.name}" in done.stderr
    done = codeindex("search", "parse a date", "--index", project.name, cwd=project.parent)
    assert done.returncode == 0, done.stderr


def test_embedding_again_is_in_the_receipt(project):
    codeindex("index", cwd=project)
    (project / "letters.py").write_text(
        "from codeindex.hookimpl import hookimpl\n"
        "from codeindex.interfaces import EncoderInfo\n"
        "from codeindex.specs import EncoderSpec\n"
        "class One:\n"
        "    info = EncoderInfo('one', 'one/1', 2, 10)\n"
        "    def encode_queries(self, texts):\n"
        "        import numpy as np\n"
        "        return np.tile(np.array([[1, 0]], np.float32), (len(texts), 1))\n"
        "    encode_corpus = encode_queries\n"
        "@hookimpl\n"
        "def codeindex_encoders():\n"
        "    return [EncoderSpec(name='one', summary='One.', make=lambda options: One())]\n"
    )
    plugin = ("--plugin", "letters.py")
    asked = codeindex(*plugin, "index", "--encoder", "one", "--exclude", "letters.py", cwd=project)
    assert "codeindex index --reencode --encoder one" in asked.stderr
    words = ("index", "--reencode", "--encoder", "one", "--exclude", "letters.py", "--json")
    receipt = json.loads(codeindex(*plugin, *words, cwd=project).stdout)
    assert receipt["embedded"] == receipt["snippets"] > 0


def test_an_unknown_kind_or_language_is_answered_with_those_there_are(project):
    codeindex("index", cwd=project)
    done = codeindex("search", "x", "--kind", "poem", "--language", "klingon", cwd=project)
    assert done.returncode == 1
    assert "nothing found; kinds in the index: " in done.stderr
    assert "; languages in the index: python" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_output_that_is_full_is_told_in_one_line(indexed):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "codeindex", "search", "parse"],
            cwd=indexed, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_path_that_matches_no_file_is_said(project):
    codeindex("index", cwd=project)
    done = codeindex("search", "compress", "--path", "nowhere/**", cwd=project)
    assert done.returncode == 1
    assert "nothing found; no file in the index matches --path" in done.stderr
    done = codeindex("search", "compress", "--path", "*.py", "--kind", "nokind", cwd=project)
    assert "matches --path" not in done.stderr


def test_an_encoder_given_by_a_relative_path_serves_from_any_folder(project, tmp_path):
    bundle = project.parent / "my-encoder"
    shutil.copytree(BUNDLES / "fast", bundle)
    words = ("--encoder", "onnx", "-E", "path=../my-encoder")
    assert codeindex("index", *words, cwd=project).returncode == 0
    done = codeindex("search", "compress a file", "--index", project / ".codeindex", cwd="/")
    assert done.returncode == 0, done.stderr
    bundle.rename(tmp_path / "elsewhere")
    done = codeindex("search", "compress a file", cwd=project)
    assert "-E path=FOLDER" in done.stderr
    found = codeindex(
        "search", "compress a file", "-E", f"path={tmp_path / 'elsewhere'}", cwd=project
    )
    assert found.returncode == 0, found.stderr


def test_several_trees_have_the_folder_of_all_as_root(project):
    (project / "lib").mkdir()
    (project / "lib" / "tool.py").write_text("def tool():\n    return 1\n")
    assert codeindex("index", "util", "lib", cwd=project).returncode == 0
    assert (project / ".codeindex").is_dir()
    hits = codeindex("search", "tool", "--path", "lib/**", "--json", cwd=project / "util").stdout
    assert json.loads(hits.splitlines()[0])["path"] == "lib/tool.py"
    elsewhere = project / "elsewhere"
    assert codeindex("index", "util", "lib", "--index", elsewhere, cwd=project).returncode == 0
    said = codeindex("search", "date", "--index", elsewhere, "--json", cwd="/").stdout
    assert json.loads(said.splitlines()[0])["path"].startswith("util/")


def test_a_new_index_within_an_indexed_tree_is_told(indexed):
    done = codeindex("index", cwd=indexed / "util")
    assert done.returncode == 0
    assert "note: a new index of" in done.stderr
    assert str(indexed / ".codeindex") in done.stderr
    assert "note:" not in codeindex("index", cwd=indexed / "util").stderr
    assert "note:" not in codeindex("index", cwd=indexed).stderr


def test_a_query_needs_no_quotes_and_a_language_no_small_letters(indexed):
    done = codeindex("search", "parse", "a", "date", "--language", "Python", cwd=indexed)
    assert "parse_date" in done.stdout


def test_quiet_prints_no_receipt(project):
    done = codeindex("-q", "index", cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_option_that_stands_before_the_command_is_told(indexed):
    done = codeindex("search", "date", "--debug", cwd=indexed)
    assert done.returncode == 2
    assert "--debug stands before the command: codeindex --debug search" in done.stderr
