from __future__ import annotations

import torch

from graphpoly.models import PrecomputedOptBasisGNN
from graphpoly.testing import graph_zoo
from graphpoly.testing.tolerances import assert_close


def test_rows_are_orthonormal_in_every_feature_and_span_the_krylov_space() -> None:
    data = graph_zoo(names=["stochastic_block"], num_features=3)["stochastic_block"]
    model = PrecomputedOptBasisGNN(3, 4, 2, K=5)
    rows = model.precompute(data.x.double(), data.edge_index)
    gram = torch.einsum("nkf,nlf->fkl", rows, rows) / data.num_nodes
    assert_close(gram, torch.eye(6, dtype=torch.float64).expand(3, -1, -1))
    assert_close(rows[:, 0], data.x.double() / data.x.double().square().mean(0).sqrt())


def test_a_batch_of_rows_gives_what_the_whole_graph_gives() -> None:
    data = graph_zoo(names=["grid"], num_features=3)["grid"]
    model = PrecomputedOptBasisGNN(3, 8, 2, K=4).eval()
    torch.nn.init.normal_(model.filter.theta)
    whole = model(data.x, data.edge_index)
    rows = model.precompute(data.x, data.edge_index)
    chosen = torch.tensor([7, 0, 11])
    assert_close(model.readout(rows[chosen]), whole[chosen])
    filtered = model.filter(data.x, data.edge_index) * data.num_nodes**0.5
    assert_close(model.mlp(filtered), whole)
