"""The benchmarks' frame: figures, result files, the README's table; nothing is measured here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.frame import results, table
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, all_benchmarks, ratio
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


def test_a_result_says_what_it_was_measured_with_and_names_no_place(tmp_path):
    benchmark = Benchmark("toy", "a toy", lambda settings: [])
    measures = [Measure("one", 0.123456789, "s", 0.2, samples={"a": [0.1]})]
    path = results.write(results.record(benchmark, SETTINGS, measures), tmp_path)
    (result,) = results.read_all(tmp_path)
    assert path.name == "toy.json"
    assert result["measures"][0]["value"] == 0.12346
    assert result["measures"][0]["met"] is True
    assert re.fullmatch(r"[0-9a-f]{40}|", result["commit"])
    assert result["versions"]["semble"] == "0.7.0"
    assert result["machine"]["cores"] >= 1
    assert str(Path.home()) not in path.read_text() or Path.home() == Path("/")


RESULT = {
    "benchmark": "toy",
    "machine": {
        "processor": "P", "cores": 2, "memory_gb": 8, "system": "Linux x86_64", "python": "3.11.7",
    },
    "measures": [
        {"name": "a", "value": 0.456, "unit": "×", "goal": 0.4, "met": False, "detail": "x"},
        {"name": "b", "value": 57.51, "unit": "ms", "goal": 150, "met": True, "detail": ""},
        {"name": "c", "value": 3, "unit": "MB", "goal": None, "met": None, "detail": ""},
    ],
}  # fmt: skip


def test_the_table_says_what_was_missed():
    lines = table.markdown([RESULT]).splitlines()
    assert "| a | **0.46×** (x) | ≤ 0.40× | missed |" in lines
    assert "| b | **57.5 ms** | ≤ 150 ms | ✓ |" in lines
    assert "| c | **3 MB** |  |  |" in lines
    assert lines[-1] == "Measured on 2 cores of P, 8 GB, Linux x86_64, Python 3.11.7."


def test_the_table_goes_between_its_marks(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"before\n{table.START}\nold\n{table.END}\nafter\n")
    assert table.write_into(file, "new")
    assert file.read_text() == f"before\n{table.START}\nnew\n{table.END}\nafter\n"
    assert not table.write_into(file, "new")
    with pytest.raises(ValueError, match="no <!--"):
        table.put_into("nothing", "new")


def test_the_readmes_table_is_that_of_the_results():
    done = CliRunner().invoke(main, ["table", "--check", str(ROOT / "README.md")])
    assert done.exit_code == 0, done.output
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        result = json.loads(path.read_text())
        assert not result["quick"]
        assert result["commit"], path.name
