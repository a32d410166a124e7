"""The battery for networks fails where one breaks a promise, and says which."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import GraphConv, global_add_pool

from graphpoly.pretrained import Pretrained
from graphpoly.testing import ComplianceError, check_model, model_properties
from graphpoly.testing.battery import properties


class SoundNet(Pretrained):
    """A layer, and the sum over the nodes of each graph."""

    def __init__(self, in_channels=4):
        super().__init__()
        self.in_channels = in_channels
        self.conv = GraphConv(in_channels, 3)

    def reset_parameters(self):
        self.conv.reset_parameters()

    def forward(self, x, edge_index, batch=None):
        return self.pool(self.conv(x, edge_index), batch)

    def pool(self, x, batch):
        if batch is None:
            return x.sum(0, keepdim=True)
        if batch.dim() != 1 or len(batch) != len(x) or batch.is_floating_point() or batch.min() < 0:
            raise ValueError("batch: expected the graph of each node")
        return global_add_pool(x, batch.long())


class NodeNet(SoundNet):
    def pool(self, x, batch):
        return x


class MixingNet(SoundNet):
    """Centres the nodes of all graphs together."""

    def pool(self, x, batch):
        return super().pool(x - x.mean(0), batch) + x.mean(0)


class NumberedNet(SoundNet):
    def pool(self, x, batch):
        return super().pool(x * torch.arange(len(x)).unsqueeze(1), batch)


class LongNet(SoundNet):
    def pool(self, x, batch):
        if batch is not None and batch.dtype != torch.int64:
            batch = batch.new_zeros(len(x))
        return super().pool(x, batch)


class TakingNet(SoundNet):
    def pool(self, x, batch):
        return super().pool(x, None if batch is None else batch.long().clamp(min=0).flatten())


class UnnamedNet(SoundNet):
    def pool(self, x, batch):
        try:
            return super().pool(x, batch)
        except ValueError:
            raise ValueError("sizes do not fit") from None


class ForgetfulNet(SoundNet):
    """Keeps what it learned where no file does."""

    def __init__(self, in_channels=4):
        super().__init__(in_channels)
        self.scale = float(torch.rand(()))

    def pool(self, x, batch):
        return self.scale * super().pool(x, batch)


class PairNet(NodeNet):
    def forward(self, x, edge_index, pairs):
        h = self.conv(x, edge_index)
        return (h[pairs[0]] * h[pairs[1]]).sum(1)


class NumberedPairNet(PairNet):
    def forward(self, x, edge_index, pairs):
        return super().forward(x, edge_index, pairs) * pairs[0]


BROKEN = {
    "batch": (MixingNet, "in a batch and alone"),
    "node_permutation": (NumberedNet, "renamed nodes"),
    "batch_index": (LongNet, "a batch of int32 and one of int64"),
    "pretrained": (ForgetfulNet, "as saved and before"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name):
    cls, words = BROKEN[name]
    with pytest.raises(ComplianceError) as caught:
        check_model(cls, only=[name])
    assert words in caught.value.report.failed[name]


def test_each_property_of_networks_alone_can_fail():
    assert {name for name in model_properties() if name not in properties()} <= BROKEN.keys()


def test_batches_are_refused_and_by_name():
    with pytest.raises(ComplianceError, match="was taken without a word"):
        check_model(TakingNet, only=["batch_index"])
    with pytest.raises(ComplianceError, match="a batch that is short is refused with: sizes do"):
        check_model(UnnamedNet, only=["batch_index"])


SOUND = ["output", "node_permutation", "batch", "degenerate_graphs", "batch_index", "pretrained"]


@pytest.mark.parametrize("cls", [SoundNet, NodeNet])
def test_rows_belong_to_graphs_or_to_nodes(cls):
    assert {*check_model(cls, only=SOUND).passed} == {*SOUND}


def test_rows_belong_to_pairs():
    report = check_model(PairNet, only=SOUND)
    assert {*report.passed} == {*SOUND} - {"batch_index"}
    assert "forward takes no batch" in report.not_applicable["batch_index"]
    with pytest.raises(ComplianceError, match="renamed nodes"):
        check_model(NumberedPairNet, only=["node_permutation"])


def test_names():
    with pytest.raises(ValueError, match="did you mean 'pretrained'"):
        check_model(SoundNet, only=["pretraind"])


def test_what_json_has_no_form_for_says_nothing():
    class Holding(SoundNet):
        def __init__(self, conv):
            super().__init__()
            self.conv = conv

    report = check_model(lambda: Holding(GraphConv(4, 3)), only=["pretrained"])
    assert "no plain value" in report.not_applicable["pretrained"]
    report = check_model(lambda: GraphConv(4, 3), only=["pretrained"])
    assert "no save_pretrained()" in report.not_applicable["pretrained"]
