"""Rewiring beside the published algorithms written plainly: ``python -m benchmarks.rewiring``.

The peers are the algorithms of the papers in numpy and Python, with the full recomputation that the
papers' programs do: all pairs for each edge of FoSR, all curvatures for each step of SDRF and BORF,
a pseudo-inverse and Woodbury's formula for GTR, dense matrices for LASER. Times are processor
seconds on one thread, the least of three, from an edge list to a rewired graph; what has no peer at
a size has none because it would take minutes. ``growth`` has ours from 100 to 100,000 nodes. Writes
``rewiring.json`` and ``rewiring.md``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch_geometric.data import Batch, Data

from benchmarks.measure import describe_machine
from graphpoly.ops.balanced_forman import ricci_of_edge
from graphpoly.rewiring import BORF, GTR, LASER, SDRF, FoSR

RESULTS = Path(__file__).parent / "results"
EDGES = 10
SNAPSHOTS = 3


def molecule(nodes: int, rings: int, seed: int = 0) -> nx.Graph:
    """A chain with short branches and some rings of six, as peptides have."""
    rng = np.random.default_rng(seed)
    graph = nx.Graph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from((v, max(0, v - 1 - int(rng.integers(0, 3)))) for v in range(1, nodes))
    for start in rng.integers(0, nodes - 6, rings):
        graph.add_edge(int(start), int(start) + 5)
    return graph


def graphs() -> dict[str, nx.Graph]:
    """The sizes of the table."""
    return {
        "molecule, 150 nodes": molecule(150, 1),
        "molecule, 400 nodes": molecule(400, 9),
        "random, 1000 nodes, 4000 edges": nx.gnm_random_graph(1000, 4000, seed=0),
        "random, 200 nodes, 800 edges": nx.gnm_random_graph(200, 800, seed=0),
    }


def data_of(graph: nx.Graph) -> Data:
    """Both directions of each edge."""
    pairs = torch.tensor(list(graph.to_directed().edges)).T.contiguous()
    return Data(edge_index=pairs, num_nodes=len(graph))


def plain_laser(data: Data) -> set[tuple[int, int]]:
    """Dense powers; for each node and distance the least walked-to half of the orbit."""
    n = int(data.num_nodes or 0)
    rng = np.random.default_rng(0)
    adjacency = np.zeros((n, n))
    adjacency[tuple(data.edge_index.numpy())] = 1
    walks = np.linalg.matrix_power(adjacency + np.eye(n), 8) + 1e-7 * rng.standard_normal((n, n))
    seen, level, found = np.eye(n) > 0, np.eye(n), set()
    for distance in range(1, SNAPSHOTS + 2):
        level = ((level @ adjacency) > 0) & ~seen
        seen |= level
        if distance > 1:
            for v in range(n):
                orbit = level[v].nonzero()[0]
                count = min(len(orbit), max(1, round(0.5 * len(orbit))))
                best = orbit[np.argsort(walks[v, orbit])[:count]]
                found |= {(v, int(u)) for u in best}
        level = level.astype(float)
    return found


def plain_fosr(data: Data) -> list[tuple[int, int]]:
    """Five power steps, then for each edge all products and one more step."""
    n = int(data.num_nodes or 0)
    adjacency = np.zeros((n, n))
    adjacency[tuple(data.edge_index.numpy())] = 1
    u, v = data.edge_index.numpy()
    x, found = np.random.default_rng(0).standard_normal(n), []
    for step in range(EDGES + 5):
        degree = np.bincount(u, minlength=n).astype(float)
        first = np.sqrt(degree / degree.sum())
        x = x - (x @ first) * first
        image = np.zeros(n)
        np.add.at(image, u, x[v] / np.sqrt(degree[u] * degree[v]))
        x = x + image
        x /= np.linalg.norm(x)
        if step >= 5:
            y = x / np.sqrt(1 + degree)
            product = np.where(adjacency > 0, np.inf, np.outer(y, y))
            np.fill_diagonal(product, np.inf)
            a, b = divmod(int(product.argmin()), n)
            adjacency[a, b] = adjacency[b, a] = 1
            u, v = np.append(u, [a, b]), np.append(v, [b, a])
            found.append((a, b))
    return found


def plain_sdrf(data: Data) -> list[tuple[int, int]]:
    """All curvatures for each step, and for each candidate that of the edge."""
    near: list[set[int]] = [set() for _ in range(int(data.num_nodes or 0))]
    for a, b in data.edge_index.T.tolist():
        near[a].add(b)
    found = []
    for _ in range(EDGES):
        edges = [(i, j) for i, row in enumerate(near) for j in row if i < j]
        i, j = min(edges, key=lambda edge: ricci_of_edge(near, *edge))
        best, chosen = -np.inf, None
        for k in near[i] | {i}:
            for w in near[j] | {j}:
                if k == w or w in near[k]:
                    continue
                near[k].add(w)
                near[w].add(k)
                value = ricci_of_edge(near, i, j)
                near[k].remove(w)
                near[w].remove(k)
                if value > best:
                    best, chosen = value, (k, w)
        if chosen is None:
            break
        near[chosen[0]].add(chosen[1])
        near[chosen[1]].add(chosen[0])
        found.append(chosen)
    return found


def plain_gtr(data: Data) -> list[tuple[int, int]]:
    """numpy's pseudo-inverse, and for each edge its update and its square."""
    n = int(data.num_nodes or 0)
    adjacency = np.zeros((n, n))
    adjacency[tuple(data.edge_index.numpy())] = 1
    pinv = np.linalg.pinv(np.diag(adjacency.sum(1)) - adjacency, hermitian=True)
    found = []
    for _ in range(EDGES):
        square = pinv @ pinv
        own, twice = pinv.diagonal(), square.diagonal()
        resistance = own[:, None] + own - 2 * pinv
        gain = (twice[:, None] + twice - 2 * square) / (1 + resistance)
        gain[adjacency > 0] = -1
        a, b = divmod(int(gain.argmax()), n)
        z = pinv[a] - pinv[b]
        pinv = pinv - np.outer(z, z) / (1 + resistance[a, b])
        adjacency[a, b] = adjacency[b, a] = 1
        found.append((a, b))
    return found


