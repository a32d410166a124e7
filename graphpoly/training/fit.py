"""The training loop."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.distributed import anyone, copy_from_first, from_first, is_first, size
from graphpoly.files import plain, to_json, write_atomically
from graphpoly.training.checkpoint import (
    CheckpointError,
    Snapshot,
    config_hash,
    load_checkpoint,
    save_checkpoint,
)
from graphpoly.training.config import TrainConfig
from graphpoly.training.identity import describe_model, describe_optimizer, describe_task
from graphpoly.training.interrupt import postponed_interrupt
from graphpoly.training.loggers import Logger, default_loggers
from graphpoly.training.progress import Progress
from graphpoly.training.provenance import Provenance
from graphpoly.training.run_directory import reserve, write_config
from graphpoly.training.seeds import (
    deterministic,
    own_draws,
    rng_state,
    seed_everything,
    set_rng_state,
    training_seed,
)
from graphpoly.training.tasks import Task
from graphpoly.versions import versions as package_versions

__all__ = ["FitResult", "fit"]

# Seconds of training for each second of writing checkpoints, at least.
_LEAST_WAIT = 20

_log = logging.getLogger("graphpoly")


@dataclass(frozen=True)
class FitResult:
    """What one run gave.

    Attributes:
        best_epoch: First epoch with the best validation value; epochs count from 1.
        train: Training metric of the best epoch's weights.
        val: Their validation metric.
        test: Their test metric: never the best test metric of the run.
        val_loss: Their validation loss.
        epochs: Epochs trained.
        seconds: Wall-clock time, of interrupted parts too.
        num_parameters: Trainable parameters.
        stopped: Why it ended: ``"epochs"``, ``"patience"`` (that of a task which is finished, too)
            or ``"diverged"`` (the training loss was no longer finite).
    """

    best_epoch: int
    train: float
    val: float
    test: float
    val_loss: float
    epochs: int
    seconds: float
    num_parameters: int
    stopped: str


def fit(
    model: nn.Module,
    task: Task,
    optimizer: Optimizer,
    config: TrainConfig,
    *,
    run_dir: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
    loggers: Sequence[Logger] = (),
    progress: Progress | None = None,
) -> FitResult:
    """Train a model, keep the weights of its best validation epoch, and score them.

    Afterwards the model holds the best epoch's weights and is in evaluation mode.

    A run directory gets ``config.yaml``, ``history.csv``, ``history.jsonl``, ``tensorboard/`` where
    that is installed, ``checkpoint/`` and, at the end, ``results.json``. A run that was killed goes
    on from its last checkpoint with ``resume=True``, and on a CPU ends bit by bit as if nothing had
    happened. Ctrl-C lets the epoch finish, writes a checkpoint and then raises
    ``KeyboardInterrupt``; pressed twice it stops at once.

    Several processes train one model where each calls this with the same arguments: each has a
    share of every step, whose gradient is that of one process with all of it. The first one writes;
    what it wrote is resumed by any number of them. Dropout is drawn by each for its share.

    Args:
        model: The model, on its device.
        task: What to train and how to score it.
        optimizer: Of the model's parameters.
        config: How long, what decides, how often to save.
        run_dir: Where everything is written; ``None`` writes nothing.
        seed: Seeds dropout and every other draw of the training (not the weights, which exist).
        resume: Continue what ``run_dir`` holds. An empty directory begins a run, and a finished
            run gives its result without training.
        settings: Whatever else defines the run, as plain values: stored in ``config.yaml`` and
            compared on resume, so paths and devices do not belong here.
        loggers: Further loggers.
        progress: A progress bar, such as :class:`~graphpoly.training.RichProgress`.

    Returns:
        The scores of the best epoch's weights.

    Raises:
        CheckpointError: If ``run_dir`` holds another run, or a checkpoint that is cut short,
            altered, or of another format or configuration. Nothing is overwritten.
        ValueError: If no epoch had a finite validation value, or if the task takes a step on a
            whole graph and there are several processes.

    Example:
        >>> class Fixed:  # a task that needs no data
        ...     metric, maximize = "score", True
        ...     def train_epoch(self, model, optimizer):
        ...         return 0.0
        ...     def evaluate(self, model, splits=("train", "val", "test")):
        ...         return {**{name: 0.5 for name in splits}, "val_loss": 1.0}
        >>> model = nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> result = fit(model, Fixed(), optimizer, TrainConfig(epochs=20, patience=3))
        >>> result.best_epoch, result.epochs, result.stopped
        (1, 4, 'patience')
    """
    from_first(lambda: _check_divisible(task))
    copy_from_first(model)
    run = _Run(model, task, optimizer, config)
    with ExitStack() as stack:
        save = None
        active = list(loggers) if is_first() else []
        if run_dir is not None:
            run_dir = Path(run_dir)
            written = {
                "seed": seed,
                "train": config.to_dict(),
                "optimizer": describe_optimizer(optimizer),
                "task": describe_task(task),
                "settings": plain({} if settings is None else settings),
            }
            identity = {**written, "train": config.identity(), "model": describe_model(model)}
            stack.enter_context(reserve(run_dir, written, resume=resume))
            checkpoint = run_dir / "checkpoint"
            snapshot = from_first(lambda: load_checkpoint(checkpoint, identity))
            if snapshot is not None:
                _restore(run, snapshot, checkpoint / "state.pt")
            save = _Saver(run, checkpoint, identity)
            if is_first():
                write_config(run_dir, written)
            if is_first() and run.result is None:
                active += default_loggers(run_dir, tensorboard=config.tensorboard)
        if run.epoch == 0:
            seed_everything(training_seed(seed))
            run.rng = rng_state()
        if run.result is None:
            run.provenance.begin(_device(model))
            _train(run, save, active, progress if is_first() else None, label=f"seed {seed}")
        if run_dir is not None and is_first():
            _write_results(run_dir, seed, run, identity)
    return run.load_result()


class _Run:
    """The state of a run between two epochs."""

    def __init__(
        self, model: nn.Module, task: Task, optimizer: Optimizer, config: TrainConfig
    ) -> None:
        self.model, self.task, self.optimizer, self.config = model, task, optimizer, config
        self.epoch = 0
        self.best_epoch = 0
        self.best_value = math.nan
        self.best: dict[str, Tensor] = {}
        self.losses: list[float] = []  # the last validation losses, where their mean stops a run
        self.seconds = 0.0
        self.stopped = ""
        self.result: dict[str, Any] | None = None
        # Training has the random streams to itself. Whatever else draws from them, such as an
        # import that happens at the first evaluation of a process, must not move a resumed run.
        self.rng: dict[str, Any] = {}
        self.provenance = Provenance()

    def step(self) -> dict[str, float]:
        """Train one epoch, score it, and return its row of the history."""
        began = time.perf_counter()
        set_rng_state(self.rng)
        with own_draws():
            loss = float(self.task.train_epoch(self.model, self.optimizer))
        # what a layer has gathered of its share; a checkpoint holds that of the first process
        copy_from_first(self.model, parameters=False)
        self.rng = rng_state()
        self.epoch += 1
        row: dict[str, float] = {"epoch": self.epoch, "loss": loss}
        if math.isfinite(loss):
            row.update(self.task.evaluate(self.model, self.config.watch))
            self._compare(row)
            if self.epoch >= self.config.epochs:
                self.stopped = "epochs"
            elif self._patience_is_over(row["val_loss"]) or getattr(self.task, "finished", False):
                self.stopped = "patience"
        else:
            self.stopped = "diverged"
        self.seconds += time.perf_counter() - began
        return row

    def finish(self) -> None:
        """Score the best weights on all splits."""
        if self.best_epoch == 0:
            raise ValueError(
                f"no epoch of {self.epoch} had a finite validation value and loss; "
                "lower the learning rate, or set grad_clip"
            )
        began = time.perf_counter()
        set_rng_state(self.rng)
        last = _copy(self.model)
        self.model.load_state_dict(self.best)
        scores = self.task.evaluate(self.model)
        self.model.load_state_dict(last)
        self.seconds += time.perf_counter() - began
        trainable = [p for p in self.model.parameters() if p.requires_grad]
        self.result = dataclasses.asdict(
            FitResult(
                best_epoch=self.best_epoch,
                train=float(scores["train"]),
                val=float(scores["val"]),
                test=float(scores["test"]),
                val_loss=float(scores["val_loss"]),
                epochs=self.epoch,
                seconds=self.seconds,
                num_parameters=sum(p.numel() for p in trainable),
                stopped=self.stopped,
            )
        )

    def load_result(self) -> FitResult:
        """Leave the best weights in the model and return its scores."""
        assert self.result is not None
        self.model.load_state_dict(self.best)
        self.model.eval()
        return FitResult(**self.result)

    def snapshot(self) -> Snapshot:
        """Return everything that :meth:`restore` needs to go on as if nothing had happened."""
        state = {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
            "losses": self.losses,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "result": self.result,
            "optimizer": self.optimizer.state_dict(),
            "task": self.task.state_dict() if hasattr(self.task, "state_dict") else {},
            "rng": self.rng,
            "processes": self.provenance.processes(),
        }
        return Snapshot(last=self.model.state_dict(), best=self.best, state=state)

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a checkpoint."""
        state = snapshot.state
        self.model.load_state_dict(snapshot.last)
        self.best = snapshot.best
        self.optimizer.load_state_dict(state["optimizer"])
        if hasattr(self.task, "load_state_dict"):
            self.task.load_state_dict(state["task"])
        self.epoch, self.best_epoch = state["epoch"], state["best_epoch"]
        self.best_value, self.seconds = state["best_value"], state["seconds"]
        self.losses = state["losses"]
        self.stopped, self.result = state["stopped"], state["result"]
        if self.result is not None:
            FitResult(**self.result)
        self.rng = state["rng"]
        self.provenance = Provenance(state.get("processes", ()))  # absent until 0.1

    def _compare(self, row: Mapping[str, float]) -> None:
        by_loss = self.config.monitor == "loss"
        value = float(row["val_loss"] if by_loss else row["val"])
        # Weights that have become NaN still have an accuracy; it must never be the best.
        if not (math.isfinite(value) and math.isfinite(row["val_loss"])):
            return
        if self.epoch < self.config.first_epoch:
            return
        larger = self.task.maximize and not by_loss
        better = value > self.best_value if larger else value < self.best_value
        tied = self.config.ties == "last" and value == self.best_value
        if self.best_epoch and not (better or tied):
            return
        self.best_epoch, self.best_value, self.best = self.epoch, value, _copy(self.model)

    def _patience_is_over(self, val_loss: float) -> bool:
        patience = self.config.patience
        if patience is None:
            return False
        if self.config.stopping == "mean":
            if self.epoch < self.config.first_epoch:
                return False
            before, self.losses = self.losses, [*self.losses, val_loss][-patience:]
            if self.epoch < max(self.config.first_epoch + patience + 1, self.config.min_epochs):
                return False
            return val_loss > sum(before) / len(before)
        if self.epoch < self.config.min_epochs:
            return False
        return self.epoch - max(self.best_epoch, self.config.first_epoch - 1) >= patience


