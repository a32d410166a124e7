"""Colour refinement beside networkx and PyG, in one run: ``python -m benchmarks.wl [--quick]``.

Everybody is first compared with the partition that is known or that networkx finds. Times are
medians, on one thread, from an edge list on: ours sorts the edges in every run. Writes ``wl.json``
and ``wl.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.nn import WLConv

from benchmarks.measure import describe_machine
from graphpoly.expressivity import graph_names, hard_pair, of_networkx, tuple_colors
from graphpoly.ops import color_refinement, stable_colors, to_csr

ROUNDS = 3
RESULTS = Path(__file__).parent / "results"


def undirected(pairs: Tensor) -> Tensor:
    """Each edge in both directions."""
    return torch.cat([pairs, pairs.flip(0)], 1)


def random_graph(nodes: int, edges: int) -> Tensor:
    """A random graph without loops."""
    g = torch.Generator().manual_seed(0)
    pairs = torch.randint(0, nodes, (2, edges), generator=g)
    return undirected(pairs[:, pairs[0] != pairs[1]])


def path(nodes: int) -> Tensor:
    """A path."""
    return undirected(torch.stack([torch.arange(nodes - 1), torch.arange(1, nodes)]))


def grid(side: int) -> Tensor:
    """A square grid."""
    place = torch.arange(side * side).view(side, side)
    across = torch.stack([place[:, :-1].flatten(), place[:, 1:].flatten()])
    down = torch.stack([place[:-1].flatten(), place[1:].flatten()])
    return undirected(torch.cat([across, down], 1))


def tree(nodes: int) -> Tensor:
    """A random tree: each node hangs on an earlier one near it, so that it is deep."""
    g = torch.Generator().manual_seed(0)
    node = torch.arange(1, nodes)
    back = (torch.rand(nodes - 1, generator=g) * node.clamp(max=100)).long() + 1
    return undirected(torch.stack([node, node - back]))


def networkx_graph(edge_index: Tensor, nodes: int) -> nx.Graph:
    """The same graph for networkx."""
    graph = nx.Graph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(edge_index.T.tolist())
    return graph


def classes(colors: Tensor) -> int:
    """Number of colours."""
    return colors.unique().numel()


def pyg_rounds(edge_index: Tensor, nodes: int) -> Tensor:
    """Three rounds of PyG's layer."""
    x = torch.zeros(nodes, dtype=torch.int64)
    for _ in range(ROUNDS):
        x = WLConv()(x, edge_index)
    return x


def cases(quick: bool) -> list[tuple[str, dict[str, Callable[[], int]]]]:
    """What is measured: for each graph the contestants, each of which returns a count to check."""
    shrink = 20 if quick else 1
    nodes, edges = 100_000 // shrink, 1_000_000 // shrink
    big = random_graph(nodes, edges)
    big_nx = networkx_graph(big, nodes)
    simple = torch.tensor(list(big_nx.edges)).T
    simple = undirected(simple)
    many = [
        nx.gnm_random_graph(12 + i % 24, 12 + i % 24 + 2, seed=i) for i in range(10_000 // shrink)
    ]
    data = [of_networkx(graph) for graph in many]
    sizes = torch.tensor([one.num_nodes for one in data])
    shift = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    joined = torch.cat([one.edge_index + shift[i] for i, one in enumerate(data)], 1)
    owner = torch.repeat_interleave(sizes)

    def ours_stable(edge_index: Tensor, count: int) -> Callable[[], int]:
        return lambda: classes(stable_colors(to_csr(edge_index.clone(), num_nodes=count)).color)

    def ours_rounds(edge_index: Tensor, count: int) -> Callable[[], int]:
        def run() -> int:
            return classes(
                color_refinement(to_csr(edge_index.clone(), num_nodes=count), ROUNDS)[-1]
            )

        return run

    def networkx_rounds(graph: nx.Graph) -> Callable[[], int]:
        def run() -> int:
            found = nx.weisfeiler_lehman_subgraph_hashes(
                graph, iterations=ROUNDS, include_initial_labels=True
            )
            return len({names[-1] for names in found.values()})

        return run

    def ours_graphs() -> int:
        colors = color_refinement(to_csr(joined.clone(), num_nodes=int(shift[-1])), ROUNDS)[-1]
        return classes(graph_names(colors, owner, len(data)))

    path_size, side, tree_size = 100_000 // shrink, 300 // (5 if quick else 1), 500_000 // shrink
    tree_index = tree(tree_size)
    pairs = [one for _ in range(20 // (10 if quick else 1)) for one in hard_pair("cfi-cube")]
    return [
        (
            f"{ROUNDS} rounds, {nodes:,} nodes, {simple.size(1) // 2:,} edges",
            {
                "graphpoly": ours_rounds(simple, nodes),
                "networkx": networkx_rounds(big_nx),
                "PyG WLConv": lambda: classes(pyg_rounds(simple, nodes)),
            },
        ),
        (
            f"graph hash, {len(data):,} graphs, {int(shift[-1]):,} nodes",
            {
                "graphpoly": ours_graphs,
                "networkx": lambda: len(
                    {nx.weisfeiler_lehman_graph_hash(one, iterations=ROUNDS) for one in many}
                ),
            },
        ),
        (f"stable, {nodes:,} nodes", {"graphpoly": ours_stable(simple, nodes)}),
        (f"stable, path of {path_size:,}", {"graphpoly": ours_stable(path(path_size), path_size)}),
        (f"stable, grid {side} x {side}", {"graphpoly": ours_stable(grid(side), side * side)}),
        (f"stable, tree of {tree_size:,}", {"graphpoly": ours_stable(tree_index, tree_size)}),
        (
            f"2-FWL, {len(pairs)} graphs of 32 nodes",
            {"graphpoly": lambda: classes(tuple_colors(pairs, 2).graph)},
        ),
    ]


def measure(run: Callable[[], int], seconds: float) -> tuple[float, int]:
    """Median time and the count."""
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - begin < seconds and len(times) < 20):
        start = time.perf_counter()
        count = run()
        times.append(time.perf_counter() - start)
        if times[-1] > seconds:
            break
    return statistics.median(times), count


def main() -> None:
    """Run, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small graphs, to try the script")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each contestant")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="The hashes produced")  # between networkx versions
    rows: list[dict[str, Any]] = []
    for name, contestants in cases(arguments.quick):
        counts = {}
        for who, run in contestants.items():
            taken, counts[who] = measure(run, arguments.seconds)
            rows.append({"case": name, "name": who, "ms": 1000 * taken, "colors": counts[who]})
            print(f"{name:<50} {who:<12} {1000 * taken:10.1f} ms {counts[who]:>9} colours")
        if len(set(counts.values())) > 1:
            raise SystemExit(f"{name}: the contestants disagree: {counts}")
    suffix = "-quick" if arguments.quick else ""
    report = {"machine": describe_machine(), "rows": rows}
    (RESULTS / f"wl{suffix}.json").write_text(json.dumps(report, indent=2) + "\n")
    lines = ["# Colour refinement", "", "| case | who | ms | colours |", "|---|---|---|---|"]
    lines += [f"| {r['case']} | {r['name']} | {r['ms']:.1f} | {r['colors']} |" for r in rows]
    (RESULTS / f"wl{suffix}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
