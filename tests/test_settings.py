"""Tables of commands in the settings: they reach their command, and misspelt keys are told."""

from __future__ import annotations

import pytest

from codeindex.cli import run
from codeindex.cli.settings import load_settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "codeindex.toml").write_text(text)
        return load_settings(None)

    return write


def test_shared_settings_reach_what_they_are_meant_for(settings):
    found = settings('exclude = ["docs/**"]\nencoder = "fast"\n[train]\nbatch-size = 4\n').defaults
    assert found["index"]["exclude"] == ["docs/**"]
    assert found["pairs"]["code"]["exclude"] == ["docs/**"]
    assert found["train"] == {"batch_size": "4"}
    assert found["export"] == found["embed"] == found["pairs"]["papers"] == {}


def test_a_table_of_a_command_within_a_command(settings, tmp_path, capsys):
    (tmp_path / "a.py").write_text(
        'def read_lines(path):\n    """Read the lines of a file."""\n    with open(path) as file:\n'
        "        lines = file.readlines()\n    return lines\n"
    )
    settings('[pairs.code]\noutput = "mine.jsonl"\n')
    assert run(["pairs", "code", str(tmp_path)]) == 0, capsys.readouterr().err
    assert (tmp_path / "mine.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (
            "[train]\nbatchsize = 4\n",
            ["train", "--check-loss"],
            "'batchsize' in [train]; did",
        ),
        (
            "[pairs.code]\noutptu = 4\n",
            ["pairs", "code", "."],
            "'outptu' in [pairs.code]; did",
        ),
        ("[pairs]\nmine = 4\n", ["pairs", "code", "."], "'mine' in [pairs]"),
        ("[search]\ntopk = 4\n", ["search", "x"], "'topk' in [search]; did you mean top-k"),
        ("[trian]\nbatch-size = 4\n", ["status"], "'trian'; did you mean train?"),
        ("[search]\nsunshine = 4\n", ["search", "x"], "'sunshine' in [search]; known: "),
    ],
)
def test_misspelt_settings_are_told(settings, tmp_path, capsys, text, words, said):
    (tmp_path / "codeindex.toml").write_text(text)
    assert run(words) == 2
    message = capsys.readouterr().err
    assert f"unknown setting {said}" in message
    assert ("did you mean " in message) != ("known: " in message)


def test_settings_of_train_are_its_defaults(settings, capsys):
    settings("[train]\nbatch-size = 4\n")
    assert run(["train", "--check-loss"]) == 0
    assert "InfoNCE, batch 4" in capsys.readouterr().out


@pytest.mark.parametrize("line", ['top-k = "x"', 'mode = "psychic"'])
def test_a_wrong_value_is_told_with_its_file(settings, tmp_path, capsys, line):
    (tmp_path / "codeindex.toml").write_text(f"[search]\n{line}\n")
    assert run(["search", "x"]) == 2
    assert f"The value stands in {tmp_path / 'codeindex.toml'}." in capsys.readouterr().err
    assert run(["search", "x", f"--{line.split()[0]}", "nothing"]) == 2
    assert "The value stands in" not in capsys.readouterr().err
