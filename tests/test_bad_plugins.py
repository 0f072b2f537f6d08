"""Plugins that misbehave: each ends in one message that names it, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAD = """
import numpy as np
from codeindex.hookimpl import hookimpl
from codeindex.interfaces import EncoderInfo
from codeindex.specs import BackendSpec, EncoderSpec, ExtractorSpec

class Bad:
    info = EncoderInfo("bad", "bad/1", 4, 100)
    calls = 0
    def encode_corpus(self, texts):
        vectors = np.zeros((len(texts), 4), np.float32)
        vectors[:, 0] = 1
        {body}
        return vectors
    encode_queries = encode_corpus

@hookimpl
def codeindex_encoders():
    return [EncoderSpec(name="bad", summary="Bad.", make={make})]
"""


def codeindex(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "codeindex", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src").mkdir()
    for name in ("a", "b"):
        (tmp_path / "src" / f"{name}.py").write_text(f"def {name}():\n    return 1\n")

    def write(body="pass", make="lambda options: Bad()"):
        text = HEAD.format(body=body.replace("\n", "\n        "), make=make)
        (tmp_path / "bad.py").write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("body", "make", "said"),
    [
        ("vectors = vectors[:, :3]", None, "expected vectors of shape (n, 4), got (2, 3)"),
        ("vectors = vectors[:1]", None, "expected 2 vectors, got 1"),
        ("vectors[0, 0] = np.nan", None, "NaN or infinity"),
        ("vectors = None", None, "failed"),
        ("raise RuntimeError('out of tune')", None, "RuntimeError: out of tune"),
        ("pass", "lambda options: 1 / 0", "ZeroDivisionError"),
        ("pass", "lambda options: None", "failed: AttributeError"),
    ],
)
def test_an_encoder_that_breaks_its_promise_is_named(project, body, make, said):
    folder = project(body, make or "lambda options: Bad()")
    done = codeindex("--plugin", "bad.py", "index", "src", "--encoder", "bad", cwd=folder)
    assert done.returncode == 2
    assert "encoder 'bad' (plugin 'bad' of bad.py) failed" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "src" / ".codeindex" / "catalog.sqlite").exists()
    again = codeindex("index", "src", cwd=folder)  # the others go on
    assert again.returncode == 0, again.stderr


def test_what_was_done_before_an_encoder_failed_is_kept(project):
    folder = project("import os\nif os.path.exists('fail'):\n    raise RuntimeError('tired')")
    plugin = ("--plugin", "bad.py")
    assert codeindex(*plugin, "index", "src", "--encoder", "bad", cwd=folder).returncode == 0
    (folder / "src" / "c.py").write_text("def c():\n    return 3\n")
    (folder / "fail").touch()
    done = codeindex(*plugin, "index", "src", cwd=folder)
    assert done.returncode == 2
    assert "RuntimeError: tired" in done.stderr
    (folder / "fail").unlink()
    where = ("--index", "src/.codeindex")
    found = codeindex(*plugin, "search", "a", *where, "--json", "-k", "9", cwd=folder)
    assert len(found.stdout.splitlines()) == 2
    assert codeindex(*plugin, "index", "src", "--json", cwd=folder).returncode == 0
    assert codeindex(*plugin, "verify", *where, cwd=folder).returncode == 0


def test_what_a_plugin_prints_is_no_result(project):
    folder = project("print('encoding!')", "lambda options: print('making!') or Bad()")
    with (folder / "bad.py").open("a") as file:
        file.write("print('loading!')\n")
    done = codeindex("--plugin", "bad.py", "index", "src", "--encoder", "bad", "--json", cwd=folder)
    assert json.loads(done.stdout)["snippets"] == 2
    assert all(word in done.stderr for word in ("loading!", "making!", "encoding!"))


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("raise KeyError('lost')", "KeyError: 'lost'"),
        ("return [42]", "gave 42, which is no ExtractorSpec"),
        ("return 'text'", "which is no list of specs"),
        ("return [ExtractorSpec(name='x')]", "TypeError"),
    ],
)
def test_a_hook_that_fails_breaks_its_own_plugin_only(project, hook, said):
    folder = project()
    with (folder / "bad.py").open("a") as file:
        file.write(f"@hookimpl\ndef codeindex_extractors():\n    {hook}\n")
    shown = json.loads(codeindex("--plugin", "bad.py", "plugins", "--json", cwd=folder).stdout)
    (broken,) = shown["broken"]
    assert (broken["name"], broken["distribution"]) == ("bad", "bad.py")
    assert said in broken["error"]
    assert codeindex("--plugin", "bad.py", "index", "src", cwd=folder).returncode == 0


def test_two_offers_of_one_name_are_named_both(project):
    folder = project()
    text = (folder / "bad.py").read_text().replace('name="bad"', 'name="fast"')
    (folder / "bad.py").write_text(text)
    done = codeindex("--plugin", "bad.py", "index", "src", cwd=folder)
    assert done.returncode == 2
    assert "'fast' is offered by plugin 'onnx' (codeindex) and plugin 'bad' (bad.py)" in done.stderr
    assert "--no-plugin" in done.stderr


def test_a_plugin_that_is_long_in_loading_is_named(project):
    folder = project()
    with (folder / "bad.py").open("a") as file:
        file.write("import time\ntime.sleep(1)\n")
    code = (
        "import codeindex.cli.session as s; s._LONG_LOADING = 0.2\n"
        "from codeindex.cli import main\n"
        "main(['--plugin', 'bad.py', 'plugins'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "plugin 'bad' (bad.py) has been loading for" in done.stderr
    assert "--no-plugin bad" in done.stderr
