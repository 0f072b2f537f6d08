"""Contract: promises as test methods that a subclass inherits and cannot replace."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import ModuleType
from typing import Any, ClassVar, NoReturn

from codeindex.host import Host
from codeindex.offers import Catalogue, InstalledPlugin, Offer

_PACKAGE = __name__.rpartition(".")[0]

by_runner: ContextVar[bool] = ContextVar("by_runner", default=False)
"""Whether `run_contract` runs the test, and not pytest."""


class Undecided(Exception):
    """A promise could be neither kept nor broken here, for the reason that it says."""


class Declared(Exception):
    """A promise is not kept, as was declared."""


class Contract:
    """Base of the suites.

    Attributes:
        plugin: the plugin's module, its import name or its file; empty takes what is installed.
        name: of the provider under test.
        options: its option values, as text or typed; defaults for the others.
        broken_promises: name of a test → why the promise cannot be kept. The test must then
            fail: a reason that no longer holds is an error, as is overriding a test.
    """

    plugin: ClassVar[ModuleType | object | str] = ""
    name: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = {}
    broken_promises: ClassVar[Mapping[str, str]] = {}
    kind: ClassVar[str] = ""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuses replaced promises and declares broken ones.

        Raises:
            TypeError: a promise is overridden, or one that does not exist is declared broken.
        """
        super().__init_subclass__(**arguments)
        if cls.__module__.startswith(f"{_PACKAGE}."):
            return
        promised = promises(cls)
        replaced = sorted(set(vars(cls)) & set(promised))
        if replaced:
            raise TypeError(
                f"{cls.__name__} overrides {', '.join(replaced)}, which the contract promises;"
                " a promise that cannot be kept is declared in broken_promises, with its reason"
            )
        unknown = sorted(set(cls.broken_promises) - set(promised))
        if unknown:
            raise TypeError(f"{cls.__name__}.broken_promises: no promise {', '.join(unknown)}")
        for name, reason in cls.broken_promises.items():
            setattr(cls, name, _declared(promised[name], reason))

    @classmethod
    def host(cls) -> Host:
        """A host with the plugin under test, or with all that are installed."""
        plugin = cls.plugin
        if plugin == "":
            return Host.load()
        if isinstance(plugin, ModuleType):
            plugin = plugin.__name__
        if isinstance(plugin, str):
            host = Host.of([InstalledPlugin("under-test", plugin, "under test")])
        else:
            host = Host()
            host.register(plugin, "under-test", "under test")
        broken = [f"{plugin.name}: {plugin.error}" for plugin in host.broken]
        assert not broken, f"the plugin is broken: {'; '.join(broken)}"
        return host

    @classmethod
    def offer(cls) -> Offer[Any]:
        """The offer under test: `name`, or the only one of its kind."""
        catalogue: Catalogue[Any] = getattr(cls.host(), f"{cls.kind}s")
        if cls.name:
            return catalogue.get(cls.name)
        offers = catalogue.offers()
        assert len(offers) == 1, f"set `name` to one of: {', '.join(catalogue.names()) or 'none'}"
        return offers[0]

    @classmethod
    def build(cls, make: Callable[[Any], Any], **changes: Any) -> Any:
        """A provider with the options of the suite, some of them changed."""
        return cls.host().make(cls.offer(), cls.kind, {**cls.options, **changes}, make)


def promises(cls: type[Contract]) -> dict[str, Callable[..., None]]:
    """Name of a test → the function, for all that the suites above `cls` promise."""
    found: dict[str, Callable[..., None]] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(f"{_PACKAGE}."):
            found |= {
                name: value
                for name, value in vars(base).items()
                if name.startswith("test_") and callable(value)
            }
    return found


def _declared(promise: Callable[..., None], reason: str) -> Callable[..., None]:
    @functools.wraps(promise)
    def check(*arguments: Any, **named: Any) -> None:
        try:
            promise(*arguments, **named)
        except Exception:
            _expected(reason)
        raise AssertionError(
            f"this promise is declared broken ({reason}), and it is kept:"
            " take it out of broken_promises"
        )

    return check


def _expected(reason: str) -> NoReturn:
    if not by_runner.get():
        import pytest

        pytest.xfail(reason)
    raise Declared(reason)


def undecided(reason: str) -> NoReturn:
    """Ends a test that cannot be decided here.

    Raises:
        Undecided: always; under pytest, the test is skipped.
    """
    if not by_runner.get():
        import pytest

        pytest.skip(reason)
    raise Undecided(reason)
