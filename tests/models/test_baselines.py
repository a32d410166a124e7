from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing

from graphpoly.acceleration.accelerated import Accelerated
from graphpoly.data import find_dataset
from graphpoly.models.network_for import network_for
from graphpoly.models.settings import Inputs, settings_of
from graphpoly.recipes import recipe_for


def test_sgc_is_a_linear_map_of_the_smoothed_features() -> None:
    settings = settings_of("SGC")[1]()
    data = Data(
        x=torch.randn(5, 3), edge_index=torch.tensor([[0, 1, 1, 2, 3, 2], [1, 0, 2, 1, 2, 3]])
    )
    net = settings.network(Inputs(in_channels=3, out_channels=4, data=data))
    dense = torch.eye(5)
    dense[data.edge_index[0], data.edge_index[1]] = 1
    scale = dense.sum(1).rsqrt()
    smooth = scale.unsqueeze(1) * dense * scale
    expected = net.lin(smooth @ smooth @ data.x)
    torch.testing.assert_close(net(data.x, data.edge_index), expected)


@pytest.mark.parametrize("dataset", ["cora", "minesweeper", "texas", "csbm"])
def test_sgc_is_trained_on_any_nodes(dataset: str) -> None:
    recipe = recipe_for("SGC", dataset).override({"K": "3"})
    assert recipe.settings.K == 3
    with pytest.raises(ValueError, match="K"):
        recipe.override({"K": 0})


@pytest.mark.parametrize("name", ["GCN", "SAGE", "GIN", "GAT"])
def test_layers_that_are_trained_run_on_our_kernels(name: str) -> None:
    dataset = find_dataset("csbm")
    net = network_for(settings_of(name)[1](), dataset, dataset.load(None, dataset.reading, 0), None)
    layers = [layer for layer in net.modules() if isinstance(layer, MessagePassing)]
    assert len(layers) == 2
    assert all(isinstance(layer, Accelerated) for layer in layers)
