"""The graphs on which kernels are compared with their references, and the comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops import CSR
from graphpoly.testing import assert_close
from tests.ops.graphs import random_csr

GRAPHS = {  # rows, columns, entries; a quarter of the entries stands in row 0
    "no entries": (4, 3, 0),
    "no columns": (3, 0, 0),
    "no rows": (0, 3, 0),
    "one": (1, 1, 1),
    "isolated": (14, 9, 6),
    "duplicates": (3, 3, 40),
    "star": (1, 30, 30),
    "hub": (9, 11, 60),
}
SQUARE = {
    "no nodes": (0, 0, 0),
    "no entries": (4, 4, 0),
    "one": (1, 1, 1),
    "isolated": (12, 12, 7),
    "duplicates": (3, 3, 40),
    "hub": (9, 9, 60),
}


def operator(
    shape: tuple[int, int, int],
    *,
    weighted: bool = True,
    dtype: torch.dtype = torch.float64,
    wide: bool = False,
) -> CSR:
    """Draw an operator with its transpose; ``wide``: int64 indices."""
    return to_wide(random_csr(shape, weighted=weighted, dtype=dtype, transposed=True), wide)


def to_wide(adj: CSR, wide: bool) -> CSR:
    """The same operator with int64 indices where ``wide`` says so."""
    if not wide:
        return adj
    assert adj.perm is not None
    assert adj.transposed is not None
    colptr, row, tperm = (tensor.long() for tensor in adj.transposed)
    return adj._replace(
        rowptr=adj.rowptr.long(),
        col=adj.col.long(),
        perm=adj.perm.long(),
        transposed=(colptr, row, tperm),
    )


def assert_same(
    ours: Callable[..., Any], theirs: Callable[..., Any], inputs: dict[str, Tensor]
) -> None:
    """Values and every gradient of two functions of ``inputs`` agree; tuples compare piecewise."""
    results = []
    for run in (ours, theirs):
        leaves = {name: t.detach().requires_grad_() for name, t in inputs.items()}
        found = run(**leaves)
        found = found if isinstance(found, tuple) else (found,)
        float_ones = [t for t in found if t.requires_grad]
        grads = [torch.linspace(-1, 1, t.numel(), dtype=t.dtype).reshape(t.shape) for t in found]
        wanted = [g for g, t in zip(grads, found, strict=True) if t.requires_grad]
        back = torch.autograd.grad(float_ones, list(leaves.values()), wanted, allow_unused=True)
        back = [
            torch.zeros_like(leaf) if grad is None else grad
            for grad, leaf in zip(back, leaves.values(), strict=True)
        ]
        results.append((found, back))
    (values, gradients), (wanted_values, wanted_gradients) = results
    for one, other in zip(values, wanted_values, strict=True):
        assert one.dtype == other.dtype
        assert_close(one, other, kind="accumulated", what="value")
    for name, one, other in zip(inputs, gradients, wanted_gradients, strict=True):
        assert_close(one, other, kind="accumulated", what=f"gradient of {name}")
