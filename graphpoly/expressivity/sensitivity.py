r"""How far a node hears, and how loudly: the Jacobian of its row by the features of others.

Through m layers that average with :math:`\hat A`, the influence of u on v is at most a constant
times :math:`(\hat A^m)_{vu}`, which falls quickly across bottlenecks (over-squashing). What a model
does is set against that curve, both relative to their largest value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn

from graphpoly.devices import on_cpu
from graphpoly.expressivity.counting import counting_graphs
from graphpoly.expressivity.files import of_networkx
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.probe import Probe

__all__ = ["Influence", "dead_gradients", "hop_reach", "influence", "jacobian_norms"]

_HOPS = 32


@dataclass(frozen=True)
class Influence:
    """What a node hears of nodes at each distance, on one graph.

    Attributes:
        graph: Which graph, and which node.
        norms: Spectral norm of the Jacobian, the mean over nodes at each distance, relative to the
            largest of the distances, ``[W, R]``.
        averaging: The same of :math:`(\\hat A^m)_{vu}`, ``[R]``.
        layers: m.
    """

    graph: str
    norms: Tensor
    averaging: Tensor
    layers: int


@on_cpu()
def jacobian_norms(probe: Probe, module: Any, whole: GraphSet, node: int, draw: int) -> Tensor:
    """Return the spectral norm of the Jacobian of one node's row by each node's features, ``[N]``.

    Args:
        probe: The model.
        module: One draw of it.
        whole: One graph.
        node: Whose row.
        draw: Seeds the features.

    Raises:
        ValueError: If the model has no rows of nodes.
    """
    dtype = probe.dtypes[0]
    x = probe.features(whole, draw=draw, dtype=dtype).requires_grad_()
    rows = probe.nodes(module, whole, x)
    if rows is None:
        raise ValueError(f"{probe.name}: no part of it has a row for each node")
    if not rows.requires_grad:
        return torch.zeros(whole.num_nodes, dtype=torch.float64)
    parts = []
    for channel in rows[node]:
        (grad,) = torch.autograd.grad(channel, x, retain_graph=True, allow_unused=True)
        parts.append(torch.zeros_like(x) if grad is None else grad)
    jacobian = torch.stack(parts, 1).double().nan_to_num()
    return torch.linalg.matrix_norm(jacobian, 2)


@on_cpu()
def hop_reach(probe: Probe, *, weights: int = 3, hops: int = _HOPS) -> int | None:
    """Measure how many hops away a node's features still change a node's row, on a path.

    Args:
        probe: The model.
        weights: How many random weights, each with its own features.
        hops: Length of the path. An answer of that much means: no end was seen.

    Returns:
        The largest distance with a gradient other than zero; None where no part of the model has a
        row for each node.
    """
    whole = GraphSet.of(of_networkx(nx.path_graph(hops + 1)))
    reach = 0
    for draw in range(weights):
        try:
            norms = jacobian_norms(probe, probe.draw(draw, probe.dtypes[0]), whole, 0, draw)
        except ValueError:
            return None
        heard = norms.nonzero().flatten()
        reach = max(reach, int(heard.max()) if heard.numel() else 0)
    return reach


@on_cpu()
def influence(
    probe: Probe,
    *,
    layers: int,
    weights: int = 5,
    progress: Callable[[str], Any] | None = None,
) -> list[Influence]:
    """Measure the influence over distance on a path, across a barbell and up a tree.

    Args:
        probe: The model.
        layers: Power of the averaging operator to set it against; its reach.
        weights: How many random weights, each with its own features.
        progress: Told what is being done.
    """
    found = []
    for name, (graph, node) in _landscapes().items():
        if progress is not None:
            progress(f"sensitivity: {name}")
        whole = GraphSet.of(of_networkx(graph))
        away = nx.single_source_shortest_path_length(graph, node)
        distance = torch.tensor([away[v] for v in graph])
        curves = []
        for draw in range(weights):
            module = probe.draw(draw, probe.dtypes[0])
            curves.append(_by_distance(jacobian_norms(probe, module, whole, node, draw), distance))
        norms = torch.stack(curves)
        operator = torch.tensor(nx.to_numpy_array(graph)) + torch.eye(len(graph)).double()
        root = operator.sum(1).rsqrt()
        power = torch.linalg.matrix_power(root.unsqueeze(1) * operator * root, layers)
        found.append(Influence(name, norms, _by_distance(power[node], distance), layers))
    return found


@on_cpu()
def dead_gradients(probe: Probe, *, weights: int = 3, seed: int = 0) -> tuple[float, list[str]]:
    """Return the share of parameters without gradient, and the names of those wholly without.

    Args:
        probe: The model.
        weights: How many random weights; the share is their mean, a name is dead in all of them.
        seed: Of the graphs; features are random.
    """
    whole = GraphSet.of(counting_graphs(24, seed))
    shares: list[float] = []
    dead: set[str] | None = None
    for draw in range(probe.draws(weights)):
        module = probe.draw(draw, probe.dtypes[0])
        parameters = {}
        if isinstance(module, nn.Module):
            parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        if not parameters:
            return 0.0, []
        rows = probe.graphs(module, whole, probe.features(whole, draw=draw, dtype=probe.dtypes[0]))
        generator = torch.Generator().manual_seed(seed + draw)
        mix = torch.randn(rows.shape, generator=generator, dtype=torch.float64).to(rows)
        loss = (rows * mix).sum()
        if not loss.requires_grad:
            return 1.0, sorted(parameters)
        grads = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        zeros = [
            p.numel() if g is None else int((g == 0).sum())
            for p, g in zip(parameters.values(), grads, strict=True)
        ]
        shares.append(sum(zeros) / sum(p.numel() for p in parameters.values()))
        silent = {n for (n, p), z in zip(parameters.items(), zeros, strict=True) if z == p.numel()}
        dead = silent if dead is None else dead & silent
    return sum(shares) / len(shares), sorted(dead or ())


def _landscapes() -> dict[str, tuple[nx.Graph, int]]:
    barbell = nx.barbell_graph(6, 4)
    return {
        "path, from its end": (nx.path_graph(17), 0),
        "barbell, from a clique": (barbell, 0),
        "binary tree, from its root": (nx.balanced_tree(2, 6), 0),
    }


def _by_distance(values: Tensor, distance: Tensor) -> Tensor:
    """Mean at each distance, relative to the largest."""
    width = int(distance.max()) + 1
    total = values.new_zeros(width).index_add(0, distance, values)
    mean = total / torch.bincount(distance)
    top = mean.max()
    return mean / top if top > 0 else mean
