"""The commands that move and tend a backend: what they print, and what they exit with."""

from __future__ import annotations

import json
import shutil

import moving_toys
import pytest

from codeindex import Index
from codeindex.cli import run
from codeindex.errors import PluginError, UsageError


@pytest.fixture
def command(capsys):
    """Runs a command with the real plugins and these toys: exit code, stdout, stderr."""

    def call(*words):
        code = run(["--plugin", moving_toys.__file__, *map(str, words)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def project(tmp_path, monkeypatch):
    root = tmp_path / "project"
    root.mkdir()
    (root / "dates.py").write_text(
        "def parse_date(text):\n    return text\n\n\ndef tell_time(clock):\n    return clock()\n"
    )
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def indexed(project, command):
    code, _, said = command("index", "--backend", "tidy")
    assert code == 0, said
    return project


# -- optimize -----------------------------------------------------------------------------------


def test_optimize_says_what_it_does_and_what_it_did(indexed, command):
    code, out, said = command("optimize")
    assert code == 0
    assert "arranging 2 vectors in backend 'tidy' for fast search (may take minutes" in said
    assert out.splitlines()[0].endswith("2 vectors in 'tidy'")
    assert "          tidied: 2 (was 0)" in out.splitlines()
    code, out, _ = command("optimize", indexed, "--json")
    report = json.loads(out)
    assert (code, report["optimized"], report["after"]["tidied"]) == (0, True, 2)
    assert report["drift"] is None


def test_a_backend_that_has_nothing_to_optimize_is_no_failure(project, command, tmp_path):
    (tmp_path / "server").mkdir()
    assert command("index", "--backend", "shelf", "-B", f"at={tmp_path / 'server'}")[0] == 0
    code, out, _ = command("optimize", ".codeindex")
    assert (code, out) == (0, "nothing to do: backend 'shelf' is always as fast as it can be\n")
    code, out, _ = command("optimize", "--json")
    assert (code, json.loads(out)["optimized"]) == (0, False)
    code, _, said = command("optimize", tmp_path / "nowhere")
    assert code == 2
    assert "no index at" in said


def test_index_optimizes_after_its_receipt_unless_told_not_to(project, command, monkeypatch):
    done = []
    monkeypatch.setattr("codeindex.index.Index.optimize", lambda index: done.append(index))
    code, out, said = command("index", "--backend", "tidy", "--no-optimize")
    assert (code, done) == (0, [])
    assert "arranging" not in said
    (project / "more.py").write_text("def more():\n    return 1\n")
    code, out, said = command("index", "--dry-run")
    assert (code, done) == (0, [])
    code, out, said = command("index", "--json")
    assert (code, len(done), json.loads(out)["snippets"]) == (0, 1, 3)
    assert "arranging the vectors for fast search (may take minutes; Ctrl-C is safe" in said
    code, out, said = command("index")
    assert (code, len(done)) == (0, 1), "nothing had changed"


def test_ctrl_c_while_optimizing_keeps_all(project, command, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(
            "codeindex.index.Index.optimize", lambda index: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        code, out, _ = command("index", "--backend", "tidy")
    assert code == 130
    assert "snippets  2 in the index" in out
    assert command("verify")[0] == 0
    assert command("search", "parse a date")[0] == 0
    assert command("optimize")[0] == 0


def test_the_python_api_optimizes_by_itself(tree, host, monkeypatch):
    host.register(moving_toys, "moving", "toy-distribution")
    done = []
    monkeypatch.setattr(moving_toys.TidyBackend, "optimize", lambda self: done.append(len(self)))
    with Index.open(tree, create=True, host=host, backend="tidy") as index:
        index.update()
        assert done == [4]
        assert index.optimize()
        assert done == [4, 4]
    with Index.open(tree, index=tree / "other", create=True, host=host) as index:
        index.update()
        assert not index.optimize()


# -- rebuild ------------------------------------------------------------------------------------


def test_rebuild_in_place_and_into_another_backend(indexed, command, tmp_path):
    code, out, said = command("rebuild")
    assert code == 0
    assert "rebuilt   " in out
    assert "in backend 'tidy'" in out
    assert "checked   2 ids, as in the catalog; 2 vectors searched for themselves" in out
    assert "the old one is searched until the new one is sound" in said
    code, out, _ = command("rebuild", ".", "--backend", "faiss", "--json")
    report = json.loads(out)
    assert (code, report["ok"], report["vectors"], report["sampled"]) == (0, True, 2, 2)
    assert report["backend"]["name"] == "faiss"
    assert [path.name for path in (indexed / ".codeindex/backend").iterdir()] == ["faiss-1.1"]
    assert json.loads(command("status", "--json")[1])["backend"]["name"] == "faiss"
    assert command("verify")[0] == 0
    assert "parse_date" in command("search", "parse a date")[1]


def test_rebuild_with_other_options(indexed, command):
    code, out, _ = command("rebuild", "-B", "worth=7", "--json")
    assert (code, json.loads(out)["backend"]["options"]["worth"]) == (0, 7)
    code, out, _ = command("rebuild", "-B", "blind=0", "--json")
    assert json.loads(out)["backend"]["options"] == {"worth": 7, "blind": 0}
    code, _, said = command("rebuild", "-B", "wurth=7")
    assert (code, "making" in said) == (2, False)
    assert "backend 'tidy' has no option 'wurth'; its options: blind, worth" in said
    code, _, said = command("rebuild", "--backend", "tody")
    assert code == 2
    assert "no backend 'tody'; installed: " in said
    assert "making" not in said


def test_settings_are_for_new_indexes_and_do_not_move_one(indexed, command):
    (indexed / "codeindex.toml").write_text('backend = "faiss"\n[backend-options]\nthreads = 1\n')
    code, out, said = command("rebuild", "--json")
    assert (code, said.count("error")) == (0, 0), said
    assert json.loads(out)["backend"] == {"name": "tidy", "options": {"worth": 1, "blind": 0}}


def test_a_new_backend_that_is_not_sound_leaves_the_old_one(tree, host, monkeypatch):
    host.register(moving_toys, "moving", "toy-distribution")
    with Index.open(tree, create=True, host=host) as index:
        with pytest.raises(UsageError, match="holds no vectors yet"):
            index.rebuild()
        index.update()
        monkeypatch.setattr(moving_toys.TidyBackend, "add", lambda *given: None)
        with pytest.raises(PluginError, match="not sound, the old one is kept: backend: 4 snippet"):
            index.rebuild("tidy")
        assert index.search("iron", 1)[0].snippet.name == "hammer"
        assert index.verify().ok
        assert [path.name for path in (index.folder / "backend").iterdir()] == ["faiss-1"]


def test_an_index_whose_backend_is_gone_is_moved_to_another(tree, host):
    with Index.open(tree, create=True, host=host) as index:
        index.update()
        with index._store.writing() as catalog, catalog.transaction():
            catalog.set_manifest({"backend": {"name": "gone", "options": {}}})
    with Index.open(tree, host=host) as index:
        assert index.rebuild("brute").ok
        assert index.search("iron", 1)[0].snippet.name == "hammer"


# -- copy ---------------------------------------------------------------------------------------


def test_copy_prints_what_was_compared(indexed, command, tmp_path):
    target = tmp_path / "copy"
    code, out, _ = command("copy", ".codeindex", "--to", "faiss", "-o", target)
    assert code == 0
    assert out.splitlines()[:3] == [
        f"copied    2 snippets into {target}, backend 'faiss'",
        "checked   2 ids; 2 vectors searched for themselves",
        "recall@10 1.0000 against exact search, of 2 queries",
    ]
    assert command("search", "parse a date", "--index", target)[0] == 0
    assert command("verify", "--index", target)[0] == 0
    code, _, said = command("copy", ".", "--to", "faiss", "-o", target)
    assert (code, said.count("holds an index already")) == (2, 1)


def test_copy_fails_when_too_little_is_found(indexed, command, tmp_path):
    target = tmp_path / "copy"
    words = ("copy", ".", "--to", "tidy", "-B", "blind=2", "-o", target)
    code, out, said = command(*words)
    assert (code, target.exists()) == (1, False)
    assert out.startswith("NOT SOUND 2 snippets")
    assert "problem   recall@10 is 0.500, less than 0.95" in out
    assert "was removed" in said
    code, out, _ = command(*words, "--json")
    report = json.loads(out)
    assert (code, report["ok"], report["recall"], report["min_recall"]) == (1, False, 0.5, 0.95)
    code, out, _ = command(*words, "--json", "--min-recall", "0.4")
    assert (code, json.loads(out)["ok"], target.exists()) == (0, True, True)


# -- status and verify --------------------------------------------------------------------------


def test_status_and_verify_show_drift(project, command, tmp_path):
    (tmp_path / "server").mkdir()
    shelf = tmp_path / "server" / "shelf.json"
    assert command("index", "--backend", "shelf", "-B", f"at={shelf.parent}")[0] == 0
    code, out, _ = command("status")
    assert (code, "DRIFT" in out) == (0, False)
    assert "backend   shelf: 2 vectors" in out.splitlines()
    data = json.loads(shelf.read_text())
    data["rows"].popitem()
    shelf.write_text(json.dumps(data))
    code, out, _ = command("status")
    assert code == 0
    assert (
        "DRIFT     the backend holds 1 vectors, the catalog 2 snippets; see codeindex verify"
        in out.splitlines()
    )
    code, out, _ = command("status", "--json")
    facts = json.loads(out)
    assert (code, facts["backend_vectors"], facts["drift"][:25]) == (
        0,
        1,
        "the backend holds 1 vecto",
    )
    assert facts["backend_facts"]["type"] == "shelf"
    code, out, said = command("verify")
    assert code == 1
    assert "problem   backend: 1 snippets have no vector in it" in out
    assert "codeindex verify --repair" in said
    assert command("verify", "--repair")[0] == 0
    assert "DRIFT" not in command("status")[1]
    shutil.rmtree(shelf.parent)
    code, out, _ = command("status")
    assert code == 0
    assert "DRIFT     the backend cannot be opened: the shelf" in out
    code, out, _ = command("verify")
    assert (code, "problem   backend: the shelf" in out) == (1, True)
