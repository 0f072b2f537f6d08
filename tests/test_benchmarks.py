"""The benchmarks' frame: figures, result files, the README's table; nothing is measured here."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.frame import results, table
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, all_benchmarks, ratio, speedup
from benchmarks.frame.encoders import EncoderProgram, started
from benchmarks.frame.functions import docstring_pairs, function_texts
from benchmarks.frame.peer_environment import PeerEnvironment
from benchmarks.frame.process import alternating

ROOT = Path(__file__).parents[1]
SETTINGS = Settings(repeats=3, quick=False, cache=Path("unused"))


def test_every_benchmark_is_listed():
    modules = {p.stem for p in (ROOT / "benchmarks").glob("*.py") if not p.name.startswith("_")}
    assert set(all_benchmarks()) == modules
    shown = CliRunner().invoke(main, ["list"]).output
    assert all(f"{name} " in shown for name in modules)


@pytest.mark.parametrize("arguments", [["run"], ["run", "nonsense"]])
def test_what_can_be_run_is_told(arguments):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "cold_index" in done.output


def test_runs_alternate_and_the_first_is_not_counted():
    log = []
    times = iter(range(100))

    def runner(name):
        def once():
            log.append(name)
            return float(next(times))

        return once

    samples = alternating({"a": runner("a"), "b": runner("b")}, repeats=2)
    assert log == ["a", "b"] * 3
    assert samples == {"a": [2.0, 4.0], "b": [3.0, 5.0]}


def test_a_ratio_is_the_median_of_pairs():
    measure = ratio("x", [1.0, 2.0, 9.0], [2.0, 8.0, 10.0], goal=0.4)
    assert measure.value == 0.5
    assert measure.met is False
    assert measure.detail == "2.00 s against 8.00 s"
    assert Measure("y", 3, "s").met is None
    assert Measure("y", 3, "s", goal=3).met is True


def test_a_speedup_is_the_median_of_pairs_and_more_is_better():
    measure = speedup("x", [30.0, 8.0, 20.0], [10.0, 4.0, 20.0], 1.5, "snippets/s")
    assert measure.value == 2.0
    assert measure.met is True
    assert measure.detail == "20 against 10 snippets/s"
    assert speedup("x", [1.4], [1.0], 1.5, "pairs/s").met is False
    assert Measure("y", 3, "s", goal=3, at_least=True).met is True


def test_a_result_says_what_it_was_measured_with_and_names_no_place(tmp_path):
    benchmark = Benchmark("toy", "a toy", lambda settings: [], ("other==1.5",))
    measures = [Measure("one", 0.123456789, "s", 0.2, samples={"a": [0.1]})]
    path = results.write(results.record(benchmark, SETTINGS, measures), tmp_path)
    (result,) = results.read_all(tmp_path)
    assert path.name == "toy.json"
    assert result["measures"][0]["value"] == 0.12346
    assert result["measures"][0]["met"] is True
    assert re.fullmatch(r"[0-9a-f]{40}|", result["commit"])
    assert result["versions"]["semble"] == "0.7.0"
    assert result["versions"]["other"] == "1.5"
    assert result["machine"]["cores"] >= 1
    assert str(Path.home()) not in path.read_text() or Path.home() == Path("/")


def test_a_peer_is_installed_once_and_again_when_its_pins_change(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr("benchmarks.frame.peer_environment.run", ran.append)
    first = PeerEnvironment(tmp_path, "tool[extra]==1.0", "torch==2")
    assert first.folder == tmp_path / "tool-extra-1.0"
    assert ran[0][1:3] == ["-m", "venv"]
    assert ran[1][0] == str(first.python)
    assert ran[1][-2:] == ["tool[extra]==1.0", "torch==2"]
    PeerEnvironment(tmp_path, "tool[extra]==1.0", "torch==2")
    assert len(ran) == 2
    PeerEnvironment(tmp_path, "tool[extra]==1.0", "torch==3")
    assert len(ran) == 4


def test_an_encoder_in_a_process_of_its_own(tmp_path):
    code = "print('noise')\nserve(lambda texts: numpy.array([[len(text), 1] for text in texts]))"
    texts = tmp_path / "functions.json"
    texts.write_text('["a", "bcd"]')
    program = EncoderProgram(sys.executable, code, [], os.environ)
    with started({"one": program, "two": program}, tmp_path) as processes:
        assert processes["one"].seconds(texts) > 0
        assert processes["two"].vectors(["größe", ""]).tolist() == [[5, 1], [0, 1]]
    broken = EncoderProgram(sys.executable, "raise ValueError('no such model')", [], os.environ)
    with pytest.raises(SystemExit, match="no such model"), started({"x": broken}, tmp_path):
        pass


def test_a_pair_is_a_docstring_and_its_function_without_it(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "dates.py").write_text(
        'class Dates:\n    def parse(self, text):\n        """Parse a string as a date.\n\n'
        '        More of it.\n        """\n        return text\n\n'
        'def empty():\n    """Nothing but words stands in this one."""\n\n'
        'def short():\n    """Too short."""\n    return 1\n'
    )
    (tree / "wrong.py").write_text("def (")
    for name in ("stdlib", "django"):
        monkeypatch.setattr(f"benchmarks.frame.functions.corpora.{name}", lambda *a, **k: tree)
    pairs = docstring_pairs(SETTINGS, 10)
    assert pairs.queries == ["Parse a string as a date."]
    assert pairs.relevant == [[0]]
    assert pairs.corpus[0].endswith("def parse(self, text):\nreturn text")
    assert "string" not in pairs.corpus[0]
    assert len(function_texts(SETTINGS, 2)) == 2
    assert any("Parse a string" in text for text in function_texts(SETTINGS, 10))


