"""Inference on a whole graph, one layer and one block of nodes at a time."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric import nn as pyg

from graphpoly.loader.bar import bar
from graphpoly.ops import number_keys, sample_neighbors, to_csr
from graphpoly.ops.cached import keeps_graph

__all__ = ["layerwise_inference"]

# What they send along an edge does not depend on the degree of its source.
_WITHOUT_DEGREES = (
    *(pyg.EdgeConv, pyg.GATConv, pyg.GATv2Conv, pyg.GINConv, pyg.GINEConv, pyg.GraphConv),
    *(pyg.NNConv, pyg.PNAConv, pyg.SAGEConv, pyg.TransformerConv),
)
# What they make of one neighbourhood depends on the others, such as on how many the largest has.
_TOGETHER = (
    *(pyg.EquilibriumAggregation, pyg.GRUAggregation, pyg.LCMAggregation, pyg.LSTMAggregation),
    pyg.aggr.PatchTransformerAggregation,
)
_BOTH_WAYS = (pyg.ChebConv,)  # read what leaves a node, too; layers of ours say so themselves


@torch.no_grad()
def layerwise_inference(
    model_or_layers: torch.nn.Module | Sequence[Any],
    data: Any,
    *,
    block_size: int = 4096,
    progress: bool = False,
    **kwargs: Any,
) -> Tensor:
    """Return what a network gives for all nodes of a graph, layer by layer in blocks of nodes.

    Each message-passing layer runs on blocks of target nodes and all that they read: the K-hop
    neighbourhood, and one hop more for the degrees of the nodes at its rim. Nothing is sampled.
    What lies between the layers (activation, normalisation, jumping knowledge) runs on all rows, so
    that statistics over all nodes are what they are in one pass. The network is in evaluation mode
    meanwhile.

    Args:
        model_or_layers: A module that is called as ``model(x, edge_index, **kwargs)``, such as a
            ``BasicGNN`` of PyG's or a network of ours; or a list of layers and of pairs (layer,
            activation), where the activation may be None and a module without message passing gets
            x alone.
        data: A graph with ``x`` ``[N, F]`` and ``edge_index`` ``[2, E]``.
        block_size: Target nodes of a block.
        progress: Draw a bar of the nodes done in each layer.
        **kwargs: Further arguments of the network, or of each message-passing layer: for example
            ``edge_weight``. In a layer, tensors of E rows whose name begins with ``edge_`` are cut
            to the edges of a block, others of N rows to its nodes.

    Returns:
        ``[N, C]``, equal to that of one pass up to the order of sums.

    Raises:
        TypeError: If ``data`` has no such tensors, or a layer is not called on one tensor of rows
            of nodes or does not return one.
        ValueError: If ``block_size`` is below 1, the network passes no messages, an index is
            outside the graph, or a layer is cached, reads the whole graph, follows the numbers of
            nodes, or comes behind a pooling that leaves nodes out.

    Complexity: memory O(N (F + C) + E), the rows of all nodes before and after a layer and the
    graph, and beyond it what the layer takes for one block: its neighbourhood of K or K + 1 hops.
    Time of one layer that of all these blocks together. Layers that divide by the out-degree, such
    as ``ChebConv``, read edges in both directions.

    Hamilton, Ying and Leskovec, "Inductive Representation Learning on Large Graphs", NIPS 2017,
    algorithm 1, goes through the layers in this order.

    >>> from torch_geometric.data import Data
    >>> ring = Data(torch.eye(4), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
    >>> conv = pyg.GCNConv(4, 2)
    >>> found = layerwise_inference([(conv, torch.relu)], ring, block_size=2)
    >>> torch.allclose(found, conv(ring.x, ring.edge_index).relu(), atol=1e-6)
    True
    """
    if block_size < 1:
        raise ValueError(f"block_size: got {block_size}, expected at least 1")
    x, edge_index = getattr(data, "x", None), getattr(data, "edge_index", None)
    for name, value in {"x": x, "edge_index": edge_index}.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.dim() < 2:
            raise TypeError(f"data: its {name} is {type(value).__name__}, expected a dense tensor")
    network = model_or_layers
    if not isinstance(network, torch.nn.Module):
        network = _Stack(network)
    layers = dict.fromkeys(_outermost(network))
    if not layers:
        raise ValueError("model_or_layers: has no layer that passes messages")
    with ExitStack() as stack:
        stack.enter_context(_evaluating(network))
        for layer in layers:
            blocks = _Blocks(layer, len(data.x), block_size, progress)
            stack.enter_context(_replaced(layer, blocks.forward))
        return network(x, edge_index, **kwargs)


class _Stack(torch.nn.Module):
    """Layers one after the other, each with its activation."""

    def __init__(self, layers: Sequence[Any]) -> None:
        super().__init__()
        pairs = [each if isinstance(each, tuple) else (each, None) for each in layers]
        self.steps: list[tuple[Any, Callable[[Tensor], Tensor] | None]] = pairs
        modules = [part for pair in pairs for part in pair if isinstance(part, torch.nn.Module)]
        self.held = torch.nn.ModuleList(modules)

    def forward(self, x: Tensor, edge_index: Tensor, **kwargs: Any) -> Tensor:
        for layer, activation in self.steps:
            messages = isinstance(layer, torch.nn.Module) and any(_outermost(layer))
            x = layer(x, edge_index, **kwargs) if messages else layer(x)
            x = x if activation is None else activation(x)
        return x


class _Block(NamedTuple):
    """What a block reads: nodes, its own first; edges, those of a target in their order; ends."""

    node: Tensor
    edge: Tensor
    edge_index: Tensor


class _Blocks:
    """The forward of a layer, block by block."""

    def __init__(self, layer: Any, num_nodes: int, size: int, progress: bool) -> None:
        self.layer, self.num_nodes, self.size, self.progress = layer, num_nodes, size, progress
        self.hops, self.target = _hops_of(layer), int(layer.flow == "source_to_target")
        self.degrees = type(layer) not in _WITHOUT_DEGREES
        # PyG's quantiles read the place before the first of a single one
        quantiles = any(isinstance(part, pyg.QuantileAggregation) for part in layer.modules())
        self.least = 2 if quantiles else 1
        self.both_ways = isinstance(layer, _BOTH_WAYS) or getattr(layer, "reads_both_ways", False)
        self.whole, self.name = layer.forward, type(layer).__name__

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        given = inspect.signature(self.whole).bind(*args, **kwargs)
        for name in ("x", "edge_index"):
            value = given.arguments.get(name)
            if not isinstance(value, Tensor) or value.layout != torch.strided:
                got = type(value).__name__
                raise TypeError(f"{self.name}: its {name} is {got}, expected a dense tensor")
        if given.arguments["x"].size(0) != self.num_nodes:
            raise ValueError(
                f"{self.name}: has no blocks: it gets {given.arguments['x'].size(0)} rows of "
                f"{self.num_nodes} nodes, others are left out by a pooling of the whole graph"
            )
        _check_local(self.layer, given.arguments)
        edges: Tensor = given.arguments["edge_index"].as_subclass(Tensor)
        ends = edges if self.target else edges.flip(0)
        if self.both_ways:
            ends = torch.cat([ends, ends.flip(0)], dim=1)
        adj = to_csr(ends, num_nodes=self.num_nodes)
        every = torch.arange(adj.num_entries, device=edges.device)
        graph = adj.rowptr.long(), adj.col.long(), every if adj.perm is None else adj.perm.long()
        hearing = adj.rowptr.diff().nonzero().view(-1)[: 2 * self.least]
        out = None
        with bar(self.name, self.num_nodes, shown=self.progress) as done:
            for begin in range(0, max(self.num_nodes, 1), self.size):
                end = min(begin + self.size, self.num_nodes)
                own = torch.arange(begin, end, device=edges.device)
                own = _led(own, graph[0], hearing, self.least)
                block = self._block(graph, edges, own)
                cut = inspect.signature(self.whole).bind(*args, **kwargs)
                for name, value in cut.arguments.items():
                    cut.arguments[name] = self._cut(name, value, block, edges.size(1))
                rows = self.whole(*cut.args, **cut.kwargs)
                if not isinstance(rows, Tensor) or rows.size(0) != block.node.numel():
                    raise TypeError(f"{self.name}: returns other than one tensor of rows of nodes")
                if out is None:
                    out = rows.new_empty(self.num_nodes, *rows.shape[1:])
                out[own] = rows[: len(own)]
                done(end - begin)
        assert out is not None
        return out

    def _block(self, graph: tuple[Tensor, Tensor, Tensor], edges: Tensor, node: Tensor) -> _Block:
        rowptr, col, order = graph
        size, begin, found = col.numel(), 0, []
        for _ in range(self.hops + self.degrees):
            entry = sample_neighbors(rowptr, node[begin:], -1, num_entries=size).entry
            begin = node.numel()
            node = torch.cat([node, col[entry][number_keys(node, col[entry]).first]])
            found.append(entry)
        if self.degrees:  # edges within the rim
            entry = sample_neighbors(rowptr, node[begin:], -1, num_entries=size).entry
            found.append(entry[number_keys(node, col[entry]).number < node.numel()])
        edge = (order[torch.cat(found)] % max(edges.size(1), 1)).unique()
        number = number_keys(node, edges[:, edge].long().reshape(-1)).number.view(2, -1)
        by_target = number[self.target].argsort(stable=True)  # as some aggregations ask of a graph
        return _Block(node, edge[by_target], number[:, by_target].to(edges.dtype))

    def _cut(self, name: str, value: Any, block: _Block, num_edges: int) -> Any:
        if isinstance(value, dict):
            return {key: self._cut(key, each, block, num_edges) for key, each in value.items()}
        if name == "edge_index":
            return block.edge_index
        if not isinstance(value, Tensor) or not value.dim():
            return value
        if name.startswith("edge_") and value.size(0) == num_edges:
            return value[block.edge]
        return value[block.node] if value.size(0) == self.num_nodes else value


def _led(own: Tensor, rowptr: Tensor, hearing: Tensor, least: int) -> Tensor:
    """Let a block begin with a node that hears, and have some edges, which aggregations may need.

    Args:
        own: Nodes of the block.
        rowptr: What each node hears begins there, ``[N+1]``.
        hearing: Nodes of the graph that hear, twice as many as edges are wanted.
        least: How many edges it is to have, if the graph has nodes for them.
    """
    heard = rowptr[own + 1] - rowptr[own]
    lead = own[heard > 0]
    if int(heard.sum()) >= least:
        lead = lead[:1]
    else:
        lead = torch.cat([lead, hearing[~torch.isin(hearing, lead)][:least]])
    return torch.cat([lead, own[~torch.isin(own, lead)]])


def _outermost(module: Any) -> Iterator[Any]:
    """Layers that pass messages, those within another of them left out."""
    if isinstance(module, pyg.MessagePassing) and not getattr(module, "of_layers", False):
        yield module
    else:
        for child in module.children():
            yield from _outermost(child)


def _hops_of(layer: Any) -> int:
    """How far a layer reads, or more: what it declares, else what PyG's layers call it."""
    if keeps_graph(layer):
        raise ValueError(f"{type(layer).__name__}: cached=True holds one graph, a block is another")
    declared = getattr(layer, "compliance_exceptions", {})
    for name in ("num_hops", "node_permutation"):  # nodes of a block have other numbers
        if name in declared:
            raise ValueError(f"{type(layer).__name__}: has no blocks: {declared[name]}")
    if isinstance(layer, pyg.ChebConv):
        return len(layer.lins)
    own = ("K", "num_layers", "filter_size")
    names = ("num_hops",) if hasattr(layer, "num_hops") else own
    numbers = [getattr(layer, name, 1) for name in names]
    numbers += getattr(layer, "powers", [])  # entries of powers of the operator look as far
    return max(1, *(number for number in numbers if isinstance(number, int)))


def _check_local(layer: Any, given: dict[str, Any]) -> None:
    """Refuse what a layer takes of the whole graph unless it is given, and what cannot be cut."""
    name = type(layer).__name__
    for part in layer.modules():
        if isinstance(part, _TOGETHER):
            raise ValueError(
                f"{name}: has no blocks: {type(part).__name__} pads each neighbourhood to the "
                "largest of the whole graph, or reads all of them together"
            )
    for key, value in given.items():
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            raise ValueError(f"{name}: has no blocks: {key} is what was made of the whole graph")
    if isinstance(layer, pyg.ChebConv):
        if layer.normalization is None and given.get("lambda_max") is None:
            raise ValueError(
                f"{name}: has no blocks: lambda_max is that of the whole graph; give it"
            )
    elif getattr(layer, "borrow", False) and given.get("edge_attr") is None:
        raise ValueError(
            f"{name}: has no blocks: nodes borrow the nearest ones of the whole graph; give "
            "edge_attr, or borrow=False"
        )


@contextmanager
def _replaced(layer: Any, forward: Callable[..., Tensor]) -> Iterator[None]:
    """Let a layer have another forward for a while."""
    held = vars(layer).get("forward")

    @functools.wraps(layer.forward)  # a network may ask what a layer takes
    def replaced(*args: Any, **kwargs: Any) -> Tensor:
        return forward(*args, **kwargs)

    layer.forward = replaced
    try:
        yield
    finally:
        if held is None:
            del layer.forward
        else:
            layer.forward = held


@contextmanager
def _evaluating(network: torch.nn.Module) -> Iterator[None]:
    held = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in held:
            module.training = training
