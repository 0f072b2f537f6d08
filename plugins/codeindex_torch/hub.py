"""A model by its name on the Hugging Face Hub → a folder in the Hub's cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codeindex.errors import NotFoundError

_PLAIN = ("*.json", "*.txt", "*.model", "1_Pooling/*", "2_Dense/*", "README.md", "LICENSE*")
_TOWERS = ("paper/*", "code/*")
_SAFE, _OLD = "model*.safetensors*", "pytorch_model*.bin*"
_PATIENCE = 10  # seconds, for the first answer


def fetch(name: str) -> Path:
    """The folder of a model, downloaded unless it is in the cache. No code of it is fetched.

    Raises:
        NotFoundError: it cannot be had; the message says how to give a local folder.
    """
    from huggingface_hub import HfApi, snapshot_download

    try:
        # Asked first, and once: the library asks for each file, again and again, for a minute.
        known = HfApi().model_info(name, timeout=_PATIENCE).siblings or []
    except Exception as error:
        return _cached(name, error)
    safe = any(file.rfilename.endswith(".safetensors") for file in known)
    patterns = [*_PLAIN, *_TOWERS, _SAFE if safe else _OLD]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:
        return _cached(name, error)


def _cached(name: str, error: Exception) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder: Any = snapshot_download(name, local_files_only=True)
    except Exception:
        owner = "" if "/" in name else " Most models are named OWNER/NAME."
        raise NotFoundError(
            f"cannot get the model {name!r} from the Hugging Face Hub, nor is it in its cache."
            " Without a network, fetch it on another machine"
            f" (hf download {name} --local-dir FOLDER) and give the folder in place of the"
            " name: --model FOLDER to train, -E model=FOLDER for the encoder."
            f"{owner} ({_reason(error)})"
        ) from error
    return Path(folder)


def _reason(error: Exception) -> str:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

    if isinstance(error, OfflineModeIsEnabled):
        return "The Hub's library is told to stay offline: HF_HUB_OFFLINE"
    if isinstance(error, RepositoryNotFoundError):
        return "The Hub has no such model, or it is private"
    if isinstance(error, OSError) and not isinstance(error, HfHubHTTPError):
        return f"No connection: {type(error).__name__}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
