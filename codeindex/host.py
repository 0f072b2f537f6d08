"""Host: finds and loads plugins and hands out what they offer. The only file that knows pluggy."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from codeindex import hookspecs
from codeindex.errors import PluginError
from codeindex.offers import BrokenPlugin, Catalogue, InstalledPlugin, Offer, blamed, describe
from codeindex.options import build_options
from codeindex.specs import BackendSpec, CommandSpec, EncoderSpec, ExtractorSpec, RerankerSpec

GROUP = "codeindex"

MadeT = TypeVar("MadeT")


class Host:
    """The plugins of one run. Made by the command line or the API, passed on, never global.

    Attributes:
        extractors, encoders, backends, rerankers, commands: what is offered, by name.
        broken: the plugins that could not be used.
        loaded: the installed plugins that were found, so that a worker can load the same.
        registered_by_hand: it holds plugins that a worker process would not find.
    """

    def __init__(self) -> None:
        """An empty host; `Host.load` fills one from the installed plugins."""
        self.loaded: list[InstalledPlugin] = []
        self.registered_by_hand = False
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._distributions: dict[str, str] = {}
        self.broken: list[BrokenPlugin] = []
        self.extractors: Catalogue[ExtractorSpec] = Catalogue("extractor", self.broken)
        self.encoders: Catalogue[EncoderSpec] = Catalogue("encoder", self.broken)
        self.backends: Catalogue[BackendSpec] = Catalogue("backend", self.broken)
        self.rerankers: Catalogue[RerankerSpec] = Catalogue("reranker", self.broken)
        self.commands: Catalogue[CommandSpec] = Catalogue("command", self.broken)

    @classmethod
    def load(
        cls,
        *,
        only: Sequence[str] | None = None,
        skip: Sequence[str] = (),
        files: Sequence[Path] = (),
    ) -> Host:
        """Finds and loads the installed plugins; for the arguments, see `find_plugins`."""
        return cls.of(find_plugins(only=only, skip=skip, files=files))

    @classmethod
    def of(
        cls,
        plugins: Iterable[InstalledPlugin],
        loading: Callable[[InstalledPlugin], None] | None = None,
    ) -> Host:
        """A host with these plugins.

        Args:
            loading: told of each plugin before it is imported.
        """
        host = cls()
        for plugin in plugins:
            if loading is not None:
                loading(plugin)
            host._load(plugin)
        return host

    def _load(self, plugin: InstalledPlugin) -> None:
        self.loaded.append(plugin)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # stdout belongs to the results
                module = _import(plugin.value)
        except (Exception, SystemExit) as error:  # a plugin may fail in any way
            broken = BrokenPlugin(plugin.name, plugin.distribution, describe(error))
            self.broken.append(broken)
            return
        self._take(module, plugin.name, plugin.distribution)

    def register(self, module: ModuleType | object, name: str, distribution: str) -> None:
        """Adds a plugin that is not installed; one that breaks a rule is noted in `broken`."""
        self.registered_by_hand = True
        self._take(module, name, distribution)

    def _take(self, module: ModuleType | object, name: str, distribution: str) -> None:
        try:
            self._manager.register(module, name)
            unknown = [
                hook.name
                for hook in self._manager.get_hookcallers(module) or ()
                if not hook.has_spec()
            ]
            if unknown:
                self._manager.unregister(module)
                known = ", ".join(sorted(_COLLECTORS))
                raise PluginError(f"no hook {', '.join(unknown)}; the hooks: {known}")
            self._distributions[name] = distribution
            offers = self._collect(module, name, distribution)
        except (Exception, SystemExit) as error:
            self.broken.append(BrokenPlugin(name, distribution, describe(error)))
            return
        for attribute, offer in offers:
            getattr(self, attribute).add(offer)

    def _collect(
        self, module: object, name: str, distribution: str
    ) -> list[tuple[str, Offer[Any]]]:
        """What one plugin offers: all of it, or an error; never half."""
        offers: list[tuple[str, Offer[Any]]] = []
        for hook_name, (attribute, spec_type) in _COLLECTORS.items():
            caller = getattr(self._manager.hook, hook_name)
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not module:
                    continue
                for spec in _iterate(implementation.function(), hook_name):
                    if not isinstance(spec, spec_type):
                        raise PluginError(
                            f"{hook_name} gave {spec!r}, which is no {spec_type.__name__}"
                        )
                    offers.append((attribute, Offer(spec, name, distribution)))
        return offers

    def plugins(self) -> list[tuple[str, str]]:
        """(name, distribution) of every plugin in use, by name."""
        return sorted(self._distributions.items())

    def distribution_version(self, distribution: str) -> str:
        """Version of an installed distribution, or an empty string."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version(distribution)
        except PackageNotFoundError:
            return ""

    def make(
        self,
        offer: Offer[Any],
        kind: str,
        values: Mapping[str, Any],
        build: Callable[[Any], MadeT],
    ) -> MadeT:
        """Builds a provider from option values.

        Args:
            offer: from one of the catalogues.
            kind: ``extractor``, ``encoder``, ``backend`` or ``reranker``, for messages.
            values: option values, as text or typed.
            build: typed options → the provider.

        Raises:
            OptionError: an unknown option or a wrong value.
            PluginError: the plugin failed, with its name and distribution.
        """
        spec = offer.spec
        options = build_options(spec.options, values, f"{kind} {spec.name!r}")
        with blamed(offer, kind):
            return build(options)


def find_plugins(
    *,
    only: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    files: Sequence[Path] = (),
) -> list[InstalledPlugin]:
    """The installed plugins, none of them imported.

    Args:
        only: names of installed plugins to load; None loads all.
        skip: names of installed plugins to leave out.
        files: Python files that are plugins, too. They are run when they are loaded.
    """
    from importlib.metadata import entry_points  # slow to import, and workers need it not

    names: dict[object, str] = {None: "unknown"}  # a distribution reads a file for its name
    found = []
    for point in entry_points(group=GROUP):
        if point.name in skip or (only is not None and point.name not in only):
            continue
        if point.dist not in names and point.dist is not None:
            names[point.dist] = point.dist.name
        found.append(InstalledPlugin(point.name, point.value, names[point.dist]))
    asked = [InstalledPlugin(path.stem, str(path.absolute()), str(path)) for path in files]
    return [*sorted(found), *asked]


def _import(value: str) -> ModuleType | object:
    """The object of an entry point's value, or the module of a Python file."""
    if not value.endswith(".py"):
        found: object = resolve_name(value)
        return found
    digest = hashlib.blake2b(value.encode(), digest_size=4).hexdigest()
    name = f"codeindex_plugin_{Path(value).stem}_{digest}"  # two files may have one stem
    spec = importlib.util.spec_from_file_location(name, value)
    if spec is None or spec.loader is None:
        raise PluginError(f"{value} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


_COLLECTORS: dict[str, tuple[str, type[Any]]] = {
    "codeindex_extractors": ("extractors", ExtractorSpec),
    "codeindex_encoders": ("encoders", EncoderSpec),
    "codeindex_backends": ("backends", BackendSpec),
    "codeindex_rerankers": ("rerankers", RerankerSpec),
    "codeindex_commands": ("commands", CommandSpec),
}


def _iterate(value: Any, hook_name: str) -> Iterable[Any]:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return value
    raise PluginError(f"{hook_name} gave {value!r}, which is no list of specs")
