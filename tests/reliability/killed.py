"""Kills a command at a few of its operations on files, and examines what is there then."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from victims import Victims

from benchmarks.reliability.commands import Command, commands, prepared
from benchmarks.reliability.examining import examine
from benchmarks.reliability.running import in_this_process
from codeindex import Host

NAMES = (
    *("index", "index, of a changed tree", "remove", "optimize"),
    *("rebuild", "copy", "pack", "unpack"),
)


class Scene:
    """The commands on one backend, and the folder that they work in."""

    def __init__(self, backend: str, scratch: Path) -> None:
        self._scratch, self._host, self._victims = scratch, Host.load(), Victims()
        made = commands(backend, scratch, self._host, in_this_process)
        self._commands = {command.name: command for command in made}
        assert set(self._commands) == set(NAMES)

    def problems(self, name: str, kills: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is wrong after a few kills of that command, spread over its operations."""
        command, found = self._commands[name], []
        steps = self._run(command, 10**9)
        assert steps > kills
        shutil.rmtree(self._scratch / "trials")
        for number in range(kills):
            die_at = 1 + (2 * number + 1) * steps // (2 * kills)
            assert not self._run(command, die_at)
            monkeypatch.setattr(tempfile, "tempdir", str(self._place.temporary))
            found += examine(
                command, self._place, in_this_process, self._host, search_first=number % 2 == 1
            )
            shutil.rmtree(self._place.folder)
        return found

    def _run(self, command: Command, die_at: int) -> int:
        self._place = prepared(command, self._scratch, f"trial-{die_at}")
        place = self._place
        return self._victims.run(command.argv(place), place.folder, place.temporary, die_at)

    def close(self) -> None:
        """Ends the process that the commands die in."""
        self._victims.close()
