"""How well hidden coordinates come back from the edges of a graph alone.

python -m benchmarks.hidden_features [--root FOLDER]

Points are drawn and joined, the graph is handed over without them, and each method says where the
nodes are. The motion and the unit of length are fitted on 70 % of the nodes; what is left of the
spread of the others is reported. With a folder of datasets also what a linear classifier makes of
the recovered coordinates there. Writes ``hidden_features.json``, ``hidden_features.md`` and
``hidden_features.png``.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import eigsh
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import LargestConnectedComponents

from benchmarks.measure import describe_machine
from graphpoly.data import geometric_graph, load_node_data
from graphpoly.features import HiddenFeatures, classical_mds, procrustes, procrustes_distance

RESULTS = Path(__file__).parent / "results"
DRAWS = {500: 3, 1000: 3, 2000: 3, 5000: 1}  # graphs of each size
KNOWN = 0.7  # share of the nodes that the motion is fitted on
LANDMARKS = 500
GRAPHS: dict[str, dict[str, Any]] = {
    "two moons": {"shape": "moons"},
    "square": {"shape": "cube"},
    "square, threshold": {"shape": "cube", "threshold": True},
    "cube": {"shape": "cube", "dim": 3},
    "letter S": {"shape": "s"},
}
DATASETS = ("cora", "citeseer", "photo", "computers", "cs")
# of the table in the README of joisino/gnnrecover: baseline, recovered
PUBLISHED = {
    "cora": (0.122, 0.671),
    "citeseer": (0.231, 0.640),
    "photo": (0.207, 0.566),
    "computers": (0.185, 0.528),
    "cs": (0.066, 0.492),
}
RUNS, DIM, PER_CLASS = 5, 8, (20, 30)

Method = Callable[[Data, int], Tensor]


def hops(data: Data, dim: int) -> Tensor:
    """Multidimensional scaling of the numbers of edges on shortest paths."""
    graph, size = _symmetric(data), int(data.num_nodes or 0)
    chosen = torch.randperm(size, generator=torch.Generator().manual_seed(0))[:LANDMARKS]
    distance = dijkstra(graph, directed=False, unweighted=True, indices=chosen.numpy())
    return classical_mds(torch.from_numpy(distance), dim, chosen)


def eigenmaps(data: Data, dim: int) -> Tensor:
    """Laplacian eigenmaps: the random walk's slowest modes."""
    graph = _symmetric(data)
    root = np.sqrt(np.asarray(graph.sum(1)).ravel())
    scaled = diags(1 / root) @ graph @ diags(1 / root)
    _, vectors = eigsh(scaled, dim + 1, which="LA", v0=np.ones(len(root)))
    return torch.from_numpy((vectors[:, :-1] / root[:, None]).copy())


def degrees(data: Data, dim: int) -> Tensor:
    """How many edges enter and leave each node, and nothing else."""
    size = int(data.num_nodes or 0)
    columns = [torch.bincount(row, minlength=size).double() for row in data.edge_index]
    return torch.stack([*columns, *[torch.zeros(size).double()] * dim], 1)[:, :dim]