RESULT = {
    "benchmark": "toy",
    "machine": {
        "processor": "P", "cores": 2, "memory_gb": 8, "system": "Linux x86_64", "python": "3.11.7",
    },
    "measures": [
        {"name": "a", "value": 0.456, "unit": "×", "goal": 0.4, "met": False, "detail": "x"},
        {"name": "b", "value": 57.51, "unit": "ms", "goal": 150, "met": True, "detail": ""},
        {"name": "c", "value": 3, "unit": "MB", "goal": None, "met": None, "detail": ""},
        {
            "name": "d", "value": 99.7, "unit": "%", "goal": 99.5, "met": True, "detail": "",
            "at_least": True,
        },
    ],
}  # fmt: skip


def test_the_table_says_what_was_missed():
    lines = table.markdown([RESULT]).splitlines()
    assert "| a | **0.46×** (x) | ≤ 0.40× | missed |" in lines
    assert "| b | **57.5 ms** | ≤ 150 ms | ✓ |" in lines
    assert "| c | **3 MB** |  |  |" in lines
    assert "| d | **99.7 %** | ≥ 99.5 % | ✓ |" in lines
    assert lines[-1] == "Measured on 2 cores of P, 8 GB, Linux x86_64, Python 3.11.7."


def test_the_table_goes_between_its_marks():
    def page(part):
        return (
            f"before\n<!-- finetune:start -->\nkept\n<!-- finetune:end -->\n"
            f"<!-- benchmarks:start -->\n{part}\n<!-- benchmarks:end -->\nafter\n"
        )

    filled = table.put_into(page("old"), "new")
    assert filled == page("new")
    assert table.put_into(filled, "new") == filled
    assert "kept" not in table.put_into(filled, "other", "finetune")
    with pytest.raises(ValueError, match="no <!-- benchmarks:start"):
        table.put_into("nothing", "new")


def test_the_readmes_table_is_that_of_the_results():
    done = CliRunner().invoke(main, ["table", "--check", str(ROOT / "README.md")])
    assert done.exit_code == 0, done.output
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        result = json.loads(path.read_text())
        assert not result["quick"]
        assert result["commit"], path.name
