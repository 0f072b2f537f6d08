"""A cross-encoder by Hub name or folder → model and tokenizer, ready to compute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from codeindex.batching import batches
from codeindex.errors import UsageError
from codeindex.joint_tokens import JointRow, JointTokens, padded
from codeindex_torch.folders import folder_facts
from codeindex_torch.hub import fetch
from codeindex_torch.loading import DEFAULT_LENGTH, position_limit

_TOKENS_PER_BATCH = 2048
_HEAD = "ForSequenceClassification"


@dataclass(frozen=True)
class LoadedCrossEncoder:
    """A model that reads query and text together.

    Attributes:
        model: of `transformers`, with one label, fp32, with eager attention.
        tokenizer: of `transformers`, to be saved again.
        max_length: tokens of query and text together.
    """

    model: Any
    tokenizer: Any
    max_length: int
    licence: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it takes: token types only where it tells them apart."""
        types = int(getattr(self.model.config, "type_vocab_size", 0) or 0) > 1
        return ("input_ids", "attention_mask", *(("token_type_ids",) if types else ()))

    def definition(self) -> str:
        """The text of its ``tokenizer.json``, which neither cuts nor pads."""
        facts = json.loads(self.tokenizer.backend_tokenizer.to_str())
        return json.dumps(facts | {"truncation": None, "padding": None}, ensure_ascii=False)

    def tokens(self, max_length: int) -> JointTokens:
        """Its tokenizer, cutting at `max_length`."""
        from tokenizers import Tokenizer

        return JointTokens(Tokenizer.from_str(self.definition()), max_length)

    def scores(self, rows: Sequence[JointRow]) -> npt.NDArray[np.float32]:
        """Logits (rows, 1), in the order of `rows`."""
        found = np.zeros((len(rows), 1), dtype=np.float32)
        with torch.inference_mode():
            for batch in batches([len(row) for row in rows], _TOKENS_PER_BATCH):
                fed = padded([rows[row] for row in batch])
                tensors = {name: torch.from_numpy(fed[name]) for name in self.inputs}
                found[batch] = self.model(**tensors).logits.numpy()
        return found


def cross_encoder_folder(model: str) -> Path | None:
    """The folder of a cross-encoder; None if what `model` names is something else.

    Args:
        model: a folder or a name on the Hugging Face Hub, from where it is fetched.
    """
    path = Path(model)
    local = model.startswith((".", "/", "~")) or model.count("/") > 1 or path.suffix == ".pt"
    if not path.exists() and local:
        return None
    folder = path if path.exists() else fetch(model)
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or not isinstance(config.get("architectures"), list):
        return None
    labels = config.get("id2label") or {0: "", 1: ""}  # two: the default of transformers
    is_one = any(str(name).endswith(_HEAD) for name in config["architectures"])
    return folder if is_one and len(labels) == 1 else None


def load_cross_encoder(folder: Path, max_length: int = 0) -> LoadedCrossEncoder:
    """Loads a cross-encoder; no code of a model is run.

    Raises:
        UsageError: it cannot be loaded, or is incomplete, or cannot read so many tokens.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    arguments = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True, **arguments)
        model, report = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            attn_implementation="eager",  # the other ones cannot be traced, or not fused
            output_loading_info=True,
            **arguments,
        )
    except Exception as error:  # whatever a damaged file makes of the libraries
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"cannot load the cross-encoder in {folder}: {reason}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(f"{folder}: its tokenizer has no tokenizer.json form, which is needed")
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise UsageError(
            f"{folder} is incomplete: {len(missing)} weights are missing: {missing[0]}"
        )
    limit = position_limit(model.config, tokenizer)
    length = max_length or min(DEFAULT_LENGTH, limit)
    if length > limit:
        raise UsageError(f"{folder} reads at most {limit} tokens, not {length}")
    return LoadedCrossEncoder(model.float().eval(), tokenizer, length, folder_facts(folder).licence)
