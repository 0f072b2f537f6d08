"""Another encoder, or the index's own with other options: what is refused, kept and said."""

from __future__ import annotations

import json

import pytest

from codeindex.cli import run


@pytest.fixture
def indexed(tmp_path, monkeypatch, capsys):
    """Three functions, indexed by `fast` cut to 64 dimensions; runs commands beside them."""
    monkeypatch.chdir(tmp_path)
    functions = [f'def f{n}(x):\n    """Adds {n}."""\n    return x + {n}\n' for n in range(3)]
    (tmp_path / "a.py").write_text("\n".join(functions))

    def command(*words):
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert command("index", ".", "-E", "dim=64")[0] == 0
    return command


def options(command):
    return json.loads(command("status", "--json")[1])["encoder"]["options"]


def test_an_option_is_changed_and_the_others_stay(indexed):
    assert options(indexed) == {"dim": 64, "hubness": True}
    assert indexed("index", "--reencode", "-E", "hubness=false")[0] == 0
    assert options(indexed) == {"dim": 64, "hubness": False}
    assert indexed("search", "adds", "-E", "dim=64")[0] == 0, "what it is anyway is no change"
    assert indexed("index", "--reencode", "-E", "dim=0")[0] == 0
    assert options(indexed) == {"dim": 0, "hubness": False}
    assert indexed("index", "--reencode", "--encoder", "fast")[0] == 0, "named, it begins anew"
    assert options(indexed) == {"dim": 0, "hubness": True}
    said = indexed("status")[1]
    assert "          dim 0, hubness True" in said


def test_what_differs_is_said_with_the_command_for_it(indexed):
    code, _, err = indexed("search", "adds", "-E", "hubness=false")
    assert code == 2
    assert "encoder 'fast' (hubness=true, " in err
    assert "not with 'fast' (hubness=false, " in err
    assert err.rstrip().endswith("--encoder fast -E dim=64 -E hubness=false")
    _, _, err = indexed("index", "--encoder", "fast")
    assert "(dim=64, " in err
    assert err.rstrip().endswith("codeindex index --reencode --encoder fast")
    _, _, err = indexed("index", "--encoder", "small")
    assert "dim=" not in err, "options of another encoder say nothing"


def test_embedding_again_can_be_tried_first(indexed):
    code, out, _ = indexed("index", "--dry-run", "--reencode", "-E", "hubness=false")
    assert code == 0
    assert "every snippet would be embedded again" in out
    assert options(indexed) == {"dim": 64, "hubness": True}
    assert indexed("index", "--dry-run", "-E", "hubness=false")[0] == 2
    for words, said in (
        (("--encoder", "nope"), "no encoder 'nope'"),
        (("-E", "hubnes=false"), "no option 'hubnes'"),
        (("-E", "dim=999"), "dim is 999"),
    ):
        code, _, err = indexed("index", "--dry-run", "--reencode", *words)
        assert (code, said in err) == (2, True), err


def test_vectors_of_an_encoder_it_had_before_are_taken_from_the_cache(indexed):
    assert "embedded  3 texts, 0 reused" in indexed("index", "--reencode", "-E", "dim=0")[1]
    assert "embedded  0 texts, 3 reused" in indexed("index", "--reencode", "-E", "dim=64")[1]
