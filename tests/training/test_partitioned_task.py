"""One graph in parts: one process that holds all of it is the oracle."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.acceleration import accelerate, undivided, whole_operator
from graphpoly.distributed import PartitionedGraph, is_first, rank, size
from graphpoly.layers import GPRConv
from graphpoly.models import GPRGNN, JacobiGNN
from graphpoly.testing.tolerances import assert_close
from graphpoly.training import NodeTask, PartitionedNodeTask, TrainConfig, fit, node_task
from tests.processes import together

NODES = 30
CONFIG = TrainConfig(epochs=5, checkpoint_seconds=0, tensorboard=False)


class Normed(nn.Module):
    """A filter between statistics of all nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.BatchNorm1d(5), nn.BatchNorm1d(3)
        self.filter = GPRConv(5, 3, K=3, add_self_loops=True)
        self.whole_operator = self.filter.whole_operator

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Any = None) -> Tensor:
        return self.after(self.filter(self.before(x), edge_index, edge_weight))


def accelerated(model: nn.Module) -> nn.Module:
    accelerate(model)
    return model


LAYERED = {"in_channels": 5, "hidden_channels": 8, "num_layers": 2, "out_channels": 3}
NETWORKS = {
    "GPRGNN": lambda: GPRGNN(5, 8, 3, K=3, dropout=0.0, filter_dropout=0.0),
    "JacobiGNN": lambda: JacobiGNN(5, 3, K=3, dropout=0.0, filter_dropout=0.0),
    "Normed": Normed,
    "GCN": lambda: accelerated(pyg.GCN(**LAYERED, norm="batch_norm", jk="cat")),
    "GCN whose norms keep nothing": lambda: accelerated(
        pyg.GCN(**LAYERED, norm="batch_norm", norm_kwargs={"track_running_stats": False})
    ),
    "GraphSAGE": lambda: accelerated(pyg.GraphSAGE(**LAYERED)),
    "GIN": lambda: accelerated(pyg.GIN(**LAYERED, norm="batch_norm")),
    "SGConv": lambda: accelerated(pyg.SGConv(5, 3, K=2)),
    "improved GCN": lambda: accelerated(pyg.GCNConv(5, 3, improved=True)),
    "GraphConv": lambda: accelerated(pyg.GraphConv(5, 3, aggr="mean")),
}
WEIGHTLESS = ("GraphSAGE", "GIN")


def problem(network: str, loss: str) -> tuple[nn.Module, Data, Any]:
    """Return a network and a weighted graph whose labelled nodes are all among the first ones."""
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(NODES - 1, (2, 60), generator=generator)
    weight = torch.rand(60, generator=generator, dtype=torch.float64)
    x = torch.randn(NODES, 5, generator=generator, dtype=torch.float64)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    if loss == "bce":
        y = torch.stack([y == 0, y == 1, y == 2], dim=1).double()
        y[::4, 1] = torch.nan
    place = torch.arange(NODES)
    split = SimpleNamespace(
        train_mask=place < 9, val_mask=(place >= 9) & (place % 2 == 0), test_mask=place >= 15
    )
    data = Data(x, torch.cat([edges, edges.flip(0)], 1), y=y, edge_weight=weight.repeat(2))
    if network in WEIGHTLESS:
        del data.edge_weight
    torch.manual_seed(1)
    return NETWORKS[network]().double(), data, split


def metric(y_true: Tensor, y_pred: Tensor) -> float:
    """Know every row by its place and its value."""
    return float((y_pred * torch.arange(1.0, 1 + len(y_pred)).unsqueeze(-1)).sum())


def task_of(network: str, loss: str) -> tuple[nn.Module, NodeTask]:
    model, data, split = problem(network, loss)
    options: dict[str, Any] = {"loss": loss, "metric": metric, "maximize": True}
    if size() > 1 and loss == "bce":  # only the first process has labelled nodes
        task = PartitionedNodeTask(data, split, model, parts="contiguous", **options)
        assert task.graph.cut(split.train_mask).any() == is_first()
        return model, task
    return model, node_task(data, split, model, device=None, **options)


def epochs(network: str, loss: str) -> dict[str, Any]:
    """Train some epochs; return losses, scores, the weights and what identifies the task."""
    model, task = task_of(network, loss)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = [task.train_epoch(model, optimizer) for _ in range(3)]
    return {
        "kind": type(task).__name__,
        "losses": losses,
        "scores": task.evaluate(model),
        "state": {name: value.detach() for name, value in model.state_dict().items()},
        "description": task.describe(),
    }


