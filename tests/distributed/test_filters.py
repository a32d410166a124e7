"""Filters and the networks around them over parts of a graph: one process is the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.distributed import PartitionedGraph, backward
from graphpoly.layers import (
    BernConv,
    ChebIIConv,
    FavardConv,
    GPRConv,
    JacobiConv,
    LegendreConv,
    OptBasisConv,
    TFGConv,
)
from graphpoly.models import GPRGNN, BernNet, ChebNetII
from graphpoly.ops import CSR, normalize
from tests.processes import together

NODES, CHANNELS = 40, 5
CONVS = (BernConv, ChebIIConv, GPRConv, JacobiConv, LegendreConv, TFGConv)
NETWORKS = (BernNet, ChebNetII, GPRGNN)


def models() -> dict[str, nn.Module]:
    """Return what is held against one process; one begins as SGC."""
    torch.manual_seed(0)
    found: dict[str, nn.Module] = {each.__name__: each(CHANNELS, 3, K=4) for each in CONVS}
    found["SGC"] = GPRConv(CHANNELS, 3, K=2, init="sgc", shared=True)
    for each in NETWORKS:
        found[each.__name__] = each(CHANNELS, 8, 3, K=4, dropout=0.0, filter_dropout=0.0)
    return found


def operator(dtype: torch.dtype) -> CSR:
    """Return a graph's, with an isolated node at the end."""
    edges = torch.randint(NODES - 1, (2, 90), generator=torch.Generator().manual_seed(1))
    return normalize(torch.cat([edges, edges.flip(0)], 1), num_nodes=NODES, dtype=dtype)


def gradients(graph: Any, chosen: Tensor, dtype: torch.dtype) -> dict[str, list[Tensor]]:
    """Return the loss and gradients of each model over some rows."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(NODES, CHANNELS, generator=generator, dtype=torch.float64).to(dtype)[chosen]
    found = {}
    for name, model in models().items():
        model.to(dtype)
        loss = F.cross_entropy(model(x, graph), chosen % 3)
        loss = backward(loss, len(chosen), model)
        grads = [value.grad for value in model.parameters() if value.grad is not None]
        found[name] = [loss.to(dtype), *grads]
    return found


def in_parts(name: str) -> dict[str, list[Tensor]]:
    """Return those of the parts of this process; alone it has all of the graph."""
    dtype = getattr(torch, name)
    graph = PartitionedGraph(operator(dtype))
    return gradients(graph, graph.nodes, dtype)


@pytest.mark.parametrize(("name", "within"), [("float32", 1e-6), ("float64", 1e-12)])
def test_gradients_are_those_of_one_process(name: str, within: float, tmp_path: Path) -> None:
    expected = in_parts(name)
    for found in together(in_parts, 2, tmp_path, name):
        for model, values in expected.items():
            assert len(found[model]) == len(values) > 1
            for ours, value in zip(found[model], values, strict=True):
                torch.testing.assert_close(ours, value, rtol=within, atol=within)


def test_an_operator_in_one_part_is_the_graph() -> None:
    edges = torch.randint(NODES, (2, 90), generator=torch.Generator().manual_seed(1))
    x = torch.randn(NODES, CHANNELS, dtype=torch.float64)
    for name, model in models().items():
        model.double()
        conv: Any = model if hasattr(model, "self_loops") else model.filter
        loops = {"add_self_loops": conv.self_loops, "dtype": torch.float64}
        graph = PartitionedGraph(normalize(edges, num_nodes=NODES, **loops))
        torch.testing.assert_close(model(x, graph), model(x, edges), msg=name)


def test_what_is_refused() -> None:
    graph, x = PartitionedGraph(operator(torch.float32)), torch.ones(NODES, CHANNELS)
    with pytest.raises(ValueError, match="edge_weight: got some beside an operator"):
        GPRConv(CHANNELS, 3)(x, graph, torch.ones(3))
    with pytest.raises(ValueError, match=r"x: got shape \[40, 4\], expected \[N, 5\]"):
        GPRConv(CHANNELS, 3)(x[:, 1:], graph)
    for conv in (FavardConv, OptBasisConv):
        with pytest.raises(TypeError, match="got PartitionedGraph"):
            conv(CHANNELS, 3)(x, graph)
