"""Colour refinement beside what one calls instead: ``python -m benchmarks.wl [--quick] [--root]``.

Whoever counts colours must find as many as the others. igraph (BLISS) and pynauty, where they are
installed, name graphs by canonical forms: more than refinement does, and what users call for want
of it. Times are medians, on one thread, from an edge list on: ours sorts the edges in every run.
Writes ``wl.json`` and ``wl.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.nn import WLConv

from benchmarks.measure import describe_machine
from graphpoly.data import load_tu
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


Runs = dict[str, Callable[[], int | None]]


def bliss(graphs: list[tuple[Tensor, int]]) -> Runs:
    """Canonical labellings by igraph, of graphs that it has made ready."""
    try:
        import igraph
    except ImportError:
        return {}
    made = [igraph.Graph(n, edges[:, edges[0] < edges[1]].T.tolist()) for edges, n in graphs]

    def run() -> None:
        for graph in made:
            graph.canonical_permutation()

    return {"igraph BLISS, graphs made": run}


def nauty(graphs: list[tuple[Tensor, int]]) -> Runs:
    """Certificates by pynauty, the making of its graphs included."""
    try:
        import pynauty
    except ImportError:
        return {}
    listed = []
    for edges, n in graphs:
        around: dict[int, list[int]] = {}
        for u, v in edges.T.tolist():
            around.setdefault(u, []).append(v)
        listed.append((n, around))

    def run() -> None:
        for n, around in listed:
            pynauty.certificate(pynauty.Graph(n, adjacency_dict=around))

    return {"pynauty": run}


def cases(quick: bool, root: Path | None) -> list[tuple[str, Runs]]:
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

    each = [(one.edge_index, int(one.num_nodes or 0)) for one in data]
    path_size, side, tree_size = 100_000 // shrink, 300 // (5 if quick else 1), 500_000 // shrink
    tree_index = tree(tree_size)
    pairs = [one for _ in range(20 // (10 if quick else 1)) for one in hard_pair("cfi-cube")]
    found: list[tuple[str, Runs]] = [
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
                **bliss(each),
                **nauty(each),
            },
        ),
        (
            f"stable, {nodes:,} nodes",
            {"graphpoly": ours_stable(simple, nodes), **bliss([(simple, nodes)])},
        ),
        (
            f"stable, path of {path_size:,}",
            {
                "graphpoly": ours_stable(path(path_size), path_size),
                **bliss([(path(path_size), path_size)]),
            },
        ),
        (
            f"stable, grid {side} x {side}",
            {
                "graphpoly": ours_stable(grid(side), side * side),
                **bliss([(grid(side), side * side)]),
            },
        ),
        (f"stable, tree of {tree_size:,}", {"graphpoly": ours_stable(tree_index, tree_size)}),
        (
            f"2-FWL, {len(pairs)} graphs of 32 nodes",
            {"graphpoly": lambda: classes(tuple_colors(pairs, 2).graph)},
        ),
    ]
    if root is not None:
        enzymes = load_tu("ENZYMES", root)
        name = f"2-FWL, {ROUNDS} rounds, ENZYMES without labels, {len(enzymes)} graphs"
        run = partial(tuple_colors, enzymes, 2, features=False, rounds=ROUNDS)
        found.append((name, {"graphpoly": lambda: classes(run().graph[-1])}))
    return found


def measure(run: Callable[[], int | None], seconds: float) -> tuple[float, int | None]:
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
    parser.add_argument("--root", type=Path, default=None, help="folder that holds the datasets")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="The hashes produced")  # between networkx versions
    rows: list[dict[str, Any]] = []
    for name, contestants in cases(arguments.quick, arguments.root):
        counts = {}
        for who, run in contestants.items():
            taken, counts[who] = measure(run, arguments.seconds)
            rows.append({"case": name, "name": who, "ms": 1000 * taken, "colors": counts[who]})
            said = "" if counts[who] is None else f"{counts[who]:>9} colours"
            print(f"{name:<50} {who:<26} {1000 * taken:10.1f} ms {said}", flush=True)
        if len(set(counts.values()) - {None}) > 1:
            raise SystemExit(f"{name}: the contestants disagree: {counts}")
    suffix = "-quick" if arguments.quick else ""
    report = {"machine": describe_machine(), "rows": rows}
    (RESULTS / f"wl{suffix}.json").write_text(json.dumps(report, indent=2) + "\n")
    machine = report["machine"]
    lines = ["# Colour refinement", "", "Made by `python -m benchmarks.wl`; medians, one thread."]
    lines += [
        "x: times as long as graphpoly. Canonical forms (igraph, pynauty) say more than colours.",
        "",
        f"- {machine['cpu']}, load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        "| case | who | ms | x | colours |",
        "|---|---|---:|---:|---:|",
    ]
    mine = {r["case"]: r["ms"] for r in rows if r["name"] == "graphpoly"}
    lines += [
        f"| {r['case']} | {r['name']} | {r['ms']:.1f} | {r['ms'] / mine[r['case']]:.1f} | "
        f"{'' if r['colors'] is None else r['colors']} |"
        for r in rows
    ]
    (RESULTS / f"wl{suffix}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
