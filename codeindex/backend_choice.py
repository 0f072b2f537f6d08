"""BackendChoice: which backend an index has or is to have, with which options, and where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeindex.errors import UsageError
from codeindex.host import Host
from codeindex.location import BACKENDS
from codeindex.options import build_options, options_as_json
from codeindex.sync import BackendPlace
from codeindex.vectors import VectorSpace

DEFAULT_BACKEND = "faiss"
STORE_FORMAT = 1
"""Of what a self-contained backend is told and given; raise it when older readers would err."""


class BackendChoice:
    """What the manifest of an index says, and what the user asked for beside it."""

    def __init__(
        self, host: Host, folder: Path, name: str | None, options: Mapping[str, Any]
    ) -> None:
        """Takes the index folder and what the user asked for; None: what the index has."""
        self._host = host
        self._folder = folder
        self._wanted_name = name
        self._wanted_options = options

    def of(self, manifest: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Name and option values of the backend.

        Raises:
            NotFoundError, OptionError, PluginError: there is no such backend or option.
        """
        built_with = manifest.get("backend")
        name = built_with["name"] if built_with else (self._wanted_name or DEFAULT_BACKEND)
        spec = self._host.backends.get(name).spec
        values = {**(built_with["options"] if built_with else {}), **self._wanted_options}
        return name, options_as_json(build_options(spec.options, values, f"backend {name!r}"))

    def other(
        self, manifest: Mapping[str, Any], name: str | None, options: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """What the manifest is to say of a backend that takes the place of the present one.

        Raises:
            NotFoundError, OptionError, PluginError: there is no such backend or option.
        """
        now = manifest["backend"]
        name = name or now["name"]
        spec = self._host.backends.get(name).spec
        values = {**(now["options"] if name == now["name"] else {}), **(options or {})}
        built = build_options(spec.options, values, f"backend {name!r}")
        return {"name": name, "options": options_as_json(built)}

    def check(self, manifest: Mapping[str, Any]) -> None:
        """Refuses another backend than that of the index, or options that cannot change.

        Raises:
            UsageError: it was built with others.
        """
        built_with = manifest.get("backend")
        if not built_with:
            return
        if self._wanted_name not in (None, built_with["name"]):
            self._host.backends.get(self._wanted_name)  # one that there is not is told first
            raise UsageError(
                f"the index at {self._folder} uses backend {built_with['name']!r},"
                f" not {self._wanted_name!r}; leave --backend out, or make another index"
                " with --index"
            )
        if not self._wanted_options:
            return
        name, options = self.of(manifest)
        changeable = self._host.backends.get(name).spec.changeable
        fixed = [
            key
            for key, value in built_with["options"].items()
            if options.get(key) != value and key not in changeable
        ]
        if fixed:
            raise UsageError(
                f"{', '.join(fixed)} cannot change after the index was built;"
                f" options of backend {name!r} that can: {', '.join(sorted(changeable)) or 'none'}"
            )

    def forget_options(self) -> None:
        """To be called when another backend takes the place of the one they were for."""
        self._wanted_options = {}

    def place(self, manifest: Mapping[str, Any]) -> BackendPlace:
        """Which backend, where, and for vectors of which space."""
        name, options = self.of(manifest)
        encoder = manifest["encoder"]
        return BackendPlace(
            name,
            options,
            self._folder / BACKENDS / folder_name(manifest),
            VectorSpace(encoder["dim"]),
            {
                "format": STORE_FORMAT,
                **{key: manifest.get(key) for key in ("id", "encoder", "texts", "created_by")},
            },
            self._host.backends.get(name).spec.attach is not None,
        )

    def other_folder(self, manifest: Mapping[str, Any], current: str) -> Path:
        """Where a backend is built while the one in the folder `current` is in use."""
        stem = f"{self.of(manifest)[0]}-{manifest['encoder']['row']}"
        name = f"{stem}.2" if current == f"{stem}.1" else f"{stem}.1"
        return self._folder / BACKENDS / name


def folder_name(manifest: Mapping[str, Any]) -> str:
    """Of the backend, within the folder of the backends."""
    usual = f"{manifest['backend']['name']}-{manifest['encoder']['row']}"
    return manifest.get("backend_folder") or usual
