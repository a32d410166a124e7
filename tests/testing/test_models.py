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


class WrappingPairNet(PairNet):
    def forward(self, x, edge_index, pairs):
        return super().forward(x, edge_index, pairs % len(x))


class AnswerNet(NodeNet):
    """Points at the nodes of a graph in turn; a step says how much it likes what is left."""

    def forward(self, x, edge_index, pointer, length, batch=None):
        if pointer.numel() and not 0 <= int(pointer.min()) <= int(pointer.max()) < len(x):
            raise ValueError("pointer: a node is outside")
        h = self.conv(x, edge_index)[pointer]
        parts = h.split(length.tolist())
        return torch.cat([self.steps(part) for part in parts])

    def steps(self, part):
        return torch.cat([part, part.sum(0, keepdim=True)])


class HastyAnswerNet(AnswerNet):
    """Ends no answer but the last."""

    def forward(self, x, edge_index, pointer, length, batch=None):
        return super().forward(x, edge_index, pointer, length.sum(0, keepdim=True), batch)


class NumberedAnswerNet(AnswerNet):
    def forward(self, x, edge_index, pointer, length, batch=None):
        return super().forward(x + pointer[:1], edge_index, pointer, length, batch)


class ProblemNet(NodeNet):
    """Says the same at each step: of edges, of nodes and of their graph."""

    answer = "pointer"

    def __init__(self, in_channels=4):
        super().__init__(in_channels)
        self.hints = {"to": "pointer", "reached": "mask", "least": "graph"}

    def forward(self, x, edge_index, steps, start, batch=None):
        graph = edge_index.new_zeros(len(x)) if batch is None else batch
        if len(x) and not 0 <= int(start["to"].min()) <= int(start["to"].max()) < len(x):
            raise ValueError("start: a node is outside")
        count, h = steps.size(1) - 1, self.conv(x, edge_index)[:, :1]
        first = start["reached"].to(x).unsqueeze(1) + start["least"].to(x)[graph].unsqueeze(1)
        nodes = h * first + h[start["to"]]
        edges = nodes[edge_index[0]] * nodes[edge_index[1]]
        graphs = global_add_pool(nodes, graph.long(), len(steps))
        hints = {"to": edges, "reached": nodes, "least": self.read(graphs, nodes)}
        return edges[:, 0], {name: each.expand(-1, count) for name, each in hints.items()}

    def read(self, graphs, nodes):
        return graphs


class MixingProblemNet(ProblemNet):
    def read(self, graphs, nodes):
        return graphs + nodes.mean()


class ShuffledProblemNet(ProblemNet):
    """Says of an edge what belongs to the one behind it."""

    def forward(self, x, edge_index, steps, start, batch=None):
        answer, hints = super().forward(x, edge_index, steps, start, batch)
        return answer.roll(1), hints


BROKEN = {
    "batch": (MixingNet, "in a batch and alone"),
    "node_permutation": (NumberedNet, "renamed nodes"),
    "batch_index": (LongNet, "a batch of int32 and one of int64"),
    "pretrained": (ForgetfulNet, "as saved and before"),
    "nodes_outside": (WrappingPairNet, "pairs that names node -1 of 16 was taken without a word"),
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


def test_rows_belong_to_steps_of_answers():
    assert {*check_model(AnswerNet, only=[*SOUND, "nodes_outside"]).passed} >= {*SOUND}
    for cls, name in ((HastyAnswerNet, "batch"), (NumberedAnswerNet, "node_permutation")):
        with pytest.raises(ComplianceError):
            check_model(cls, only=[name])


def test_rows_belong_to_nodes_of_problems():
    names = [*SOUND, "nodes_outside", "edge_order"]
    assert {*check_model(ProblemNet, only=names).passed} == {*names}
    for cls, name in ((MixingProblemNet, "batch"), (ShuffledProblemNet, "edge_order")):
        with pytest.raises(ComplianceError):
            check_model(cls, only=[name])


class NearNet(NodeNet):
    num_hops = 1

    def forward(self, x, edge_index, batch=None):
        return super().forward(x, edge_index, batch) + x.mean(0)[:3]


class PooledNearNet(SoundNet):
    num_hops = 1


def test_what_is_declared_of_hops_holds():
    class ExactNet(NodeNet):
        num_hops = 1

    assert check_model(ExactNet, only=["num_hops"]).passed == ["num_hops"]
    with pytest.raises(ComplianceError, match="at least 4 hops away; declared num_hops is 1"):
        check_model(NearNet, only=["num_hops"])
    report = check_model(NodeNet, only=["num_hops"])
    assert report.not_applicable == {"num_hops": "no num_hops is declared"}
    report = check_model(PooledNearNet, only=["num_hops"])
    assert "are not those of nodes" in report.not_applicable["num_hops"]


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
