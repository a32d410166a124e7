"""Steps of training as contestants: the loss, every gradient and Adam, whose rate is zero, so that
every step is the same and the optimiser does all of its work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.optim import Adam

from benchmarks.measure import Contestant
from benchmarks.report import OURS
from graphpoly.acceleration.optimizer import AcceleratedAdam

__all__ = ["FLOOR", "FUSED", "PLAIN", "floor_of", "ours_and_plain", "step_of"]

PLAIN, FUSED, FLOOR = "plain PyTorch", "plain PyTorch, fused Adam", "floor"
FusedAdam = partial(Adam, fused=True)
TrainedWith = partial(AcceleratedAdam, fused=True)  # by graphpoly train
Run = Callable[[], tuple[Tensor, ...]]


def step_of(model: nn.Module, loss: Callable[[], Tensor], adam: Callable[..., Adam] = Adam) -> Run:
    """Return a step, which gives the loss and every gradient."""
    optimizer = adam(model.parameters(), lr=0.0)

    def run() -> tuple[Tensor, ...]:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        grads = [p.grad.detach() for p in model.parameters() if p.grad is not None]
        return (value.detach().view(1), *grads)

    return run


def ours_and_plain(
    ours: tuple[nn.Module, Callable[[], Tensor]],
    plain: tuple[nn.Module, Callable[[], Tensor]],
    checked: int | None = None,
) -> list[Contestant]:
    """Return our step, and the plain one with Adam as it comes and in one pass.

    Args:
        ours: A network and its loss.
        plain: The same of the published way.
        checked: How many of the loss and the gradients are compared; default all.
    """
    steps = {
        OURS: step_of(*ours, TrainedWith),
        PLAIN: step_of(*plain),
        FUSED: step_of(*plain, FusedAdam),
    }
    return [Contestant(name, lambda run=run: run()[:checked]) for name, run in steps.items()]


def floor_of(model: nn.Module, loss: Callable[[], Tensor]) -> Contestant:
    """Return a step of what both share, with nothing to compare."""
    run = step_of(model, loss)
    return Contestant(FLOOR, lambda: run()[:0])
