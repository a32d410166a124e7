"""Graphs whose explanation is known, a network that classifies them, and what explains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import networkx as nx
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.datasets import ExplainerDataset
from torch_geometric.datasets.graph_generator import GraphGenerator
from torch_geometric.datasets.motif_generator import CycleMotif, HouseMotif
from torch_geometric.explain import Explainer, GNNExplainer, PGExplainer
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GINConv, global_max_pool, global_mean_pool
from torch_geometric.utils import from_networkx

from graphpoly.data import load_tu

__all__ = [
    "EXPLAINERS",
    "TRAINED",
    "Net",
    "Pairs",
    "groups",
    "mutagens",
    "train",
    "two_motifs",
]

TRAINED = {"GNNExplainer": 100, "PGExplainer": 20}  # epochs
OXYGEN, HYDROGEN, NITROGEN = 1, 3, 4  # columns of the features of Mutagenicity


class Net(nn.Module):
    """Three layers of GIN of width 20, the largest and the mean of their rows, and a linear map."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            GINConv(nn.Sequential(nn.Linear(size, 20), nn.ReLU(), nn.Linear(20, 20)))
            for size in (in_channels, 20, 20)
        )
        self.lin = nn.Linear(40, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
        """Return logits."""
        batch = torch.zeros(x.size(0), dtype=torch.long) if batch is None else batch
        for conv in self.convs:
            x = conv(x, edge_index).relu()
        return self.lin(torch.cat([global_max_pool(x, batch), global_mean_pool(x, batch)], 1))


class Tree(GraphGenerator):
    """Twenty nodes by preferential attachment.

    PyG's ``BAGraph`` lets a new node choose itself and drops that loop: four of five of its graphs
    with one edge a node fall apart.
    """

    def __call__(self) -> Data:
        """Draw one."""
        seed = int(torch.randint(2**31, (1,)))
        return from_networkx(nx.barabasi_albert_graph(20, 1, seed=seed))


def two_motifs(count: int = 500) -> list[Data]:
    """BA-2motifs: trees, each joined by one edge to a house or a cycle of five nodes."""
    graphs = []
    for label, motif in enumerate((HouseMotif(), CycleMotif(5))):
        for drawn in ExplainerDataset(Tree(), motif, num_motifs=1, num_graphs=count):
            x = torch.full((drawn.num_nodes, 10), 0.1)
            truth = drawn.edge_mask > 0
            y = torch.tensor([label])
            graphs.append(Data(x=x, edge_index=drawn.edge_index, y=y, truth=truth))
    return graphs


def mutagens(root: Path | None) -> list[Data]:
    """The molecules, with the bonds of nitro and amino groups as truth."""
    return [
        Data(x=graph.x, edge_index=graph.edge_index, y=graph.y, truth=groups(graph))
        for graph in load_tu("Mutagenicity", root)
    ]


def groups(molecule: Data) -> Tensor:
    """Which edges join nitrogen with one of exactly two oxygens, or hydrogens, ``[E]``."""
    kind = molecule.x.argmax(1)
    row, col = molecule.edge_index
    found = torch.zeros_like(row, dtype=torch.bool)
    for end in (OXYGEN, HYDROGEN):
        inward = (kind[row] == end) & (kind[col] == NITROGEN)
        twice = torch.bincount(col[inward], minlength=kind.numel()) == 2
        found |= (inward & twice[col]) | ((kind[col] == end) & twice[row])
    return found


def train(graphs: Sequence[Data], epochs: int) -> Net:
    """A network that classifies the graphs."""
    net = Net(graphs[0].num_features)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    for _ in range(epochs):
        for batch in DataLoader(list(graphs), 64, shuffle=True):
            optimizer.zero_grad()
            out = net(batch.x, batch.edge_index, batch.batch)
            nn.functional.cross_entropy(out, batch.y).backward()
            optimizer.step()
    return net.eval()


class Pairs:
    """The pairs of adjacent nodes of a batch: an explanation names both directions or none."""

    def __init__(self, batch: Batch) -> None:
        low, high = batch.edge_index.aminmax(dim=0)
        keys, self.edge = (low * batch.num_nodes + high).unique(return_inverse=True)
        self.graph = batch.batch[keys // batch.num_nodes]
        self.truth = self.mean(batch.truth.double()) > 0.5
        sizes = self.total(self.truth)
        self.share = (sizes / self.total(~self.truth).clamp(min=1))[self.graph].clamp(max=1)
        self.sizes = sizes.long()

    def total(self, values: Tensor) -> Tensor:
        """Sum over each graph."""
        out = torch.zeros(int(self.graph.max()) + 1, dtype=torch.double)
        return out.index_add_(0, self.graph, values.double())

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the directions of each pair."""
        out = torch.zeros(self.graph.numel(), dtype=torch.double)
        return out.index_add_(0, self.edge, values.double()) / self.edge.bincount()

    def spoil(self, remove: float, add: float, generator: torch.Generator) -> Tensor:
        """The truth without a share of its pairs, and with about as large a share of others."""
        drawn = torch.rand(self.graph.numel(), generator=generator, dtype=torch.double)
        return torch.where(self.truth, drawn >= remove, drawn < add * self.share)

    def best(self, scores: Tensor) -> Tensor:
        """As many pairs of each graph as its truth has, those of the highest scores."""
        order = scores.argsort(descending=True, stable=True)
        order = order[self.graph[order].argsort(stable=True)]
        counts = self.graph.bincount()
        place = torch.arange(order.numel()) - (counts.cumsum(0) - counts)[self.graph[order]]
        named = torch.zeros_like(self.truth)
        named[order[place < self.sizes[self.graph[order]]]] = True
        return named


def by_gradient(net: Net, batch: Batch) -> Tensor:
    """How much the logit of the class would change with the weight of each edge."""
    weight = nn.Parameter(torch.ones(batch.num_edges, dtype=batch.x.dtype))
    set_masks(net, weight, batch.edge_index, apply_sigmoid=False)
    net(batch.x, batch.edge_index, batch.batch).gather(1, batch.y[:, None]).sum().backward()
    clear_masks(net)
    assert weight.grad is not None
    return weight.grad.abs()


def by_pyg(algorithm: GNNExplainer | PGExplainer) -> Callable[[Net, Batch], Tensor]:
    """What an explainer of PyG says of one graph after another."""

    def explain(net: Net, batch: Batch) -> Tensor:
        explainer = Explainer(
            net,
            algorithm,
            explanation_type="phenomenon",
            edge_mask_type="object",
            model_config={
                "mode": "multiclass_classification",
                "task_level": "graph",
                "return_type": "raw",
            },
        )
        graphs = batch.to_data_list()
        if isinstance(algorithm, PGExplainer):
            for epoch in range(algorithm.epochs):
                for graph in graphs:
                    algorithm.train(epoch, net, graph.x, graph.edge_index, target=graph.y)
        found = [explainer(graph.x, graph.edge_index, target=graph.y) for graph in graphs]
        return torch.cat([each.edge_mask for each in found])

    return explain


EXPLAINERS: dict[str, Callable[[Net, Batch], Tensor]] = {
    "the truth": lambda net, batch: batch.truth.float(),
    "GNNExplainer": lambda net, batch: by_pyg(GNNExplainer(TRAINED["GNNExplainer"]))(net, batch),
    "PGExplainer": lambda net, batch: by_pyg(PGExplainer(TRAINED["PGExplainer"]))(net, batch),
    "gradient": by_gradient,
    "random": lambda net, batch: torch.rand(batch.num_edges),
    "anything else": lambda net, batch: torch.rand(batch.num_edges) - 2 * batch.truth.float(),
}
