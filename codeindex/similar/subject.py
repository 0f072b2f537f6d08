"""Subject: the snippets that others are compared with, from the index or fresh from the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codeindex.errors import ExtractionError
from codeindex.similar.target import Target, target_of
from codeindex.snippet import Snippet

if TYPE_CHECKING:
    from codeindex.catalog.catalog import Catalog
    from codeindex.host import Host


@dataclass(frozen=True, slots=True)
class Subject:
    """What others are compared with.

    Attributes:
        snippets: one, or those of a whole file.
        ids: of those among them that the index has just as they are; None for the others.
        whole: a file as a whole is meant.
        related: how many snippets the index has of the same file.
        fresh: the lines in the index are not those of the file: it has changed since.
        rooted: paths are relative to the same root as those of the index.
    """

    snippets: tuple[Snippet, ...]
    ids: tuple[int | None, ...]
    whole: bool
    related: int
    fresh: bool
    rooted: bool

    def holds(self, other: Snippet) -> bool:
        """Whether `other` is the subject itself, a part of it, or what it is a part of."""
        return any(
            _same_file(mine.path, other.path, self.rooted)
            and (self.whole or (_kin(mine, other) if self.fresh else _overlap(mine, other)))
            for mine in self.snippets
        )


def _overlap(one: Snippet, other: Snippet) -> bool:
    return one.start_line <= other.end_line and other.start_line <= one.end_line


def _kin(one: Snippet, other: Snippet) -> bool:
    """The same by name, where lines cannot be compared."""
    names = one.name, other.name
    return names[0] == names[1] or any(
        longer.startswith((f"{shorter}.", f"{shorter}::"))
        for shorter, longer in (names, names[::-1])
    )


def _same_file(one: str, other: str, rooted: bool) -> bool:
    """The same path; where the root is not known, one may be the end of the other."""
    if one == other or rooted:
        return one == other
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


class Subjects:
    """Finds what a user names."""

    def __init__(self, host: Host, root: Path, catalog: Catalog | None) -> None:
        """Takes the root of the sources, and the catalog, if there is one at hand."""
        self._host = host
        self._root = root
        self._catalog = catalog

    def find(self, text: str) -> Subject:
        """The subject that ``FILE:LINE``, ``FILE:NAME`` or ``FILE`` names.

        A file is looked for from the current folder, then from the root of the sources, then
        among the paths of the index (the code of papers is on no disk). What the index has of
        it is taken if the file has not changed since; else it is extracted again.

        Raises:
            NotFoundError: no such file, or no such place in it.
            UsageError: several snippets have the name.
            ExtractionError: the file has changed, and cannot be read.
        """
        target = target_of(text, self._is_file)
        location, path = self._place(target.file)
        known = self._known(path)
        if location is None:
            return self._subject(target, list(known.values()), known, fresh=False)
        extracted = self._extracted(location, path, bool(known))
        if extracted is None:
            return self._subject(target, list(known.values()), known, fresh=False)
        return self._subject(target, extracted, known, fresh=True)

    def _is_file(self, name: str) -> bool:
        if not name or "\0" in name:
            return False
        location, path = self._place(name)
        return location is not None or bool(self._catalog and self._catalog.ids_at(path))

    def _place(self, name: str) -> tuple[Path | None, str]:
        """The file on disk, if there is one, and what the index calls it."""
        from codeindex.walk import report_path

        for location in (Path(name), self._root / name):
            try:
                if location.is_file():
                    return location.absolute(), report_path(location, self._root)
            except OSError:  # a name too long, a folder that may not be read
                continue
        path = name.replace("\\", "/")
        while path.startswith("./"):
            path = path[2:]
        return None, path

    def _known(self, path: str) -> dict[int, Snippet]:
        if self._catalog is None:
            return {}
        found = self._catalog.snippets(self._catalog.ids_at(path))
        return dict(sorted(found.items(), key=lambda item: (item[1].start_line, item[0])))

    def _extracted(self, location: Path, path: str, known: bool) -> list[Snippet] | None:
        """The snippets of a file as it is now; None if it is as the index knows it."""
        from codeindex.candidates import Candidate
        from codeindex.catalog.rows import snippet_of
        from codeindex.claims import Claims
        from codeindex.extraction import Extraction
        from codeindex.walk import walk
        from codeindex.walk_options import WalkOptions

        claims = Claims.of([offer.spec for offer in self._host.extractors.offers()])
        found = next(walk([location], self._root, claims, WalkOptions(everything=True)), None)
        if not isinstance(found, Candidate):
            if known:
                return None
            reason = found.reason.value if found is not None else "cannot be read"
            raise ExtractionError(f"{path}: {reason}, and it is not in the index")
        source = self._catalog.sources().get(path) if self._catalog is not None else None
        digest = source.digest if source is not None and source.skipped is None else b""
        result = Extraction(self._host, {}).run(found, digest)
        if result.unchanged:
            return None
        if result.skipped is not None:
            raise ExtractionError(f"{path}: {result.skipped}")
        return [snippet_of(incoming.values) for incoming in result.snippets]

    def _subject(
        self,
        target: Target,
        snippets: Sequence[Snippet],
        known: Mapping[int, Snippet],
        *,
        fresh: bool,
    ) -> Subject:
        chosen = target.chosen(snippets)
        ids = {_identity(snippet): id for id, snippet in known.items()}
        return Subject(
            tuple(chosen),
            tuple(ids.get(_identity(snippet)) for snippet in chosen),
            not target.selector,
            len(known),
            fresh,
            self._catalog is not None,
        )


def _identity(snippet: Snippet) -> tuple[str, ...]:
    """What decides the text that is embedded, and so the vector."""
    return snippet.path, snippet.kind, snippet.name, snippet.code, snippet.docstring
