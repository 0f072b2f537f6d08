"""How a training run goes, on the terminal and for TensorBoard; and how Ctrl-C ends it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from codeindex.cli.session import Session

if TYPE_CHECKING:
    from codeindex_torch.training.checkpoint import Progress
    from codeindex_torch.training.run import Start


class TerminalWatcher:
    """Shows progress: a bar on a terminal, a line an epoch; TensorBoard where it is asked for."""

    def __init__(self, session: Session, log_to: str) -> None:
        self.stop = False
        self._session = session
        self._bar: Any = None
        self._log: Any = None
        self._pairs = 0
        self._began = time.perf_counter()
        self._log_to = log_to
        self._first = True

    def start(self, start: Start) -> None:
        """Before the first step."""
        self._first = is_first_process()
        if not self._first:
            return
        self._session.say(
            f"{start.train:,} pairs to train on, {start.validation:,} to validate;"
            f" {start.batches:,} steps an epoch; {start.device}, {start.precision}"
        )
        if start.resumed_at is not None:
            epoch, step = start.resumed_at
            self._session.say(f"going on in epoch {epoch} after {step:,} steps")
        if self._log_to:
            self._log = _tensorboard(self._log_to)
        if not self._session.quiet and sys.stderr.isatty():
            from tqdm import tqdm

            done = start.resumed_at[1] if start.resumed_at else 0
            self._bar = tqdm(
                total=start.total_steps, initial=done, unit=" steps", leave=False, file=sys.stderr
            )
        self._began = time.perf_counter()

    def step(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        """After each step."""
        if not self._first:
            return
        if self._bar is not None:
            speed = progress.loss_count / max(1e-9, progress.seconds)
            self._bar.set_description(f"epoch {progress.epoch}", refresh=False)
            self._bar.set_postfix(loss=f"{loss:.4f}", pairs_s=f"{speed:.1f}", refresh=False)
            self._bar.update(progress.step - self._bar.n)
        if self._log is not None:
            self._log.add_scalar("train/loss", loss, progress.step)
            self._log.add_scalar("train/learning_rate", rate, progress.step)

    def epoch(self, facts: dict[str, Any], *, best: bool) -> None:
        """After each epoch."""
        if not self._first:
            return
        if self._bar is not None:
            self._bar.clear()
        mark = "  (best so far)" if best else ""
        self._session.say(
            f"epoch {facts['epoch']}: train loss {facts['train_loss']:.4f},"
            f" val loss {facts['val_loss']:.4f}, MRR {facts['mrr']:.3f},"
            f" Recall@10 {facts['recall_at_10']:.3f} of {facts['pool']:.0f},"
            f" {facts['pairs_per_second']:.1f} pairs/s{mark}"
        )
        if self._log is not None:
            for name in ("train_loss", "val_loss", "mrr", "recall_at_1", "recall_at_10"):
                self._log.add_scalar(f"epoch/{name}", facts[name], facts["epoch"])

    def close(self) -> None:
        """Takes the bar away and finishes the log."""
        if self._bar is not None:
            self._bar.close()
        if self._log is not None:
            self._log.close()


@contextmanager
def watching(session: Session, log_to: str) -> Iterator[TerminalWatcher]:
    """The first Ctrl-C (or SIGTERM) finishes the step and saves; the second one stops at once."""
    watcher = TerminalWatcher(session, log_to)

    def ask(number: int, frame: Any) -> None:
        if watcher.stop:
            raise KeyboardInterrupt
        watcher.stop = True
        session.say("\nfinishing this step, then saving; once more to stop at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield watcher
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        watcher.close()


def _tensorboard(folder: str) -> Any:
    from codeindex.errors import UsageError

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError("--log-to needs tensorboard; run: pip install tensorboard") from None
    return SummaryWriter(folder)


def is_first_process() -> bool:
    """Whether this is the process that speaks, where there are several."""
    from codeindex_torch.training.processes import world

    return world()[0] == 0
