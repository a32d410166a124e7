"""Who takes part: each way that a PyTorch user has to compute the same thing.

Whatever can be prepared once (sorting, conversion, the transpose) is prepared before the clock
starts, for everybody alike.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import scipy.sparse
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing

from benchmarks.cases import compiled
from benchmarks.graphs import Graph
from graphpoly.ops import CSR, polynomial, spmm, to_csr
from graphpoly.ops.spmm import spmm_max_reference, spmm_reference

__all__ = ["Operators", "affordable", "filters", "products"]

Product = Callable[[Tensor], Tensor]


class Propagate(MessagePassing):
    """What a PyG layer does: gather, scale, scatter."""

    def forward(self, x: Tensor, edge_index: Any, weight: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, weight=weight)

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        return weight.view(-1, 1) * x_j


class Operators:
    """One graph in the form that each contestant wants."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.adj: CSR = to_csr(graph.edge_index, graph.weight, graph.num_nodes, transposed=True)
        rowptr, col, weight = self.adj.rowptr, self.adj.col, self.adj.weight
        assert weight is not None
        self.weight = weight
        shape = (graph.num_nodes, graph.num_nodes)
        self.csr32, self.csr64 = (
            quiet(lambda t=t: torch.sparse_csr_tensor(rowptr.to(t), col.to(t), weight, shape))
            for t in (torch.int32, torch.int64)
        )
        colptr, row, tperm = self.adj.transposed or (rowptr, col, col)
        self.csr32_t = quiet(
            lambda: torch.sparse_csr_tensor(colptr, row, weight[tperm.long()], shape)
        )
        # (target, source), sorted by target
        sorted_index = torch.stack([self.adj.rows(), col]).long()
        self.coo = torch.sparse_coo_tensor(sorted_index, weight, shape, is_coalesced=True)
        self.edge_index, self.edge_weight = graph.edge_index, graph.weight
        self.sorted_index = EdgeIndex(
            sorted_index.flip(0), sparse_size=shape, sort_order="col"
        ).fill_cache_()
        self.scipy = scipy.sparse.csr_matrix(
            (weight.numpy(), col.numpy(), rowptr.numpy()), shape=shape
        )

    def truth(self, x: Tensor, grad: Tensor | None, reduce: str) -> tuple[Tensor, ...]:
        """In float64, from the definition, on the first channels of x."""
        adj, x = self.adj, x.detach().double().requires_grad_(grad is not None)
        weight = self.weight.double()
        if reduce in ("max", "min"):
            out, _ = spmm_max_reference(adj.rowptr, adj.col, weight, x, largest=reduce == "max")
        else:
            out = spmm_reference(adj.rowptr, adj.col, weight, x, mean=reduce == "mean")
        if grad is None:
            return (out,)
        (grad_x,) = torch.autograd.grad(out, x, grad.double())
        return out.detach(), grad_x


def quiet(make: Callable[[], Tensor]) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Sparse CSR tensor support is in beta state"
        return make()


MOST_BYTES = 5e9  # of messages that are held at once

# who makes a message for each edge
_EDGE_BY_EDGE = ("PyG propagate", "compiled PyG", "torch_scatter", "recurrence on PyG")


def affordable(runs: dict[str, Any], o: Operators, channels: int, backward: bool) -> dict[str, Any]:
    """Leave out those whose messages, and in the backward pass their gradients, are too large."""
    size = o.graph.num_edges * channels * 4 * (1 + backward)
    if size <= MOST_BYTES:
        return runs
    reason = f"left out: {size / 1e9:.0f} GB of messages"
    return {
        name: reason if name.startswith(_EDGE_BY_EDGE) and not isinstance(run, str) else run
        for name, run in runs.items()
    }


def products(o: Operators, reduce: str) -> dict[str, Product | str]:
    """Name -> the product as a differentiable function of x, or why it is not there."""
    torch_reduce = {"mean": "mean", "max": "amax", "min": "amin"}
    aggregate = Propagate(aggr={"sum": "add"}.get(reduce, reduce))
    found: dict[str, Product | str] = {"graphpoly": lambda x: spmm(o.adj, x, reduce)}
    if reduce == "sum":
        found["torch.sparse CSR int32"] = lambda x: o.csr32 @ x
        found["torch.sparse CSR int64"] = lambda x: o.csr64 @ x
        found["torch.sparse COO"] = lambda x: torch.sparse.mm(o.coo, x)
        found["PyG EdgeIndex.matmul"] = lambda x: o.sorted_index.matmul(
            x, input_value=o.weight, transpose=True
        )
        found["torch embedding_bag"] = lambda x: torch.nn.functional.embedding_bag(
            o.adj.col, x, o.adj.rowptr[:-1], mode="sum", per_sample_weights=o.weight
        )
        found["scipy, one thread"] = lambda x: (
            torch.from_numpy(o.scipy @ x.numpy()) if not x.requires_grad else _no_gradient()
        )
    else:
        found["torch.sparse.mm(reduce=)"] = lambda x: torch.sparse.mm(
            o.csr64, x, torch_reduce[reduce]
        )
    found["PyG propagate, edge_index"] = lambda x: aggregate(x, o.edge_index, o.edge_weight)
    found["PyG propagate, EdgeIndex"] = lambda x: aggregate(x, o.sorted_index, o.weight)
    found["compiled PyG propagate"] = compiled(lambda x: aggregate(x, o.edge_index, o.edge_weight))
    found["torch_sparse.matmul"] = _torch_sparse(o, reduce)
    return found | _torch_scatter(o, reduce)


