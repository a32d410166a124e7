"""Features that are data and mostly 0, as bags of words are: their maps are sparse products.

What of them is not 0 is looked for once and remembered for as long as the tensor lives, by the rule
of :mod:`graphpoly.ops.stamp`. Whether a map is sparse depends on the features alone, not on what
was seen of them before, so that a run that goes on from a checkpoint computes what it would have.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

import graphpoly.ops._extension as _extension
from graphpoly.ops.adjacency import CSR, trusted_csr
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.dropout import dropout
from graphpoly.ops.linear import computes
from graphpoly.ops.spmm import spmm
from graphpoly.ops.stamp import Memory, edits, memory_allowed, state

__all__ = ["SparseInput", "dropped_input", "sparse_input"]

_PLAIN = (Tensor, torch.nn.Parameter)
_LEAST = 128  # rows and columns; below, the map's own transpose is most of the work
_SHARE = 8  # one in so many numbers may be other than 0
_GLANCE = 64  # rows and columns that are looked at first
_MADE = Memory()


class SparseInput:
    """The entries of features ``[N, F]`` that are not 0, and the linear maps of them.

    Attributes:
        adj: The features as an operator of N rows and F columns.
    """

    def __init__(self, adj: CSR) -> None:
        self.adj = adj

    @cached_property
    def place(self) -> Tensor:
        """Where in the dense features each entry stands, ``[E]``."""
        return (
            entry_rows(self.adj.rowptr, self.adj.num_entries)
            .long()
            .mul_(self.adj.num_cols)
            .add_(self.adj.col)
        )

    def dropped(self, p: float) -> CSR:
        """Return the operator after :func:`~graphpoly.ops.dropout` of the features.

        The numbers drawn are those of the dense features.
        """
        assert self.adj.weight is not None
        return self.adj.with_weight(dropout(self.adj.weight, p, place=self.place))

    def turn(self) -> None:
        """Make the transpose, which gradients read, unless it is there."""
        if self.adj.transposed is None:
            rowptr, col, num_cols = self.adj.rowptr, self.adj.col, self.adj.num_cols
            self.adj = self.adj._replace(transposed=transpose(rowptr, col, num_cols))

    def linear(self, weight: Tensor, bias: Tensor | None = None, dropout: float = 0.0) -> Tensor:
        """Return the dropped features times ``weight.T [F, C]``, and the bias, ``[N, C]``."""
        adj = self.dropped(dropout) if dropout else self.adj
        out = spmm(adj, weight.t())
        return out if bias is None else out + bias


def sparse_input(x: Tensor, weight: Tensor) -> SparseInput | None:
    """Return what of the features is not 0, or None where their map is a dense product.

    Args:
        x: ``[N, F]``. Sparse are those that ask for no gradient, whose N and F are no less than
            128, and of which no more than one number in eight is not 0.
        weight: ``[C, F]``, of the map. Where a number of it is not finite the map is dense, for
            there 0 times it is not 0. The gradient of such a map, in turn, is NaN for all weights
            in the dense product, here for those of the entries alone.

    Where ``x`` is seen for the first time, 4,096 numbers of it tell whether to look at them all.

    Complexity: O(N F) time for the first look at features, O(E) memory for as long as they live.
    """
    if not _may_be_sparse(x, weight):
        return None
    found = _entries(x)
    if found is None or not math.isfinite(float(weight.detach().sum())):
        return None
    if weight.requires_grad and torch.is_grad_enabled():
        found.turn()
    return found


def dropped_input(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Return :func:`~graphpoly.ops.dropout` of anything; of sparse features, of their entries.

    The maps of what it returns need not look for them.
    """
    if not training or not 0 < p <= 1 or not computes(x) or not _may_hold(x):
        return dropout(x, p, training)
    found = _entries(x)
    if found is None:
        return dropout(x, p)
    adj = found.dropped(p)
    assert adj.weight is not None
    out = x.new_zeros(x.shape)
    out.view(-1).scatter_(0, found.place, adj.weight)
    _keep(out, SparseInput(adj))
    return out


def _may_be_sparse(x: Tensor, weight: Tensor) -> bool:
    return (
        _may_hold(x)
        and type(weight) in _PLAIN
        and weight.dim() == 2
        and weight.size(1) == x.size(1)
        and weight.dtype is x.dtype
        and weight.device == x.device
    )


def _may_hold(x: Tensor) -> bool:
    """Whether features may be sparse, as far as can be said without reading them."""
    return (
        memory_allowed()
        and x.dim() == 2
        and not x.requires_grad
        and min(x.shape) >= _LEAST
        and _extension.load()["available"]
    )


def _entries(x: Tensor) -> SparseInput | None:
    held = _MADE.recall(x, "entries")
    if held is not None:
        before, parts, versions, found = held
        if before == state(x) and versions == edits(*parts):
            return found
    found = _looked(x)
    _keep(x, found)
    return found


def _keep(x: Tensor, found: SparseInput | None) -> None:
    parts = () if found is None else (found.adj.rowptr, found.adj.col, found.adj.weight)
    if memory_allowed(x, *parts) and not torch.is_inference_mode_enabled():
        _MADE.keep(x, "entries", (state(x), parts, edits(*parts), found))


def _looked(x: Tensor) -> SparseInput | None:
    rows, cols = (size // _GLANCE for size in x.shape)
    seen = x[::rows, ::cols]
    if int(seen.count_nonzero()) * _SHARE > seen.numel():
        return None
    rowptr, col, value = torch.ops.graphpoly.nonzero_rows(x, x.numel() // _SHARE)
    if not rowptr.numel():
        return None
    return SparseInput(trusted_csr(rowptr, col, value, None, x.size(1), None))
