"""What a plugin declares: data only, so that declaring costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codeindex.interfaces import Attached, Encoder, Extractor, IndexBackend, Reranker
    from codeindex.vectors import VectorSpace


@dataclass(frozen=True)
class NoOptions:
    """For a provider without options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """What all providers have.

    Attributes:
        name: how users ask for it.
        summary: one line for ``codeindex plugins``.
        options: a frozen dataclass in which every field has a default. Metadata
            ``help`` documents a field, ``path`` says that it may be a path, which is then
            kept as an absolute one.
        requires: modules that must be importable, looked up without importing them.
        install: the command that brings what is missing.
    """

    name: str
    summary: str
    options: type[Any] = NoOptions
    requires: tuple[str, ...] = ()
    install: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorSpec(ProviderSpec):
    """Declares an extractor.

    Attributes:
        make: options → extractor. Import heavy libraries in here.
        version: raise it when the snippets of an unchanged file change.
        suffixes: file suffix with its dot, lower case → language.
        shebangs: interpreter names in a first line ``#!…`` → language, for files without suffix.
        streams: it reads `SourceFile.location` itself, bit by bit; `text` is empty.
        when_asked: not applied while walking a tree, only where named.
        example: file name → text of a short source that gives snippets, for its contract.
    """

    make: Callable[[Any], Extractor]
    version: str = "1"
    suffixes: Mapping[str, str] = field(default_factory=dict)
    shebangs: Mapping[str, str] = field(default_factory=dict)
    streams: bool = False
    when_asked: bool = False
    example: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec(ProviderSpec):
    """Declares an encoder.

    Attributes:
        make: options → encoder. Import heavy libraries in it.
        bundle: options → the folder of the encoder bundle (see `codeindex.bundle`) that it is,
            so that an index can be packed with its encoder. Where one of the options is
            ``path``, the encoder is taken to open any bundle there.
    """

    make: Callable[[Any], Encoder]
    bundle: Callable[[Any], Path | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSpec(ProviderSpec):
    """Declares an index backend.

    Attributes:
        open: (options, folder, space, files) → backend. `files` is what the last
            `commit` returned, already checked against the digests; empty for a new index.
        changeable: names of options that may differ from those the index was built with.
        attach: options → what is kept where they say, for a machine that has no index folder.
            With it, a backend is `SelfContained`.
    """

    open: Callable[[Any, Path, VectorSpace, Mapping[str, str]], IndexBackend]
    changeable: frozenset[str] = frozenset()
    attach: Callable[[Any], Attached] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerSpec(ProviderSpec):
    """Declares a reranker.

    Attributes:
        make: options → reranker. Import heavy libraries in it.
    """

    make: Callable[[Any], Reranker]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """Declares a subcommand of ``codeindex``.

    Attributes:
        name: what is typed.
        summary: one line for ``codeindex --help``.
        target: ``package.module:attribute`` of a click command, imported when it is run.
        requires: modules that must be importable.
        install: the command that brings what is missing.
    """

    name: str
    summary: str
    target: str
    requires: tuple[str, ...] = ()
    install: str = ""
