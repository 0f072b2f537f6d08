"""Plugin `onnx`: bundles of encoders and rerankers on CPU; the encoder `fast` comes with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Encoder, Reranker
from codeindex.specs import EncoderSpec, RerankerSpec

BUNDLES = Path(__file__).parent / "bundles"

_HUBNESS = "Hold back texts that are near to every question; false: plain cosine."


@dataclass(frozen=True)
class OnnxOptions:
    """Options of the encoder `onnx`."""

    path: str = field(default="", metadata={"help": "Folder of the encoder bundle.", "path": True})
    threads: int = field(default=0, metadata={"help": "Threads; 0 = one a core."})
    dim: int = field(
        default=0,
        metadata={"help": "First N dimensions, as of training with --matryoshka; 0 = all."},
    )
    hubness: bool = field(default=True, metadata={"help": f"{_HUBNESS} Where the bundle can."})


@dataclass(frozen=True)
class CrossEncoderOptions:
    """Options of the reranker `cross-encoder`."""

    path: str = field(default="", metadata={"help": "Folder of the reranker bundle.", "path": True})
    threads: int = field(default=0, metadata={"help": "Threads; 0 = one a core."})
    max_tokens: int = field(
        default=0, metadata={"help": "Read of query and text together; 0 = all that it can."}
    )


@dataclass(frozen=True)
class FastOptions:
    """Options of the encoder `fast`."""

    dim: int = field(default=0, metadata={"help": "128 or 64: smaller indexes; 0 = all 256."})
    hubness: bool = field(default=True, metadata={"help": _HUBNESS})


@dataclass(frozen=True)
class SmallOptions:
    """Options of the encoder `small`."""

    threads: int = field(default=0, metadata={"help": "Threads; 0 = one a core."})
    hubness: bool = field(default=True, metadata={"help": _HUBNESS})


def _make_fast(options: FastOptions) -> Encoder:
    from codeindex_onnx.encoder import OnnxEncoder

    return OnnxEncoder(_fast_bundle(options), dim=options.dim, hubness=options.hubness)


def _fast_bundle(options: FastOptions) -> Path:
    return BUNDLES / "fast"


def _make_small(options: SmallOptions) -> Encoder:
    from codeindex_onnx.encoder import OnnxEncoder

    return OnnxEncoder(_small_bundle(options), options.threads, hubness=options.hubness)


def _small_bundle(options: SmallOptions) -> Path:
    return BUNDLES / "small"


def _make_onnx(options: OnnxOptions) -> Encoder:
    from codeindex.errors import OptionError
    from codeindex_onnx.encoder import OnnxEncoder

    if not options.path:
        raise OptionError("encoder 'onnx' needs a bundle; say -E path=FOLDER")
    return OnnxEncoder(Path(options.path), options.threads, options.dim, options.hubness)


def _onnx_bundle(options: OnnxOptions) -> Path:
    return Path(options.path)


def _make_cross_encoder(options: CrossEncoderOptions) -> Reranker:
    from codeindex.errors import OptionError
    from codeindex_onnx.reranker import CrossEncoder

    if not options.path:
        raise OptionError("reranker 'cross-encoder' needs a bundle; say -R path=FOLDER")
    return CrossEncoder(Path(options.path), options.threads, options.max_tokens)


@hookimpl
def codeindex_encoders() -> Iterable[EncoderSpec]:
    """The encoders `fast`, `small` and `onnx`."""
    return [
        EncoderSpec(
            name="fast",
            summary="Static embeddings from all-MiniLM-L6-v2, int8, 256 dimensions; shipped.",
            options=FastOptions,
            make=_make_fast,
            bundle=_fast_bundle,
            requires=("tokenizers",),
            install="pip install tokenizers",
        ),
        EncoderSpec(
            name="small",
            summary="Six Transformer layers, int8, 384 dimensions: better, and slower; shipped.",
            options=SmallOptions,
            make=_make_small,
            bundle=_small_bundle,
            requires=("onnxruntime", "tokenizers"),
            install="pip install onnxruntime tokenizers",
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


@hookimpl
def codeindex_rerankers() -> Iterable[RerankerSpec]:
    """The reranker `cross-encoder`."""
    return [
        RerankerSpec(
            name="cross-encoder",
            summary="Any cross-encoder bundle: model.onnx, tokenizer.json, reranker.json.",
            options=CrossEncoderOptions,
            make=_make_cross_encoder,
            requires=("onnxruntime", "tokenizers"),
            install="pip install onnxruntime tokenizers",
        ),
    ]
