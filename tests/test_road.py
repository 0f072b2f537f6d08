"""The whole road, each command as the documents write it: from papers to a served encoder.

Abstracts and code share no word: each idea has a word in prose and another one in code, which
only training can connect.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from papers_repositories import Repositories
from tiny_models import tiny_model

from codeindex import Index

IDEAS = {
    **{"image": "pixel", "audio": "word", "token": "tree", "vector": "graph", "query": "node"},
    **{"index": "edge", "cache": "path", "lock": "matrix", "thread": "list", "error": "sort"},
    **{"user": "json", "hash": "text", "sum": "log", "mean": "key"},
}
PROSE = list(IDEAS)
PAPERS, HELD_OUT = 130, 16

SETTINGS = """
[train]
model = "tiny"
learning-rate = 3e-3
num-epochs = 12
pooling = "mean"
towers = "shared"
batch-size = 32
precision = "fp32"
device = "cpu"
[export]
check-pairs = "parsed_pairs.json"
check-limit = 150
min-recall-ratio = 0.97
"""


def codeindex(*words, code=0):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "codeindex", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def function_of(name: str, words: list[str]) -> str:
    lines = [f"def {name}({words[0]}):", f'    """{" ".join(words)}"""']
    lines += [f"    {word} = {other}" for word, other in pairwise(words)]
    return "\n".join([*lines, f"    return {words[-1]}", ""])


def make_papers(folder: Path) -> list[list[str]]:
    """Repositories and paper_code_pairs.json; the ideas of each paper."""
    choose = random.Random(5)
    seen: set[frozenset[str]] = set()
    papers, entries = [], []
    repositories = Repositories(folder / "origin")
    while len(papers) < PAPERS:
        ideas = choose.sample(PROSE, 4)
        if frozenset(ideas) in seen:
            continue
        seen.add(frozenset(ideas))
        number = len(papers)
        files = {}
        for part in range(2):
            words = [IDEAS[idea] for idea in choose.sample(ideas, 4)]
            files[f"m{part}.py"] = function_of(f"f{number}", words * 2)
        url = repositories.make(f"r{number}", files)
        papers.append(ideas)
        paper = {
            "arxiv_id": f"2401.{number:05}",
            "title": " ".join(ideas[:2]),
            "abstract": " ".join(ideas[2:]) + " " + " ".join(ideas),
        }
        entries.append({"paper": paper, "repositories": [{"url": url, "name": f"r{number}"}]})
    trained_on = entries[: PAPERS - HELD_OUT]
    (folder / "paper_code_pairs.json").write_text(json.dumps(trained_on))
    (folder / "others.json").write_text(json.dumps(entries[PAPERS - HELD_OUT :]))
    return papers


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """The folder in which every step has been taken, and the ideas of the held-out papers."""
    folder = tmp_path_factory.mktemp("road")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        papers = make_papers(folder)
        tiny_model(folder / "tiny", dropout=0.0, hidden=64, seed=3)
        (folder / "codeindex.toml").write_text(SETTINGS)
        take_the_road()
    return folder, papers[PAPERS - HELD_OUT :]


def take_the_road() -> None:
    codeindex("papers", "collect", "paper_code_pairs.json", "-o", "IN.json")
    codeindex("pairs", "papers", "IN.json", "-o", "parsed_pairs.json")
    codeindex(
        *("pairs", "split", "parsed_pairs.json", "--train-split", "0.8", "--batch-size", "8"),
        *("-o", "dataset_info.json", "--model", "tiny", "--max-length", "64"),
    )
    codeindex("train", "--check-loss")
    codeindex("train", "parsed_pairs.json", "--max-steps", "20")
    last = "checkpoints/code_encoder/checkpoint_last.pt"
    if not Path(last).exists():  # the 20th step was the last one of an epoch
        last = str(max(Path("checkpoints/code_encoder").glob("checkpoint_epoch_*.pt")))
    codeindex("train", "parsed_pairs.json", "--resume-from", last)
    codeindex("export", "checkpoints/code_encoder/best_model.pt", "-o", "my-encoder/")
    codeindex("papers", "collect", "others.json", "-o", "new.json")
    codeindex(
        *("extract", "new.json", "-o", "code_snippets.json", "--min-lines", "3"),
        *("--require-docstring", "--max-papers", "100"),
    )
    codeindex(
        *("embed", "code_snippets.json", "-o", "embeddings/", "--no-paper-context"),
        *("--encoder", "onnx", "-E", "path=my-encoder/", "--index", "trained"),
    )
    codeindex(
        *("embed", "code_snippets.json", "-o", "embeddings0/", "--no-paper-context"),
        *("--model", "tiny", "--pooling", "mean", "--batch-size", "8", "--max-length", "64"),
        *("--json", "untrained.json", "--index", "untrained"),
    )
    codeindex("embed", "IN.json", "-o", "files/", "--model", "tiny", "--pooling", "cls")


def test_the_trained_encoder_finds_what_the_untrained_one_does_not(road, monkeypatch):
    folder, held_out = road
    monkeypatch.chdir(folder)
    right = {}
    for index in ("trained", "untrained"):
        codeindex("verify", "--index", index)
        with Index.open(index=index) as opened:
            first = [opened.search(" ".join(ideas), top_k=1)[0] for ideas in held_out]
        numbers = range(PAPERS - HELD_OUT, PAPERS)
        right[index] = [
            result.snippet.name == f"f{number}"
            for number, result in zip(numbers, first, strict=True)
        ]
    hits = {index: sum(found) for index, found in right.items()}
    assert hits["trained"] >= 0.5 * HELD_OUT, hits
    assert hits["trained"] >= hits["untrained"] + 4, hits
    only = [n for n in range(HELD_OUT) if right["trained"][n] and not right["untrained"][n]]
    asked = ("search", " ".join(held_out[only[0]]), "--json", "--top-k", "1", "--index")
    names = [json.loads(codeindex(*asked, index))["name"] for index in right]
    wanted = f"f{PAPERS - HELD_OUT + only[0]}"
    assert names[0] == wanted
    assert names[1] != wanted


def test_every_file_is_as_the_formats_say(road):
    folder, held_out = road
    pairs = json.loads((folder / "parsed_pairs.json").read_text())
    assert len(pairs) == 2 * (PAPERS - HELD_OUT)
    assert set(pairs[0]) == {"paper_text", "code_text", "metadata"}
    info = json.loads((folder / "dataset_info.json").read_text())
    assert info["train"]["total_samples"] + info["val"]["total_samples"] == len(pairs)
    assert info["config"]["batch_size"] == 8
    history = json.loads((folder / "checkpoints/code_encoder/training_history.json").read_text())
    assert len(history["train_losses"]) == 12
    assert history["best_val_loss"] < history["val_losses"][0]
    snippets = json.loads((folder / "code_snippets.json").read_text())
    assert len(snippets) == 2 * len(held_out)
    vectors = np.load(folder / "embeddings/code_embeddings.npy")
    assert vectors.shape == (len(snippets), 64)
    assert vectors.dtype == np.float32
    metadata = json.loads((folder / "embeddings/metadata.json").read_text())
    assert [row["function_name"] for row in metadata] == [row["function_name"] for row in snippets]
    assert "code_text" not in metadata[0]
    listed = json.loads((folder / "untrained.json").read_text())
    assert listed[3]["embedding_dim"] == 64
    files = np.load(folder / "files/code_embeddings.npy")
    assert len(files) == 2 * (PAPERS - HELD_OUT)
    card = json.loads((folder / "my-encoder/encoder.json").read_text())
    assert card["dim"] == 64
    assert (folder / "my-encoder/README.md").exists()


def test_the_bundle_serves_an_ordinary_index_without_torch(road, tmp_path):
    folder, _ = road
    (tmp_path / "code.py").write_text(function_of("mix", ["pixel", "word", "pixel", "word"]))
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers'): sys.modules[name] = None\n"
        "from codeindex.cli import run\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    bundle = f"path={folder / 'my-encoder'}"
    for words in (["index", "--encoder", "onnx", "-E", bundle], ["search", "image audio"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "mix" in done.stdout
