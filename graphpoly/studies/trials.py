"""Trials of a search, on disk: several processes share them, and any of them may be killed.

Each trial has a slot, and the draws of a slot depend on the seed of the search, its number and the
trials that ended before. A trial that was interrupted counts as failed, and the next one takes over
its slot: a search by one process that is killed and goes on finds what it would have found.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from graphpoly.files import naming
from graphpoly.studies.spaces import Choice, Space
from graphpoly.training import CheckpointError, Progress
from graphpoly.training.run_directory import lock

try:
    import fcntl
except ImportError:  # one process at a time, where only POSIX has locks that die with it
    fcntl = None  # type: ignore[assignment]

__all__ = ["Curve", "Trials", "imported", "is_free", "turn"]

_NAME = "search"
_REPORTS = 50  # of one trial at most: each is a write to the disk
_WARM_UP = 5  # of them, before which no trial ends early


class Trials:
    """The trials of one search.

    Args:
        folder: Where the journal and the runs lie.
        space: What is drawn.
        maximize: Whether larger values are better.
        epochs: Of a trial, at most.
        seed: Of the draws.

    Attributes:
        pruned: What :class:`Curve` raises.

    Raises:
        ImportError: If optuna is not installed.
        CheckpointError: If the journal cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, Space],
        *,
        maximize: bool,
        epochs: int,
        seed: int,
    ) -> None:
        self._optuna = optuna = imported()
        self._folder, self._space, self._seed = folder, space, seed
        self.maximize, self.every = maximize, math.ceil(epochs / _REPORTS)
        self.pruned: type[Exception] = optuna.TrialPruned
        path = folder / "trials.log"
        lock_obj = None if fcntl is None else _Turns(path)
        journal = optuna.storages.journal.JournalFileBackend(str(path), lock_obj=lock_obj)
        journal.append_logs = naming(path)(journal.append_logs)  # a full disk names no file
        try:
            self._study = optuna.create_study(
                storage=optuna.storages.JournalStorage(journal),
                study_name=_NAME,
                pruner=optuna.pruners.MedianPruner(n_warmup_steps=_WARM_UP * self.every),
                direction="maximize" if maximize else "minimize",
                load_if_exists=True,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path}: cut short or altered; it is not readable") from error

    @contextmanager
    def next(self, count: int) -> Iterator[Any]:
        """Give the next of ``count`` trials, or None where all are taken; it is ours in the block.

        An exception in the block fails the trial.
        """
        with ExitStack() as held:
            with turn(self._folder):
                taken = {trial.user_attrs.get("slot") for trial in self._kept()}
                free = next((slot for slot in range(count) if slot not in taken), None)
                trial = None if free is None else self._ask(free)
                if trial is not None:
                    held.enter_context(lock(self.folder_of(trial.number)))
            try:
                yield trial
            except BaseException:
                if trial is not None:
                    self._study.tell(trial, state=self._states.FAIL, skip_if_finished=True)
                raise

    def tell(self, trial: Any, value: float) -> None:
        """Enter what a trial has come to."""
        self._study.tell(trial, value)

    def give_up(self, trial: Any, reason: str) -> None:
        """End a trial that leads nowhere."""
        trial.set_user_attr("reason", reason)
        self._study.tell(trial, state=self._states.PRUNED)

    def running(self) -> bool:
        """Return whether another process is at work on a trial."""
        with turn(self._folder):
            return any(trial.state == self._states.RUNNING for trial in self._kept())

    def rows(self, count: int) -> list[dict[str, Any]]:
        """Return what is known of the first ``count`` slots, in their order, as plain values.

        ``value`` is None of a trial that did not reach its end.
        """
        done = self._states.COMPLETE
        ended = self._study.get_trials(deepcopy=False, states=(done, self._states.PRUNED))
        kept = [trial for trial in ended if trial.user_attrs["slot"] < count]
        return [
            {
                "slot": trial.user_attrs["slot"],
                "trial": trial.number,
                "settings": dict(trial.params),
                "value": trial.value if trial.state == done else None,
                "reason": trial.user_attrs.get("reason", ""),
            }
            for trial in sorted(kept, key=lambda trial: trial.user_attrs["slot"])
        ]

    def best(self, count: int) -> dict[str, Any]:
        """Return the row of the best of the first ``count`` slots, the first one of equal ones.

        Raises:
            ValueError: If none reached its end.
        """
        rows = self.rows(count)
        ended = [row for row in rows if row["value"] is not None]
        if not ended:
            raise ValueError(f"trials: none of {len(rows)} was trained; {rows[0]['reason']}")
        return (max if self.maximize else min)(ended, key=lambda row: row["value"])

    def folder_of(self, number: int) -> Path:
        """Return where a trial runs."""
        return self._folder / "trials" / f"{number:04}"

    @property
    def _states(self) -> Any:
        return self._optuna.trial.TrialState

    def _ask(self, slot: int) -> Any:
        seed = random.Random(f"graphpoly search {self._seed} {slot}").getrandbits(32)
        self._study.sampler = self._optuna.samplers.TPESampler(seed=seed)
        trial = self._study.ask({name: self._drawn(space) for name, space in self._space.items()})
        trial.set_user_attr("slot", slot)
        return trial

    def _kept(self) -> list[Any]:
        """Return the trials that hold a slot; those whose process is gone have lost theirs."""
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == self._states.RUNNING and is_free(self.folder_of(trial.number)):
                self._study.tell(trial.number, state=self._states.FAIL)
        failed = (self._states.FAIL, self._states.WAITING)
        return [t for t in self._study.get_trials(deepcopy=False) if t.state not in failed]

    def _drawn(self, space: Space) -> Any:
        kinds = self._optuna.distributions
        if isinstance(space, Choice):
            return kinds.CategoricalDistribution(space.values)
        whole = isinstance(space.low, int)
        kind = kinds.IntDistribution if whole else kinds.FloatDistribution
        return kind(space.low, space.high, log=space.log)


