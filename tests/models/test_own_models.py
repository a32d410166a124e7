"""Models of one's own: what their ``forward`` names of a dataset, and how they are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GINEConv, SAGEConv, global_add_pool

from graphpoly.data import dataset_from
from graphpoly.data.dataset import Reading
from graphpoly.models.network_for import network_for, prepared
from graphpoly.models.settings.own import own_settings
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.training.forward import call_by_name, call_on_nodes


class Nodes(nn.Module):
    """A layer that reads features of edges, if there are some."""

    def __init__(self, in_channels: int, out_channels: int, edge_dim: int | None = None) -> None:
        super().__init__()
        self.edge_dim = edge_dim
        self.first = nn.Linear(in_channels, 8)
        self.conv = GINEConv(nn.Linear(8, out_channels), edge_dim=edge_dim)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor | None = None) -> Tensor:
        if edge_attr is None:
            edge_attr = x.new_zeros(edge_index.size(1), self.edge_dim or 8)
        out: Tensor = self.conv(self.first(x), edge_index, edge_attr)
        return out


class Graphs(Nodes):
    """The same, which pools by itself and says so."""

    levels = ("graphs",)

    def forward(  # type: ignore[override]
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor
    ) -> Tensor:
        return global_add_pool(super().forward(x, edge_index, edge_attr), batch)


class Unsaid(Graphs):
    """The same, which does not say so."""

    levels = ("nodes",)


class Embedding(nn.Module):
    """Whole numbers at edges, embedded by the network itself."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.bonds = nn.Embedding(3, 8)
        self.net = Nodes(in_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        out: Tensor = self.net(x, edge_index, self.bonds(edge_attr))
        return out


class Deaf(nn.Module):
    """A network to which edges are pairs of nodes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = SAGEConv(in_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.conv(x, edge_index)
        return out


def ring(size: int, label: int, whole: bool) -> Data:
    ahead = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
    drawn = torch.Generator().manual_seed(size)
    bonds = torch.randint(3, (size,), generator=drawn)
    attr = bonds if whole else torch.rand(size, 3, generator=drawn)
    x = torch.rand(size, 4, generator=drawn)
    return Data(x=x, edge_index=ahead, edge_attr=attr, y=torch.tensor([label]))


def made(name: str, data: Any, path: Path) -> tuple[nn.Module, Any]:
    torch.save(data, path / "own.pt")
    dataset = dataset_from(str(path / "own.pt"))
    settings = own_settings(f"{__name__}:{name}")
    loaded = prepared(settings, dataset.load(path, Reading(), 0))
    torch.manual_seed(0)
    return network_for(settings, dataset, loaded, None), loaded


def graphs(whole: bool = False) -> list[Data]:
    return [ring(4 + place % 3, place % 2, whole) for place in range(20)]


def test_a_network_of_nodes_gets_the_features_of_edges(tmp_path: Path) -> None:
    data = ring(9, 0, False)
    data.y = torch.arange(9) % 2
    net, loaded = made("Nodes", data, tmp_path)
    assert net.edge_dim == 3
    data = loaded.data
    assert data.edge_attr.shape == (18, 3)
    expected = net(data.x, data.edge_index, data.edge_attr)
    assert not torch.equal(expected, net(data.x, data.edge_index))
    assert torch.equal(call_on_nodes(net, data), expected)


@pytest.mark.parametrize("name", ["Nodes", "Graphs", "Embedding"])
def test_networks_of_graphs_get_the_features_of_edges(name: str, tmp_path: Path) -> None:
    whole = name == "Embedding"
    net, loaded = made(name, graphs(whole), tmp_path)
    batch = Batch.from_data_list(loaded.graphs)
    given = call_by_name(net, batch)
    assert given.shape == (20, 2)
    batch.edge_attr = (batch.edge_attr + 1) % 3 if whole else batch.edge_attr + 1
    assert bool((given != call_by_name(net, batch)).any(1).all())
    if name == "Graphs":
        each = [
            net(g.x, g.edge_index, g.edge_attr, torch.zeros_like(g.x[:, 0]).long())
            for g in graphs()
        ]
        torch.testing.assert_close(given, torch.cat(each))


def test_edges_without_features_are_no_columns(tmp_path: Path) -> None:
    plain = graphs()
    for graph in plain:
        del graph.edge_attr
    net, loaded = made("Nodes", plain, tmp_path)
    inner: Any = net
    assert inner.net.edge_dim is None
    assert call_by_name(net, Batch.from_data_list(loaded.graphs)).shape == (20, 2)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("Unsaid", graphs(), r"a row for each of \d+ nodes.*levels = \(\"graphs\",\)"),
        (
            "Embedding",
            [g.__class__(x=g.x, edge_index=g.edge_index, y=g.y) for g in graphs()],
            "own has no edge_attr for this model, which reads it",
        ),
        ("Nodes", graphs(True), "this model reads rows of floating-point numbers"),
    ],
)
def test_what_does_not_fit_is_said(
    name: str, data: list[Data], message: str, tmp_path: Path
) -> None:
    torch.save(data, tmp_path / "own.pt")
    recipe = recipe_for(f"{__name__}:{name}", str(tmp_path / "own.pt")).override({"epochs": 1})
    with pytest.raises(ValueError, match=message):
        run_recipe(recipe, seeds=1, out=tmp_path / "run", device="cpu")


@pytest.mark.parametrize(
    ("name", "bonds", "told"),
    [
        ("GIN", True, True),
        ("GAT", True, True),
        ("MPNN", True, False),
        (f"{__name__}:Nodes", True, False),
        (f"{__name__}:Graphs", True, False),
        (f"{__name__}:Deaf", True, True),
        ("GIN", False, False),
    ],
)
def test_features_of_edges_that_are_not_read_are_named(
    name: str, bonds: bool, told: bool, tmp_path: Path
) -> None:
    data = graphs()
    if not bonds:
        for graph in data:
            del graph.edge_attr
    file = str(tmp_path / "own.pt")
    torch.save(data, file)
    recipe = recipe_for(name, file).override({"epochs": 1})
    outcome = run_recipe(recipe, seeds=1, out=tmp_path / "run", device="cpu")
    said = [text for text in outcome.messages if "is not read by" in text]
    assert said == [f"edge_attr of {file} is not read by {name}"] * told


@pytest.mark.parametrize("floats", [True, False])
def test_labels_that_may_have_been_meant_as_classes_are_named(floats: bool, tmp_path: Path) -> None:
    data = graphs()
    for place, graph in enumerate(data):
        graph.y = torch.tensor([place % 2], dtype=torch.float if floats else torch.long)
    file = str(tmp_path / "own.pt")
    torch.save(data, file)
    recipe = recipe_for("GIN", file).override({"epochs": 1})
    outcome = run_recipe(recipe, seeds=1, out=tmp_path / "run", device="cpu")
    said = [line for line in outcome.messages if line.startswith(f"y of {file}: ")]
    assert len(said) == floats
    recorded = json.loads(outcome.results.read_text())["graph"].get("labels")
    assert said == ([f"y of {file}: {recorded}"] if floats else [])


class Slice(nn.Module):
    """A parameter with gaps between its numbers, which a step in one pass would move."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        whole = torch.arange(2.0 * in_channels * out_channels).view(in_channels, -1)
        self.weight = nn.Parameter(whole[:, ::2])

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def test_a_parameter_with_gaps_is_trained_as_by_adam() -> None:
    settings = own_settings(f"{__name__}:Slice")
    model, twin = Slice(3, 4), Slice(3, 4)
    group = settings.groups()["linear"]
    adam = torch.optim.Adam(twin.parameters(), group["lr"], weight_decay=group["weight_decay"])
    x = torch.randn(5, 3)
    for net, optimizer in ((model, settings.optimizer(model)), (twin, adam)):
        for _ in range(3):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(model.weight, twin.weight)
