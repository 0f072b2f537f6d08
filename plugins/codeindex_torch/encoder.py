"""TorchEncoder: a Hugging Face encoder by PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from codeindex.batching import Batch, batches, run_batches
from codeindex.interfaces import EncoderInfo
from codeindex.vectors import Embeddings
from codeindex_torch import TorchOptions
from codeindex_torch.devices import choose_device, choose_dtype
from codeindex_torch.loading import LoadedModel, load_model
from codeindex_torch.tokens import Tokens
from codeindex_torch.towers import Role, Tower

TEXTS_PER_ROUND = 2048
"""Texts that are tokenised, and sorted into batches, together."""

TOKENS_PER_BATCH = {"cpu": 1_024, "cuda": 65_536, "mps": 16_384}
"""Texts times longest text of a batch: bounds memory, whatever the lengths. On a processor what
a batch computes with stays in the core's own cache."""


def make_encoder(options: TorchOptions) -> TorchEncoder:
    """Loads the model that the options name.

    Raises:
        NotFoundError, UsageError: see `load_model`.
        OptionError: there is no such device here.
    """
    device = choose_device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    loaded = load_model(options.model, pooling=options.pooling, max_length=options.max_length)
    return TorchEncoder(loaded, device, choose_dtype(options.dtype, device), options.batch_size)


class TorchEncoder:
    """Unit vectors from a model. Results keep the input's order."""

    def __init__(
        self,
        loaded: LoadedModel,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        batch_size: int = 64,
    ) -> None:
        """Takes a loaded model and moves it to `device` in `dtype`."""
        self._tokens = loaded.tokens()
        self._prompts = loaded.prompts
        self._device = device
        self._batch_size = batch_size
        fingerprint = _fingerprint(loaded, self._tokens, dtype)
        self._dual = loaded.dual.to(device=device, dtype=dtype).eval()
        self._info = EncoderInfo(
            loaded.name, fingerprint, self._dual.query.dim, self._tokens.max_length
        )

    @property
    def info(self) -> EncoderInfo:
        """What it is."""
        return self._info

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim)."""
        return self._encode(texts, "query")

    def encode_corpus(self, texts: Sequence[str]) -> Embeddings:
        """float32 (len(texts), dim)."""
        return self._encode(texts, "corpus")

    def _encode(self, texts: Sequence[str], role: Role) -> Embeddings:
        prompt = self._prompts.get(role, "")
        if prompt:
            texts = [prompt + text for text in texts]
        return encode_texts(
            self._dual.tower(role), self._tokens, texts, self._device, self._batch_size
        )


def encode_texts(
    tower: Tower,
    tokens: Tokens,
    texts: Sequence[str],
    device: torch.device,
    batch_size: int = 64,
) -> Embeddings:
    """Vectors (len(texts), dim), computed in batches of like length."""
    vectors = np.zeros((len(texts), tower.dim), dtype=np.float32)
    for start in range(0, len(texts), TEXTS_PER_ROUND):
        rows = tokens.ids(texts[start : start + TEXTS_PER_ROUND])
        vectors[start : start + len(rows)] = encode_ids(tower, tokens, rows, device, batch_size)
    return vectors


def encode_ids(
    tower: Tower,
    tokens: Tokens,
    rows: Sequence[Sequence[int]],
    device: torch.device,
    batch_size: int = 64,
) -> Embeddings:
    """Vectors (len(rows), dim) of token ids, computed in batches of like length."""
    vectors = np.zeros((len(rows), tower.dim), dtype=np.float32)
    budget = TOKENS_PER_BATCH.get(device.type, 16_384)

    def work(batch: Batch) -> None:
        with torch.inference_mode():  # of a thread, not of the process
            ids, mask = tokens.padded([rows[row] for row in batch], device)
            vectors[batch] = tower(ids, mask).cpu().numpy()

    _run(work, list(batches(list(map(len, rows)), budget, batch_size)), device)
    return vectors


def _run(work: Callable[[Batch], None], parts: Sequence[Batch], device: torch.device) -> None:
    """Runs batches: on a processor, where there are several, one on each of PyTorch's threads."""
    threads = torch.get_num_threads()
    # Autocast belongs to the thread that switched it on.
    if device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        run_batches(work, parts, 1)
        return
    try:
        run_batches(work, parts, threads, begin=partial(torch.set_num_threads, 1))
    finally:
        torch.set_num_threads(threads)  # what one thread sets, later threads start with


def _fingerprint(loaded: LoadedModel, tokens: Tokens, dtype: torch.dtype) -> str:
    """Digest of weights, tokenizer, pooling, prompts, longest text and precision."""
    digest = hashlib.sha256()
    facts = (tokens.max_length, str(dtype), loaded.dual.query.pooling, dict(loaded.prompts))
    for text in (tokens.definition, repr(facts)):
        digest.update(text.encode())
    for name, value in sorted(loaded.dual.state_dict().items()):
        digest.update(name.encode())
        data = value.detach().cpu().contiguous()
        digest.update(memoryview(data.view(torch.uint8).numpy().reshape(-1)))
    return digest.hexdigest()
