"""Receipt: what an indexing run did, file by file counted, so that nothing is lost in silence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class LanguageCount:
    """Files and snippets of one language."""

    files: int = 0
    indexed: int = 0
    skipped: int = 0
    snippets: int = 0


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that should have been indexed and could not be, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Receipt:
    """Counts of one run of `Index.update`.

    Attributes:
        root: what paths are relative to.
        files_seen: files met under the given paths, without those in skipped folders.
        files_indexed: files whose snippets are in the index now.
        files_new, files_changed, files_unchanged, files_moved, files_removed: against the last run;
            a moved file is counted as new, too.
        skipped: reason → number of files that were left out.
        skipped_folders: reason → number of folders that were not entered.
        errors: the files among them that should have been indexed.
        languages: by language, the files an extractor claims and their snippets.
        snippets: in the whole index after the run.
        snippets_added, snippets_removed: by this run.
        embedded: texts that were given to the encoder.
        reused: added snippets whose vector was known, so that nothing was embedded.
        seconds: wall time.
        dry_run: nothing was written; the counts of files say what would be done.
    """

    root: str = ""
    files_seen: int = 0
    files_indexed: int = 0
    files_new: int = 0
    files_changed: int = 0
    files_unchanged: int = 0
    files_moved: int = 0
    files_removed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_folders: dict[str, int] = field(default_factory=dict)
    errors: list[SkippedFile] = field(default_factory=list)
    languages: dict[str, LanguageCount] = field(default_factory=dict)
    snippets: int = 0
    snippets_added: int = 0
    snippets_removed: int = 0
    embedded: int = 0
    reused: int = 0
    seconds: float = 0.0
    dry_run: bool = False

    def indexed(self, language: str, snippets: int) -> None:
        """Counts a file whose snippets are in the index."""
        self.files_indexed += 1
        count = self.language(language)
        count.indexed += 1
        count.snippets += snippets

    def unreadable(self, path: str, language: str, reason: str) -> None:
        """Counts a file that an extractor claims and could not read."""
        self.language(language).skipped += 1
        self.skip("could not be read into snippets")
        self.errors.append(SkippedFile(path, reason))

    def skip(self, reason: str, *, folder: bool = False) -> None:
        """Counts one file or folder that is left out."""
        counts = self.skipped_folders if folder else self.skipped
        counts[reason] = counts.get(reason, 0) + 1

    def language(self, name: str) -> LanguageCount:
        """The counts of a language, made if it is new."""
        return self.languages.setdefault(name, LanguageCount())

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)
