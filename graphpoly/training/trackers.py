"""Loggers for trackers that people look at together: Weights & Biases and MLflow."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from graphpoly.errors import unknown
from graphpoly.files import write_atomically
from graphpoly.training.loggers import Logger

__all__ = ["TRACKERS", "MlflowLogger", "WandbLogger", "check_trackers", "trackers"]

_PROJECT = "graphpoly"
_FILE = "trackers.json"  # which run of a tracker a folder is


class _Tracker:
    """What both have in common.

    Args:
        directory: Folder of the run; its ``trackers.json`` holds the run's name at the tracker, so
            that a resumed run goes on there, from its first epoch on, too.
        project: Project or experiment; it is made where it is new.
        name: Of the run; default that of the folder.
        settings: Of the run, as plain values.

    Raises:
        ImportError: If the tracker is not installed.
    """

    kind = ""

    def __init__(
        self,
        directory: str | Path,
        *,
        project: str = _PROJECT,
        name: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.project, self.name = project, name or self.directory.name
        self.settings = flat(settings or {})
        self._sent = 0
        self._run: Any = None

    def log(self, row: Mapping[str, float]) -> None:
        """See :meth:`Logger.log`; epochs that the tracker has are not sent again.

        A resumed run repeats them to the bit.
        """
        epoch = int(row["epoch"])
        if epoch > self._sent:
            values = {key: float(value) for key, value in row.items() if key != "epoch"}
            self._send(epoch, {key: value for key, value in values.items() if math.isfinite(value)})
            self._sent = epoch

    def flush(self) -> None:
        """See :meth:`Logger.flush`; the trackers write on their own."""

    def _send(self, epoch: int, values: dict[str, float]) -> None:
        raise NotImplementedError

    def _held(self) -> dict[str, str]:
        path = self.directory / _FILE
        held = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return {str(key): str(value) for key, value in held.items()}

    def _hold(self, identity: str) -> None:
        held = {**self._held(), self.kind: identity}
        write_atomically(self.directory / _FILE, json.dumps(held, indent=2) + "\n")


class WandbLogger(_Tracker):
    """Curves and settings for Weights & Biases, which the extra ``graphpoly[wandb]`` brings.

    ``WANDB_MODE=offline`` keeps them in the run's folder for ``wandb sync``.

    Args:
        directory: Folder of the run.
        project: Of the account.
        name: Of the run.
        settings: Of the run.
    """

    kind = "wandb"

    def __init__(self, directory: str | Path, **named: Any) -> None:
        super().__init__(directory, **named)
        self._wandb = _imported("wandb")

    def open(self, after: int) -> None:
        """See :meth:`Logger.open`."""
        identity = self._held().get(self.kind)
        self._run = self._wandb.init(
            project=self.project,
            name=self.name,
            dir=str(self.directory),
            id=identity,
            resume="allow" if identity else None,
            config=self.settings,
        )
        self._hold(self._run.id)
        self._sent = max(after, int(self._run.step) - 1) if identity else after

    def _send(self, epoch: int, values: dict[str, float]) -> None:
        self._run.log(values, step=epoch)

    def close(self) -> None:
        """See :meth:`Logger.close`."""
        run, self._run = self._run, None
        if run is not None:
            run.finish(exit_code=0 if _ending() == "FINISHED" else 1)


class MlflowLogger(_Tracker):
    """Curves and settings for MLflow, which the extra ``graphpoly[mlflow]`` brings.

    They go where ``MLFLOW_TRACKING_URI`` says, by default into MLflow's own store in the folder
    that the program runs in.

    Args:
        directory: Folder of the run.
        project: Name of the experiment.
        name: Of the run.
        settings: Of the run.
    """

    kind = "mlflow"

    def __init__(self, directory: str | Path, **named: Any) -> None:
        super().__init__(directory, **named)
        self._client = _imported("mlflow").MlflowClient()

    def open(self, after: int) -> None:
        """See :meth:`Logger.open`."""
        identity = self._held().get(self.kind)
        if identity:
            self._run = self._client.get_run(identity).info.run_id
            self._client.update_run(self._run, status="RUNNING")
            self._sent = max(after, self._last_step())
            return
        found = self._client.get_experiment_by_name(self.project)
        place = found.experiment_id if found else self._client.create_experiment(self.project)
        self._run = self._client.create_run(place, run_name=self.name).info.run_id
        for key, value in self.settings.items():
            self._client.log_param(self._run, key, value)
        self._hold(self._run)
        self._sent = after

    def _last_step(self) -> int:
        metrics = self._client.get_run(self._run).data.metrics
        rows = (self._client.get_metric_history(self._run, key) for key in metrics)
        return max((row.step for history in rows for row in history), default=0)

    def _send(self, epoch: int, values: dict[str, float]) -> None:
        for key, value in values.items():
            self._client.log_metric(self._run, key, value, step=epoch)

    def close(self) -> None:
        """See :meth:`Logger.close`."""
        run, self._run = self._run, None
        if run is not None:
            self._client.set_terminated(run, status=_ending())


TRACKERS: dict[str, Callable[..., Logger]] = {"mlflow": MlflowLogger, "wandb": WandbLogger}


def trackers(
    words: Sequence[str], directory: str | Path, *, name: str, settings: Mapping[str, Any]
) -> list[Logger]:
    """Return the loggers that the words name, each ``"wandb"`` or ``"wandb:PROJECT"``.

    Raises:
        ValueError, ImportError: As :func:`check_trackers` does.
    """
    check_trackers(words)
    made = []
    for word in words:
        kind, _, project = word.partition(":")
        make = TRACKERS[kind]
        made.append(make(directory, project=project or _PROJECT, name=name, settings=settings))
    return made


def check_trackers(words: Sequence[str]) -> None:
    """Refuse what is not, or is not installed, before anything is trained.

    Raises:
        ValueError: If there is no such tracker, or one is named twice: a run is in one project.
        ImportError: If it is not installed.
    """
    kinds = [word.partition(":")[0] for word in words]
    for kind in kinds:
        if kind not in TRACKERS:
            raise unknown("tracker", kind, TRACKERS)
        if kinds.count(kind) > 1:
            raise ValueError(f"track: {kind} is named {kinds.count(kind)} times")
        _imported(kind)


def _ending() -> str:
    """How a run ends that is closed now, as MLflow says it: an error passes by here."""
    error = sys.exc_info()[1]
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level, with dots.

    >>> flat({"settings": {"K": 4}, "split": "random"})
    {'settings.K': 4, 'split': 'random'}
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{name} is missing: pip install 'graphpoly[{name}]'") from error
