"""The folder of a run: claimed by a new one, gone on with by a resumed one."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from codeindex.errors import StorageError, UsageError
from codeindex_torch.training.checkpoint import Checkpoint, read_checkpoint
from codeindex_torch.training.history import HISTORY
from codeindex_torch.training.options import TrainOptions

BEST, BEST_FOLDER, LAST = "best_model.pt", "best_model", "checkpoint_last.pt"


def resumable(path: Path, options: TrainOptions, attention: str) -> Checkpoint:
    """The checkpoint to go on from.

    Raises:
        UsageError: it holds a model only, or the options are others.
    """
    checkpoint = read_checkpoint(path, attention=attention)
    if not checkpoint.training:
        raise UsageError(
            f"{path} holds a model without the state of its training; resume from a"
            f" checkpoint_epoch_N.pt, or begin anew from it: --model {path}"
        )
    before = TrainOptions(**json.loads(checkpoint.training["options"]))
    same = replace(options, precision=before.precision) if options.precision == "auto" else options
    changed = same.differences(before)
    if changed:
        raise UsageError(
            f"{path} was trained with other options: {'; '.join(changed)}. Resume without them,"
            f" or begin a new run from that model: --model {path} --checkpoint-dir NEW"
        )
    return checkpoint


def claim(folder: Path, pairs: Path, *, overwrite: bool) -> None:
    """Makes the folder of a new run.

    Args:
        pairs: the file of pairs, to name the command that goes on.

    Raises:
        UsageError: it holds a run, however little of it, and that is not to be replaced.
        StorageError: it cannot be made.
    """
    if not overwrite and _holds_a_run(folder):
        newest = _newest_checkpoint(folder)
        how = "--resume-from" if newest is None else resume_command(pairs, newest)
        raise UsageError(
            f"{folder} holds a training run: go on with it ({how}), keep it"
            " (another --checkpoint-dir), or replace it (--overwrite)"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror or error}") from error


def _holds_a_run(folder: Path) -> bool:
    named = any((folder / name).exists() for name in (HISTORY, BEST, BEST_FOLDER))
    return named or any(folder.glob("checkpoint_*.pt"))


def _newest_checkpoint(folder: Path) -> Path | None:
    """The one to go on from: that of an unfinished epoch, else that of the last epoch.

    By time, not by number: of a run that was replaced, higher numbers may be left.
    """
    if (folder / LAST).exists():
        return folder / LAST
    files = folder.glob(epoch_file("*"))
    return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)


def resume_command(pairs: Path, checkpoint: Path) -> str:
    """The command that goes on from a checkpoint, to be copied into a shell."""
    return shlex.join(["codeindex", "train", str(pairs), "--resume-from", str(checkpoint)])


def move(before: Path, folder: Path, pairs: Path) -> None:
    """A run that goes on in another folder takes its best model along."""
    if folder.resolve() == before.resolve():
        return
    claim(folder, pairs, overwrite=False)
    for name in (BEST, BEST_FOLDER):
        source = before / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        elif source.exists():
            shutil.copy(source, folder / name)


def epoch_file(epoch: int | str) -> str:
    """The name of the checkpoint at the end of an epoch."""
    return f"checkpoint_epoch_{epoch}.pt"


def remove_before(folder: Path, epoch: int) -> None:
    """Removes the checkpoints of the epochs before this one."""
    for number in range(epoch):
        (folder / epoch_file(number)).unlink(missing_ok=True)


def latest_checkpoint(folder: Path, epoch: int) -> str:
    """The checkpoint to go on from, of a run that was stopped in `epoch`."""
    return LAST if (folder / LAST).exists() else epoch_file(epoch - 1)
