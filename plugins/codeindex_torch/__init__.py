"""Plugin `torch`: Hugging Face encoders by PyTorch; `train` fine-tunes, `export` makes bundles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from codeindex.hookimpl import hookimpl
from codeindex.interfaces import Encoder
from codeindex.specs import CommandSpec, EncoderSpec

DEFAULT_MODEL = "microsoft/codebert-base"
_REQUIRES = ("torch", "transformers", "safetensors")
_INSTALL = "pip install accelerate optimum-onnx safetensors torch 'transformers<4.58'"


@dataclass(frozen=True)
class TorchOptions:
    """Options of the encoder `torch`."""

    model: str = field(
        default=DEFAULT_MODEL,
        metadata={
            "help": "Hub name, local folder, or a checkpoint (.pt) of codeindex train.",
            "path": True,
        },
    )
    pooling: Literal["auto", "cls", "mean"] = field(
        default="auto", metadata={"help": "auto: what the model's folder says, else cls."}
    )
    max_length: int = field(
        default=0, metadata={"help": "Tokens read of a text; 0: what the model says, or 512."}
    )
    batch_size: int = field(default=64, metadata={"help": "Most texts in a batch."})
    device: str = field(default="auto", metadata={"help": "auto, cpu, cuda, cuda:1, mps."})
    dtype: Literal["float32", "bfloat16", "auto"] = field(
        default="float32",
        metadata={
            "help": "auto: bfloat16 where the processor computes in it. Part of what an index"
            " is bound to, so name it where indexes travel."
        },
    )
    threads: int = field(default=0, metadata={"help": "Threads; 0 = as PyTorch decides."})


def _make(options: TorchOptions) -> Encoder:
    from codeindex_torch.encoder import make_encoder

    return make_encoder(options)


@hookimpl
def codeindex_encoders() -> Iterable[EncoderSpec]:
    """The encoder `torch`."""
    return [
        EncoderSpec(
            name="torch",
            summary="Hugging Face encoders (CodeBERT) and checkpoints of codeindex train.",
            options=TorchOptions,
            make=_make,
            requires=_REQUIRES,
            install=_INSTALL,
        )
    ]


@hookimpl
def codeindex_commands() -> Iterable[CommandSpec]:
    """The commands `train` and `export`."""
    return [
        CommandSpec(
            name="train",
            summary="Fine-tune an encoder on pairs of text and code.",
            target="codeindex_torch.commands.train:train",
            requires=(*_REQUIRES, "accelerate"),
            install=_INSTALL,
        ),
        CommandSpec(
            name="export",
            summary="Make an ONNX encoder bundle of a trained encoder.",
            target="codeindex_torch.commands.export:export",
            requires=(*_REQUIRES, "optimum.onnxruntime", "onnx"),
            install=_INSTALL,
        ),
    ]
