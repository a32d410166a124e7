import pytest
import torch

from graphpoly.testing.checks import invariance
from tests.testing.checks.sound_conv import SoundConv, SoundPointConv, expect_broken, promised


class PositionConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        position = torch.arange(x.size(0), dtype=x.dtype).unsqueeze(-1)
        return super().forward(x, *args, **kwargs) + position


class FirstEdgeConv(SoundConv):
    def normalized(self, x, target, weight):
        return weight / torch.arange(1, weight.size(0) + 1)


class GlobalMeanConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        return super().forward(x - x.mean(dim=0), *args, **kwargs)


class BatchSizeConv(SoundConv):
    def forward(self, x, edge_index, edge_weight=None, batch=None, batch_size=None):
        out = super().forward(x, edge_index, edge_weight)
        return out if batch_size is None else out / batch_size


class FarSightedConv(SoundConv):
    num_hops = 2


class UndeclaredConv(SoundConv):
    num_hops = 1

    def forward(self, x, edge_index, edge_weight=None):
        adj = self.edges(x, edge_index, edge_weight)
        far = self.propagate(adj[0], x=x, weight=adj[1])
        return super().forward(far, edge_index, edge_weight)


class GlobalReachConv(GlobalMeanConv):
    num_hops = 1


class AxisConv(SoundPointConv):
    def length(self, difference):
        return difference[:, 0].square()


class HandedConv(SoundPointConv):
    """Sees which way three axes turn: it can tell a molecule from its mirror image."""

    def length(self, difference):
        after = difference.roll(1, 0)
        return torch.linalg.cross(difference, after).mul(difference.roll(2, 0)).sum(-1).sigmoid()


class DriftingConv(SoundPointConv):
    def forward(self, x, edge_index, pos=None, vel=None):
        h, pos, vel = super().forward(x, edge_index, pos=pos, vel=vel)
        return h, 1.5 * pos, vel


BROKEN = [
    (AxisConv, "equivariance", "features of turned and plain positions"),
    (HandedConv, "equivariance", "features of mirrored and plain positions"),
    (DriftingConv, "equivariance", "turned, positions"),
    (PositionConv, "node_permutation", "renamed nodes and the original"),
    (FirstEdgeConv, "edge_order", "shuffled edges and the original"),
    (GlobalMeanConv, "batch", "in a batch and alone"),
    (BatchSizeConv, "batch", "in a batch with batch_size and alone"),
    (FarSightedConv, "num_hops", "1 hops away; declared num_hops is 2"),
    (UndeclaredConv, "num_hops", "2 hops away; declared num_hops is 1"),
    (GlobalReachConv, "num_hops", "at least 4 hops away"),
]


@pytest.mark.parametrize(("cls", "name", "words"), BROKEN)
def test_broken_layer(cls, name, words):
    expect_broken(cls, name, words)


def test_each_property_can_fail():
    assert {name for _, name, _ in BROKEN} == promised(invariance)
