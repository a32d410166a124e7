"""Drawings of graphs as SVG: nodes at places that show symmetry, coloured by refinement."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import networkx as nx
import torch
from networkx.algorithms.isomorphism import GraphMatcher
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

from graphpoly.expressivity.colors import wl_colors
from graphpoly.pages.svg import svg

__all__ = ["draw_graph", "draw_pair", "place_nodes"]

_PALETTE = 8  # colours --c0 to --c7; further ones are --soft
_LARGEST, _MOST_SYMMETRIES = 16, 120  # nodes and symmetries that are tried


def draw_pair(one: Data, other: Data, *, rounds: int | None = None, size: float = 210) -> str:
    """Draw two graphs side by side; nodes that 1-WL takes for equal look alike.

    Args:
        one, other: Undirected.
        rounds: After so many rounds; by default its stable colours.
        size: Width and height of each.
    """
    found = wl_colors([one, other], rounds=rounds, features=False).node
    names = (found if rounds is None else found[-1]).tolist()
    number = {name: i for i, name in enumerate(sorted(set(names), key=names.index))}
    colors = [number[name] for name in names]
    split = int(one.num_nodes or 0)
    gap = 0.16 * size
    parts = _draw(one, colors[:split], 0, size)
    parts += _draw(other, colors[split:], size + gap, size)
    return svg(2 * size + gap, size, parts, f"two graphs with {split} and {other.num_nodes} nodes")


def place_nodes(data: Data) -> list[tuple[float, float]]:
    """Return a place for each node, within -1 and 1.

    A circulant graph stands on a circle in its own order, and one that a symmetry turns in a few
    rings on these. Of any other, each component is placed by its distances (Kamada and Kawai).
    Components stand side by side, paths one above another.
    """
    graph = to_networkx(data, to_undirected=True)
    parts = sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    longest = len(parts[0]) if parts else 0
    if longest > 1 and all(_is_path(graph.subgraph(part)) for part in parts):
        places: dict[int, tuple[float, float]] = {}
        for row, part in enumerate(parts):
            height = 0.5 * (row - (len(parts) - 1) / 2)
            ends = [v for v in sorted(part) if graph.degree(v) <= 1]
            line = nx.shortest_path(graph, ends[0], ends[-1])
            for i, v in enumerate(line):
                places[v] = ((2 * i - len(line) + 1) / (longest - 1), height)
        return [places[v] for v in range(graph.number_of_nodes())]
    places = {}
    columns = math.ceil(math.sqrt(len(parts)))
    rows = math.ceil(len(parts) / max(1, columns))
    for number, part in enumerate(parts):
        cell = 2 / max(columns, rows)
        own = _component(graph.subgraph(sorted(part)))
        row, column = divmod(number, columns)
        in_row = min(columns, len(parts) - row * columns)
        x = (column - (in_row - 1) / 2) * cell
        y = (row - (rows - 1) / 2) * cell
        scale = cell / 2 * (0.86 if len(parts) > 1 else 1)
        places.update({v: (x + scale * a, y + scale * b) for v, (a, b) in own.items()})
    return [places[v] for v in range(graph.number_of_nodes())]


def _is_path(graph: nx.Graph) -> bool:
    return nx.is_tree(graph) and max(dict(graph.degree).values()) <= 2


def _component(graph: nx.Graph) -> dict[int, tuple[float, float]]:
    nodes = list(graph)
    size = len(nodes)
    if size == 1:
        return {nodes[0]: (0.0, 0.0)}
    place = {v: i for i, v in enumerate(nodes)}
    own = {frozenset((place[u], place[v])) for u, v in graph.edges}
    start = {v: _on_circle(i, size) for v, i in place.items()}
    held = None
    if {frozenset((i + 1) % size for i in edge) for edge in own} == own:
        held = start
    elif not nx.is_tree(graph):
        held = _rings(graph)
    if held is None:
        spread = nx.kamada_kawai_layout(graph, pos=start, weight=None)
        held = {v: (float(a), float(b)) for v, (a, b) in spread.items()}
    middle = [sum(held[v][axis] for v in nodes) / size for axis in (0, 1)]
    held = {v: (a - middle[0], b - middle[1]) for v, (a, b) in held.items()}
    widest = max(max(abs(a), abs(b)) for a, b in held.values())
    return {v: (a / widest, b / widest) for v, (a, b) in held.items()}


def _rings(graph: nx.Graph) -> dict[int, tuple[float, float]] | None:
    """Places that a symmetry turns around the middle; None without one that has few rings."""
    if graph.number_of_nodes() > _LARGEST:
        return None
    found: dict[int, list[list[int]]] = {}
    symmetries = GraphMatcher(graph, graph).isomorphisms_iter()
    for symmetry in itertools.islice(symmetries, _MOST_SYMMETRIES):
        cycles = _cycles(symmetry)
        length = len(cycles[0])
        if length > 2 and len(cycles) <= 4 and all(len(cycle) == length for cycle in cycles):
            found.setdefault(length, cycles)
    chosen: dict[int, tuple[float, float]] | None = None
    fewest: tuple[float, ...] = (math.inf,)
    for length, cycles in sorted(found.items(), reverse=True)[:2]:
        # the same symmetry, done several times at once, orders the rings otherwise
        for step in (k for k in range(1, length // 2 + 1) if math.gcd(k, length) == 1):
            turned = [[cycle[i * step % length] for i in range(length)] for cycle in cycles]
            placed: dict[int, tuple[float, float]] = {}
            for number, cycle in enumerate(turned):
                radius = 1 - number / len(turned)
                placed.update(_turned(graph, cycle, radius, placed))
            lines = [(placed[u], placed[v]) for u, v in graph.edges]
            total = sum(math.dist(*line) for line in lines)
            within, crossings = _faults(lines)
            score = (within, crossings > 0, -length, crossings, round(total, 6))
            if score < fewest:
                chosen, fewest = placed, score
    return chosen


def _faults(lines: list[tuple[tuple[float, float], tuple[float, float]]]) -> tuple[int, int]:
    """How many ends lie within other lines, and how many pairs of lines cross."""
    ends = torch.tensor(lines, dtype=torch.float64, device="cpu")
    a, b = ends[:, 0], ends[:, 1]
    along = (b - a).unsqueeze(1)

    def side(c: Tensor) -> tuple[Tensor, Tensor]:
        """On which side of line i the point j is, and whether it lies within the line."""
        away = c.unsqueeze(0) - a.unsqueeze(1)
        turn = along[..., 0] * away[..., 1] - along[..., 1] * away[..., 0]
        share = (along * away).sum(2) / along.square().sum(2)
        straight = turn.abs() < 1e-9
        return torch.where(straight, 0.0, turn.sign()), straight & (share > 1e-9) & (
            share < 1 - 1e-9
        )

    (first, first_on), (second, second_on) = side(a), side(b)
    parted = first * second < 0
    return int(first_on.sum() + second_on.sum()), int((parted & parted.T).sum()) // 2


def _turned(
    graph: nx.Graph,
    cycle: list[int],
    radius: float,
    placed: dict[int, tuple[float, float]],
) -> dict[int, tuple[float, float]]:
    """One ring, turned so that its edges to those that stand already are short."""
    length = len(cycle)
    rings = []
    for turn in range(2 * length if placed else 1):
        ring = {v: _on_circle(i + turn / 2, length) for i, v in enumerate(cycle)}
        ring = {v: (radius * a, radius * b) for v, (a, b) in ring.items()}
        edges = [(ring[v], placed[u]) for v in cycle for u in graph[v] if u in placed]
        rings.append((sum(math.dist(a, b) for a, b in edges), turn, ring))
    return min(rings, key=lambda each: each[:2])[2]


def _cycles(symmetry: dict[int, int]) -> list[list[int]]:
    left, cycles = set(symmetry), []
    for first in sorted(symmetry):
        if first in left:
            cycle = [first]
            while symmetry[cycle[-1]] != first:
                cycle.append(symmetry[cycle[-1]])
            left -= set(cycle)
            cycles.append(cycle)
    return cycles


def _on_circle(i: float, size: int) -> tuple[float, float]:
    angle = 2 * math.pi * i / size
    return math.sin(angle), -math.cos(angle)


def _draw(data: Data, colors: list[int], left: float, size: float) -> list[str]:
    width = max(0.5, min(1.4, 30 / max(1, data.num_edges // 2)))
    pairs = torch.unique(data.edge_index.sort(0).values, dim=1).T.tolist()
    fills = [f"var(--c{color})" if color < _PALETTE else "var(--soft)" for color in colors]
    style = f'stroke="var(--edge)" stroke-width="{width:.2f}"'
    return draw_graph(place_nodes(data), [(style, pairs)], fills, left, size)


def draw_graph(
    places: Sequence[tuple[float, float]],
    lines: Sequence[tuple[str, Sequence[Sequence[int]]]],
    fills: Sequence[str],
    left: float,
    size: float,
) -> list[str]:
    """Return the elements of a graph's drawing.

    Args:
        places: Of each node, within -1 and 1.
        lines: Attributes that some edges are drawn with, and these edges.
        fills: Colour of each node.
        left: Where it begins.
        size: Its width and height.
    """
    radius = max(2.6, min(6.5, 0.26 * size / max(1.0, math.sqrt(len(places))) / 2))
    reach = size / 2 - radius - 2
    at = [(left + size / 2 + reach * a, size / 2 + reach * b) for a, b in places]
    parts = []
    for style, pairs in lines:
        parts.append(f"<g {style}>")
        for u, v in pairs:
            (a, b), (c, d) = at[u], at[v]
            parts.append(f'<line x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>')
        parts.append("</g>")
    parts.append('<g stroke="var(--paper)" stroke-width="1">')
    for (a, b), fill in zip(at, fills, strict=True):
        parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius:.1f}" fill="{fill}"/>')
    return [*parts, "</g>"]
