import pytest
import torch

from graphpoly.models import Polynormer
from graphpoly.testing import assert_close, graph_zoo


def test_each_stage_has_its_head_and_its_gradients():
    data = graph_zoo(names=["grid"], num_features=5)["grid"]
    model = Polynormer(5, 8, 3, heads=2, local_layers=2, dropout=0.0, in_dropout=0.0)
    local = model.conv.locally(data.x, data.edge_index)
    expected = {
        "local": model.local_head(local),
        "global": model.global_head(model.conv.globally(local)),
    }
    for stage, logits in expected.items():
        model.stage = stage
        model.zero_grad()
        out = model(data.x, data.edge_index)
        assert_close(out, logits)
        out.sum().backward()
        reached = {name for name, p in model.named_parameters() if p.grad is not None}
        assert any(name.startswith("conv.globals") for name in reached) == (stage == "global")
        assert ("local_head.weight" in reached) == (stage == "local")


def test_warm_up_and_switch_learn():
    data = graph_zoo(names=["stochastic_block"], num_features=4)["stochastic_block"]
    y = torch.arange(18) // 6
    sizes = {"heads": 2, "local_layers": 2, "global_layers": 1}
    model = Polynormer(4, 16, 3, **sizes, in_dropout=0.0, dropout=0.0, relu=True)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for stage in ("local", "global"):
        model.stage = stage
        for _ in range(60):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(data.x, data.edge_index), y)
            loss.backward()
            optimizer.step()
        assert (model.eval()(data.x, data.edge_index).argmax(1) == y).float().mean() > 0.9
        model.train()


def test_unknown_stage_is_named():
    model = Polynormer(4, 8, 2)
    with pytest.raises(ValueError, match="globl"):
        model.stage = "globl"
    assert repr(Polynormer(4, 8, 2, stage="local")).endswith("in_dropout=0.15, stage='local')")


def test_saved_weights_bring_their_stage_along():
    model = Polynormer(4, 8, 2, stage="local")
    other = Polynormer(4, 8, 2)
    other.load_state_dict(model.state_dict())
    assert other.stage == "local"
