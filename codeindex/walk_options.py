"""WalkOptions: which files the user wants, and the globs that say so."""

from __future__ import annotations

from dataclasses import dataclass

from codeindex.candidates import SkipReason
from codeindex.filters import Filter

MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """What to leave out.

    Attributes:
        include: globs (see `Filter.paths`); if given, only files that one of them matches.
        exclude: globs of files that are left out, whatever else holds.
        everything: also hidden, vendored, generated and ignored files.
        max_bytes: larger files are not read.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Globs:
    """Include and exclude, prepared for files and for whole folders."""

    include: Filter
    exclude: Filter
    exclude_below: Filter  # those that match all that is in a folder whose "name/" they match

    @classmethod
    def of(cls, options: WalkOptions) -> Globs:
        """Of the user's options."""
        below = tuple(
            glob
            for glob in options.exclude
            if not any(mark in glob for mark in "*?[")
            or (glob.endswith("**") and not glob.endswith("***"))
        )
        return cls(Filter(options.include), Filter(options.exclude), Filter(below))

    def leave_out(self, path: str, is_folder: bool) -> SkipReason | None:
        """Why a file or folder is left out, or None."""
        if is_folder:
            excluded = self.exclude_below and self.exclude_below.matches_path(f"{path}/")
            return SkipReason.EXCLUDED if excluded else None
        if self.exclude and self.exclude.matches_path(path):
            return SkipReason.EXCLUDED
        return None if self.include.matches_path(path) else SkipReason.NOT_INCLUDED
