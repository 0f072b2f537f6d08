"""Plugin `onnx`: encoder bundles on CPU, and the bundle `fast` that comes with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Encoder
from codeindex.specs import EncoderSpec, NoOptions

BUNDLES = Path(__file__).parent / "bundles"


@dataclass(frozen=True)
class OnnxOptions:
    """Options of the encoder `onnx`."""

    path: str = field(default="", metadata={"help": "Folder of the encoder bundle.", "path": True})
    threads: int = field(default=0, metadata={"help": "Threads; 0 = one a core."})


def _make_fast(options: NoOptions) -> Encoder:
    from codeindex_onnx.encoder import OnnxEncoder

    return OnnxEncoder(_fast_bundle(options))


def _fast_bundle(options: NoOptions) -> Path:
    return BUNDLES / "fast"


def _make_onnx(options: OnnxOptions) -> Encoder:
    from codeindex.errors import OptionError
    from codeindex_onnx.encoder import OnnxEncoder

    if not options.path:
        raise OptionError("encoder 'onnx' needs a bundle; say -E path=FOLDER")
    return OnnxEncoder(Path(options.path), options.threads)


def _onnx_bundle(options: OnnxOptions) -> Path:
    return Path(options.path)


@hookimpl
def codeindex_encoders() -> Iterable[EncoderSpec]:
    """The encoders `fast` and `onnx`."""
    return [
        EncoderSpec(
            name="fast",
            summary="Static embeddings from all-MiniLM-L6-v2, int8, 256 dimensions; shipped.",
            make=_make_fast,
            bundle=_fast_bundle,
            requires=("tokenizers",),
            install="pip install tokenizers",
        ),
        EncoderSpec(
            name="onnx",
            summary="Any encoder bundle: model.onnx, tokenizer.json, encoder.json.",
            options=OnnxOptions,
            make=_make_onnx,
            bundle=_onnx_bundle,
            requires=("onnxruntime", "tokenizers"),
            install="pip install onnxruntime tokenizers",
        ),
    ]
