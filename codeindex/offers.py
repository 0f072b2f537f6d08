"""What plugins offer, by kind and name, and where each offer comes from."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from codeindex.errors import CodeIndexError, NotFoundError, PluginError
from codeindex.specs import CommandSpec, ProviderSpec

SpecT = TypeVar("SpecT", bound="ProviderSpec | CommandSpec")


class InstalledPlugin(NamedTuple):
    """An entry point: its name, what it refers to, and the distribution that declares it."""

    name: str
    value: str
    distribution: str


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that could not be used, and why. The others go on."""

    name: str
    distribution: str
    error: str


@dataclass(frozen=True, slots=True)
class Offer(Generic[SpecT]):
    """A spec and where it comes from."""

    spec: SpecT
    plugin: str
    distribution: str

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules that the spec requires and that are not installed."""
        return tuple(name for name in self.spec.requires if not _importable(name))


class Catalogue(Generic[SpecT]):
    """What all plugins offer of one kind, by name."""

    def __init__(self, kind: str, broken: Sequence[BrokenPlugin]) -> None:
        """Takes the kind, for messages, and the list that broken plugins are noted in."""
        self._kind = kind
        self._broken = broken
        self._offers: dict[str, Offer[SpecT]] = {}
        self.clashes: dict[str, tuple[str, ...]] = {}

    def add(self, offer: Offer[SpecT]) -> None:
        """Takes in an offer; a second one of the same name makes the name unusable."""
        other = self._offers.get(offer.spec.name)
        if other is not None:
            known = self.clashes.get(offer.spec.name, (_origin(other),))
            self.clashes[offer.spec.name] = (*known, _origin(offer))
            return
        self._offers[offer.spec.name] = offer

    def names(self) -> list[str]:
        """Names that can be asked for, sorted."""
        return sorted(set(self._offers) - set(self.clashes))

    def offers(self) -> list[Offer[SpecT]]:
        """All offers whose name is not claimed twice, by name."""
        return [self._offers[name] for name in self.names()]

    def get(self, name: str) -> Offer[SpecT]:
        """The offer called `name`, with its libraries present.

        Raises:
            NotFoundError: no plugin offers it; the message lists those that do and the broken.
            PluginError: two plugins offer it, or a library it needs is missing.
        """
        if name in self.clashes:
            rivals = " and ".join(self.clashes[name])
            raise PluginError(
                f"{self._kind} {name!r} is offered by {rivals}; leave one out with --no-plugin"
            )
        offer = self._offers.get(name)
        if offer is None:
            raise NotFoundError(self._not_found(name))
        if offer.missing:
            remedy = f"; run: {offer.spec.install}" if offer.spec.install else ""
            verb = "is" if len(offer.missing) == 1 else "are"
            raise PluginError(
                f"{self._kind} {name!r} needs {', '.join(offer.missing)},"
                f" which {verb} not installed{remedy}"
            )
        return offer

    def _not_found(self, name: str) -> str:
        installed = ", ".join(self.names()) or "none"
        message = f"no {self._kind} {name!r}; installed: {installed}"
        for broken in self._broken:
            message += f"\nplugin {broken.name!r} ({broken.distribution}) is broken: {broken.error}"
        return message


@contextmanager
def blamed(offer: Offer[Any], kind: str) -> Iterator[None]:
    """A plugin at work: whatever it raises becomes an error that names it.

    What it prints goes to stderr, as stdout belongs to the results.

    Raises:
        PluginError: it raised something that is no error of codeindex or of the system.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (CodeIndexError, OSError):
        raise  # a full disk or a missing file is the user's to know as it is
    except Exception as error:
        raise PluginError(
            f"{kind} {offer.spec.name!r} (plugin {offer.plugin!r} of {offer.distribution})"
            f" failed: {describe(error)}"
        ) from error


def describe(error: BaseException) -> str:
    """``ValueError: what it says``, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _origin(offer: Offer[Any]) -> str:
    return f"plugin {offer.plugin!r} ({offer.distribution})"


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
