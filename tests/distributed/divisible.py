"""Models and tasks whose batches several processes divide, each for its own trouble."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GIN, BatchNorm, GCNConv, GINConv, global_mean_pool

from graphpoly.acceleration import accelerate
from graphpoly.acceleration.dense import Perceptron
from graphpoly.data import algorithm_traces, hint_kinds, point_sets
from graphpoly.models import AlgorithmNet, PointerNetwork
from graphpoly.training import GraphTask, LinkTask, RowTask, SequenceTask, TraceTask
from graphpoly.training.seeds import own_draws, seed_everything


class GraphNet(nn.Module):
    """Batch statistics of nodes and of graphs, and a parameter that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GCNConv(3, 6)
        self.norm = BatchNorm(6, allow_single_element=True)
        self.hidden = nn.Linear(6, 6)
        self.norm_of_graphs = BatchNorm(6, allow_single_element=True)
        self.head = nn.Linear(6, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, batch_size: int) -> Tensor:
        x = self.norm(self.conv(x, edge_index)).relu()
        x = self.hidden(global_mean_pool(x, batch, batch_size))
        return self.head(self.norm_of_graphs(x).tanh())


class FusedNet(nn.Module):
    """Statistics of a batch inside of perceptrons that run as one operator."""

    def __init__(self) -> None:
        super().__init__()
        maps = nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6)
        self.conv = GINConv(nn.Sequential(*maps))
        self.deep = GIN(6, 6, num_layers=2)
        accelerate(self)
        maps = nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)
        self.head = Perceptron(*maps)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, batch_size: int) -> Tensor:
        x = self.deep(self.conv(x, edge_index).tanh(), edge_index)
        return self.head(global_mean_pool(x, batch, batch_size))


def graphs(count: int, seed: int) -> list[Data]:
    """Return graphs of 1 to 6 nodes with two labels, of which every third is missing."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for number in range(count):
        nodes = 1 + number % 6
        x = torch.randn(nodes, 3, generator=generator, dtype=torch.float64)
        edges = torch.randint(nodes, (2, 2 * nodes), generator=generator)
        y = torch.stack([x[:, 0].mean() > 0, x[:, 1].mean() > 0]).double().view(1, 2)
        if number % 3 == 0:
            y[0, number % 2] = torch.nan
        made.append(Data(x, edges, y=y))
    return made


def call(model: nn.Module, batch: Any) -> Tensor:
    return model(batch.x, batch.edge_index, batch.batch, batch.num_graphs)


def graph_problem(net: type[nn.Module] = GraphNet, count: int = 11) -> tuple[nn.Module, GraphTask]:
    """Eleven graphs in batches of five: uneven shares, and a last batch of one graph."""
    torch.manual_seed(1)
    parts = graphs(count, 0), graphs(9, 1), graphs(7, 2)
    task = GraphTask(*parts, batch_size=5, loss="bce", metric="rocauc", forward=call, seed=4)
    return net().double(), task


def fused_problem() -> tuple[nn.Module, GraphTask]:
    """Fourteen, for a norm of PyTorch's takes no batch of one."""
    return graph_problem(FusedNet, 14)


def last_two_problem() -> tuple[nn.Module, GraphTask]:
    """Twelve: two processes have a graph each of the last batch, which none of them norms alone."""
    return graph_problem(count=12)


def row_problem() -> tuple[nn.Module, RowTask]:
    """Rows in batches of eight, the last of six."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(66, 5, generator=generator, dtype=torch.float64)
    y = (rows[:, 0] + rows[:, 1] > 0).long()
    place = torch.arange(66) % 3
    split = SimpleNamespace(train_mask=place == 0, val_mask=place == 1, test_mask=place == 2)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 2)).double()
    return model, RowTask(rows, y, split, batch_size=8, seed=3)


class PairNet(nn.Module):
    """A convolution, and the product of what it says of the ends."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GCNConv(4, 5)

    def encode(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, edge_index)

    def decode(self, hidden: Tensor, pairs: Tensor) -> Tensor:
        return (hidden[pairs[0]] * hidden[pairs[1]]).sum(-1)

    def forward(self, x: Tensor, edge_index: Tensor, pairs: Tensor) -> Tensor:
        return self.decode(self.encode(x, edge_index), pairs)


