import pytest
import torch

from graphpoly.testing.checks import weights
from tests.testing.checks.sound_conv import SoundConv, expect_broken, promised


class CountingConv(SoundConv):
    """Divides by the number of edges, whatever they weigh."""

    def normalized(self, x, target, weight):
        count = torch.bincount(target, minlength=x.size(0)).clamp(min=1)
        return weight / count[target]


class RemainingLoopsConv(SoundConv):
    """Gives a loop of weight 1 to nodes that have none, not to those with one of weight 0."""

    def edges(self, x, edge_index, edge_weight):
        source, target = edge_index
        bare = torch.ones(x.size(0), dtype=torch.bool)
        bare[source[source == target]] = False
        loops = bare.nonzero().t().expand(2, -1)
        weight = torch.cat([edge_weight, edge_weight.new_ones(loops.size(1))])
        return super().edges(x, torch.cat([edge_index, loops], 1), weight)


class RootedWeightConv(SoundConv):
    def normalized(self, x, target, weight):
        return super().normalized(x, target, weight.sqrt())


BROKEN = [
    (CountingConv, "zero_weight_edges", "with such edges"),
    (RemainingLoopsConv, "zero_weight_loops", "with such loops"),
    (RootedWeightConv, "split_weights", "some edges in two"),
]


@pytest.mark.parametrize(("cls", "name", "words"), BROKEN)
def test_broken_layers_are_caught(cls, name, words):
    expect_broken(cls, name, words)


def test_every_property_has_a_broken_layer():
    assert {name for _, name, _ in BROKEN} == promised(weights)
