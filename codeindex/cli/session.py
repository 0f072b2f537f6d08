"""Session: what every command is given: plugins, settings, where to print."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from codeindex.cli.settings import Settings
    from codeindex.host import Host
    from codeindex.offers import InstalledPlugin

_LONG_LOADING = 5.0  # seconds


@dataclass
class Session:
    """One run of the command line. Plugins are looked for when the first command asks.

    The environment is read here and nowhere else.
    """

    quiet: bool = False
    skip_plugins: Sequence[str] = ()
    plugin_files: Sequence[Path] = ()
    ready: bool = False
    settings: Settings | None = None

    @cached_property
    def host(self) -> Host:
        """The plugins, loaded. One that is long in loading is named, so that it can be left out."""
        from codeindex.host import Host

        plugins = self.plugins()
        at: list[InstalledPlugin] = []

        def report() -> None:
            self.say(
                f"plugin {at[-1].name!r} ({at[-1].distribution}) has been loading for"
                f" {_LONG_LOADING:.0f} s; leave it out with --no-plugin {at[-1].name}"
            )

        if not plugins:
            return Host()
        watch = threading.Timer(_LONG_LOADING, report)
        watch.daemon = True
        watch.start()
        try:
            return Host.of(plugins, at.append)
        finally:
            watch.cancel()
            watch.join()

    def plugins(self) -> list[InstalledPlugin]:
        """The plugins that this run may use; a comma-separated ``CODEINDEX_PLUGINS`` is a limit."""
        from codeindex.errors import UsageError
        from codeindex.host import find_plugins

        only = os.environ.get("CODEINDEX_PLUGINS")
        names = None if only is None else [name.strip() for name in only.split(",")]
        found = find_plugins(only=names, files=self.plugin_files)
        known = {plugin.name for plugin in found}
        unknown = [name for name in self.skip_plugins if name not in known]
        if unknown:
            raise UsageError(
                f"no plugin {unknown[0]!r} to leave out; plugins: {', '.join(sorted(known))}"
            )
        return [plugin for plugin in found if plugin.name not in self.skip_plugins]

    def say(self, text: str) -> None:
        """Tells the user on stderr, unless ``--quiet``."""
        if not self.quiet:
            click.echo(text, err=True)

    def find_index(self, given: Path | None) -> Path:
        """The index to read: ``--index``, ``CODEINDEX_INDEX``, or the nearest one upwards.

        Raises:
            NotFoundError: there is none.
        """
        from codeindex.errors import NotFoundError
        from codeindex.location import FOLDER, find_index, is_index

        folder = self.index_folder(given)
        if folder is None:
            return find_index(Path.cwd())
        if is_index(folder / FOLDER):
            return folder / FOLDER  # the folder that it is of was named
        if not is_index(folder):
            raise NotFoundError(
                f"no index at {folder}; make one with: codeindex index PATH --index {folder}"
            )
        return folder

    def index_folder(self, given: Path | None) -> Path | None:
        """The index folder that was named, by option or by environment."""
        if given is not None:
            return given
        named = os.environ.get("CODEINDEX_INDEX")
        return Path(named) if named else None


pass_session = click.make_pass_decorator(Session)


def colours(stream_is_terminal: bool) -> bool:
    """Whether to print in colour: on a terminal, unless ``NO_COLOR`` is set."""
    return stream_is_terminal and not os.environ.get("NO_COLOR")