class NormedPairNet(PairNet):
    """Statistics of the nodes, of which every process has all, and of the pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(5)
        self.norm_of_pairs = nn.BatchNorm1d(5)

    def encode(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.norm(self.conv(x, edge_index))

    def decode(self, hidden: Tensor, pairs: Tensor) -> Tensor:
        return self.norm_of_pairs(hidden[pairs[0]] * hidden[pairs[1]]).sum(-1)


def link_problem(net: type[nn.Module] = PairNet) -> tuple[nn.Module, LinkTask]:
    """Forty-one links in batches of ten: the last step has one."""
    generator = torch.Generator().manual_seed(0)
    pairs = torch.combinations(torch.arange(16)).T
    pairs = pairs[:, torch.randperm(pairs.size(1), generator=generator)]
    split = SimpleNamespace(
        train=pairs[:, :41],
        val=pairs[:, 41:50],
        test=pairs[:, 50:60],
        negatives={"train": pairs[:, 60:80], "val": pairs[:, 80:100], "test": pairs[:, 100:]},
    )
    x = torch.randn(16, 4, generator=generator, dtype=torch.float64)
    torch.manual_seed(1)
    return net().double(), LinkTask(Data(x, num_nodes=16), split, batch_size=10, seed=2)


def normed_link_problem() -> tuple[nn.Module, LinkTask]:
    return link_problem(NormedPairNet)


def in_double(graphs: list[Data]) -> list[Data]:
    return [graph.apply(lambda held: held.double() if held.is_floating_point() else held)
            for graph in graphs]  # fmt: skip


def sequence_problem() -> tuple[nn.Module, SequenceTask]:
    """Answers of several lengths, so that shares differ in their steps."""
    parts = [in_double(point_sets("convex_hull", n, (3, 5, 8), seed=n)) for n in (11, 4, 5)]
    torch.manual_seed(1)
    return PointerNetwork(2, 4).double(), SequenceTask(*parts, batch_size=5, seed=3)


def trace_problem() -> tuple[nn.Module, TraceTask]:
    """Graphs of several sizes, so that shares differ in nodes and in states."""
    parts = [in_double(algorithm_traces("bfs", n, (2, 7, 4), seed=n)) for n in (11, 4, 5)]
    torch.manual_seed(1)
    net = AlgorithmNet(2, 6, hints=hint_kinds(parts[0][1])).double()
    return net, TraceTask(*parts, batch_size=5, seed=3)


PROBLEMS = {
    "graphs": graph_problem,
    "fused": fused_problem,
    "last two": last_two_problem,
    "rows": row_problem,
    "links": link_problem,
    "normed links": normed_link_problem,
    "sequences": sequence_problem,
    "traces": trace_problem,
}


def dropped(name: str) -> dict[str, Tensor]:
    """Train two epochs with dropout before the norms; return parameters and buffers."""
    model, task = PROBLEMS[name]()
    model.conv.register_forward_hook(lambda conv, given, out: F.dropout(out))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seed_everything(5)
    for _ in range(2):
        with own_draws():
            task.train_epoch(model, optimizer)
    return {key: value.detach() for key, value in model.state_dict().items()}


def epochs(name: str, number: int = 2) -> dict[str, Any]:
    """Train some epochs; return losses, scores, and the weights of model and optimiser.

    Not with Adam: it makes a step of the rounding of a gradient that is 0, such as that of a bias
    before batch normalisation.
    """
    model, task = PROBLEMS[name]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    losses = [task.train_epoch(model, optimizer) for _ in range(number)]
    held = optimizer.state_dict()["state"]
    moments = {str(place): each["momentum_buffer"] for place, each in held.items()}
    return {
        "losses": losses,
        "scores": task.evaluate(model),
        "state": {key: value.detach() for key, value in model.state_dict().items()},
        "moments": moments,
        "task": task.state_dict(),
    }
