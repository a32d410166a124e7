"""How the battery calls networks, and what the rows of their output belong to."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from graphpoly.ops import to_csr
from graphpoly.testing.subject import Subject, factory

__all__ = ["Network", "network"]

_STATES = 4  # of a problem, the one at the start among them


def network(model: Any, **options: Any) -> Network:
    """Return the subject that gives a network what its forward reads."""
    make, _ = factory(model)
    with torch.random.fork_rng(devices=[]):
        made = make()
    read = inspect.signature(made.forward).parameters if isinstance(made, nn.Module) else {}
    kinds = (kind for kind in (_OfPairs, _OfAnswers, _OfProblems) if {*kind.reads} <= {*read})
    return next(kinds, Network)(model, **options)


class Network(Subject):
    """A network, whose rows belong to nodes or to graphs.

    Attributes:
        reads: What forward takes beside what layers do.
        of_nodes: What of a graph holds numbers of nodes, and the argument that it belongs to.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    of_nodes: Mapping[str, str] = MappingProxyType({})

    def __init__(self, model: Any, **options: Any) -> None:
        self.known = (*Subject.known, *self.reads)
        super().__init__(model, **options)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            out = self.call(self.layer(), self.graph("path", dtype=torch.float32))
        self.reads_graphs = out.size(0) == 1

    def read(self, data: Data) -> dict[str, Any]:
        """Return the arguments that forward takes beside what layers do."""
        return {}

    def outputs(self, layer: Any, data: Data, **changed: Any) -> Any:
        out = super().outputs(layer, data, **{**self.read(data), **changed})
        return out.unsqueeze(-1) if isinstance(out, Tensor) and out.dim() == 1 else out

    def rows(self, data: Data) -> int:
        return 1 if self.reads_graphs else super().rows(data)

    def parts(self, out: Tensor, batch: Batch) -> list[Tensor]:
        return list(out.split(1)) if self.reads_graphs else super().parts(out, batch)

    def renamed(self, data: Data, order: Tensor) -> Data:
        other = super().renamed(data, order)
        for key in self.of_nodes:
            other[key] = order[data[key]]
        return other

    def as_named(self, out: Tensor, order: Tensor) -> Tensor:
        return out if self.reads_graphs else super().as_named(out, order)


class _OfPairs(Network):
    """A row for each of the pairs: of each node and the one that stands two places behind it."""

    reads = ("pairs",)
    of_nodes = MappingProxyType({"pair_index": "pairs"})

    def dress(self, data: Data, **options: Any) -> Data:
        dressed = super().dress(data, **options)
        node = torch.arange(int(data.num_nodes or 0), device=data.edge_index.device)
        dressed.pair_index = torch.stack([node, node.roll(-2)])
        return dressed

    def read(self, data: Data) -> dict[str, Any]:
        return {"pairs": data.pair_index}

    def as_named(self, out: Tensor, order: Tensor) -> Tensor:
        return out


class _OfAnswers(Network):
    """A row for each step of an answer, its end among them: first the odd nodes, then the even.

    All nodes, each once, are an answer whatever may be pointed at.
    """

    reads = ("pointer", "length")
    of_nodes = MappingProxyType({"pointer_index": "pointer"})

    def dress(self, data: Data, **options: Any) -> Data:
        dressed = super().dress(data, **options)
        node = torch.arange(int(data.num_nodes or 0), device=data.edge_index.device)
        dressed.pointer_index = torch.cat([node[1::2], node[::2]])
        dressed.length = node.new_tensor([node.numel()])
        return dressed

    def read(self, data: Data) -> dict[str, Any]:
        return {"pointer": data.pointer_index, "length": data.length}

    def rows(self, data: Data) -> int:
        return int((data.length + 1).sum())

    def parts(self, out: Tensor, batch: Batch) -> list[Tensor]:
        return list(out.split((batch.length + 1).tolist()))

    def as_named(self, out: Tensor, order: Tensor) -> Tensor:
        return out


class _OfProblems(Network):
    """A row for each node: what is said of it and of its graph, and of the edges that lead to it.

    The attribute ``hints`` tells what there is at the start, a kind by name, and ``answer`` the
    kind of the answer. What is said of edges is added up at their targets, times the features of
    their sources.
    """

    reads = ("steps", "start")

    def _signature(self, layer: nn.Module, edge_dim: int | None) -> tuple[set[str], int | None]:
        takes, edge_dim = super()._signature(layer, edge_dim)
        self.hints: dict[str, str] = dict(getattr(layer, "hints", {}))
        self.answer = getattr(layer, "answer", "mark")
        # a batch counts on in what is called an index, so that names of hints are kept out
        self.places = {
            name: f"start_{k}_index" if kind == "pointer" else f"start_{k}"
            for k, (name, kind) in enumerate(self.hints.items())
        }
        pointers = [self.places[name] for name, kind in self.hints.items() if kind == "pointer"]
        self.of_nodes = dict.fromkeys(pointers, "start")
        return takes if getattr(layer, "weighted", True) else takes - {"edge_weight"}, edge_dim

    def dress(self, data: Data, **options: Any) -> Data:
        dressed = super().dress(data, **options)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        source, target = data.edge_index
        node = torch.arange(int(data.num_nodes or 0), device=source.device)
        for name, kind in self.hints.items():
            size = 1 if kind == "graph" else node.numel()
            drawn = torch.rand(size, generator=generator, device="cpu").to(dressed.x)
            held = drawn < 0.5 if kind == "mask" else drawn
            if kind == "pointer":  # at a node that is heard, where there is one
                held = node.scatter_reduce(0, target, source, "amax", include_self=False)
            dressed[self.places[name]] = held
        taken = 2 + node.numel() % (_STATES - 1)
        dressed.steps = (torch.arange(_STATES, device=source.device) < taken).unsqueeze(0)
        return dressed

    def read(self, data: Data) -> dict[str, Any]:
        start = {name: data[place] for name, place in self.places.items()}
        return {"steps": data.steps, "start": start}

    def outputs(self, layer: Any, data: Data, **changed: Any) -> Any:
        def run(x: Tensor, edge_index: Any, **arguments: Any) -> Tensor:
            answer, hints = layer(x, edge_index, **arguments)
            adj = to_csr(edge_index, num_nodes=x.size(0))
            heard = x.index_select(0, adj.col).unsqueeze(1)
            graph = arguments.get("batch", torch.zeros_like(x[:, 0], dtype=torch.long))
            columns = []
            for kind, said in zip(
                [self.answer, *self.hints.values()],
                [answer.unsqueeze(1), *(hints[name] for name in self.hints)],
                strict=True,
            ):
                if kind == "graph":
                    said = said.index_select(0, graph)
                if kind == "pointer":
                    said = said if adj.perm is None else said.index_select(0, adj.perm)
                    said = said.unsqueeze(2) * heard
                    none = said.new_zeros(x.size(0), *said.shape[1:])
                    said = none.index_add(0, adj.rows(), said).flatten(1)
                columns.append(said)
            return torch.cat(columns, 1)

        return super().outputs(run, data, **changed)

    def renamed(self, data: Data, order: Tensor) -> Data:
        other = super().renamed(data, order)
        for name, kind in self.hints.items():
            if kind != "graph":
                held = other[self.places[name]]
                other[self.places[name]] = torch.empty_like(held).index_copy(0, order, held)
        return other
