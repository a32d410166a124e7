"""What every family of cases is made of: inputs, a definition, and who computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from benchmarks.measure import TOLERANCE, Case, Contestant

__all__ = ["CHECKED", "both", "compiled", "contestant", "distinct", "draw", "package"]

CHECKED = 4  # channels that the truth is computed for

Run = Callable[..., Tensor]


def draw(*shape: int, seed: int = 1) -> Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def distinct(rows: int, columns: int, *, seed: int = 1) -> Tensor:
    """Numbers from -1 to 1, no two of a column equal, and none of them 0.

    Who gets the gradient of a tie is open, and that of torch's ``scatter_reduce`` takes the 0 that
    it starts from for one of those that tie.
    """
    ranks = draw(rows, columns, seed=seed).argsort(0)
    return (2 * ranks.float() + 0.5) / rows - 1


def compiled(run: Run) -> Run:
    """``run`` under ``torch.compile``, for the shapes that it is called with."""
    torch.compiler.reset()  # a limit holds for all that was compiled of one function
    made: Run = torch.compile(run, dynamic=False)
    return made


def contestant(
    name: str,
    run: Run | str,
    inputs: list[Tensor],
    grad: Tensor | None,
    *,
    tolerance: float = TOLERANCE,
) -> Contestant:
    """``run`` on ``inputs``, and the gradients in all of them where ``grad`` is there."""
    if isinstance(run, str):
        return Contestant(name, skip=run)

    def forward() -> tuple[Tensor, ...]:
        with torch.no_grad():
            return (run(*inputs),)

    def and_backward() -> tuple[Tensor, ...]:
        leaves = [t.detach().requires_grad_() for t in inputs]
        out = run(*leaves)
        return out, *torch.autograd.grad(out, leaves, grad)

    return Contestant(name, forward if grad is None else and_backward, tolerance=tolerance)


def both(
    op: str,
    graph: str,
    channels: int,
    runs: Mapping[str, Run | str],
    inputs: list[Tensor],
    grad: Tensor,
    definition: Run,
    *,
    head: Callable[[Tensor], Tensor] = lambda t: t[..., :CHECKED],
    order: int | None = None,
    gathered: int = 0,
    streamed: int = 0,
    tolerance: float = TOLERANCE,
    directions: tuple[bool, ...] = (False, True),
) -> Iterator[Case]:
    """Forward, then forward and backward; ``head`` takes what the truth is computed for."""

    def truth(backward: bool) -> tuple[Tensor, ...]:
        leaves = [head(t).double().requires_grad_(backward) for t in inputs]
        out = definition(*leaves)
        if not backward:
            return (out,)
        return out.detach(), *torch.autograd.grad(out, leaves, head(grad).double())

    for backward in directions:
        yield Case(
            op,
            graph,
            channels,
            "forward+backward" if backward else "forward",
            lambda backward=backward: truth(backward),
            [
                contestant(name, run, inputs, grad if backward else None, tolerance=tolerance)
                for name, run in runs.items()
            ],
            order=order,
            gathered=gathered * (1 + backward),
            streamed=streamed * (1 + backward),
        )


def package(name: str, make: Callable[[], Run]) -> Run | str:
    """What ``make`` gives, or why the package ``name`` cannot take part."""
    try:
        return make()
    except (ImportError, OSError) as error:
        return f"{name} not installed ({type(error).__name__})"
