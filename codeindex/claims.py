"""Which extractor takes which file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codeindex.errors import UsageError
from codeindex.specs import ExtractorSpec


@dataclass(frozen=True, slots=True)
class Claim:
    """An extractor's claim to a file: its name, and the language of the file."""

    extractor: str
    language: str


@dataclass(frozen=True, slots=True)
class Claims:
    """Which extractor takes which file: by suffix (``.py``, ``.d.ts``) or by interpreter.

    Only a file without suffix is looked into for its ``#!`` line, and, where files have such a
    mark, only if it is executable: others need not be opened.
    """

    suffixes: Mapping[str, Claim]
    shebangs: Mapping[str, Claim]

    @classmethod
    def of(cls, specs: Iterable[ExtractorSpec]) -> Claims:
        """The claims of the extractors that are applied while walking.

        Raises:
            UsageError: two of them claim the same suffix or interpreter.
        """
        suffixes: dict[str, Claim] = {}
        shebangs: dict[str, Claim] = {}
        for spec in specs:
            if spec.when_asked:
                continue
            for table, claimed in ((suffixes, spec.suffixes), (shebangs, spec.shebangs)):
                for mark, language in claimed.items():
                    claim = Claim(spec.name, language)
                    first = table.setdefault(mark.lower(), claim)
                    if first.extractor != spec.name:
                        raise UsageError(
                            f"extractors {first.extractor!r} and {spec.name!r} both claim "
                            f"{mark!r}; use one of them"
                        )
        return cls(suffixes, shebangs)

    def by_name(self, name: str) -> Claim | None:
        """The claim to a file of this name: its longest suffix counts."""
        dot = name.find(".", 1)
        while dot > 0:
            claim = self.suffixes.get(name[dot:].lower())
            if claim is not None:
                return claim
            dot = name.find(".", dot + 1)
        return None

    def by_first_line(self, location: str) -> Claim | None:
        """The claim to a regular file by its ``#!`` line; None too if it cannot be read."""
        if not self.shebangs:
            return None
        try:
            descriptor = os.open(location, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            try:
                match = _SHEBANG.match(os.read(descriptor, 256))
            finally:
                os.close(descriptor)
        except OSError:
            return None
        if match is None:
            return None
        interpreter = match[1].decode("utf-8", "replace").rpartition("/")[2].lower()
        # "python3.12" is the "python3" or "python" that a plugin knows.
        names = (interpreter, interpreter.partition(".")[0], interpreter.rstrip("0123456789.-"))
        return next((self.shebangs[name] for name in names if name in self.shebangs), None)


_SHEBANG = re.compile(rb"#!\s*(?:\S*/env\s+(?:-\S+\s+|\w+=\S*\s+)*)?(\S+)")
