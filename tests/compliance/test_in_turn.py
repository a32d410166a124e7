"""Nodes of several graphs in any order are those of each graph, or are refused by name."""

import pytest
import torch
from torch_geometric.data import Batch

from graphpoly.testing import assert_close
from graphpoly.testing.subject import Subject
from tests.compliance.test_hooks import MADE, NETS

BATCHED = [name for name, made in {**MADE, **NETS}.items() if "batch" in Subject(made).takes]
# what they draw belongs to places
DRAWN = {"GraphMamba", "GraphMambaConv", "RNIGNN", "SCRaWl"}
SORTED = {"FEConv", "GraphMLPMixer", "GraphViT", "NeuralSnowflake", "PRMPNN"}


def case(name):
    subject = Subject({**MADE, **NETS}[name])
    graphs = [subject.graph(each) for each in ("path", "erdos_renyi", "star")]
    return subject, subject.layer(dtype=torch.float64), Batch.from_data_list(graphs)


@pytest.mark.parametrize("name", [name for name in BATCHED if name not in DRAWN])
def test_graphs_in_turn(name):
    subject, layer, batch = case(name)
    size = batch.num_nodes
    order = torch.randperm(size, generator=torch.Generator("cpu").manual_seed(1), device="cpu")
    changed = {key: batch[key][order] for key in {"x", "pos", "vel"} & {*subject.takes, "x"}}
    changed["edge_index"] = order.argsort()[batch.edge_index]
    changed["batch"] = batch.batch[order]
    if name in SORTED:
        with pytest.raises(ValueError, match="batch: got graphs in"):
            subject.call(layer, batch, **changed)
        return
    expected = subject.call(layer, batch)
    expected = expected[order] if expected.size(0) == size else expected
    assert_close(subject.call(layer, batch, **changed), expected, kind="accumulated")


@pytest.mark.parametrize("name", sorted(SORTED))
def test_what_is_no_batch(name):
    subject, layer, batch = case(name)
    for other in (batch.batch.double(), batch.batch.unsqueeze(1), batch.batch[1:], batch.batch - 1):
        with pytest.raises((TypeError, ValueError), match="batch"):
            subject.call(layer, batch, batch=other)
