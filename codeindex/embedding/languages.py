"""The language of a code file that is known by name only."""

from __future__ import annotations

from pathlib import Path

from codeindex.claims import Claims
from codeindex.embedding.items import LanguageOf
from codeindex.host import Host


def languages_of(host: Host) -> LanguageOf:
    """File name → language, as the extractors have it; else its suffix."""
    claims = Claims.of([offer.spec for offer in host.extractors.offers()])

    def language_of(name: str) -> str:
        claim = claims.by_name(name)
        if claim is not None:
            return claim.language
        return Path(name).suffix.removeprefix(".").lower() or "text"

    return language_of
