"""PluginContract: a plugin that loads quickly and says what it offers."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

from codeindex.host import Host
from codeindex.offers import Offer
from codeindex.testing.contract import Contract

HEAVY = (
    *("torch", "transformers", "onnxruntime", "tokenizers", "faiss", "qdrant_client"),
    *("sentence_transformers", "tensorflow", "jax", "numpy", "scipy", "pandas", "sklearn"),
    *("matplotlib", "nbformat", "tree_sitter"),
)
"""Libraries that a plugin imports when a provider is made, not when it is loaded."""

_IMPORT = """
import json, pkgutil, runpy, sys, time
before, started = set(sys.modules), time.process_time()
if sys.argv[1].endswith(".py"):
    runpy.run_path(sys.argv[1])
else:
    pkgutil.resolve_name(sys.argv[1])
print(json.dumps({"seconds": time.process_time() - started,
                  "modules": sorted(set(sys.modules) - before)}), file=sys.stderr)
"""


class PluginContract(Contract):
    """What the host relies on in the module of a plugin.

    Attributes:
        seconds: of processor time that importing it may take.
        patience: seconds until an import counts as hanging.
    """

    seconds: ClassVar[float] = 0.5
    patience: ClassVar[float] = 20.0

    @classmethod
    def host(cls) -> Host:
        """As in every contract, once another process has imported the plugin and come back."""
        cls._import()
        return super().host()

    def test_it_can_be_imported(self) -> None:
        """Importing it ends, without an error."""
        self._import()

    def test_it_is_quick_to_import_and_silent(self) -> None:
        """Importing it takes no time, loads no heavy library and prints nothing."""
        done = self._import()
        assert not done.stdout, f"importing it prints to stdout: {done.stdout[:200]!r}"
        report = json.loads(done.stderr.strip().splitlines()[-1])
        heavy = sorted({name.split(".")[0] for name in report["modules"]} & set(HEAVY))
        assert not heavy, (
            f"importing it loads {', '.join(heavy)}; import it in `make` or `open` instead"
        )
        took = report["seconds"]
        assert took <= self.seconds, f"importing it takes {took:.1f} s of processor time"

    def test_its_hooks_are_hooks(self) -> None:
        """Every hook that it implements exists and gives specs of the right type."""
        self.host()  # says what is broken
        assert self._offers(), "it offers nothing"

    def test_every_option_is_explained_and_has_a_default(self) -> None:
        """A provider can be asked for without options, and each option has a help text."""
        for offer in self._offers():
            options = getattr(offer.spec, "options", None)
            if options is None:
                continue  # a command explains itself
            options()  # every field has a default
            for field in dataclasses.fields(options):
                assert field.metadata.get("help"), f"{offer.spec.name}: {field.name} has no help"

    def test_every_offer_says_what_it_is(self) -> None:
        """Names are lower case without spaces, summaries one line of at most 100 characters."""
        for offer in self._offers():
            name, summary = offer.spec.name, offer.spec.summary
            assert name and name == name.lower() and " " not in name, f"the name {name!r}"
            assert summary and "\n" not in summary, f"{name}: the summary is not one line"
            assert len(summary) <= 100, f"{name}: a summary of {len(summary)} characters"

    def test_what_it_requires_can_be_installed(self) -> None:
        """An offer that requires libraries says the command that brings them."""
        for offer in self._offers():
            assert not offer.spec.requires or offer.spec.install, (
                f"{offer.spec.name} requires {', '.join(offer.spec.requires)} and does not say"
                " how to install it"
            )

    def test_its_names_are_its_own(self) -> None:
        """No other installed plugin offers one of its names."""
        mine = {(_kind(offer), offer.spec.name) for offer in self._offers()}
        for plugin, kind, name in _installed():
            if (kind, name) in mine:
                assert self._is_installed_as(plugin), (
                    f"{kind} {name!r} is offered by the installed plugin {plugin!r}, too"
                )

    # -- helpers -----------------------------------------------------------------------------

    @classmethod
    def _module(cls) -> str:
        if isinstance(cls.plugin, str):
            return cls.plugin
        return str(getattr(cls.plugin, "__name__", ""))

    def _is_installed_as(self, name: str) -> bool:
        return any(
            plugin.name == name and plugin.value == self._module() for plugin in Host.load().loaded
        )

    @classmethod
    def _import(cls) -> subprocess.CompletedProcess[str]:
        done = _imported(cls._module(), cls.patience)
        assert done is not None, f"importing it takes more than {cls.patience:.0f} s"
        assert done.returncode == 0, f"importing it fails: {done.stderr.strip()[-500:]}"
        return done

    def _offers(self) -> Sequence[Offer[Any]]:
        return _all_offers(self.host())


@lru_cache(maxsize=16)
def _imported(module: str, patience: float) -> subprocess.CompletedProcess[str] | None:
    """What another process says that imports the plugin; None if it does not end."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        return subprocess.run(
            [sys.executable, "-c", _IMPORT, module],
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        return None


def _all_offers(host: Host) -> list[Offer[Any]]:
    catalogues = (host.extractors, host.encoders, host.backends, host.rerankers, host.commands)
    return [offer for catalogue in catalogues for offer in catalogue.offers()]


def _kind(offer: Offer[Any]) -> str:
    return type(offer.spec).__name__


def _installed() -> list[tuple[str, str, str]]:
    return [(o.plugin, _kind(o), o.spec.name) for o in _all_offers(Host.load())]
