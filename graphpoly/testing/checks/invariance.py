"""What must not matter, and how far a node may look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.nn import MessagePassing

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, expect, expect_close

__all__: list[str] = []

_EDGE_KEYS = ("edge_weight", "edge_attr")


@prop("node_permutation", "Renaming the nodes permutes the rows of the output in the same way.")
def check_node_permutation(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    for name, data in subject.graphs().items():
        order = torch.randperm(data.num_nodes)
        out = subject.call(layer, subject.renamed(data, order))
        expect_close(
            subject.as_named(out, order),
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


@prop(
    "equivariance",
    "Turning, mirroring and shifting the positions does the same to positions and velocities in "
    "the output, and nothing to features.",
)
def check_equivariance(subject: Subject) -> None:
    subject.needs("pos")
    layer = subject.layer(dtype=torch.float64)
    for name, data in subject.graphs().items():
        features, *points = _parts(subject.outputs(layer, data))
        for what, sign in (("turned", 1), ("mirrored", -1)):
            turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
            turn[0] *= torch.linalg.det(turn).sign() * sign
            shift = torch.randn(3, dtype=torch.float64)
            moved = data.clone()
            moved.pos = data.pos @ turn.T + shift
            if "vel" in data:
                moved.vel = data.vel @ turn.T
            got, *others = _parts(subject.outputs(layer, moved))
            expect_close(got, features, f"{name}: features of {what} and plain positions")
            for k, (other, point) in enumerate(zip(others, points, strict=True)):
                wanted = point @ turn.T if k else point @ turn.T + shift
                expect_close(other, wanted, f"{name}: {what}, {'velocities' if k else 'positions'}")


def _parts(out: Any) -> tuple[Tensor, ...]:
    return out if isinstance(out, tuple) else (out,)


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
        for name, part, wanted in zip(names, subject.parts(out, batch), alone, strict=True):
            expect_close(part, wanted, f"{name}: {how} and alone", kind="accumulated")


@prop(
    "num_hops",
    "num_hops (of a layer 1 where none is declared) is how far the output of a node looks: the "
    "support of the Jacobian on a path.",
)
def check_num_hops(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    if not (hasattr(layer, "num_hops") or isinstance(layer, MessagePassing)):
        raise NotApplicable("no num_hops is declared")
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
        rows = subject.call(layer, data)
        if rows.size(0) != num_nodes:
            raise NotApplicable("the rows of the output are not those of nodes")
        out = rows[centre]
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
