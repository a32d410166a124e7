"""The same graph in every form that PyG knows."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphpoly.testing.checks.invariance import reordered
from graphpoly.testing.checks.numerics import leaf
from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, Violation, expect, expect_close

__all__: list[str] = []

# Without duplicate edges: a sparse matrix would add them up.
_NAMES = ["directed", "erdos_renyi", "isolated_nodes", "self_loops", "no_edges"]


def _edge_indices(data: Data) -> dict[str, Data]:
    """Return the graph with EdgeIndex in each sort order."""
    size = (data.num_nodes, data.num_nodes)
    row, col = data.edge_index
    orders: dict[str | None, Tensor] = {
        None: torch.arange(row.size(0)),
        "row": torch.argsort(row * data.num_nodes + col),
        "col": torch.argsort(col * data.num_nodes + row),
    }
    forms = {}
    for sort_order, order in orders.items():
        form = reordered(data, order)
        form.edge_index = EdgeIndex(form.edge_index, sparse_size=size, sort_order=sort_order)
        forms["EdgeIndex" + (f" sorted by {sort_order}" if sort_order else "")] = form
    return forms


def _adjacencies(data: Data, values: Tensor) -> dict[str, Any]:
    """Return adj_t with ``values`` in each sparse layout."""
    size = (int(data.num_nodes), int(data.num_nodes))
    flipped = data.edge_index.flip(0)
    coo = torch.sparse_coo_tensor(flipped, values, size, check_invariants=True).coalesce()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        forms: dict[str, Any] = {
            "CSR adj_t": coo.to_sparse_csr(),
            "CSC adj_t": coo.to_sparse_csc(),
            "COO adj_t": coo,
        }
    if importlib.util.find_spec("torch_sparse") is not None:
        from torch_sparse import SparseTensor

        forms["SparseTensor adj_t"] = SparseTensor(
            row=flipped[0], col=flipped[1], value=values, sparse_sizes=size
        )
    return forms


def _no_edge_attr(subject: Subject) -> None:
    if "edge_attr" in subject.takes:
        raise NotApplicable("adj_t has no place for edge_attr")


@prop(
    "adjacency_forms",
    "edge_index, EdgeIndex in any sort order and adj_t (CSR, CSC, COO) of ones agree.",
)
def check_adjacency_forms(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    for name, data in subject.graphs(_NAMES).items():
        expected = subject.call(layer, data)
        for form, other in _edge_indices(data).items():
            expect_close(subject.call(layer, other), expected, f"{name}: {form} and edge_index")
        if "edge_attr" in subject.takes:
            continue
        bare = {"edge_weight": None} if "edge_weight" in subject.takes else {}
        expected = subject.call(layer, data, **bare)
        ones = torch.ones(data.edge_index.size(1), dtype=data.x.dtype)
        for form, adj_t in _adjacencies(data, ones).items():
            out = subject.call(layer, data, edge_index=adj_t, **bare)
            expect_close(out, expected, f"{name}: {form} of ones and edge_index")


@prop("sparse_weights", "The values of a sparse adj_t are the edge weights.")
def check_sparse_weights(subject: Subject) -> None:
    subject.needs("edge_weight")
    _no_edge_attr(subject)
    layer = subject.layer(dtype=torch.float64)
    for name, data in subject.graphs(_NAMES).items():
        expected = subject.call(layer, data)
        for form, adj_t in _adjacencies(data, data.edge_weight).items():
            out = subject.call(layer, data, edge_index=adj_t, edge_weight=None)
            expect_close(out, expected, f"{name}: {form} with values and edge_weight")


@prop(
    "sparse_gradients",
    "The values of a sparse adj_t get the gradient of edge_weight, those that it was made of, too.",
)
def check_sparse_gradients(subject: Subject) -> None:
    subject.needs("edge_weight")
    _no_edge_attr(subject)
    layer = subject.layer(dtype=torch.float64)
    for name in ("directed", "self_loops"):
        data = subject.graph(name)
        weight = leaf(data.edge_weight)
        out = subject.call(layer, data, edge_weight=weight)
        probe = torch.randn_like(out)
        (expected,) = torch.autograd.grad((out * probe).sum(), weight)
        for form in _adjacencies(data, data.edge_weight):
            values = leaf(data.edge_weight)
            adj_t = _adjacencies(data, values)[form]
            out = subject.call(layer, data, edge_index=adj_t, edge_weight=None)
            (out * probe).sum().backward()
            expect(values.grad is not None, f"{name}: the values of a {form} get no gradient")
            expect_close(values.grad, expected, f"{name}: gradient of the values of a {form}")
        for form, adj_t in _adjacencies(data, data.edge_weight).items():
            if not isinstance(adj_t, Tensor) or adj_t.layout == torch.sparse_csc:
                continue  # PyTorch itself has no gradient for a CSC leaf
            adj_t.requires_grad_()
            out = subject.call(layer, data, edge_index=adj_t, edge_weight=None)
            (out * probe).sum().backward()
            grad, (source, target) = adj_t.grad, data.edge_index
            if grad is None:
                raise Violation(f"{name}: a leaf {form} gets no gradient")
            got = grad.to_dense()[target, source]
            expect_close(got, expected, f"{name}: gradient of a leaf {form}")


@prop("weights_given_twice", "Sparse values and edge_weight together are an error, not a choice.")
def check_weights_given_twice(subject: Subject) -> None:
    subject.needs("edge_weight")
    _no_edge_attr(subject)
    layer = subject.layer(dtype=torch.float64)
    data = subject.graph("erdos_renyi")
    for form, adj_t in _adjacencies(data, data.edge_weight).items():
        _expect_refused(subject, layer, data, adj_t, f"{form} with values and edge_weight")


def _expect_refused(subject: Subject, layer: Any, data: Data, adj_t: Any, what: str) -> None:
    try:
        subject.call(layer, data, edge_index=adj_t)
    except (ValueError, TypeError) as error:
        if not str(error):
            raise Violation(f"{what}: {type(error).__name__} without a message") from error
    except Exception as error:
        found = f"{type(error).__name__} ({error})"
        raise Violation(f"{what} raised {found}, expected ValueError or TypeError") from error
    else:
        raise Violation(f"{what} were accepted together")
