"""``codeindex pairs …`` as it is run: what is printed, what is written, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from test_pairs_papers import code_file, entry

from codeindex.cli import run
from codeindex.pairs import Pair
from codeindex.pairs.reading import read_pairs
from codeindex.pairs.writing import as_row, write_rows

FUNCTION = '''def scale_{0}(values):
    """Multiply every value by {0} and more.

    More of it.
    """
    scaled = [value * {0} for value in values]
    return scaled, {0}
'''


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def said(capsys):
    def outcome(*words):
        code = run([*map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return outcome


@pytest.fixture
def parsed(tmp_path):
    """parsed_pairs.json of ten papers with two files each."""
    pairs = [
        Pair(
            f"paper {n // 2}", f"code {n}", (), {"arxiv_id": str(n // 2), "repo_url": f"r{n // 2}"}
        )
        for n in range(20)
    ]
    write_rows(map(as_row, pairs), tmp_path / "parsed_pairs.json")
    return pairs


def test_papers(said, tmp_path):
    files = [code_file(1), code_file(2, content="")]
    (tmp_path / "in.json").write_text(json.dumps([entry(1, files), entry(2, cloned=False)]))
    code, out, err = said("pairs", "papers", "in.json", "-o", "parsed_pairs.json")
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "papers processed 2",
        "papers skipped 1 1 without code",
        "code files processed 2",
        "code files skipped 1 1 empty",
        "pairs created 1 in parsed_pairs.json",
    ]
    assert len(json.loads((tmp_path / "parsed_pairs.json").read_text())) == 1
    code, out, _ = said("pairs", "papers", "in.json", "--json", "--max-papers", 1)
    assert json.loads(out)["papers_processed"] == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "holds no paper"),
        ([entry(cloned=False)], "no repository is cloned"),
        ([entry(files=[code_file(content="")])], "every file was skipped"),
    ],
)
def test_papers_without_a_pair_exit_1_and_leave_an_older_file(said, tmp_path, data, why):
    (tmp_path / "in.json").write_text(json.dumps(data))
    (tmp_path / "parsed_pairs.json").write_text("old")
    code, _, err = said("pairs", "papers", "in.json")
    assert code == 1
    assert why in err
    assert (tmp_path / "parsed_pairs.json").read_text() == "old"


def test_a_cut_off_input_leaves_nothing_half_written(said, tmp_path):
    (tmp_path / "in.json").write_text(json.dumps([entry(1), entry(2)])[:-30])
    code, out, err = said("pairs", "papers", "in.json")
    assert (code, out) == (2, "")
    assert err.startswith("error: in.json: no valid JSON")
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]


def test_code(said, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_text(FUNCTION.format(11) + "\n\n" + FUNCTION.format(22222))
    (tmp_path / "lib" / "b.py").write_text("def f():\n    return 1\n")
    (tmp_path / "lib" / "c.py").write_text("def (:")
    code, out, err = said("pairs", "code", "lib")
    assert code == 0
    assert err == "skipped c.py: syntax error at line 1: invalid syntax\n"
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "files read 2",
        "functions 3",
        "without a docstring 1",
        "pairs 2 in pairs.jsonl",
    ]
    row = json.loads((tmp_path / "pairs.jsonl").read_text().splitlines()[0])
    assert row["anchor"] == "Multiply every value by 11 and more."
    assert row["positive"].startswith("def scale_11(values):\n    scaled = [")
    assert "Multiply" not in row["positive"]
    assert read_pairs(tmp_path / "pairs.jsonl")[0].file == "lib:a.py"
    code, out, _ = said("pairs", "code", "lib", "--json", "--repo-name", "x", "-o", "p.json")
    facts = json.loads(out)
    assert (facts["pairs"], facts["left_out"]["without a docstring"]) == (2, 1)
    assert {pair.repository for pair in read_pairs(tmp_path / "p.json")} == {"x"}


def test_code_options_are_obeyed(said, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_text(FUNCTION.format(11))
    for words in (["--min-lines", 4], ["--max-lines", 2, "--min-lines", 1], ["--min-words", 8]):
        code, _, err = said("pairs", "code", "lib", *words)
        assert (code, err) == (1, "no function is left\n"), words
    code, _, err = said("pairs", "code", "lib", "--exclude", "a.py")
    assert (code, err) == (1, "no function was found in what was read\n")
    code, _, err = said("pairs", "code", "lib", "--min-lines", 9, "--max-lines", 3)
    assert code == 2
    assert "--min-lines is more than --max-lines" in err


def test_split(said, parsed, tmp_path):
    words = ("--train-split", 0.8, "--batch-size", 3, "-o", "dataset_info.json")
    code, out, err = said(
        *("pairs", "split", "parsed_pairs.json", *words),
        *("--train-out", "train.jsonl", "--val-out", "val.json", "--max-length", 64),
    )
    assert (code, err) == (0, "")
    assert "80.0%, 6 batches of 3" in out
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert info == {
        "train": {"num_batches": 6, "batch_size": 3, "total_samples": 16},
        "val": {"num_batches": 2, "batch_size": 3, "total_samples": 4},
        "data_shapes": {
            "paper_input_ids": [3, 64],
            "code_input_ids": [3, 64],
            "paper_attention_mask": [3, 64],
            "code_attention_mask": [3, 64],
        },
        "config": {
            "json_path": "parsed_pairs.json",
            "model_name": "microsoft/codebert-base",
            "max_length": 64,
            "batch_size": 3,
            "train_split": 0.8,
            "seed": 42,
        },
    }
    train, held_out = (read_pairs(tmp_path / name) for name in ("train.jsonl", "val.json"))
    assert sorted(p.positive for p in [*train, *held_out]) == sorted(p.positive for p in parsed)
    assert not {p.paper for p in train} & {p.paper for p in held_out}


def test_split_by_pair_and_seed(said, parsed, tmp_path):
    def held_out(*words):
        code, out, _ = said(
            "pairs", "split", "parsed_pairs.json", "--json", *words, "--val-out", "v"
        )
        assert code == 0
        assert json.loads(out)["val"]["total_samples"] == 4
        return [pair.positive for pair in read_pairs(tmp_path / "v")]

    assert held_out() == held_out()
    assert held_out() != held_out("--seed", 1)
    by_pair = held_out("--split-by", "pair")
    assert len({int(text.split()[1]) // 2 for text in by_pair}) > 2


@pytest.mark.parametrize(
    ("words", "said_on_stderr"),
    [
        (["none.json"], "error: no such file: none.json"),
        (["parsed_pairs.json", "-o", "parsed_pairs.json"], "must be different files"),
        (["parsed_pairs.json", "--val-out", "./dataset_info.json"], "must be different files"),
        (["parsed_pairs.json", "--train-split", "1"], "more than 0 and less than 1"),
        (["parsed_pairs.json", "--batch-size", "0"], "x>=1"),
        (["one.json"], "takes two pairs or more; there is one"),
        (["empty.json"], "empty.json: is empty"),
        (["parsed_pairs.json", "--train-out", "none/t.json"], "cannot write none"),
    ],
)
def test_split_of_what_cannot_be(said, parsed, tmp_path, words, said_on_stderr):
    (tmp_path / "one.json").write_text('[{"anchor": "a", "positive": "b"}]')
    (tmp_path / "empty.json").write_text("")
    before = (tmp_path / "parsed_pairs.json").read_bytes()
    code, out, err = said("pairs", "split", *words)
    assert (code, out) == (2, "")
    assert said_on_stderr in err
    assert (tmp_path / "parsed_pairs.json").read_bytes() == before
    assert not (tmp_path / "dataset_info.json").exists()


def test_the_commands_import_nothing_heavy():
    code = (
        "import sys\nfrom codeindex.cli import run\n"
        "run(['pairs', '--help']); run(['pairs', 'code', '--help'])\n"
        "print('heavy:', sorted({'numpy', 'ijson', 'torch', 'faiss'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_control_c_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("old")
    os.mkfifo(tmp_path / "in.json")  # it never comes to an end
    process = subprocess.Popen(
        [sys.executable, "-m", "codeindex", *("pairs", "papers", "in.json", "-o", "pairs.jsonl")],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    with (tmp_path / "in.json").open("w") as pipe:  # open: it is being read
        pipe.write("[" + json.dumps(entry()))
        pipe.flush()
        while len([*tmp_path.iterdir()]) < 3:  # until it writes
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert (tmp_path / "pairs.jsonl").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.json", "pairs.jsonl"]