class _Saver:
    """Writes checkpoints, but not more often than the configuration allows."""

    def __init__(self, run: _Run, directory: Path, identity: Mapping[str, Any]) -> None:
        self._run, self._directory, self._identity = run, directory, identity
        self._wait = run.config.checkpoint_seconds
        self._written = time.monotonic()

    def due(self) -> bool:
        if not is_first():
            return False
        waited = time.monotonic() - self._written
        return self._run.epoch % self._run.config.checkpoint_every == 0 and waited >= self._wait

    def __call__(self) -> None:
        if not is_first():
            return
        began = time.monotonic()
        save_checkpoint(self._directory, self._run.snapshot(), self._identity)
        self._written = time.monotonic()
        if self._run.config.checkpoint_seconds > 0:
            cost = self._written - began
            self._wait = max(self._run.config.checkpoint_seconds, _LEAST_WAIT * cost)


def _check_divisible(task: Task) -> None:
    if size() > 1 and not getattr(task, "parallel", False):
        raise ValueError(
            f"{size()} processes: this recipe takes each step on a whole graph, which has no "
            "batches to divide; run it without torchrun"
        )


def _restore(run: _Run, snapshot: Snapshot, path: Path) -> None:
    try:
        run.restore(snapshot)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{path}: not the state of this run: {type(error).__name__}: {reason}"
        ) from error


