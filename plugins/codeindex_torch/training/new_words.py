"""New words: tokens for whole words that a vocabulary of word pieces only has in parts.

A bag of tokens loses what a word was when it is cut up: ``json`` is not ``js`` and ``on``. So the
commonest words of the texts that are trained on get tokens of their own, as domain vocabularies do
(Gu et al., "Domain-Specific Language Model Pretraining", 2021).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

FEWEST_TEXTS = 20
"""A word that stands in fewer of the texts is not learned well."""

_SHORTEST = 3
_WORD = re.compile(r"[^\W\d_]+")  # of letters only


def new_words(definition: str, texts: Sequence[str], most: int) -> list[str]:
    """The words, commonest first, that a tokenizer of word pieces cuts up.

    Args:
        definition: text of its ``tokenizer.json``.
        texts: where words are counted; each text counts once.
        most: so many words at most.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(definition)
    counts: Counter[str] = Counter()
    for text in texts:
        plain = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        counts.update(set(_WORD.findall(plain)))
    found: list[str] = []
    for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count < FEWEST_TEXTS or len(found) == most:
            break
        if len(word) >= _SHORTEST and len(tokenizer.encode(word).ids) > 1:
            found.append(word)
    return found


def with_words(definition: str, words: Sequence[str]) -> str:
    """The tokenizer with tokens for these words, numbered from where its own end."""
    facts = json.loads(definition)
    vocabulary = facts["model"]["vocab"]
    vocabulary.update({word: len(vocabulary) + place for place, word in enumerate(words)})
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
