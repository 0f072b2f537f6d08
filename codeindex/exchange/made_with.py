"""MadeWith: what vectors say of the encoder and the texts that they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeindex import __version__
from codeindex.embedding.fields import Fields
from codeindex.errors import IndexVersionError
from codeindex.recipes import recipe_of

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class MadeWith:
    """Stands beside exported vectors, so that they never meet those of another encoder.

    Attributes:
        encoder: the name that it is asked for by; empty if that is not known.
        options: its options then, for people: nothing is ever made of them.
        title: its name for people.
        fingerprint: of the encoder and the recipe together, see `index_fingerprint`.
        dim: of the vectors.
        recipe: name of the recipe of the texts, see `codeindex.recipes`.
    """

    encoder: str
    title: str
    fingerprint: str
    dim: int
    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> MadeWith:
        """What an index that has an encoder says.

        Raises:
            IndexVersionError: its recipe is one that this version does not know.
        """
        encoder = manifest["encoder"]
        return cls(
            encoder["name"],
            encoder["title"],
            encoder["fingerprint"],
            encoder["dim"],
            recipe_of(manifest).name,
            encoder["options"],
        )

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values, and which codeindex has written it."""
        return {
            "format": _FORMAT,
            "codeindex": __version__,
            "encoder": {
                "name": self.encoder,
                "title": self.title,
                "fingerprint": self.fingerprint,
                "dim": self.dim,
                "options": dict(self.options),
            },
            "texts": self.recipe,
        }

    @classmethod
    def from_json(cls, value: Any, place: str) -> MadeWith:
        """What `as_json` gave.

        Args:
            place: where it stands, for messages.

        Raises:
            UsageError: it is not that.
            IndexVersionError: a newer codeindex has written it.
        """
        whole = Fields(value, place)
        if whole.whole("format", 0) > _FORMAT:
            raise IndexVersionError(f"{place} was written by a newer codeindex; upgrade codeindex")
        encoder = whole.object("encoder")
        options = value["encoder"].get("options") if value.get("encoder") else None
        return cls(
            encoder.text("name"),
            encoder.text("title"),
            encoder.text("fingerprint"),
            encoder.whole("dim", 0),
            whole.text("texts"),
            options if isinstance(options, dict) else {},
        )
