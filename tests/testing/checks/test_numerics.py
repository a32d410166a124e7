import pytest
import torch
from torch.nn import Parameter

from graphpoly.testing.checks import numerics
from tests.testing.checks.sound_conv import SoundConv, expect_broken, promised


class DetachedInputConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        return super().forward(x, *args, **kwargs) + 0.1 * x.detach()[:, :4]


class DetachedDegreeConv(SoundConv):
    def normalized(self, x, target, weight):
        return weight * super().normalized(x, target, weight).detach()


class ClampedParameterConv(SoundConv):
    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs) + self.bias.detach()


class RoundedWeightConv(SoundConv):
    """Normalises in float32, whatever the type of the weights."""

    def normalized(self, x, target, weight):
        return super().normalized(x, target, weight.float()).to(weight.dtype)


class UnusedRowConv(SoundConv):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.scale = Parameter(torch.ones(3, out_channels))

    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs) * self.scale[:2].sum(0)


class UnsafeDivisionConv(SoundConv):
    def forward(self, x, edge_index, edge_weight=None):
        degree = torch.bincount(edge_index[1], minlength=x.size(0)).unsqueeze(-1)
        return super().forward(x, edge_index, edge_weight) / degree


class UnsafeRootConv(SoundConv):
    """Finite in value, but the gradient of a square root at zero is infinite."""

    def forward(self, x, *args, **kwargs):
        return super().forward(x, *args, **kwargs) + x.pow(2).sum(-1, keepdim=True).sqrt()


class AmbiguousReshapeConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        return super().forward(x, *args, **kwargs).view(x.size(0), 2, -1).flatten(1)


class RunningMeanConv(SoundConv):
    """Keeps a mean over the nodes, of which there may be none."""

    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.register_buffer("mean", torch.zeros(out_channels))

    def forward(self, x, *args, **kwargs):
        out = super().forward(x, *args, **kwargs)
        if self.training:
            self.mean = out.detach().mean(0)
        return out


class FixedPrecisionConv(SoundConv):
    def forward(self, x, edge_index, edge_weight=None):
        edge_index, _ = self.edges(x, edge_index, edge_weight)
        messages = self.lin(x)[edge_index[0]]
        return x.new_zeros(x.size(0), 4).index_add(0, edge_index[1], messages)


class AutocastDriftConv(SoundConv):
    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        return out * 1.5 if torch.is_autocast_enabled("cpu") else out


BROKEN = [
    (DetachedInputConv, "gradcheck", "gradient of directed: x"),
    (DetachedDegreeConv, "gradcheck", "gradient of directed: edge_weight"),
    (ClampedParameterConv, "gradcheck", "gradient of directed: bias"),
    (RoundedWeightConv, "gradcheck", "gradient of directed: edge_weight"),
    (UnusedRowConv, "used_parameters", "scale (4 of 12 entries)"),
    (UnsafeDivisionConv, "degenerate_graphs", "no_edges: the output is not finite"),
    (UnsafeRootConv, "degenerate_graphs", "star with zero x: the gradient of x is not finite"),
    (AmbiguousReshapeConv, "degenerate_graphs", "cannot reshape tensor of 0 elements"),
    (RunningMeanConv, "degenerate_graphs", "no nodes: after a step in train(), mean is not"),
    (FixedPrecisionConv, "autocast", "raised RuntimeError"),
    (AutocastDriftConv, "autocast", "autocast and float32"),
]


@pytest.mark.parametrize(("cls", "name", "words"), BROKEN)
def test_broken_layer(cls, name, words):
    expect_broken(cls, name, words)


def test_each_property_can_fail():
    assert {name for _, name, _ in BROKEN} == promised(numerics)
