"""Whether an encoder is the one that an index was built with, and what is said where it is not."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeindex.errors import EncoderMismatch
from codeindex.host import Host
from codeindex.interfaces import Encoder
from codeindex.options import build_options, describe_options, options_as_json
from codeindex.recipes import SOURCE_TEXTS, TextRecipe


@dataclass(frozen=True, slots=True)
class Wanted:
    """An encoder that was asked for: its name, all its options, and their defaults."""

    name: str
    options: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def command(self) -> str:
        """Words of a command that ask for it."""
        chosen = [
            f" -E {shlex.quote(_assignment(key, value))}"
            for key, value in self.options.items()
            if value != self.defaults.get(key)
        ]
        return "".join([self.name, *chosen])


def wanted_encoder(host: Host, name: str, values: Mapping[str, Any]) -> Wanted:
    """What was asked for by its name and the values of some options.

    Raises:
        NotFoundError, OptionError: there is no such encoder, or no such option.
    """
    kind = host.encoders.get(name).spec.options
    options = options_as_json(build_options(kind, values, f"encoder {name!r}"))
    return Wanted(name, options, {row["name"]: row["default"] for row in describe_options(kind)})


def index_fingerprint(encoder: Encoder, recipe: TextRecipe = SOURCE_TEXTS) -> str:
    """What decides the vectors of an index: the encoder and the recipe of the texts."""
    return joint_fingerprint(encoder.info.fingerprint, recipe.name)


def joint_fingerprint(encoder: str, recipe: str) -> str:
    """The same, from the fingerprint of the encoder and the name of the recipe."""
    return hashlib.blake2b(f"{encoder}\n{recipe}".encode(), digest_size=16).hexdigest()


def check_encoder(
    encoder: Encoder,
    built_with: Mapping[str, Any],
    asked_for: Callable[[], Wanted],
    recipe: TextRecipe = SOURCE_TEXTS,
) -> None:
    """Refuses an encoder whose vectors must not meet those of the index.

    Args:
        built_with: what the manifest says of the encoder.
        asked_for: called only to say what differs.
        recipe: how the texts of the index are made.

    Raises:
        EncoderMismatch: the fingerprints differ.
    """
    actual = index_fingerprint(encoder, recipe)
    if actual == built_with["fingerprint"]:
        return
    wanted = asked_for()
    anew = f"codeindex index --reencode --encoder {wanted.command()}"
    if recipe != SOURCE_TEXTS:
        anew = "the command that made the index, with another --output or --index"
    its = built_with.get("options") or {}
    differ = [key for key, value in wanted.options.items() if its.get(key) != value]
    if wanted.name != built_with["name"]:
        differ = []  # options of another encoder
    raise EncoderMismatch(
        f"the index was built with encoder {built_with['name']!r}"
        f" ({_told(its, differ)}{built_with['fingerprint'][:8]}), not with {wanted.name!r}"
        f" ({_told(wanted.options, differ)}{actual[:8]}); their vectors cannot be compared. Leave"
        " --encoder and -E out to use the index's own, or embed everything again with:"
        f" {anew}"
    )


def _told(options: Mapping[str, Any], names: Sequence[str]) -> str:
    return "".join(f"{_assignment(name, options.get(name))}, " for name in names)


def _assignment(name: str, value: Any) -> str:
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"
