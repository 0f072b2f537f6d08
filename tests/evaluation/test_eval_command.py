"""``codeindex eval`` as users run it, with the real plugins."""

from __future__ import annotations

import json
import sys

import pytest
from eval_trees import PARSING, WRITING, code_tree, commit, git

from codeindex.cli import run

RERANKER = """
from codeindex.hookimpl import hookimpl
from codeindex.specs import RerankerSpec


class Shortest:
    def rerank(self, query, texts):
        return [-float(len(text)) for text in texts]


@hookimpl
def codeindex_rerankers():
    return [RerankerSpec(name="shortest", summary="Short code.", make=lambda options: Shortest())]
"""

LABELS = """{"query": "read a number from text", "relevant": ["parsing.py:read_number"]}
{"query": "write rows of a report to a file", "relevant": ["writing.py:write_report"]}
{"query": "sum of all amounts", "relevant": ["parsing.py:Ledger.total"]}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    root = code_tree(tmp_path / "project")
    monkeypatch.chdir(root)
    assert run(["--quiet", "index"]) == 0
    return root


@pytest.fixture
def result(capsys):
    """Runs eval and returns (exit code, stdout, stderr)."""

    def run_eval(*words):
        capsys.readouterr()
        code = run(["eval", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_eval


def test_docstrings_by_default_and_the_same_each_time(project, result):
    code, out, err = result()
    assert code == 0, err
    assert out.startswith("docstrings: 3 questions; 7 snippets to choose from, 100 answers")
    assert "left out: 1 without a docstring" in out
    assert "NDCG@10" in out
    assert "measured in" in err
    first, second = (json.loads(result("--json")[1]) for _ in range(2))
    assert first == second
    assert first["asking"] == {"level": "snippet", "depth": 100, "per_file": 0}
    assert first["questions"]["asked"] == 3
    metrics = first["systems"][0]["metrics"]
    assert set(metrics) == {"MRR", "NDCG@10", "Recall@1", "Recall@5", "Recall@10", "Recall@100"}
    assert metrics["Recall@100"]["value"] == 1
    low, high = metrics["MRR"]["interval_95"]
    assert low <= metrics["MRR"]["value"] <= high


def test_a_sample_is_told(project, result):
    _, out, _ = result("--sample", 2, "--seed", 5)
    assert out.startswith("docstrings: 2 questions, drawn from 3 (seed 5);")


def test_history(project, result):
    git(project, "init", "--quiet")
    commit(project, "Initial commit of all")
    text = WRITING.replace('"\\n".join', '"\\r\\n".join')
    assert text != WRITING
    (project / "writing.py").write_text(text)
    commit(project, "Rows of a report end as on Windows")
    assert run(["--quiet", "index"]) == 0
    code, out, err = result("--from", "git")
    assert code == 0, err
    assert out.startswith("git: 1 question of 1 commit (seed 0); 7 snippets to choose from")


def test_without_a_repository(project, result):
    code, _, err = result("--from", "git")
    assert code == 2
    assert "git cannot read the history" in err


def test_nothing_to_ask(tmp_path, monkeypatch, result):
    (tmp_path / "a.py").write_text("def f(x):\n    return x\n")
    monkeypatch.chdir(tmp_path)
    run(["--quiet", "index"])
    code, out, err = result()
    assert (code, out) == (1, "")
    assert "nothing to ask by docstrings: 1 without a docstring" in err


def test_unknown_targets_are_reported(project, result):
    queries = project / "q.jsonl"
    queries.write_text(LABELS + '{"query": "what is gone", "relevant": ["gone.py:f", "a.py:g"]}\n')
    code, out, _ = result("--queries", queries)
    assert code == 0
    assert (
        "2 of 5 judged targets are not in the index and count as missed: gone.py:f, a.py:g" in out
    )
    facts = json.loads(result("--queries", queries, "--json")[1])
    assert facts["systems"][0]["targets_not_in_the_index"] == ["gone.py:f", "a.py:g"]
    assert facts["systems"][0]["metrics"]["Recall@100"]["value"] == 0.75


def test_the_gate(project, tmp_path, monkeypatch, result):
    queries, saved = tmp_path / "q.jsonl", tmp_path / "saved.json"
    queries.write_text(LABELS)
    assert result("--queries", queries, "--save", saved)[0] == 0
    gate = ("--queries", queries, "--baseline", saved)
    code, out, err = result(*gate, "--fail-below", 0)
    assert code == 0, err
    assert "against baseline (" in out
    (project / "writing.py").unlink()
    assert run(["--quiet", "index"]) == 0
    assert result(*gate)[0] == 0  # only shown
    code, out, err = result(*gate, "--fail-below", 0.05, "--metric", "recall@100")
    assert code == 1
    assert "Recall@100  -0.333 [" in out
    assert "Recall@100 fell by 0.333, more than the 0.05 allowed" in err
    assert result(*gate, "--fail-below", 0.5, "--metric", "Recall@100")[0] == 0
    code, out, _ = result(*gate, "--fail-below", 0.05, "--metric", "Recall@100", "--json")
    assert code == 1
    facts = json.loads(out)
    assert facts["gate"] == {"metric": "Recall@100", "allowed_drop": 0.05, "passed": False}
    assert facts["since_baseline"]["differences"]["Recall@100"]["difference"] == -1 / 3


def test_other_questions_than_those_of_the_baseline(project, tmp_path, result):
    saved = tmp_path / "saved.json"
    assert result("--save", saved)[0] == 0
    (project / "writing.py").write_text(WRITING.replace("Write the rows", "Put all rows"))
    assert run(["--quiet", "index"]) == 0
    code, _, err = result("--baseline", saved)
    assert code == 2
    assert "other questions were asked" in err


def test_comparisons(project, tmp_path, result):
    other = tmp_path / "other"
    other.mkdir()
    (other / "parsing.py").write_text(PARSING)
    assert run(["--quiet", "index", str(other)]) == 0
    queries = tmp_path / "q.jsonl"
    queries.write_text(LABELS)
    code, out, err = result("--queries", queries, "--against-index", other)
    assert code == 0, err
    assert "index other, hybrid against fast, hybrid:" in out
    assert "significant" in out
    assert "index other, hybrid: 1 of 3 judged targets are not in the index" in out


def test_modes_beside_each_other(project, result, tmp_path):
    """No word of the question is in the code: only vectors can find it."""
    queries = tmp_path / "q.jsonl"
    queries.write_text('{"query": "finances altogether", "relevant": ["parsing.py:Ledger.total"]}')
    modes = ("--mode", "lexical", "--mode", "dense", "--mode", "hybrid")
    code, out, err = result("--queries", queries, *modes, "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert [system["name"] for system in facts["systems"]] == [
        *("fast, lexical", "fast, dense", "fast, hybrid")
    ]
    found = [system["metrics"]["Recall@100"]["value"] for system in facts["systems"]]
    assert found == [0, 1, 1]
    assert [its["other"] for its in facts["comparisons"]] == ["fast, dense", "fast, hybrid"]


def test_a_limit_per_file(project, result):
    """Of the three functions that are asked for, two are in one file."""
    limited, free = (
        json.loads(result("--per-file", number, "--json")[1])["systems"][0]["metrics"]
        for number in (1, 0)
    )
    assert free["Recall@100"]["value"] == 1
    assert limited["Recall@100"]["value"] < 1
    files = json.loads(result("--level", "file", "--json")[1])
    assert files["asking"] == {"level": "file", "depth": 100, "per_file": 1}
    assert files["systems"][0]["pool"] == 2
    assert files["systems"][0]["metrics"]["Recall@5"]["value"] == 1


@pytest.mark.parametrize("name", ["chart.png", "chart.svg"])
def test_a_chart(project, tmp_path, result, name):
    chart = tmp_path / name
    code, _, err = result("--chart", chart)
    assert code == 0, err
    data = chart.read_bytes()
    assert data.startswith(b"\x89PNG") if name.endswith("png") else b"</svg>" in data
    assert len(data) > 5000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--chart", "a.pdf"], "a chart is a .png or .svg file, not 'a.pdf'"),
        (["--fail-below", "0.1"], "--fail-below is for --baseline, which is missing"),
        (["--qrels", "parsing.py"], "--qrels is for --queries, which is missing"),
        (["-A", "path=x"], "--against-encoder-option is for --against-encoder, which is missing"),
        (["--queries", "parsing.py", "--from", "git"], "leave one of them out"),
        (["--queries", "parsing.py"], "parsing.py:1: no valid JSON"),
        (["--queries", "gone"], "'gone' does not exist"),
        (["--baseline", "parsing.py"], "parsing.py: no valid JSON"),
        (["--against-encoder", "no-such"], "no encoder 'no-such'"),
        (["--depth", "10"], "is not in the range"),
    ],
)
def test_what_cannot_be_done_is_said(project, result, words, said):
    code, out, err = result(*words)
    assert code == 2
    assert out == ""
    assert said in err


def test_missing_libraries_are_named_before_any_work(project, result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = result("--chart", "a.png")
    assert code == 2
    assert "pip install matplotlib" in err
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    code, _, err = result()
    assert code == 2
    assert "pip install ir-measures" in err


def test_nothing_is_left_behind(project, tmp_path, monkeypatch, result):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = {path for path in project.rglob("*")}
    assert result()[0] == 0
    new = {path.name for path in project.rglob("*")} - {path.name for path in before}
    assert new <= {"catalog.sqlite-shm", "catalog.sqlite-wal"}  # as any reader leaves them
    assert not list(scratch.iterdir())


def test_a_reranker_is_compared_with_the_search_without_it(project, capsys):
    (project / "shortest.py").write_text(RERANKER)
    capsys.readouterr()
    words = ["--plugin", "shortest.py", "eval", "--reranker", "shortest", "--json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    names = [system["name"] for system in told["systems"]]
    assert names == ["fast, hybrid", "fast, hybrid, shortest"]
    plain, again = (system["metrics"]["MRR"]["value"] for system in told["systems"])
    assert plain != again
    assert run([*words, "--rerank-depth", "1", "--mode", "lexical", "--mode", "dense"]) == 0
    told = json.loads(capsys.readouterr().out)
    values = {each["name"]: each["metrics"]["MRR"]["value"] for each in told["systems"]}
    assert list(values) == ["fast, lexical", "fast, dense", "fast, lexical, shortest"]
    # The best alone is scored once more, and stays the best.
    assert values["fast, lexical, shortest"] == values["fast, lexical"]


def test_options_of_no_reranker_are_refused(project, result):
    code, _, err = result("-R", "word=x")
    assert code == 2
    assert "name one with --reranker" in err
