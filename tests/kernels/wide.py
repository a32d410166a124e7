"""The kernels' definitions in another form: loops over nodes, and networks of finite width."""

from __future__ import annotations

import math
from collections.abc import Callable

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import from_networkx


def labelled(graph: nx.Graph, seed: int, columns: int = 3) -> Data:
    """The graph with one of a few labels on each node, as rows of features."""
    data = from_networkx(nx.convert_node_labels_to_integers(graph))
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(columns, (data.num_nodes,), generator=generator)
    data.x = torch.nn.functional.one_hot(kind, columns).double()
    if data.edge_index.numel() == 0:
        data.edge_index = torch.empty(2, 0, dtype=torch.int64)
    return data


def zoo() -> list[Data]:
    """Graphs of many shapes: one node, no edge, an isolated node, regular ones."""
    shapes = [
        nx.empty_graph(1),
        nx.empty_graph(3),
        nx.path_graph(2),
        nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(1)),
        nx.star_graph(4),
        nx.complete_bipartite_graph(2, 3),
        nx.gnp_random_graph(7, 0.4, seed=1),
        nx.cycle_graph(6),
    ]
    return [labelled(shape, seed) for seed, shape in enumerate(shapes)]


def operator(data: Data, scaling: str) -> list[dict[int, float]]:
    """What each node sums: itself and whom it hears, with its weight."""
    heard: list[dict[int, float]] = [{v: 1.0} for v in range(data.num_nodes)]
    for u, v in data.edge_index.T.tolist():
        heard[v][u] = heard[v].get(u, 0.0) + 1.0
    if scaling == "degree":
        heard = [{u: w / sum(row.values()) for u, w in row.items()} for row in heard]
    return heard


def relu_moments(a: float, b: float, ab: float) -> tuple[float, float]:
    """2 E[relu relu] and 2 E[relu' relu'] of Gaussians with variances a, b and covariance ab."""
    root = math.sqrt(a * b)
    if root == 0:
        return 0.0, 0.0
    c = ab / root
    angle = 0.0 if c > 1 - 2.0**-48 else math.acos(c)
    return root * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi, (
        1 - angle / math.pi
    )


def plain_gntk(g: Data, h: Data, layers: int, mlp: int, jumping: bool, scaling: str) -> float:
    """Section 3.2 of Du et al., pair of nodes by pair of nodes."""
    ends = {"gg": (g, g), "hh": (h, h), "gh": (g, h)}
    heard = {id(g): operator(g, scaling), id(h): operator(h, scaling)}

    def pairs(which: str) -> list[tuple[int, int]]:
        a, b = ends[which]
        return [(u, v) for u in range(a.num_nodes) for v in range(b.num_nodes)]

    def aggregate(which: str, old: dict[tuple[int, int], float]) -> dict[tuple[int, int], float]:
        a, b = ends[which]
        return {
            (u, v): sum(
                wu * wv * old[p, q]
                for p, wu in heard[id(a)][u].items()
                for q, wv in heard[id(b)][v].items()
            )
            for u, v in pairs(which)
        }

    sigma = {
        which: {(u, v): float(a.x[u] @ b.x[v]) for u, v in pairs(which)}
        for which, (a, b) in ends.items()
    }
    theta = dict(sigma["gh"])
    total = sum(theta.values())
    for _ in range(layers):
        sigma = {which: aggregate(which, old) for which, old in sigma.items()}
        theta = aggregate("gh", theta)
        for _ in range(mlp):
            new: dict[str, dict[tuple[int, int], float]] = {}
            slope = {}
            for which in ends:
                first = sigma[which[0] * 2]
                second = sigma[which[1] * 2]
                found = {
                    (u, v): relu_moments(first[u, u], second[v, v], sigma[which][u, v])
                    for u, v in pairs(which)
                }
                new[which] = {pair: moments[0] for pair, moments in found.items()}
                slope = {pair: moments[1] for pair, moments in found.items()}
            sigma = new  # the last of them was "gh"
            theta = {p: theta[p] * slope[p] + sigma["gh"][p] for p in theta}
        total += sum(theta.values())
    return total if jumping else sum(theta.values())


def normal(draws: int, *shapes: tuple[int, int]) -> list[Tensor]:
    """Weights of a network for each draw, ``[draws, *shape]``."""
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(draws, *s, generator=generator, dtype=torch.float64) for s in shapes]
    return [each.requires_grad_() for each in made]


def gradients(outputs: list[Tensor], weights: list[Tensor]) -> Tensor:
    """Gradients of each output, whose ``[draws]`` are those of each draw, ``[draws, items, P]``."""
    rows = []
    for output in outputs:
        parts = torch.autograd.grad(output.sum(), weights, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([part.flatten(1) for part in parts if part is not None], 1))
    return torch.stack(rows, 1)


def check_limit(network: Callable[[int, int], Tensor], exact: Tensor, draws: int = 48) -> None:
    """Kernels of gradients come nearer as width ** -1/2, and their mean is within its error.

    ``network(width, draws)`` gives the gradients, ``[draws, items, P]``.
    """
    deviations = []
    for width in (16, 64, 256):
        rows = network(width, draws)
        errors = (rows @ rows.mT - exact) / exact
        deviations.append(float(errors.square().mean().sqrt()))
    slope = math.log(deviations[2] / deviations[0]) / math.log(16)
    assert -0.6 < slope < -0.4, deviations
    spread = errors.std(0) / math.sqrt(draws)
    assert bool((errors.mean(0).abs() < 4 * spread + 1 / width).all())