@pytest.mark.parametrize("loss", ["ce", "bce"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("number", [2, 3])
def test_every_process_trains_what_one_does(
    network: str, loss: str, number: int, tmp_path: Path
) -> None:
    expected = epochs(network, loss)
    assert expected["kind"] == "NodeTask"
    for found in together(epochs, number, tmp_path, network, loss):
        assert found["kind"] == "PartitionedNodeTask"
        assert found["losses"] == pytest.approx(expected["losses"], rel=1e-10)
        assert found["scores"] == pytest.approx(expected["scores"], rel=1e-10)
        assert found["description"] == expected["description"]
        for name, value in expected["state"].items():
            assert_close(found["state"][name], value)


def uneven(name: str) -> dict[str, float]:
    """Train one epoch on features that are sparse on the first part of the nodes alone."""
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(300, 130)
    x[:, 0], x[150:] = 1.0, torch.rand(150, 130, generator=generator)
    edges = torch.randint(300, (2, 900), generator=generator)
    split = SimpleNamespace(**{f"{part}_mask": x[:, 0] > 0 for part in ("train", "val", "test")})
    torch.manual_seed(1)
    model = accelerated(getattr(pyg, name)(130, 8, num_layers=2, out_channels=3)).double()
    data = Data(x.double(), edges, y=torch.arange(300) % 3)
    options: dict[str, Any] = {"metric": metric, "maximize": True}
    if size() > 1:
        task: NodeTask = PartitionedNodeTask(data, split, model, parts="contiguous", **options)
    else:
        task = NodeTask(data, split, **options)
    loss = task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1))
    return {"loss": loss, **task.evaluate(model)}


@pytest.mark.parametrize("name", ["GraphSAGE", "GIN"])
def test_parts_of_sparse_and_of_dense_features_meet(name: str, tmp_path: Path) -> None:
    expected = uneven(name)
    for found in together(uneven, 2, tmp_path, name):
        assert found == pytest.approx(expected, rel=1e-10)


