import pytest
import torch

from graphpoly.testing.checks import arguments
from tests.testing.checks.sound_conv import SoundConv, expect_broken, promised


class IgnoredFlowConv(SoundConv):
    def __init__(self, in_channels, out_channels, *, flow="source_to_target"):
        super().__init__(in_channels, out_channels)


class IgnoredAggrConv(SoundConv):
    def __init__(self, in_channels, out_channels, *, aggr="add"):
        super().__init__(in_channels, out_channels)


class SwallowingConv(SoundConv):
    def __init__(self, in_channels, out_channels, **kwargs):
        super().__init__(in_channels, out_channels)


class RoundedSizeConv(SoundConv):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, round(out_channels) if out_channels == 2.5 else out_channels)


class SilentSizeConv(SoundConv):
    def __init__(self, in_channels, out_channels):
        if out_channels != 4:
            raise RuntimeError("no")
        super().__init__(in_channels, out_channels)


class CutWidthConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        return super().forward(x[..., :8], *args, **kwargs)


class CastConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        return super().forward(x.float(), *args, **kwargs)


class FirstSignalConv(SoundConv):
    """Filters the first of several signals and gives it for all."""

    def forward(self, x, *args, **kwargs):
        first = super().forward(x if x.dim() < 3 else x[0], *args, **kwargs)
        return first if x.dim() < 3 else first.expand(x.size(0), -1, -1)


class ScalingThirdConv(SoundConv):
    def forward(self, x, edge_index, batch=None, edge_weight=None):
        out = super().forward(x, edge_index, edge_weight)
        return out if batch is None else out * batch.sum()


BROKEN = [
    (IgnoredFlowConv, "message_passing_arguments", "turned around"),
    (IgnoredAggrConv, "message_passing_arguments", "aggr='max' is accepted"),
    (SwallowingConv, "constructor_errors", "no_such_argument=1 was accepted"),
    (RoundedSizeConv, "constructor_errors", "out_channels=2.5 was accepted"),
    (SilentSizeConv, "constructor_errors", "wrong out_channels raised RuntimeError"),
    (CutWidthConv, "feature_errors", "one column more was accepted"),
    (CastConv, "feature_errors", "whole numbers was accepted"),
    (FirstSignalConv, "feature_errors", "x [2, N, F] and each alone"),
    (ScalingThirdConv, "third_argument", "given third and by their name"),
]


@pytest.mark.parametrize(("cls", "name", "words"), BROKEN)
def test_broken_layers_are_caught(cls, name, words):
    expect_broken(cls, name, words)


def test_every_property_has_a_broken_layer():
    assert {name for _, name, _ in BROKEN} == promised(arguments)


def test_a_reversed_flow_that_is_honoured_passes():
    class FlowConv(SoundConv):
        def __init__(self, in_channels, out_channels, *, flow="source_to_target"):
            super().__init__(in_channels, out_channels)
            self.turned = flow != "source_to_target"

        def edges(self, x, edge_index, edge_weight):
            return super().edges(x, edge_index.flip(0) if self.turned else edge_index, edge_weight)

    from graphpoly.testing import check_layer

    report = check_layer(lambda: FlowConv(8, 4), only=["message_passing_arguments"])
    assert report.passed == ["message_passing_arguments"]
    assert torch.is_grad_enabled()