def _no_gradient() -> Tensor:
    raise NotImplementedError("no gradient")


def _torch_sparse(o: Operators, reduce: str) -> Product | str:
    try:
        package = importlib.import_module("torch_sparse")
    except (ImportError, OSError) as error:
        return f"not installed ({type(error).__name__})"
    shape = (o.graph.num_nodes, o.graph.num_nodes)
    matrix = package.SparseTensor(
        rowptr=o.adj.rowptr.long(), col=o.adj.col.long(), value=o.weight, sparse_sizes=shape
    )
    matrix.storage.csr2csc(), matrix.storage.colptr()
    return lambda x: package.matmul(matrix, x, reduce)


def _torch_scatter(o: Operators, reduce: str) -> dict[str, Product | str]:
    try:
        package = importlib.import_module("torch_scatter")
    except (ImportError, OSError) as error:
        return {"torch_scatter": f"not installed ({type(error).__name__})"}
    rowptr, row, col = o.adj.rowptr.long(), o.adj.rows().long(), o.adj.col.long()
    weight, size = o.weight.view(-1, 1), o.graph.num_nodes
    return {
        "torch_scatter.segment_csr": lambda x: package.segment_csr(
            weight * x[col], rowptr, reduce=reduce
        ),
        "torch_scatter.scatter": lambda x: package.scatter(
            weight * x[col], row, dim=0, dim_size=size, reduce=reduce
        ),
    }


def recurrence_on(product: Product, x: Tensor, theta: Tensor, recurrence: Tensor) -> Tensor:
    """The polynomial filter as one writes it from the paper."""
    a, b, c = recurrence
    before, now = torch.zeros_like(x), x
    z = theta[0] * x
    for k in range(1, theta.size(0)):
        following = (product(now) - b[k - 1] * now - c[k - 1] * before) / a[k - 1]
        before, now = now, following
        z = z + theta[k] * now
    return z


class CarefulPolynomial(torch.autograd.Function):
    """The best that plain PyTorch allows: updates in place, and the gradient from the moments."""

    @staticmethod
    def forward(
        ctx: Any, matrix: Tensor, transpose: Tensor, x: Tensor, theta: Tensor, recurrence: Tensor
    ) -> Tensor:
        ctx.transpose = transpose
        ctx.save_for_backward(x, theta, recurrence)
        return _careful(matrix, x, theta, recurrence, None)[0]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, theta, recurrence = ctx.saved_tensors
        grad_x, moments = _careful(ctx.transpose, grads[0], theta, recurrence, x)
        return None, None, grad_x, torch.stack(moments), None


def _careful(
    matrix: Tensor, x: Tensor, theta: Tensor, recurrence: Tensor, y: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    a, b, c = recurrence
    before, now = torch.zeros_like(x), x
    z = theta[0] * x
    moments = [] if y is None else [(y * x).sum(0)]
    for k in range(1, theta.size(0)):
        following = matrix @ now
        following.addcmul_(now, b[k - 1], value=-1).addcmul_(before, c[k - 1], value=-1)
        following.div_(a[k - 1])
        before, now = now, following
        z.addcmul_(now, theta[k])
        if y is not None:
            moments.append((y * now).sum(0))
    return z, moments


def filters(o: Operators) -> dict[str, Callable[[Tensor, Tensor, Tensor], Tensor] | str]:
    """Name -> the filter as a differentiable function of x, theta and the recurrence."""
    propagate = Propagate(aggr="add")
    return {
        "graphpoly": lambda x, t, r: polynomial(o.adj, x, t, r),
        "recurrence on torch.sparse CSR": lambda x, t, r: recurrence_on(
            lambda p: o.csr32 @ p, x, t, r
        ),
        "careful, in place, torch.sparse CSR": lambda x, t, r: CarefulPolynomial.apply(
            o.csr32, o.csr32_t, x, t, r
        ),
        "recurrence on PyG propagate": lambda x, t, r: recurrence_on(
            lambda p: propagate(p, o.edge_index, o.edge_weight), x, t, r
        ),
        "compiled PyG propagate, recurrence": compiled(
            lambda x, t, r: recurrence_on(
                lambda p: propagate(p, o.edge_index, o.edge_weight), x, t, r
            )
        ),
    }
