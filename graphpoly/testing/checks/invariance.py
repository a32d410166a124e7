"""What must not matter, and how far a node may look."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import expect, expect_close

__all__: list[str] = []

_EDGE_KEYS = ("edge_weight", "edge_attr")


@prop("node_permutation", "Renaming the nodes permutes the rows of the output in the same way.")
def check_node_permutation(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    for name, data in subject.graphs().items():
        order = torch.randperm(data.num_nodes)
        renamed = data.clone()
        renamed.x = torch.empty_like(data.x).index_copy(0, order, data.x)
        renamed.edge_index = order[data.edge_index]
        expect_close(
            subject.call(layer, renamed)[order],
            subject.call(layer, data),
            f"{name}: renamed nodes and the original",
        )


@prop("edge_order", "The order in which the edges are given does not change the output.")
def check_edge_order(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    for name, data in subject.graphs().items():
        order = torch.randperm(data.edge_index.size(1))
        expect_close(
            subject.call(layer, reordered(data, order)),
            subject.call(layer, data),
            f"{name}: shuffled edges and the original",
        )


def reordered(data: Data, order: Tensor) -> Data:
    """Return the graph with its edges in another order."""
    other = data.clone()
    other.edge_index = data.edge_index[:, order]
    for key in _EDGE_KEYS:
        if key in data:
            other[key] = data[key][order]
    return other


@prop("batch", "On a batch of unequal graphs each graph gets the output that it gets alone.")
def check_batch(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    names = ["no_edges", "star", "one_node", "directed", "erdos_renyi", "self_loops", "one_edge"]
    graphs = subject.graphs(names)
    alone = [subject.call(layer, data) for data in graphs.values()]
    batch = Batch.from_data_list(list(graphs.values()))
    calls = {"in a batch": subject.call(layer, batch)}
    if "batch_size" in subject.takes:
        calls["in a batch with batch_size"] = subject.call(layer, batch, batch_size=len(names))
    for how, out in calls.items():
        for i, name in enumerate(names):
            part = out[batch.ptr[i] : batch.ptr[i + 1]]
            expect_close(part, alone[i], f"{name}: {how} and alone", kind="accumulated")


@prop(
    "num_hops",
    "num_hops (1 where none is declared) is how far the output of a node looks: the support of the "
    "Jacobian on a path.",
)
def check_num_hops(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    centre = subject.num_hops + 3
    num_nodes = 2 * centre + 1
    forward = torch.stack([torch.arange(num_nodes - 1), torch.arange(1, num_nodes)])
    weight = 0.5 + torch.rand(num_nodes - 1)
    path = Data(
        edge_index=torch.cat([forward, forward.flip(0)], dim=1),
        edge_weight=torch.cat([weight, weight]),
        num_nodes=num_nodes,
    )
    distance = (torch.arange(num_nodes) - centre).abs()
    measured = 0
    for seed in range(3):  # one draw may switch a node off, as a ReLU does
        data = subject.dress(path, seed=seed)
        data.x.requires_grad_()
        out = subject.call(layer, data)[centre]
        (gradient,) = torch.autograd.grad(out @ torch.rand_like(out), data.x)
        size = gradient.abs().amax(dim=1)
        measured = max(measured, int(distance[size > 1e-13 * size.max()].max()))
    declared = subject.num_hops
    where = f"declared num_hops is {declared}" if hasattr(layer, "num_hops") else "none is declared"
    at_least = "at least " if measured == centre else ""
    expect(
        measured == declared,
        f"the output of a node depends on nodes {at_least}{measured} hops away; {where}",
    )
