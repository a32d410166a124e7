"""Training: tasks, the loop, checkpoints, logs and experiments over seeds.

This room knows no dataset and no layer by name. A task says how to take a training step and how to
score a model; :func:`fit` does the rest, and :func:`run_seeds` repeats it over seeds or splits.

>>> import graphpoly.training
>>> config = graphpoly.training.TrainConfig(epochs=200, patience=50)
"""

from __future__ import annotations

from graphpoly.training.checkpoint import CheckpointError
from graphpoly.training.config import TrainConfig
from graphpoly.training.experiment import Experiment, run_seeds
from graphpoly.training.fit import FitResult, fit
from graphpoly.training.layer_wise import LayerWise
from graphpoly.training.link_task import LinkTask
from graphpoly.training.loggers import CsvLogger, JsonlLogger, Logger, TensorBoardLogger
from graphpoly.training.metrics import METRICS, accuracy, mae, rocauc
from graphpoly.training.optim import parameter_groups
from graphpoly.training.partitioned_task import PartitionedNodeTask, node_task
from graphpoly.training.private_task import PrivateNodeTask
from graphpoly.training.progress import Progress, RichProgress
from graphpoly.training.ranking import LINK_METRICS, hits, mrr
from graphpoly.training.row_task import RowTask
from graphpoly.training.schedule import Schedule
from graphpoly.training.scheduled import Scheduled
from graphpoly.training.seeds import seed_everything
from graphpoly.training.separation_task import SeparationTask
from graphpoly.training.sequence_task import SequenceTask
from graphpoly.training.signal_task import SignalTask
from graphpoly.training.tasks import GraphTask, NodeTask, Task
from graphpoly.training.trace_task import TraceTask
from graphpoly.training.trackers import MlflowLogger, WandbLogger, trackers
from graphpoly.training.warm_up import WarmUp

__all__ = [
    "LINK_METRICS",
    "METRICS",
    "CheckpointError",
    "CsvLogger",
    "Experiment",
    "FitResult",
    "GraphTask",
    "JsonlLogger",
    "LayerWise",
    "LinkTask",
    "Logger",
    "MlflowLogger",
    "NodeTask",
    "PartitionedNodeTask",
    "PrivateNodeTask",
    "Progress",
    "RichProgress",
    "RowTask",
    "Schedule",
    "Scheduled",
    "SeparationTask",
    "SequenceTask",
    "SignalTask",
    "Task",
    "TensorBoardLogger",
    "TraceTask",
    "TrainConfig",
    "WandbLogger",
    "WarmUp",
    "accuracy",
    "fit",
    "hits",
    "mae",
    "mrr",
    "node_task",
    "parameter_groups",
    "rocauc",
    "run_seeds",
    "seed_everything",
    "trackers",
]
