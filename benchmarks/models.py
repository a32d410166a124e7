"""PyG's layers and models as they are and accelerated: the last cases of ``benchmarks.ops``."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCN, GATConv

from benchmarks.cases import compiled, draw
from benchmarks.measure import Case, Contestant
from benchmarks.peers import Operators
from graphpoly.acceleration import accelerate

__all__ = ["epochs", "gat_layer"]

FEATURES, CLASSES = 128, 40


class GAT(nn.Module):
    """The network of two layers, 8 heads of 16 and one of all classes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = GATConv(FEATURES, 16, heads=8)
        self.second = GATConv(128, CLASSES, heads=1)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        hidden: Tensor = self.first(x, edge_index).relu()
        logits: Tensor = self.second(hidden, edge_index)
        return logits


def gat_layer(o: Operators) -> Iterator[Case]:
    """A whole GATConv, 8 heads of 16, with its linear map and its handling of self-loops."""
    torch.manual_seed(0)
    plain = GATConv(FEATURES, 16, heads=8)
    fast, other = copy.deepcopy(plain), compiled(copy.deepcopy(plain))
    accelerate(fast)
    x, grad = draw(o.graph.num_nodes, FEATURES), draw(o.graph.num_nodes, 128, seed=2)

    def forward(layer: Any) -> tuple[Tensor, ...]:
        with torch.no_grad():
            return (layer(x, o.graph.edge_index),)

    def both(layer: Any) -> tuple[Tensor, ...]:
        leaf = x.detach().requires_grad_()
        out = layer(leaf, o.graph.edge_index)
        return out.detach(), *torch.autograd.grad(out, [leaf, *layer.parameters()], grad)

    for run, direction in ((forward, "forward"), (both, "forward+backward")):
        yield Case(
            "GATConv, 8 heads",
            o.graph.name,
            FEATURES,
            direction,
            lambda run=run: tuple(t.double() for t in run(plain)),
            [
                Contestant("graphpoly", lambda run=run: run(fast)),
                Contestant("PyG GATConv", lambda run=run: run(plain)),
                Contestant("compiled PyG GATConv", lambda run=run: run(other)),
            ],
            note="The truth here is PyG's own result in float32.",
        )


def epochs(o: Operators) -> Iterator[Case]:
    """A whole epoch of training on the full graph: forward, loss, backward, Adam."""
    x = draw(o.graph.num_nodes, FEATURES)
    labels = torch.randint(
        CLASSES, (o.graph.num_nodes,), generator=torch.Generator().manual_seed(1)
    )

    def trainer(name: str, model: Any) -> Contestant:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

        def step() -> tuple[Tensor, ...]:
            optimizer.zero_grad()
            logits = model(x, o.graph.edge_index)
            nn.functional.cross_entropy(logits, labels).backward()
            optimizer.step()
            return (logits.detach(),)

        return Contestant(name, step)

    for name, make in (("GCN", lambda: GCN(FEATURES, 128, 2, CLASSES)), ("GAT", GAT)):
        torch.manual_seed(0)
        plain = make()
        fast = copy.deepcopy(plain)
        accelerate(fast)
        first = copy.deepcopy(plain)

        def truth(first: nn.Module = first) -> tuple[Tensor, ...]:
            with torch.no_grad():
                return (first(x, o.graph.edge_index).double(),)

        other = compiled(copy.deepcopy(plain))
        yield Case(
            f"epoch of {name}, 2 layers",
            o.graph.name,
            FEATURES,
            "forward+backward",
            truth,
            [
                trainer("graphpoly", fast),
                trainer(f"PyG {name}", plain),
                trainer(f"compiled PyG {name}", other),
            ],
            note="The truth here is PyG's own result in float32, of the first step.",
        )
