import pytest
import torch

from graphpoly.testing.checks import compilation
from tests.testing.checks.sound_conv import SoundConv, expect_broken, promised


class BranchingConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        out = super().forward(x, *args, **kwargs)
        return 2 * out if x.sum() > 0 else out


class NodeLoopConv(SoundConv):
    """Unrolls a loop over the nodes, and so is compiled again for each size."""

    def forward(self, x, edge_index, edge_weight=None):
        out = super().forward(x, edge_index, edge_weight)
        return out + sum(range(x.size(0)))


class OtherWhenCompiledConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        out = super().forward(x, *args, **kwargs)
        return out + 1 if torch.compiler.is_compiling() else out


class NarrowConv(SoundConv):
    """Chooses by size, as a layer does that has narrow indices for graphs which are not large."""

    def forward(self, x, edge_index, edge_weight=None):
        if x.size(0) < 2**31 - 1:
            edge_index = edge_index.int().long()
        return super().forward(x, edge_index, edge_weight)


class OtherWhenExportedConv(SoundConv):
    def forward(self, x, *args, **kwargs):
        out = super().forward(x, *args, **kwargs)
        return out + 1 if torch.compiler.is_exporting() else out


BROKEN = [
    (NarrowConv, "export", "export raised UserError: Constraints violated"),
    (OtherWhenExportedConv, "export", "exported and eager"),
    (BranchingConv, "compile", "single graphs: compilation raised"),
    (NodeLoopConv, "compile", "compilations over 3 sizes, at most 2 allowed"),
    (OtherWhenCompiledConv, "compile", "compiled and eager"),
]


@pytest.mark.parametrize(("cls", "name", "words"), BROKEN)
def test_broken_layer(cls, name, words):
    expect_broken(cls, name, words)


def test_each_property_can_fail():
    assert {name for _, name, _ in BROKEN} == promised(compilation)
