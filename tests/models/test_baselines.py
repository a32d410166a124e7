from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

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
