"""torch.compile and torch.export."""

from __future__ import annotations

from typing import Any

import networkx as nx
import torch
from torch import Tensor
from torch.export import Dim
from torch_geometric.data import Data

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject, joined
from graphpoly.testing.violations import Violation, expect, expect_close

__all__: list[str] = []

_SIZES = (7, 12, 19)


@prop(
    "compile",
    "torch.compile(fullgraph=True, dynamic=True) gives the eager output, with at most two "
    "compilations over graphs of different sizes.",
)
def check_compile(subject: Subject) -> None:
    layer = subject.layer()
    graphs = [_graph(subject, num_nodes) for num_nodes in _SIZES]
    # traces forward and backward and runs every fake kernel, but generates no code
    _expect_compiles(subject, layer, graphs, "single graphs", {}, backend="aot_eager")
    if {"batch", "batch_size"} <= subject.takes:
        graphs = [_as_batch(data) for data in graphs]
        extra = {"batch_size": 2}
        _expect_compiles(subject, layer, graphs, "batches of two graphs", extra, backend="eager")


@prop(
    "export",
    "torch.export with open numbers of nodes and edges gives one program for graphs of any size.",
)
def check_export(subject: Subject) -> None:
    layer = subject.layer()
    layer.eval()
    first, *others = (_graph(subject, num_nodes) for num_nodes in _SIZES)
    nodes, edges = Dim("nodes", min=2), Dim("edges", min=2)
    shapes = {"x": {0: nodes}, "edge_index": {1: edges}}
    shapes |= {name: {0: edges} for name in ("edge_weight", "edge_attr") if name in subject.takes}
    shapes |= {name: {0: nodes} for name in ("pos", "vel") if name in subject.takes}
    names = list(shapes)
    try:
        program = torch.export.export(
            _Named(layer), (), {name: first[name] for name in names}, dynamic_shapes=shapes
        )
    except Exception as error:
        words = " ".join(str(error).split())[:300]
        raise Violation(f"export raised {type(error).__name__}: {words}") from error
    run = program.module()
    for data in (first, *others):
        out = run(**{name: data[name] for name in names})
        wanted = subject.call(layer, data)
        expect_close(out, wanted, f"{data.num_nodes} nodes: exported and eager")


class _Named(torch.nn.Module):
    """A layer by the names of its arguments, of which a layer may call the first otherwise."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        pos: Tensor | None = None,
        vel: Tensor | None = None,
    ) -> Any:
        given = {"edge_weight": edge_weight, "edge_attr": edge_attr, "pos": pos, "vel": vel}
        given = {k: v for k, v in given.items() if v is not None}
        return joined(self.layer(x, edge_index, **given))


def _expect_compiles(
    subject: Subject,
    layer: Any,
    graphs: list[Data],
    what: str,
    extra: dict[str, Any],
    *,
    backend: str,
) -> None:
    from torch._dynamo.testing import CompileCounterWithBackend

    expected = [subject.call(layer, data, **extra).detach() for data in graphs]
    torch._dynamo.reset()
    counter = CompileCounterWithBackend(backend)
    try:
        compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend=counter)
        for data, wanted in zip(graphs, expected, strict=True):
            out = subject.call(compiled, data, **extra)
            expect_close(out, wanted, f"{what}, {data.num_nodes} nodes: compiled and eager")
            out.sum().backward()
    except Violation:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        raise Violation(f"{what}: compilation raised {type(error).__name__}: {first}") from error
    finally:
        torch._dynamo.reset()
    count = counter.frame_count
    expect(count <= 2, f"{what}: {count} compilations over {len(graphs)} sizes, at most 2 allowed")


def _as_batch(data: Data) -> Data:
    """Return the graph as two, without the edges between them."""
    batch = (torch.arange(data.num_nodes) > data.num_nodes // 2).long()
    split = data.edge_subgraph(batch[data.edge_index[0]] == batch[data.edge_index[1]])
    split.batch = batch
    return split


def _graph(subject: Subject, num_nodes: int) -> Data:
    edges = nx.gnp_random_graph(num_nodes, 0.4, seed=num_nodes, directed=True).edges
    edge_index = torch.tensor(list(edges)).t().contiguous()
    weight = 0.5 + torch.rand(edge_index.size(1))
    data = Data(edge_index=edge_index, edge_weight=weight, num_nodes=num_nodes)
    return subject.dress(data, dtype=torch.float32)
