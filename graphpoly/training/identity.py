"""What makes two runs the same run, in plain values."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from graphpoly.files import plain
from graphpoly.training.tasks import Task

__all__ = ["describe_model", "describe_optimizer", "describe_task"]


def describe_task(task: Task) -> dict[str, Any]:
    """Return the metric of a task, and what it says of itself."""
    own = task.describe() if hasattr(task, "describe") else {}
    return plain({"metric": task.metric, "maximize": task.maximize, **own}, "task")


def describe_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Return the class and the options of each parameter group.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
        >>> described = describe_optimizer(optimizer)
        >>> described["name"], described["groups"][0]["lr"], described["groups"][0]["num_tensors"]
        ('SGD', 0.1, 2)
    """
    groups = []
    for group in optimizer.param_groups:
        options = {key: value for key, value in group.items() if key != "params"}
        described = plain(options, "optimizer")
        groups.append({"num_tensors": len(group["params"]), **described})
    return {"name": type(optimizer).__name__, "groups": groups}


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Return the class and the shape of every entry of the state dict.

    Example:
        >>> describe_model(nn.Linear(2, 1, bias=False))
        {'name': 'Linear', 'state': {'weight': 'torch.float32 [1, 2]'}}
    """
    shapes = {
        name: "lazy" if is_lazy(value) else f"{value.dtype} {list(value.shape)}"
        for name, value in model.state_dict(keep_vars=True).items()
        if isinstance(value, Tensor)
    }
    return {"name": type(model).__name__, "state": shapes}