def _train(
    run: _Run,
    save: _Saver | None,
    loggers: Sequence[Logger],
    progress: Progress | None,
    *,
    label: str,
) -> None:
    with ExitStack() as stack:
        for logger in loggers:
            stack.callback(logger.close)
            logger.open(run.epoch)
        if progress is not None:
            progress.start(label, run.config.epochs, run.epoch)
            stack.callback(progress.stop)
        if run.config.grad_clip is not None:
            stack.callback(_clip_gradients(run.optimizer, run.config.grad_clip).remove)
        stack.enter_context(deterministic(run.config.deterministic))
        interrupted = stack.enter_context(postponed_interrupt(save is not None))

        while not run.stopped:
            row = run.step()
            for logger in loggers:
                logger.log(row)
            if progress is not None:
                progress.update(run.epoch, row)
            if run.stopped:
                break
            stopping = anyone(interrupted())
            if save is not None and (stopping or save.due()):
                # The history first: it may be ahead of a checkpoint, never behind.
                for logger in loggers:
                    logger.flush()
                save()
            if stopping:
                message = f"stopped after epoch {run.epoch}; resume=True (--resume) continues"
                _log.warning(message)
                raise KeyboardInterrupt(message)
        run.finish()
        for logger in loggers:
            logger.flush()
        if save is not None:
            save()
        if anyone(interrupted()):
            raise KeyboardInterrupt(f"finished after epoch {run.epoch}")


def _clip_gradients(optimizer: Optimizer, max_norm: float) -> Any:
    """Clip at each step, whatever task calls it, since a task does not know the configuration."""

    def clip(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, max_norm)

    return optimizer.register_step_pre_hook(clip)


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _write_results(run_dir: Path, seed: int, run: _Run, identity: Mapping[str, Any]) -> None:
    results = {
        "seed": seed,
        **(run.result or {}),
        "config_hash": config_hash(identity),
        "task": identity["task"],
        **(run.task.report() if hasattr(run.task, "report") else {}),
        "versions": package_versions(),
        "device": str(_device(run.model)),
        "all_parameters": sum(p.numel() for p in run.model.parameters()),
        "processes": run.provenance.processes(),
    }
    write_atomically(run_dir / "results.json", to_json(results))