class Curve:
    """Progress of a trial, which ends it where its validation curve is below the others' median.

    Args:
        trials: Whose trial it is.
        trial: What is told.
        inner: Told about each epoch, or None.
    """

    def __init__(self, trials: Trials, trial: Any, *, inner: Progress | None = None) -> None:
        self._trials, self._trial, self._inner = trials, trial, inner
        self._best: float | None = None

    def start(self, label: str, total: int, done: int, what: str = "") -> None:
        """See :meth:`graphpoly.training.Progress.start`."""
        if self._inner is not None:
            self._inner.start(f"trial {self._trial.number}", total, done, *([what] if what else []))

    def update(self, done: int, scores: Mapping[str, float]) -> None:
        """Report the best validation value so far; nothing else of the scores is looked at."""
        if self._inner is not None:
            self._inner.update(done, scores)
        value = scores.get("val", math.nan)
        if math.isfinite(value):
            better = max if self._trials.maximize else min
            self._best = value if self._best is None else better(self._best, value)
        if self._best is None or done % self._trials.every:
            return
        self._trial.report(self._best, done)
        if self._trial.should_prune():
            raise self._trials.pruned(f"behind after epoch {done}")

    def stop(self) -> None:
        """See :meth:`graphpoly.training.Progress.stop`."""
        if self._inner is not None:
            self._inner.stop()


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block of this folder, and have it to oneself."""
    if fcntl is None:
        yield
        return
    with (folder / ".turn").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Turns:
    """Who writes to the journal; the file that optuna makes for it outlives whoever is killed.

    Args:
        path: The journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Wait for the turn, and take away a last line that was not written to its end."""
        file = self._path.open("rb+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.seek(0, 2):
                file.seek(-1, 2)
                if file.read() != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
        except BaseException:
            file.close()
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Give it to the next."""
        if self._file is not None:
            self._file.close()


def is_free(folder: Path) -> bool:
    """Return whether nobody works in a folder."""
    try:
        with lock(folder):
            return True
    except CheckpointError:
        return False


def imported() -> Any:
    """Return optuna, or name the extra that brings it."""
    try:
        import optuna
    except ImportError as error:
        raise ImportError("optuna is missing: pip install 'graphpoly[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