def noise(data: Data, dim: int) -> Tensor:
    """Normal numbers."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(int(data.num_nodes or 0), dim, generator=generator, dtype=torch.float64)


def ours(**options: Any) -> Method:
    """The transform."""

    def recover(data: Data, dim: int) -> Tensor:
        return HiddenFeatures(dim, landmarks=LANDMARKS, **options)(data).hidden.double()

    return recover


METHODS: dict[str, Method] = {
    "HiddenFeatures": ours(),
    "HiddenFeatures, nearest landmark": ours(extension="nearest"),
    "hops": hops,
    "Laplacian eigenmaps": eigenmaps,
    "degrees": degrees,
    "random": noise,
}


def _symmetric(data: Data) -> csr_matrix:
    size = int(data.num_nodes or 0)
    graph = csr_matrix((np.ones(data.num_edges), data.edge_index.numpy()), shape=(size, size))
    return graph.maximum(graph.T).tocsr()


def drawn(size: int, seed: int, *, shape: str, dim: int = 2, threshold: bool = False) -> Data:
    """A graph; a threshold gives as many neighbours as the published K on the average."""
    radius = None
    if threshold:
        radius = math.sqrt(math.log2(size) / (10 * math.pi * math.sqrt(size)))
    return geometric_graph(shape, size, dim=dim, radius=radius, seed=seed, dtype=torch.float64)


def measure() -> list[dict[str, Any]]:
    """A row for each graph, size and method."""
    rows = []
    for title, options in GRAPHS.items():
        for size, draws in DRAWS.items():
            found: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
            for seed in range(draws):
                data = drawn(size, seed, **options)
                assert isinstance(data.pos, Tensor)
                known = torch.rand(size, generator=torch.Generator().manual_seed(seed)) < KNOWN
                spread = data.pos.var(0, correction=0).sum()
                bare = Data(edge_index=data.edge_index, num_nodes=size)
                for name, method in METHODS.items():
                    begin = time.perf_counter()
                    place = method(bare, data.pos.size(1))
                    seconds = time.perf_counter() - begin
                    motion = procrustes(place[known], data.pos[known], scale=True)
                    rest = (motion(place) - data.pos)[~known].square().sum(1).mean()
                    own = float(procrustes_distance(place, data.pos))
                    row = {"left": float(rest / spread), "d_G": own, "seconds": seconds}
                    found[name].append(row)
            for name, several in found.items():
                means = {key: statistics.fmean(one[key] for one in several) for key in several[0]}
                rows.append({"graph": title, "nodes": size, "method": name, **means})
            print(title, size, flush=True)
    return rows


def accuracies(root: Path) -> list[dict[str, Any]]:
    """A row for each dataset: what a linear classifier makes of features of the edges alone."""
    rows = []
    for name in DATASETS:
        data = LargestConnectedComponents()(load_node_data(name, root, undirected=True))
        size = int(data.num_nodes or 0)
        degree = torch.bincount(data.edge_index[0], minlength=size).double()
        scores: dict[str, list[float]] = {}
        for seed in range(RUNS):
            generator = torch.Generator().manual_seed(seed)
            marked = torch.randperm(size, generator=generator)[:LANDMARKS]
            given = torch.zeros(size, LANDMARKS + 2, dtype=torch.float64)
            given[:, 0], given[:, 1] = degree, size
            given[marked, torch.arange(len(marked)) + 2] = 1
            modes = eigenmaps(data, DIM)
            features = {"degree, size and marks": given, "eigenmaps": modes / modes.std(0)}
            for extension in ("nearest", "nystrom"):
                features[extension] = ours(extension=extension, seed=seed)(data, DIM)
            train, test = _split(data, generator)
            for kind, x in features.items():
                model = LogisticRegression(max_iter=1000).fit(x[train].numpy(), data.y[train])
                score = float(model.score(x[test].numpy(), data.y[test]))
                scores.setdefault(kind, []).append(score)
        means = {kind: statistics.fmean(several) for kind, several in scores.items()}
        rows.append({"dataset": name, "nodes": size, **means})
        print(rows[-1], flush=True)
    return rows


def _split(data: Data, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The public masks, or 20 nodes of a class to train on and all but 30 others for the test."""
    if data.get("train_mask") is not None and data.train_mask.dim() == 1:
        return data.train_mask, data.test_mask
    assert isinstance(data.y, Tensor)
    train, test = [], []
    for label in range(int(data.y.max()) + 1):
        nodes = (data.y == label).nonzero().flatten()
        nodes = nodes[torch.randperm(len(nodes), generator=generator)]
        if len(nodes) > sum(PER_CLASS):
            train.append(nodes[: PER_CLASS[0]])
            test.append(nodes[sum(PER_CLASS) :])
    return torch.cat(train), torch.cat(test)


