"""What draws in training, dropout aside, draws from the generator that it is given."""

import inspect

import pytest
import torch

from graphpoly.rewiring import PRMPNN, NeuralSnowflake
from graphpoly.rewiring.learned.sampler import ESTIMATORS
from tests.compliance.test_hooks import MADE, NETS, subject_of

EVERY = {**MADE, **NETS}
DRAWING = {
    "CooperativeConv",
    "CoGNN",
    "GraphMamba",
    "GraphMambaConv",
    "NeuralSnowflake",
    "PRMPNN",
    "RNIGNN",
    "SCRaWl",
    "SCRaWlConv",
}


def without_dropout(layer):
    for module in layer.modules():
        for name, value in vars(module).items():
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)
            elif "drop" in name and isinstance(value, list):
                setattr(module, name, [0.0] * len(value))
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return layer


@pytest.mark.cpu
@pytest.mark.parametrize("name", EVERY)
def test_a_generator_is_all_that_counts(name):
    subject = subject_of(name)
    data = subject.graph("erdos_renyi", dtype=torch.float32)

    def run(seed, **further):
        layer = without_dropout(subject.layer(train=True))
        torch.manual_seed(seed)
        return subject.call(layer, data, **further)

    outs = [run(seed) for seed in range(4)]
    draws = not all(torch.equal(out, outs[0]) for out in outs)
    assert draws == (name in DRAWING)
    if not draws:
        return
    assert "generator" in inspect.signature(subject.layer().forward).parameters
    one, same, *others = (
        run(seed, generator=torch.Generator().manual_seed(own))
        for seed, own in enumerate((5, 5, 6, 7, 8))
    )
    assert torch.equal(one, same)
    assert not all(torch.equal(one, other) for other in others)


class Weighed(torch.nn.Module):
    """Adds up the neighbours, and what it draws."""

    def forward(self, x, edge_index, edge_weight=None, generator=None):
        heard = edge_weight[:, None] * x[edge_index[0]]
        out = torch.zeros_like(x).index_add(0, edge_index[1], heard)
        return out + torch.rand((), generator=generator)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_network_that_rewires_and_the_one_behind_it_draw_from_one(estimator):
    rewires = PRMPNN(Weighed(), 3, num_added=2, num_deleted=1, estimator=estimator)
    path = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    x = torch.randn(5, 3)
    for net in (rewires, NeuralSnowflake(Weighed(), 3, k=1)):
        draws = []
        for seed in range(2):
            torch.manual_seed(seed)
            generator = torch.Generator().manual_seed(9)
            draws.append([net(x, path, generator=generator) for _ in range(4)])
        assert all(map(torch.equal, *draws))
        assert not torch.equal(draws[0][0], draws[0][1])
