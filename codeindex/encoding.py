"""The encoder of an index: made late, and checked against the one the index was built with."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeindex.encoder_check import check_encoder, index_fingerprint, wanted_encoder
from codeindex.guarded import GuardedEncoder
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.options import build_options, options_as_json
from codeindex.recipes import SOURCE_TEXTS, TextRecipe, recipe_of

if TYPE_CHECKING:
    from codeindex.catalog.catalog import Catalog
    from codeindex.indexing import Progress
    from codeindex.store import Store

DEFAULT_ENCODER = "fast"

IN_INDEX = "$INDEX/"
"""Begins the value of an option that is a path within the index folder, which may be moved."""

_BATCH = 2000


def placed_options(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Options as the manifest has them → as they are for an index in `folder`."""
    return {
        key: str(folder / value.removeprefix(IN_INDEX))
        if isinstance(value, str) and value.startswith(IN_INDEX)
        else value
        for key, value in options.items()
    }


class IndexEncoder:
    """The encoder of one index. Loaded when the first text is to be encoded."""

    def __init__(
        self, host: Host, store: Store, name: str | None, options: Mapping[str, Any]
    ) -> None:
        """Takes what the user asked for.

        Args:
            name: None means the one that the index has; its options stay, but for those given.
        """
        self._host = host
        self._store = store
        built_with = store.manifest().get("encoder")
        if name is None and built_with:
            self._name = built_with["name"]
            self._values = placed_options(built_with["options"], store.folder) | dict(options)
        else:
            self._name = name or DEFAULT_ENCODER
            self._values = dict(options)
        self._asked_for = name is not None or bool(options)
        self._made: Encoder | None = None

    @property
    def recipe(self) -> TextRecipe:
        """How the texts of the index are made."""
        return recipe_of(self._store.manifest())

    def fingerprint(self, encoder: Encoder) -> str:
        """What decides the vectors of the index, with this encoder."""
        return index_fingerprint(encoder, self.recipe)

    def check_choice(self, *, may_differ: bool = False) -> None:
        """Refuses an unusable choice before any work is done.

        Args:
            may_differ: from the encoder that the index was built with.

        Raises:
            NotFoundError, OptionError, PluginError: see `Host.make`.
            EncoderMismatch: it is not the one that the index was built with.
        """
        offer = self._host.encoders.get(self._name)
        build_options(offer.spec.options, self._values, f"encoder {self._name!r}")
        if may_differ:
            self.make_wanted()
        elif self._asked_for and self._store.manifest().get("encoder"):
            self.get()

    def get(self) -> Encoder:
        """The encoder.

        Raises:
            EncoderMismatch: it is not the one that the index was built with.
        """
        if self._made is None:
            encoder = self.make_wanted()
            built_with = self._store.manifest().get("encoder")
            if built_with:
                wanted = partial(wanted_encoder, self._host, self._name, self._values)
                check_encoder(encoder, built_with, wanted, self.recipe)
            self._made = encoder
        return self._made

    def make_wanted(self) -> Encoder:
        """The encoder that was asked for, whatever the index was built with."""
        return make_encoder(self._host, self._name, self._values)

    def is_new(self) -> bool:
        """Whether the index has no encoder yet."""
        return not self._store.manifest().get("encoder")

    def row(self) -> int:
        """The catalog's row of the encoder; a new index is bound to its encoder here."""
        built_with = self._store.manifest().get("encoder")
        if built_with:
            return int(built_with["row"])
        encoder = self.get()
        with self._store.catalog.transaction():
            row = self._store.catalog.encoder_id(encoder.info, self.fingerprint(encoder))
        self.bind(encoder, row)
        return row

    def bind(self, encoder: Encoder, row: int) -> None:
        """Makes `encoder` the one of a new index."""
        catalog = self._store.catalog
        with catalog.transaction():
            catalog.set_manifest({"encoder": self.describe(encoder, row)})
        self._made = encoder

    def describe(self, encoder: Encoder, row: int) -> dict[str, Any]:
        """What the manifest says of an index's encoder."""
        offer = self._host.encoders.get(self._name)
        options = build_options(offer.spec.options, self._values, f"encoder {self._name!r}")
        return {
            "name": self._name,
            "options": _from_anywhere(options),
            "title": encoder.info.name,
            "fingerprint": self.fingerprint(encoder),
            "dim": encoder.info.dim,
            "max_tokens": encoder.info.max_tokens,
            "row": row,
        }

    def bound(self, encoder: Encoder) -> None:
        """Notes that the index has been bound to `encoder` meanwhile."""
        self._made = encoder


def make_encoder(host: Host, name: str, values: Mapping[str, Any]) -> Encoder:
    """An encoder by name, whose vectors are checked.

    Raises:
        NotFoundError, OptionError, PluginError: see `Host.make`.
    """
    offer = host.encoders.get(name)
    return GuardedEncoder(host.make(offer, "encoder", values, offer.spec.make), offer)


def _from_anywhere(options: Any) -> dict[str, Any]:
    """Option values in which a path is absolute: an index is searched from other folders, too.

    Those are paths whose field says so in its metadata. What does not exist here is left as it
    is: it may be a model's name on a hub.
    """
    values = options_as_json(options)
    paths = [field.name for field in dataclasses.fields(options) if field.metadata.get("path")]
    there = {name for name in paths if values[name] and Path(values[name]).exists()}
    return values | {name: os.path.abspath(values[name]) for name in there}


def embed_missing(
    catalog: Catalog,
    encoder: Encoder,
    row: int,
    progress: Progress | None,
    recipe: TextRecipe = SOURCE_TEXTS,
) -> int:
    """Embeds the snippets that have no vector by this encoder; what is done stays.

    Returns:
        How many texts were embedded.
    """
    ids = catalog.snippets_without_vector(row, encoder.info.dim)
    embedded = 0
    for start in range(0, len(ids), _BATCH):
        texts = catalog.texts(ids[start : start + _BATCH], recipe.of)
        vectors = recipe.encode(encoder, list(texts.values()))
        with catalog.transaction():
            catalog.add_vectors(row, list(texts), vectors)
        embedded += len(texts)
        if progress is not None:
            progress(min(start + _BATCH, len(ids)), len(ids))
    return embedded
