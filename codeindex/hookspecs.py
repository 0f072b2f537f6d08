"""The hooks. A plugin is a module, named by an entry point of the group ``codeindex``."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from codeindex.specs import BackendSpec, CommandSpec, EncoderSpec, ExtractorSpec, RerankerSpec

hookspec = pluggy.HookspecMarker("codeindex")


@hookspec
def codeindex_extractors() -> Iterable[ExtractorSpec]:
    """Extractors that the plugin offers."""


@hookspec
def codeindex_encoders() -> Iterable[EncoderSpec]:
    """Encoders that the plugin offers."""


@hookspec
def codeindex_backends() -> Iterable[BackendSpec]:
    """Index backends that the plugin offers."""


@hookspec
def codeindex_rerankers() -> Iterable[RerankerSpec]:
    """Rerankers that the plugin offers."""


@hookspec
def codeindex_commands() -> Iterable[CommandSpec]:
    """Subcommands that the plugin adds to ``codeindex``."""
