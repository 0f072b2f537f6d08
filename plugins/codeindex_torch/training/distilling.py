"""A table of token vectors out of a Transformer: what a static model begins with.

Each token goes through the Transformer alone, between its special tokens; the vectors are cut down
to their strongest directions (as `model2vec` does; Tulkens and van Dongen, 2024), and each is
weighted by how rare its token is in the texts that are trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from codeindex.errors import UsageError
from codeindex_torch.encoder import encode_ids
from codeindex_torch.loading import LoadedModel
from codeindex_torch.static_folders import static_model
from codeindex_torch.static_tower import StaticTower
from codeindex_torch.tokens import Tokens
from codeindex_torch.training.new_words import new_words, with_words

MAX_LENGTH = 512
"""Tokens read of a text; a table has no positions that would set a limit."""

_COUNTED = 50_000  # texts, about, from which it can be told how rare a token is
_NEXT_TO_NOTHING = 1e-3  # the weight of what no token stands for
_WORDS = {
    "type": "Split",
    "pattern": {"Regex": "[\\W_]+"},
    "behavior": "Removed",
    "invert": False,
}
"""Runs of letters and digits: punctuation and underscores say nothing without their order."""


def distilled(
    model: LoadedModel,
    texts: Sequence[str],
    dim: int,
    device: torch.device,
    max_length: int = 0,
    add_words: int = 0,
) -> LoadedModel:
    """A static model that begins as near to a Transformer as a table can.

    Args:
        texts: those to be trained on, by which tokens are weighted.
        dim: of the vectors.
        max_length: tokens read of a text; 0: `MAX_LENGTH`.
        add_words: so many whole words, at most, get tokens; see `new_words`.

    Raises:
        UsageError: the Transformer has fewer dimensions.
    """
    if dim > model.dual.corpus.dim:
        raise UsageError(
            f"--dim {dim} is more than the {model.dual.corpus.dim} dimensions of {model.name}"
        )
    whole = model.tokenizer.backend_tokenizer.to_str()
    definition, kept = _words_only(json.loads(whole), set(model.tokenizer.all_special_ids))
    alone = [[number] for number in kept]
    if add_words:
        words = new_words(definition, texts, add_words)
        definition = with_words(definition, words)
        alone += model.tokenizer(words, add_special_tokens=False)["input_ids"] if words else []
    between = [model.tokenizer.build_inputs_with_special_tokens(ids) for ids in alone]
    tower = model.dual.corpus.to(device).eval()
    vectors = _reduced(encode_ids(tower, model.tokens(), between, device, 1024), dim)
    length = max_length or MAX_LENGTH
    weights = _rarity(Tokens(definition, length, 0), texts, len(alone))
    weights[_unknown(definition)] = _NEXT_TO_NOTHING
    facts = {
        "name": model.name,
        "max_length": length,
        "prompts": {},
        "base_model": model.base_model or model.name,
        "licence": model.licence,
    }
    table = StaticTower(torch.from_numpy(vectors), torch.from_numpy(weights))
    return static_model(table, definition, facts)


def _words_only(facts: dict[str, Any], special: set[int]) -> tuple[str, list[int]]:
    """The tokenizer without special tokens, and which token of the old one each of its is."""
    vocabulary = facts["model"].get("vocab")
    unknown = facts["model"].get("unk_token")
    if facts["model"].get("type") != "WordPiece" or unknown not in (vocabulary or {}):
        raise UsageError("a static model begins with a Transformer whose tokens are word pieces")
    by_number = sorted(vocabulary.items(), key=lambda item: item[1])
    kept = [
        (piece, number)
        for piece, number in by_number
        if piece == unknown or not (number in special or piece.startswith("[unused"))
    ]
    facts["model"]["vocab"] = {piece: place for place, (piece, _) in enumerate(kept)}
    facts.update(
        pre_tokenizer=_WORDS, padding=None, truncation=None, post_processor=None, added_tokens=[]
    )
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return text, [number for _, number in kept]


def _unknown(definition: str) -> int:
    model = json.loads(definition)["model"]
    return int(model["vocab"][model["unk_token"]])


def _reduced(vectors: npt.NDArray[np.float32], dim: int) -> npt.NDArray[np.float32]:
    """(vocabulary, dim) of unit length: centred, in the directions in which they differ most."""
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)  # the strongest are the last
    reduced = centred @ directions[:, ::-1][:, :dim]
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (reduced / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit


def _rarity(tokens: Tokens, texts: Sequence[str], size: int) -> npt.NDArray[np.float32]:
    """The inverse document frequency of each token, smoothed, (vocabulary,); above 0."""
    texts = texts[:: max(1, len(texts) // _COUNTED)]
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, len(texts), 4096):
        for row in tokens.ids(texts[start : start + 4096]):
            counts[list(set(row))] += 1
    rarity: npt.NDArray[np.float32] = np.log((len(texts) + 2) / (counts + 1)).astype(np.float32)
    return rarity
