"""Tiny Hugging Face models with real tokenizers, made on the spot: nothing is fetched."""

from __future__ import annotations

import json
import string
from pathlib import Path

WORDS = [
    "read",
    "write",
    "parse",
    "open",
    "close",
    "file",
    "socket",
    "date",
    "time",
    "text",
    "json",
    "number",
    "sort",
    "list",
    "tree",
    "graph",
    "node",
    "edge",
    "path",
    "matrix",
    "image",
    "pixel",
    "audio",
    "token",
    "word",
    "vector",
    "query",
    "index",
    "search",
    "cache",
    "lock",
    "thread",
    "retry",
    "wait",
    "error",
    "log",
    "user",
    "password",
    "hash",
    "key",
    "value",
    "sum",
    "mean",
    "count",
    "first",
    "last",
    "next",
    "previous",
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "for",
    "with",
    "from",
    "by",
    "that",
    "this",
    "is",
    "returns",
    "self",
    "def",
    "return",
    "if",
    "else",
    "import",
]


def word_pieces(special: list[str]) -> dict[str, int]:
    """Each word and each letter, at a word's start and within one.

    Not trained: what a word-piece trainer picks among pieces that are as common differs from one
    process to the next, and so would every model that has its tokens.
    """
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters), *WORDS]
    return {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}


def tokenizer_json(kind: str) -> str:
    """The tokenizer.json of a small vocabulary: whole words, letters and special tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    if kind == "bert":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        tokenizer = Tokenizer(models.WordPiece(word_pieces(special), unk_token="[UNK]"))
        tokenizer.add_special_tokens(special)
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        first, last = "[CLS]", "[SEP]"
    else:
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator([" ".join(WORDS)] * 3, trainer)
        first, last = "<s>", "</s>"
    places = [(name, tokenizer.token_to_id(name)) for name in (first, last)]
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1" if kind == "bert" else "<s> $A </s> </s> $B </s>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=pair, special_tokens=places
    )
    return tokenizer.to_str()


def tiny_model(
    folder: Path,
    kind: str = "roberta",
    *,
    hidden: int = 32,
    layers: int = 2,
    dropout: float = 0.1,
    positions: int = 64,
    seed: int = 0,
    labels: int = 0,
) -> Path:
    """Writes a model folder: ``bert`` or ``roberta``, as CodeBERT is one.

    With `labels` it classifies pairs; a cross-encoder has one.
    """
    import torch
    import transformers
    from tokenizers import Tokenizer

    definition = tokenizer_json(kind)
    facts = json.loads(definition)
    names = {token["content"]: token["id"] for token in facts["added_tokens"]}
    pad = "[PAD]" if kind == "bert" else "<pad>"
    shape = {
        "vocab_size": Tokenizer.from_str(definition).get_vocab_size(),
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "intermediate_size": 2 * hidden,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "pad_token_id": names[pad],
        "max_position_embeddings": positions + (0 if kind == "bert" else 2),
    }
    torch.manual_seed(seed)
    if labels:
        shape |= {"num_labels": labels, "initializer_range": 0.2}  # else all scores are alike
    if kind == "bert":
        classes = (transformers.BertModel, transformers.BertForSequenceClassification)
        model = classes[bool(labels)](transformers.BertConfig(**shape))
        special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    else:
        classes = (transformers.RobertaModel, transformers.RobertaForSequenceClassification)
        model = classes[bool(labels)](transformers.RobertaConfig(type_vocab_size=1, **shape))
        special = {"cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>"}
    model.save_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(definition),
        pad_token=pad,
        model_max_length=positions,
        **special,
    )
    tokenizer.save_pretrained(folder)
    return folder