def few(nodes: int) -> list[float]:
    data = Data(torch.eye(5, dtype=torch.double)[:nodes], torch.zeros(2, 0, dtype=torch.long))
    data.y = torch.arange(nodes)
    every = torch.ones(nodes, dtype=torch.bool)
    split = SimpleNamespace(train_mask=every, val_mask=every, test_mask=every)
    torch.manual_seed(1)
    model = accelerated(pyg.GCN(**LAYERED)).double()
    task = node_task(data, split, model, device=None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return [task.train_epoch(model, optimizer) for _ in range(2)]


def test_there_may_be_fewer_nodes_than_processes(tmp_path: Path) -> None:
    for found in together(few, 3, tmp_path, 2):
        assert found == pytest.approx(few(2), rel=1e-10)


def trained(folder: Path, stop: int, resume: bool, dropout: float) -> Any:
    """Train; stopped by Ctrl-C in the last process and in epoch ``stop``, return nothing."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _, data, split = problem("GPRGNN", "ce")
    torch.manual_seed(1)
    model = GPRGNN(5, 8, 3, K=3, dropout=dropout, filter_dropout=dropout).double()
    passes = iter(range(1, 1 + CONFIG.epochs))

    def press(module: nn.Module, args: Any) -> None:
        if module.training and next(passes) == stop and rank() == size() - 1:
            signal.raise_signal(signal.SIGINT)

    model.register_forward_pre_hook(press)
    task = node_task(data, split, model, device=None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    # a folder for each: what the others write would be found in theirs
    mine = folder / str(rank())
    try:
        fit(model, task, optimizer, CONFIG, run_dir=mine, seed=2, resume=resume)
    except KeyboardInterrupt:
        return None
    return {name: value.detach() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(("first", "second"), [(2, 1), (1, 2), (3, 2)])
def test_any_number_goes_on_where_another_stopped(first: int, second: int, tmp_path: Path) -> None:
    expected = trained(tmp_path / "alone", 0, False, 0.0)
    parts = tmp_path / "parts"
    assert together(trained, first, tmp_path / "a", parts, 3, False, 0.0) == [None] * first
    for found in together(trained, second, tmp_path / "b", parts, 0, True, 0.0):
        for name, value in expected.items():
            assert_close(found[name], value)


def test_dropout_is_drawn_by_each_and_drawn_again_when_resumed(tmp_path: Path) -> None:
    whole = together(trained, 2, tmp_path / "a", tmp_path / "whole", 0, False, 0.5)
    together(trained, 2, tmp_path / "b", tmp_path / "parts", 3, False, 0.5)
    parts = together(trained, 2, tmp_path / "c", tmp_path / "parts", 0, True, 0.5)
    for one, other in zip(whole, parts, strict=True):
        for name, value in one.items():
            assert torch.equal(other[name], value)


def test_a_model_that_takes_no_parts_is_refused_by_name(tmp_path: Path) -> None:
    one, other = together(refused, 2, tmp_path)
    assert one[0] == other[0]
    assert one[0] == (
        "2 processes divide the nodes of one graph, which is not known to leave what this does as "
        "it is: Net; run it without torchrun"
    )
    assert (one[1], other[1]) == (False, True)


class Net(pyg.GCN):
    """May do anything in its own code."""

    def __init__(self) -> None:
        super().__init__(**LAYERED)
        accelerate(self)


def refused() -> tuple[str, bool]:
    _, data, split = problem("GPRGNN", "ce")
    with pytest.raises(ValueError) as caught:
        node_task(data, split, Net(), device=None)
    return str(caught.value), getattr(caught.value, "told", False)


def takes_parts() -> list[str]:
    registry.load_all()
    made = (entry for kind in ("layer", "model") for entry in registry.entries(kind))
    return [each.name for each in made if hasattr(each.obj, "whole_operator")]


@pytest.mark.parametrize("name", takes_parts())
def test_whoever_says_of_which_operator_it_is_takes_it(name: str) -> None:
    """With loops and weights, which are in the operator."""
    entry = next(e for kind in ("layer", "model") for e in registry.entries(kind) if e.name == name)
    model = entry.example().double().eval()
    width = model.in_channels
    _, data, _ = problem("GPRGNN", "ce")
    x = torch.randn(NODES, width, dtype=torch.float64)
    graph = PartitionedGraph(model.whole_operator(x, data.edge_index, data.edge_weight))
    assert_close(model(x, graph), model(x, data.edge_index, data.edge_weight))


def test_several_are_found() -> None:
    assert {"BernConv", "GPRConv", "BernNet", "ChebNetII", "JacobiGNN"} <= set(takes_parts())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (pyg.GCN(**LAYERED), "convs.0: GCNConv"),
        (accelerated(pyg.GAT(**LAYERED)), "GAT"),
        (accelerated(pyg.GraphSAGE(**LAYERED, aggr="max")), "convs.0: SAGEConv"),
        (accelerated(pyg.GCN(**LAYERED, norm="graph_norm")), "norms.0: GraphNorm"),
        (accelerated(pyg.GCN(**LAYERED, norm="layer_norm")), "norms.0: LayerNorm"),
        (pyg.MLP([5, 3]), "MLP: convolutions over 0 operators"),
        (accelerated(pyg.GCN(**LAYERED)), ""),
    ],
)
def test_what_looks_at_more_than_a_node_is_named(model: nn.Module, said: str) -> None:
    assert undivided(model) == said


def test_layers_of_several_operators_are_not_divided() -> None:
    model = accelerated(pyg.GCN(**LAYERED))
    model.convs[1].improved = True
    assert undivided(model) == "GCN: convolutions over 2 operators"


def test_an_accelerated_layer_refuses_what_an_operator_does_not_serve() -> None:
    conv, x = accelerated(pyg.GCNConv(5, 3)), torch.randn(NODES, 5)
    _, data, _ = problem("GCN", "ce")
    graph = PartitionedGraph(whole_operator(conv, x, data.edge_index))
    assert_close(conv(x, graph), conv(x, data.edge_index))
    with pytest.raises(ValueError, match="edge_weight: got some beside an operator"):
        conv(x, graph, data.edge_weight)
    with pytest.raises(ValueError, match="x: got 29 rows, the operator has 30"):
        conv(x[1:], graph)
    appnp = accelerated(pyg.APPNP(3, 0.1, dropout=0.5))
    with pytest.raises(ValueError, match="dropout: of the entries of an operator"):
        appnp(x, graph)


def test_parts_may_be_given() -> None:
    model, data, split = problem("GPRGNN", "ce")
    task = PartitionedNodeTask(data, split, model, parts=torch.zeros(NODES, dtype=torch.long))
    assert task.graph.num_rows == NODES
    assert task.describe() == NodeTask(data, split).describe()
