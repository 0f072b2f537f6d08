"""The training loop: epochs, batches, steps, validation, checkpoints."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from codeindex.errors import CodeIndexError
from codeindex.files import replacing_folder
from codeindex_torch.loading import LoadedModel
from codeindex_torch.saving import save_model
from codeindex_torch.training.batches import make_batches
from codeindex_torch.training.checkpoint import Progress, write_checkpoint
from codeindex_torch.training.data import Encoded
from codeindex_torch.training.dropout import make_cheap
from codeindex_torch.training.freezing import freeze
from codeindex_torch.training.gradients import BatchGradients
from codeindex_torch.training.history import History, draw_curves, write_history
from codeindex_torch.training.loss import InfoNCE
from codeindex_torch.training.options import TrainOptions
from codeindex_torch.training.processes import average_gradients, mean_over_processes, world
from codeindex_torch.training.run_folder import BEST, BEST_FOLDER, LAST, epoch_file, remove_before
from codeindex_torch.training.schedule import make_optimizer, rate_at
from codeindex_torch.training.teaching import Teacher
from codeindex_torch.training.validation import Questions, validate, validation_loss

POINTS = 500
"""Of the curve of the training loss."""


class DivergedError(CodeIndexError):
    """The loss is no number any more."""


class Watcher(Protocol):
    """Is told how training goes; may ask it to stop."""

    def step(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        """After each optimiser step."""

    def epoch(self, facts: dict[str, Any], *, best: bool) -> None:
        """After each epoch."""

    @property
    def stop(self) -> bool:
        """Whether to save and stop after this step."""


@dataclass(frozen=True)
class Material:
    """What is trained on.

    Attributes:
        train: tokenised pairs.
        questions: the validation pairs, as queries over a pool.
        pairs_digest: of the file they come from.
        mined: int64 (pairs, negatives): mined hard negatives, to be kept in checkpoints.
        teacher: what a better encoder says of these pairs.
    """

    train: Encoded
    questions: Questions
    pairs_digest: str
    mined: torch.Tensor | None = None
    teacher: Teacher | None = None


class Trainer:
    """One run. `state` brings it where another run stopped."""

    def __init__(
        self,
        model: LoadedModel,
        material: Material,
        options: TrainOptions,
        device: torch.device,
        autocast: Callable[[], Any],
        watcher: Watcher,
    ) -> None:
        """Takes everything that decides the weights; nothing is computed yet."""
        self.model = model
        self.options = options
        self.history = History()
        self.progress = Progress()
        self._material = material
        self._device = device
        self._autocast = autocast
        self._watcher = watcher
        self._folder = Path(options.checkpoint_dir)
        self._tokens = model.tokens()
        self._loss = InfoNCE(
            options.temperature,
            learn=options.learn_temperature,
            cuts=options.cuts,
            two_directions=options.directions == "two",
        ).to(device)
        model.dual.to(device)
        freeze(model.dual, options.freeze_layers)
        if device.type == "cpu":
            make_cheap(model.dual)
        self._optimizer = make_optimizer(
            [model.dual, self._loss], options.learning_rate, options.weight_decay
        )
        self._gradients = BatchGradients(
            model.dual,
            self._loss,
            self._tokens,
            device,
            autocast,
            options.chunk_size,
            material.teacher,
        )
        steps = math.ceil(len(self._batches(0)) / options.accumulate)  # every epoch has as many
        self.total_steps = steps * options.num_epochs
        torch.manual_seed(options.seed + world()[0])  # dropout

    # -- state -------------------------------------------------------------------------------

    def training_state(self) -> dict[str, Any]:
        """All that `resume` needs beside the model."""
        return {
            "options": json.dumps(self.options.as_json()),
            "progress": json.dumps(asdict(self.progress)),
            "history": json.dumps(self.history.as_json()),
            "pairs_digest": self._material.pairs_digest,
            "mined": self._material.mined,
            "log_scale": self._loss.log_scale.detach().cpu(),
            "optimizer": self._optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Goes on from `training_state`; the model must hold the weights of that moment."""
        self.progress = Progress(**json.loads(state["progress"]))
        self.history = History.from_json(json.loads(state["history"]))
        with torch.no_grad():
            self._loss.log_scale.copy_(state["log_scale"])
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        if state.get("random_cuda") is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["random_cuda"])

    # -- loop --------------------------------------------------------------------------------

    def run(self) -> bool:
        """Trains to the end, or until it is stopped; False if it was stopped.

        Raises:
            DivergedError: the loss is no number; the checkpoints are those before.
        """
        last_step = self.progress.step + self.options.max_steps if self.options.max_steps else 0
        while not self.progress.finished(self.options):
            if not self._epoch(last_step):
                self._save(LAST)
                return False
            self._end_of_epoch()
            if self._asked_to_stop(last_step) and not self.progress.finished(self.options):
                return False  # the checkpoint of the epoch is the one to go on from
        return True

    def _asked_to_stop(self, last_step: int) -> bool:
        return self._watcher.stop or 0 < last_step <= self.progress.step

    def _epoch(self, last_step: int) -> bool:
        """The rest of the epoch; False if it was stopped before its end."""
        options = self.options
        batches = self._batches(self.progress.epoch)
        self.model.dual.train()
        while self.progress.batch < len(batches):
            started = time.perf_counter()
            group = batches[self.progress.batch : self.progress.batch + options.accumulate]
            loss, rate = self._step(group)
            pairs = sum(map(len, group))
            done = self.progress
            self.progress = replace(
                done,
                batch=done.batch + len(group),
                step=done.step + 1,
                loss_sum=done.loss_sum + loss * pairs,
                loss_count=done.loss_count + pairs,
                seconds=done.seconds + time.perf_counter() - started,
            )
            if self.progress.step % max(1, self.total_steps // POINTS) == 0:
                self.history.step_losses.append((self.progress.step, loss))
            self._watcher.step(self.progress, self.total_steps, loss, rate)
            if self.progress.batch >= len(batches):
                break
            if self._asked_to_stop(last_step):
                return False
            if options.checkpoint_steps and self.progress.step % options.checkpoint_steps == 0:
                self._save(LAST)
        return True

    def _step(self, group: list[list[int]]) -> tuple[float, float]:
        """One optimiser step over some batches: (mean loss, learning rate)."""
        options = self.options
        rate = rate_at(
            self.progress.step,
            self.total_steps,
            options.learning_rate,
            options.warmup,
            options.schedule,
        )
        for parameters in self._optimizer.param_groups:
            parameters["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        pairs = sum(map(len, group))
        loss = 0.0
        for batch in group:
            share = len(batch) / pairs
            loss += share * self._gradients.add(self._material.train, batch, share)
        trained = [p for part in self._optimizer.param_groups for p in part["params"]]
        average_gradients(trained)
        loss = mean_over_processes(loss, self._device)
        norm = torch.nn.utils.clip_grad_norm_(trained, options.clip or math.inf)
        if not math.isfinite(loss) or not math.isfinite(float(norm)):
            raise DivergedError(self._diverged(loss))
        self._optimizer.step()
        self._loss.clamp()
        return loss, rate

    def _diverged(self, loss: float) -> str:
        kept = [name for name in (LAST, BEST) if (self._folder / name).exists()]
        where = f" {' and '.join(kept)} in {self._folder} are kept." if kept else ""
        return (
            f"the loss became {loss} at step {self.progress.step + 1} of epoch"
            f" {self.progress.epoch}: training was stopped.{where} Try a lower --learning-rate,"
            " a longer --warmup, a higher --temperature, a smaller --clip, or --precision fp32"
        )

    # -- end of an epoch ---------------------------------------------------------------------

    def _end_of_epoch(self) -> None:
        done = self.progress
        self.model.dual.eval()
        loss, metrics = self._validate()
        trained = self._optimizer.param_groups[0]["lr"]
        facts = {
            "epoch": done.epoch,
            "step": done.step,
            "train_loss": done.loss_sum / max(1, done.loss_count),
            "val_loss": loss,
            "learning_rate": trained,
            "temperature": self._loss.temperature,
            "seconds": round(done.seconds, 3),
            "pairs_per_second": round(done.loss_count / max(1e-9, done.seconds), 3),
            **metrics,
        }
        self.history.epochs.append(facts)
        value = loss if self.options.best_by == "loss" else -float(metrics["mrr"])
        is_best = done.best is None or value < done.best
        if is_best:
            self.history.best_epoch = done.epoch
        self.progress = replace(
            done,
            epoch=done.epoch + 1,
            batch=0,
            loss_sum=0.0,
            loss_count=0,
            seconds=0.0,
            best=value if is_best else done.best,
            waited=0 if is_best else done.waited + 1,
        )
        self._keep(is_best)
        self._watcher.epoch(facts, best=is_best)

    def _keep(self, is_best: bool) -> None:
        """The files of an epoch; the best model first, so that no file speaks of a missing one."""
        if world()[0]:
            return
        if is_best:
            self._save_best()
        self._save(epoch_file(self.progress.epoch - 1))
        write_history(self._folder, self.history, self.options.as_json())
        draw_curves(self._folder, self.history)
        (self._folder / LAST).unlink(missing_ok=True)
        if self.options.keep:
            remove_before(self._folder, self.progress.epoch - self.options.keep)

    def _save_best(self) -> None:
        write_checkpoint(self._folder / BEST, self.model)
        with replacing_folder(self._folder / BEST_FOLDER) as folder:
            save_model(folder, self.model)

    def _save(self, name: str) -> None:
        if world()[0] == 0:
            write_checkpoint(self._folder / name, self.model, self.training_state())

    def _validate(self) -> tuple[float, dict[str, float]]:
        material = self._material
        prompts = [self.model.prompts.get(role, "") for role in ("query", "corpus")]
        questions = material.questions
        queries, corpus, metrics = validate(
            self.model.dual, self._tokens, questions, prompts, self._device, self._autocast
        )
        loss = validation_loss(
            self._loss, questions, queries, corpus, self.options.batch_size, self.options.seed
        )
        loss = mean_over_processes(loss, self._device)
        values = {
            name: mean_over_processes(value, self._device)
            for name, value in metrics.as_json().items()
        }
        return loss, values

    def _batches(self, epoch: int) -> list[list[int]]:
        return make_batches(
            self._material.train.keys.shared.tolist(),
            self.options.batch_size,
            seed=self.options.seed,
            epoch=epoch,
            multiple=world()[1],
            groups=self._material.train.repositories.tolist(),
            run=self.options.same_repository,
        )
