"""``codeindex doctor``: what works, what does not, and what to do about it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from codeindex import Host
from codeindex.doctor import Verdict, examine, works


def doctor(*arguments, cwd, before=()):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "codeindex", *before, "doctor", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path):
    (tmp_path / "a.py").write_text("def parse(text):\n    return text\n")
    words = [sys.executable, "-m", "codeindex", "-q", "index"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_a_sound_installation_and_index(project):
    done = doctor(cwd=project)
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    for subject in ("codeindex", "libraries", "sqlite", "processor", "threads", "plugins"):
        assert f"✓ {subject}" in done.stdout or f"· {subject}" in done.stdout
    assert "works, with encoder fast" in done.stdout
    assert "snippets, sound" in done.stdout
    facts = json.loads(doctor("--json", cwd=project).stdout)
    assert facts["ok"] is True
    assert {finding["subject"] for finding in facts["findings"]} >= {"index", "encoder", "disk"}


def test_without_an_index_it_is_no_fault(tmp_path):
    done = doctor(cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "none here" in done.stdout


def test_every_broken_line_says_what_to_do(project):
    path = next(project.glob(".codeindex/backend/*/*.vectors.npy"))
    path.write_bytes(b"nonsense")
    (project / "bad.py").write_text("raise ImportError('no such thing')\n")
    done = doctor(cwd=project, before=("--plugin", "bad.py"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    broken = [number for number, line in enumerate(lines) if line.startswith("✗")]
    assert len(broken) == 2, done.stdout
    assert all("→" in lines[number + 1] for number in broken)
    assert "bad (bad.py) does not load: ImportError: no such thing" in done.stdout
    assert "--no-plugin bad" in done.stdout
    assert "verify --repair" in done.stdout


def test_a_named_index_that_is_not_there_is_a_fault(tmp_path):
    done = doctor("--index", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert "none at nowhere" in done.stdout


def test_missing_libraries_and_an_encoder_that_fails(monkeypatch):
    monkeypatch.setattr(
        "codeindex.doctor.requires", lambda name: ["no-such-thing>=1", "x; extra == 'y'"]
    )
    findings = list(examine(Host.load(skip=["onnx"]), None))
    assert not works(findings)
    said = {
        finding.text: finding.remedy for finding in findings if finding.verdict is Verdict.BROKEN
    }
    assert said["no-such-thing is not installed"] == "pip install 'no-such-thing>=1'"
    assert any("no encoder 'fast'" in text for text in said)


def test_fewer_threads_than_cores_are_noted(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    notes = [f for f in examine(Host.load(), None) if f.subject == "threads"]
    assert notes[0].verdict is Verdict.NOTE
    assert "OMP_NUM_THREADS is 0" in notes[0].text
