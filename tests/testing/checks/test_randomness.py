import random

import pytest
import torch
import torch.nn.functional as F

from graphpoly.testing.checks import randomness
from tests.testing.checks.sound_conv import SoundConv, expect_broken, promised


class AlwaysDropoutConv(SoundConv):
    def forward(self, *args, **kwargs):
        return F.dropout(super().forward(*args, **kwargs), 0.5)


class PrivateChanceConv(SoundConv):
    """Draws from a generator that torch.manual_seed does not reach."""

    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        return out * (1 + random.random()) if self.training else out


class PrivateStartConv(SoundConv):
    def reset_parameters(self):
        super().reset_parameters()
        with torch.no_grad():
            self.bias.fill_(random.random())


class NoResetConv(torch.nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv = SoundConv(in_channels, out_channels)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


class KeptBiasConv(SoundConv):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        torch.nn.init.zeros_(self.bias)

    def reset_parameters(self):
        if hasattr(self, "bias"):
            self.lin.reset_parameters()


class OtherSpreadConv(SoundConv):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.lin.reset_parameters()

    def reset_parameters(self):
        super().reset_parameters()
        torch.nn.init.normal_(self.lin.weight)


class OtherMeanConv(SoundConv):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.lin.reset_parameters()

    def reset_parameters(self):
        super().reset_parameters()
        with torch.no_grad():
            self.lin.weight.add_(0.3)


class FrozenResetConv(SoundConv):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.lin.reset_parameters()

    def reset_parameters(self):
        super().reset_parameters()
        generator = torch.Generator().manual_seed(0)
        torch.nn.init.uniform_(self.lin.weight, -0.35, 0.35, generator=generator)


class UnseededResetConv(SoundConv):
    def reset_parameters(self):
        super().reset_parameters()
        with torch.no_grad():
            self.bias.fill_(random.random())


class KeptStatisticsConv(SoundConv):
    """What a step of training has moved stays as it is."""

    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.norm = torch.nn.BatchNorm1d(out_channels, affine=False)

    def forward(self, x, edge_index):
        return self.norm(super().forward(x, edge_index))


BROKEN = [
    (AlwaysDropoutConv, "eval_determinism", "two calls in eval(): the output differs"),
    (PrivateChanceConv, "train_seed", "step 0 in train(): the output differs"),
    (PrivateStartConv, "train_seed", "construction: the bias differs"),
    (NoResetConv, "reset_parameters", "has no reset_parameters()"),
    (KeptBiasConv, "reset_parameters", "bias starts at a constant (mean 0)"),
    (OtherSpreadConv, "reset_parameters", "lin.weight starts with mean"),
    (OtherMeanConv, "reset_parameters", "lin.weight starts with mean"),
    (FrozenResetConv, "reset_parameters", "lin.weight is the same after resets"),
    (UnseededResetConv, "reset_parameters", "bias differs after two resets with one seed"),
    (KeptStatisticsConv, "reset_parameters", "norm.running_mean starts at a constant (mean 0)"),
]


@pytest.mark.parametrize(("cls", "name", "words"), BROKEN)
def test_broken_layer(cls, name, words):
    expect_broken(cls, name, words)


def test_each_property_can_fail():
    assert {name for _, name, _ in BROKEN} == promised(randomness)