def draw(path: Path, size: int = 2000) -> None:
    """Draw hidden points, and where three methods put them."""
    shown = ("HiddenFeatures", "hops", "Laplacian eigenmaps")
    titles = ("two moons", "square", "letter S")
    figure = Figure(figsize=(9.6, 6.6), layout="constrained")
    panels = figure.subplots(len(titles), 1 + len(shown))
    for at, (line, title) in enumerate(zip(panels, titles, strict=True)):
        data = drawn(size, 0, **GRAPHS[title])
        assert isinstance(data.pos, Tensor)
        bare = Data(edge_index=data.edge_index, num_nodes=size)
        clouds = {"hidden": data.pos}
        for name in shown:
            place = METHODS[name](bare, 2)
            clouds[name] = procrustes(place, data.pos, scale=True)(place)
        color = data.pos[:, 0].argsort().argsort()
        for panel, (name, cloud) in zip(line, clouds.items(), strict=True):
            panel.scatter(*cloud.T, s=2, c=color, cmap="viridis", linewidths=0)
            panel.set_aspect("equal", "datalim")
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            if at == 0:
                panel.set_title(name, loc="left", fontsize=10, fontweight="bold")
        line[0].set_ylabel(title)
    figure.savefig(path, dpi=140)


def page(results: dict[str, Any]) -> str:
    """Return the tables."""
    machine = results["machine"]
    sizes = ", ".join(f"{draws} of {size:,}" for size, draws in DRAWS.items())
    lines = [
        "# Hidden coordinates from the edges alone",
        "",
        "Made by `python -m benchmarks.hidden_features`.",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        f"Graphs of nearest neighbours with the published K; graphs drawn: {sizes} nodes. Motion "
        f"and unit are fitted on {100 * KNOWN:.0f} % of the nodes; the table has what is left of "
        "the spread of the others, in per cent: 0 is perfect, 100 what the mean gives. d_G is the "
        "mean squared distance of all nodes in the unit that HiddenFeatures has of itself, for the "
        "smallest and the largest graphs: squares and cubes have the volume 1 that it assumes, the "
        "other sets have not. Seconds are of the largest graphs, beside whatever else the machine "
        "did. The letter S is not convex: shortest paths follow it, and straighten it.",
        "",
    ]
    for title in GRAPHS:
        rows = [row for row in results["recovery"] if row["graph"] == title]
        lines += [
            f"## {title[0].upper()}{title[1:]}",
            "",
            "| method | " + " | ".join(f"{size:,}" for size in DRAWS) + " | d_G | seconds |",
            "|---|" + "---:|" * (len(DRAWS) + 2),
        ]
        for name in METHODS:
            some = [row for row in rows if row["method"] == name]
            left = " | ".join(f"{100 * row['left']:.3g}" for row in some)
            own = " to ".join(f"{some[at]['d_G']:.2g}" for at in (0, -1))
            own = own if name.startswith("Hidden") else ""
            lines.append(f"| {name} | {left} | {own} | {some[-1]['seconds']:.1f} |")
        lines.append("")
    if results["accuracy"]:
        lines += [
            "## Accuracy of a linear classifier",
            "",
            f"Largest component, {DIM} dimensions, {LANDMARKS} landmarks, mean over {RUNS} draws "
            f"of them; public split, or {PER_CLASS[0]} nodes of a class to train on and all but "
            f"{PER_CLASS[1]} of the others for the test, drawn with the landmarks. Logistic "
            "regression with scikit-learn's settings, 1,000 iterations; eigenmaps are given unit "
            "variance. The published figures are "
            "of one run, with the exponent of two dimensions, eigenvectors multiplied by their "
            "eigenvalues, and another unit, which the classifier's penalty feels.",
            "",
            "| dataset | degree, size and marks | published | eigenmaps | nearest landmark | "
            "HiddenFeatures | published |",
            "|---|" + "---:|" * 6,
        ]
        for row in results["accuracy"]:
            baseline, recovered = PUBLISHED[row["dataset"]]
            cells = (
                *(row["degree, size and marks"], baseline, row["eigenmaps"], row["nearest"]),
                *(row["nystrom"], recovered),
            )
            shown = " | ".join(f"{cell:.3f}" for cell in cells)
            lines.append(f"| {row['dataset']} | {shown} |")
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, help="folder of datasets, to measure accuracies too")
    root = parser.parse_args().root
    results = {
        "machine": describe_machine(),
        "recovery": measure(),
        "accuracy": [] if root is None else accuracies(root),
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(results, indent=2) + "\n"
    (RESULTS / "hidden_features.json").write_text(text, encoding="utf-8")
    (RESULTS / "hidden_features.md").write_text(page(results), encoding="utf-8")
    draw(RESULTS / "hidden_features.png")
    print(page(results))


if __name__ == "__main__":
    main()
