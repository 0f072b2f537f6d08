"""Two processes learn what one does: vectors are gathered with their gradient."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_toys import paper_pairs, write_pairs

from codeindex_torch.loading import load_model

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # more wait for each other, on few cores

GRADIENTS = """
import sys
from contextlib import nullcontext
from pathlib import Path
import torch
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent)]
from training_toys import paper_pairs
from test_gradients import setup
from codeindex_torch.training.processes import average_gradients, mean_over_processes
from dataclasses import replace

torch.set_num_threads(1)
folder, meeting, target, rank, processes, chunk, directions = sys.argv[2:]
if int(processes) > 1:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=int(rank), world_size=int(processes)
    )
pairs = paper_pairs(papers=8)
pairs[0] = replace(pairs[0], negatives=("def retry cache", "def lock thread wait error"))
pairs[9] = replace(pairs[9], negatives=("def sum mean",))
model, loss, data, gradients = setup(
    folder, pairs, chunk_size=int(chunk), two_directions=directions == "two"
)
value = gradients.add(data, list(range(12)))
parameters = [*model.dual.parameters(), loss.log_scale]
average_gradients(parameters)
value = mean_over_processes(value, torch.device("cpu"))
if rank == "0":
    named = [*model.dual.named_parameters(), ("log_scale", loss.log_scale)]
    found = {name: item.grad for name, item in named if item.grad is not None}
    torch.save({"loss": value, "gradients": found}, target)
if int(processes) > 1:
    torch.distributed.destroy_process_group()
"""


def gradients_of(folder, tmp_path, processes, chunk, directions):
    target = tmp_path / f"{processes}.pt"
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", GRADIENTS, str(Path(__file__).parent), str(folder)),
                *(str(tmp_path / "meeting"), str(target), str(rank), str(processes)),
                *(str(chunk), directions),
            ],
            stderr=subprocess.PIPE,
            text=True,
            env=ONE_THREAD,
        )
        for rank in range(processes)
    ]
    for process in started:
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
    return torch.load(target, weights_only=True)


@pytest.mark.parametrize(("chunk", "directions"), [(0, "two"), (2, "one")])
def test_two_processes_have_the_gradient_of_one_full_batch(
    calm_folder, tmp_path, chunk, directions
):
    one = gradients_of(calm_folder, tmp_path, 1, chunk, directions)
    two = gradients_of(calm_folder, tmp_path, 2, chunk, directions)
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert two["gradients"].keys() == one["gradients"].keys()
    for name, expected in one["gradients"].items():
        difference = float((two["gradients"][name] - expected).abs().max())
        assert difference <= 1e-6 + 2e-4 * float(expected.abs().max()), name


def test_accelerate_launches_two_processes_that_train_as_one(calm_folder, tmp_path):
    pairs = write_pairs(tmp_path / "pairs.json", paper_pairs(papers=12, files=2))
    words = [
        *("train", str(pairs), "--model", str(calm_folder), "--batch-size", "8"),
        *("--num-epochs", "1", "--learning-rate", "1e-3", "--device", "cpu"),
        *("--precision", "fp32", "--directions", "two"),
    ]
    launch = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"),
        *("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"),
        *("--main_process_port", "0", "--module", "codeindex"),
    ]
    weights = {}
    for name, program in (("one", [sys.executable, "-m", "codeindex"]), ("two", launch)):
        done = subprocess.run(
            [*program, *words, "--checkpoint-dir", name],
            cwd=tmp_path,
            env=ONE_THREAD,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("best model") == 1, "one process speaks for all"
        found = torch.load(tmp_path / name / "checkpoint_epoch_0.pt", weights_only=True)
        weights[name] = found["weights"]
    # Adam takes a step of full length along a gradient that is all but 0, whatever its sign:
    # compared is the way that all weights went together.
    start = load_model(str(calm_folder)).dual.query.state_dict()
    moved = {
        name: torch.cat([(found[key] - start[key.split(".", 1)[1]]).flatten() for key in found])
        for name, found in weights.items()
    }
    assert float(moved["one"].norm()) > 0.1
    apart = (moved["two"] - moved["one"]).norm() / moved["one"].norm()
    assert float(apart) < 0.05
