"""One source file → snippets ready for the catalog. Runs in the worker processes."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeindex.candidates import Candidate
from codeindex.catalog.rows import IncomingSnippet, snippet_values
from codeindex.errors import CodeIndexError, ExtractionError, UnreadableError
from codeindex.host import Host
from codeindex.interfaces import Extractor
from codeindex.offers import describe
from codeindex.options import options_as_json
from codeindex.reading import read_source
from codeindex.snippet import Snippet, SourceFile, snippet_key
from codeindex.specs import ExtractorSpec
from codeindex.texts import embedding_text

MAX_NESTING = 8  # sources within sources
GROWTH_BYTES = 1_000_000
"""How much a file may have grown since the walk measured it and still be read."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What became of one file.

    Attributes:
        digest: of its bytes; empty if it could not be read.
        unchanged: the digest is the one that was known, so nothing was extracted.
        skipped: why nothing was taken from it, or None.
        unreadable: its bytes could not be read; what is known of it stays.
    """

    candidate: Candidate
    digest: bytes
    snippets: tuple[IncomingSnippet, ...] = ()
    unchanged: bool = False
    skipped: str | None = None
    unreadable: bool = False


class Extraction:
    """The extractors of one run, each made once, when its first file comes."""

    def __init__(self, host: Host, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Takes the host and, by extractor name, option values."""
        self._host = host
        self._options = options
        self._made: dict[str, Extractor] = {}
        self._by_language = {
            language: offer.spec.name
            for offer in host.extractors.offers()
            for language in (*offer.spec.suffixes.values(), *offer.spec.shebangs.values())
            if not offer.spec.streams
        }

    def tag(self, name: str) -> str:
        """What a source was extracted with; another tag makes it be extracted again."""
        spec = self._host.extractors.get(name).spec
        options = {
            key: value
            for key, value in sorted(self._options.get(name, {}).items())
            if value not in ("", None)
        }
        return f"{spec.name}/{spec.version} {options}" if options else f"{spec.name}/{spec.version}"

    def run(self, candidate: Candidate, known_digest: bytes = b"") -> Extracted:
        """Reads and extracts one file; whatever is wrong with it becomes its reason."""
        digest = b""
        try:
            spec = self._host.extractors.get(candidate.extractor).spec
            source = read_source(candidate, candidate.size + GROWTH_BYTES)
            digest = source.digest
            if digest == known_digest:
                return Extracted(candidate, digest, unchanged=True)
            file = SourceFile(
                candidate.path,
                candidate.language,
                "" if spec.streams else source.text,
                candidate.location,
            )
            return Extracted(candidate, digest, tuple(prepared(self.snippets(file, spec.name))))
        except CodeIndexError as error:
            unreadable = isinstance(error, UnreadableError)
            return Extracted(candidate, digest, skipped=str(error), unreadable=unreadable)
        except (RecursionError, MemoryError) as error:
            return Extracted(candidate, digest, skipped=f"too complex: {describe(error)}")
        except Exception as error:
            # A mistake of ours must not end a run over thousands of files; it is told.
            return Extracted(candidate, digest, skipped=f"internal error: {describe(error)}")

    def snippets(self, source: SourceFile, extractor: str, depth: int = 0) -> Iterator[Snippet]:
        """Snippets of a source and of the sources within it.

        Raises:
            ExtractionError: it cannot be read, or the extractor failed; the message says which.
        """
        if depth > MAX_NESTING:
            raise ExtractionError(f"sources are nested more than {MAX_NESTING} deep")
        try:
            for item in self._extractor(extractor).extract(source):
                if isinstance(item, SourceFile):
                    inner = self._by_language.get(item.language)
                    if inner is not None:
                        yield from self._within(item, inner, depth)
                else:
                    yield item
        except (CodeIndexError, OSError, RecursionError, MemoryError):
            raise
        except Exception as error:
            offer = self._host.extractors.get(extractor)
            raise ExtractionError(
                f"extractor {extractor!r} (plugin {offer.plugin!r} of {offer.distribution})"
                f" failed: {describe(error)}"
            ) from error

    def _within(self, source: SourceFile, extractor: str, depth: int) -> Iterator[Snippet]:
        try:
            for snippet in self.snippets(source, extractor, depth + 1):
                if source.extra:
                    merged = {**source.extra, **snippet.extra}
                    snippet = dataclasses.replace(snippet, extra=merged)
                yield snippet
        except ExtractionError:
            return  # one unreadable file of many does not end the others

    def _extractor(self, name: str) -> Extractor:
        if name not in self._made:
            offer = self._host.extractors.get(name)
            self._made[name] = self._host.make(
                offer, "extractor", self._options.get(name, {}), offer.spec.make
            )
        return self._made[name]


def prepared(snippets: Iterator[Snippet]) -> Iterator[IncomingSnippet]:
    """Adds key and embedding text to snippets of one source."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for snippet in snippets:
        clean = storable(snippet)
        identity = (clean.path, clean.kind, clean.name, clean.code)
        text = embedding_text(clean)
        yield IncomingSnippet(
            key=snippet_key(clean, seen[identity]),
            values=snippet_values(clean),
            text=text,
            text_digest=text_digest(text),
        )
        seen[identity] += 1


def storable(snippet: Snippet) -> Snippet:
    """The snippet without lone surrogates, which neither SQLite nor a tokenizer takes."""
    try:
        for text in (snippet.name, snippet.code, snippet.docstring, snippet.path):
            text.encode()
    except UnicodeEncodeError:
        return dataclasses.replace(
            snippet,
            **{
                field: getattr(snippet, field).encode("utf-8", "replace").decode()
                for field in ("name", "code", "docstring", "path")
            },
        )
    return snippet


def text_digest(text: str) -> bytes:
    """16 bytes that stand for an embedded text."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def option_values(spec: ExtractorSpec, options: Any) -> dict[str, Any]:
    """Options of an extractor that differ from their defaults, as JSON values."""
    defaults = options_as_json(spec.options())
    return {key: value for key, value in options_as_json(options).items() if defaults[key] != value}
