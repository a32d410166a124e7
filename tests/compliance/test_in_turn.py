"""Nodes of several graphs in any order are those of each graph, or are refused by name."""

import pytest
import torch
from torch_geometric.data import Batch

from graphpoly.testing import assert_close
from tests.compliance.test_hooks import MADE, NETS, subject_of

BATCHED = [name for name in [*MADE, *NETS] if "batch" in subject_of(name).takes]
DRAWN = {"RNIGNN", "SCRaWl"}  # what they draw belongs to places
SORTED = {"FEConv", "GraphMLPMixer", "GraphViT", "NeuralSnowflake", "PRMPNN"}


def case(name):
    subject = subject_of(name)
    graphs = [subject.graph(each) for each in ("path", "erdos_renyi", "star")]
    return subject, subject.layer(dtype=torch.float64), Batch.from_data_list(graphs)


@pytest.mark.parametrize("name", [name for name in BATCHED if name not in DRAWN])
def test_graphs_in_turn(name):
    subject, layer, batch = case(name)
    drawn = torch.randperm(batch.num_nodes, generator=torch.Generator("cpu").manual_seed(1))
    place = batch.batch[drawn].argsort(stable=True)  # each graph has its nodes in their order
    changed = subject.renamed(batch, place)
    changed.batch = torch.empty_like(batch.batch).index_copy(0, place, batch.batch)
    if name in SORTED:
        with pytest.raises(ValueError, match="batch: got graphs in"):
            subject.call(layer, changed)
        return
    found = subject.as_named(subject.call(layer, changed), place)
    assert_close(found, subject.call(layer, batch), kind="accumulated")


@pytest.mark.parametrize("name", sorted(SORTED))
def test_what_is_no_batch(name):
    subject, layer, batch = case(name)
    for other in (batch.batch.double(), batch.batch.unsqueeze(1), batch.batch[1:], batch.batch - 1):
        with pytest.raises((TypeError, ValueError), match="batch"):
            subject.call(layer, batch, batch=other)
