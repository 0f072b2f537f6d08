"""The encoder of a pack: which files of its bundle go in, and who opens them afterwards."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from codeindex.bundle import MANIFEST, read_bundle
from codeindex.encoder_check import index_fingerprint
from codeindex.encoding import IN_INDEX, placed_options
from codeindex.errors import CodeIndexError, DamagedIndexError, EncoderMismatch, NotFoundError
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.offers import blamed
from codeindex.options import build_options, options_as_json
from codeindex.packing.format import ENCODER, Licence
from codeindex.recipes import recipe_of
from codeindex.specs import EncoderSpec

_NOTICES = ("license", "licence", "notice", "copying", "readme")
_PATH = "path"
"""The option by which an encoder opens any bundle, see `EncoderSpec.bundle`."""


def bundle_of(manifest: Mapping[str, Any], index: Path, host: Host) -> Path | None:
    """The folder of the bundle that the encoder of the index at `index` is; None if it is none.

    Raises:
        NotFoundError: the encoder is not installed.
        EncoderMismatch: the bundle is another one than the index was built with.
    """
    encoder = manifest["encoder"]
    name = encoder["name"]
    offers = {offer.spec.name: offer for offer in host.encoders.offers()}
    offer = offers.get(name) or host.encoders.get(name)
    if offer.spec.bundle is None:
        return None
    values = placed_options(encoder["options"], index)
    options = build_options(offer.spec.options, values, f"encoder {name!r}")
    with blamed(offer, "encoder"):
        folder = offer.spec.bundle(options)
    if folder is None:
        return None
    if bundle_fingerprint(folder, manifest) != encoder["fingerprint"]:
        raise EncoderMismatch(
            f"the encoder bundle at {folder} is not the one that the index was built with"
            f" ({encoder['title']}): give that one back, or embed everything again with:"
            " codeindex index --reencode"
        )
    return folder


def bundle_fingerprint(folder: Path, manifest: Mapping[str, Any]) -> str:
    """What an index has as its fingerprint that is made with a bundle; its files are checked.

    Raises:
        NotFoundError, UsageError: see `read_bundle`.
    """
    bundle = read_bundle(folder)
    bundle.confirm()
    info = bundle.info(int(manifest["encoder"]["dim"]), _with_hubness(manifest["encoder"]))
    # Only what it is decides, so the encoder itself, and its libraries, need not be loaded.
    return index_fingerprint(cast(Encoder, SimpleNamespace(info=info)), recipe_of(manifest))


def bundle_files(folder: Path) -> list[str]:
    """The files that a bundle needs, its licences and descriptions; nothing else of its folder."""
    needed = {MANIFEST, *_facts(folder)["digests"]}
    places = {folder / name for name in needed}
    notices = {
        path.relative_to(folder).as_posix()
        for place in {folder, *(path.parent for path in places)}
        for path in place.iterdir()
        if path.is_file() and path.name.lower().startswith(_NOTICES)
    }
    return sorted(needed | notices)


def bundle_licence(folder: Path) -> Licence:
    """Under what a bundle is, and which files of the pack say so."""
    facts = _facts(folder)
    return Licence(
        f"encoder {facts['name']} {facts['version']}",
        str(facts["licence"]),
        tuple(
            ENCODER + name
            for name in bundle_files(folder)
            if name.rpartition("/")[2].lower().startswith(_NOTICES[:-1])
        ),
    )


def _facts(folder: Path) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return facts


def check_packed_bundle(
    folder: Path, names: Iterable[str], manifest: Mapping[str, Any], pack: Path
) -> None:
    """Refuses a bundle that came in a pack and is not the encoder of the pack's index.

    Args:
        names: of the files that came.

    Raises:
        DamagedIndexError: it is not, or is no bundle at all, or comes with other files.
    """
    try:
        actual = bundle_fingerprint(folder, manifest)
        foreign = set(names) - set(bundle_files(folder))
    except (CodeIndexError, OSError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise DamagedIndexError(f"{pack}: the encoder in it is no bundle: {error}") from error
    if foreign:
        raise DamagedIndexError(f"{pack}: {min(foreign)!r} is no file of an encoder bundle")
    if actual != manifest["encoder"]["fingerprint"]:
        raise DamagedIndexError(
            f"{pack}: the encoder in it is not the one that its index was built with"
        )


def encoder_of_unpacked(
    bundle: Path, final: Path, encoder: Mapping[str, Any], host: Host
) -> tuple[str, dict[str, Any]]:
    """Name and option values of an installed encoder that makes the vectors of a bundle.

    The encoder that the index was built with, where it comes with this very bundle: then the
    index does not depend on where its folder is. Otherwise one that opens bundles by path.

    Args:
        bundle: the bundle, checked.
        final: where it will be.
        encoder: what the manifest of the index says of its encoder.

    Raises:
        NotFoundError: no installed encoder opens bundles.
    """
    specs = {offer.spec.name: offer.spec for offer in host.encoders.offers() if offer.spec.bundle}
    own = specs.pop(encoder["name"], None)
    if own is not None:
        options = _comes_with(own, encoder["options"], bundle)
        if options is not None:
            return own.name, options
    chosen = _chosen(bundle, encoder)
    for spec in ([own] if own else []) + list(specs.values()):
        if _opens(spec, final) and chosen.keys() <= _fields(spec):
            return spec.name, {_PATH: f"{IN_INDEX}{final.name}", **chosen}
    raise NotFoundError(
        f"no installed encoder opens the bundle in the pack ({encoder['title']});"
        f" installed: {', '.join(host.encoders.names()) or 'none'}"
    )


def _comes_with(
    spec: EncoderSpec, values: Mapping[str, Any], bundle: Path
) -> dict[str, Any] | None:
    """The options with which an installed encoder is the same bundle, without a path to it."""
    if _PATH in _fields(spec) or spec.bundle is None:
        return None
    try:
        options = build_options(spec.options, values, f"encoder {spec.name!r}")
        folder = spec.bundle(options)
        same = folder is not None and (
            read_bundle(folder).info().fingerprint == read_bundle(bundle).info().fingerprint
        )
    except CodeIndexError:
        return None
    return options_as_json(options) if same else None


def _opens(spec: EncoderSpec, folder: Path) -> bool:
    if _PATH not in _fields(spec) or spec.bundle is None:
        return False
    return spec.bundle(build_options(spec.options, {_PATH: str(folder)}, spec.name)) == folder


def _chosen(bundle: Path, encoder: Mapping[str, Any]) -> dict[str, Any]:
    """The options by which the vectors of a bundle are as the index has them."""
    dim = int(encoder["dim"])
    cut = {} if dim == read_bundle(bundle).dim else {"dim": dim}
    return cut if _with_hubness(encoder) else {**cut, "hubness": False}


def _with_hubness(encoder: Mapping[str, Any]) -> bool:
    """Whether an index holds back hubs, where the bundle of its encoder can."""
    return encoder["options"].get("hubness", True) is not False


def _fields(spec: EncoderSpec) -> set[str]:
    return {field.name for field in dataclasses.fields(spec.options)}