def plain_borf(data: Data) -> list[float]:
    """All distances by networkx, a transport problem for each edge."""
    import ot

    graph = nx.Graph(data.edge_index.T.tolist())
    away = dict(nx.all_pairs_shortest_path_length(graph))
    found = []
    for i, j in graph.edges:
        rows, cols = list(graph[i]), list(graph[j])
        cost = np.array([[away[k][w] for w in cols] for k in rows], dtype=float)
        found.append(1 - ot.emd2(ot.unif(len(rows)), ot.unif(len(cols)), cost))
    return found


METHODS: dict[str, tuple[Any, Callable[[Data], Any]]] = {
    "LASER, 3 snapshots": (LASER(SNAPSHOTS, 0.5), plain_laser),
    "FoSR, 10 edges, 5 power steps": (FoSR(EDGES, power_steps=5), plain_fosr),
    "FoSR, 10 edges, converged": (FoSR(EDGES), plain_fosr),
    "SDRF, 10 iterations": (SDRF(EDGES), plain_sdrf),
    "GTR, 10 edges": (GTR(EDGES), plain_gtr),
    "BORF, 1 batch": (BORF(1, 3, 1), plain_borf),
}


def seconds(run: Callable[[], Any], repeat: int = 3) -> float:
    """Least processor time of some runs."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def table() -> list[dict[str, Any]]:
    """Every method on every graph, one graph at a time and thirty-two in a batch."""
    rows = []
    for name, graph in graphs().items():
        data = data_of(graph)
        for method, (transform, plain) in METHODS.items():
            if ("random, 200" in name) != (method.startswith("BORF") and "random" in name):
                continue
            peer = seconds(lambda plain=plain, data=data: plain(data), 1 if "1000" in name else 3)
            ours = seconds(lambda transform=transform, data=data: transform(data))
            batch = Batch.from_data_list([data] * 32)
            many = None
            if len(graph) < 1000 and not method.startswith("BORF"):
                many = seconds(lambda transform=transform, batch=batch: transform(batch)) / 32
            rows.append(
                {"graph": name, "method": method, "ours": ours, "batch": many, "peer": peer}
            )
            print(rows[-1], flush=True)
    return rows


def growth(largest: int) -> list[dict[str, Any]]:
    """Ours on random graphs with twice as many edges as nodes."""
    rows = []
    for nodes in (100, 1000, 10_000, 100_000):
        if nodes > largest:
            break
        data = data_of(nx.gnm_random_graph(nodes, 2 * nodes, seed=0))
        methods = {
            "LASER(1)": LASER(1, 0.5, power=4),
            "FoSR, 10 edges, 5 power steps": FoSR(EDGES, power_steps=5),
            "SDRF, 10 iterations": SDRF(EDGES),
        }
        if nodes <= 1000:
            methods["GTR, 10 edges"] = GTR(EDGES)
        for method, transform in methods.items():
            took = seconds(lambda transform=transform, data=data: transform(data), 1)
            rows.append({"nodes": nodes, "method": method, "ours": took})
            print(rows[-1], flush=True)
    return rows


def page(found: dict[str, Any]) -> str:
    """The tables, in Markdown."""
    lines = ["# Rewiring", "", __doc__ or "", "", f"{found['machine']}", ""]
    lines += ["| graph | method | ours, ms | in a batch of 32, ms | plain, ms | faster |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in found["table"]:
        best = min(x for x in (row["ours"], row["batch"]) if x is not None)
        many = "" if row["batch"] is None else f"{1e3 * row['batch']:.3f}"
        lines.append(
            f"| {row['graph']} | {row['method']} | {1e3 * row['ours']:.2f} | {many} | "
            f"{1e3 * row['peer']:.1f} | {row['peer'] / best:.1f}x |"
        )
    lines += ["", "| nodes | method | ours, ms |", "|---|---|---|"]
    lines += [
        f"| {row['nodes']:,} | {row['method']} | {1e3 * row['ours']:.1f} |"
        for row in found["growth"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=100_000, help="nodes of the growth curve")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {
        "machine": describe_machine(),
        "table": table(),
        "growth": growth(arguments.largest),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "rewiring.json").write_text(json.dumps(found, indent=2) + "\n")
    (RESULTS / "rewiring.md").write_text(page(found))


if __name__ == "__main__":
    main()
