"""An edge to a node that the graph has not is refused in words, not taken for another one."""

import pytest
import torch

from graphpoly.layers import CooperativeConv
from graphpoly.models import CoGNN
from graphpoly.registry import entries
from graphpoly.rewiring.measures import dirichlet_energy, mean_average_distance, sensitivity_bound
from graphpoly.testing.subject import Subject
from tests.compliance.test_default_device import ODD, takes

NAMED = {
    entry.name: entry
    for kind in ("layer", "model")
    for entry in entries(kind)
    if not takes(entry) & {*ODD, "pairs"} and entry.name != "ComparatorNet"  # which reads no edge
}
MEASURES = {
    "dirichlet_energy": dirichlet_energy,
    "mean_average_distance": mean_average_distance,
    "sensitivity_bound": lambda x, edge_index: sensitivity_bound(edge_index, x.size(0), 2, 0),
}


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("node", [-1, 16])
@pytest.mark.parametrize("name", [*NAMED, *MEASURES])
def test_nodes_outside_are_refused(name, node, end):
    subject = Subject(NAMED.get(name, NAMED["GPRConv"]))
    data = subject.graph("erdos_renyi", dtype=torch.float32)
    assert data.num_nodes == 16
    data.edge_index[end, 3] = node
    measure, layer = MEASURES.get(name), subject.layer()
    with pytest.raises(ValueError, match=f"{node}"):
        measure(data.x, data.edge_index) if measure else subject.call(layer, data)


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("node", [-1, 4, 2**32])
@pytest.mark.parametrize("base", ["mean", "gcn", "gin", "gat"])
@pytest.mark.parametrize("action_base", ["mean", "gcn", "gin", "gat"])
def test_around_layers_of_pyg_they_are_refused_likewise(base, action_base, node, end):
    x, edge_index = torch.randn(4, 6), torch.tensor([[0, 1, 2], [1, 2, 3]])
    edge_index[end, 0] = node
    conv = CooperativeConv(6, 4, base, action_base=action_base)
    network = CoGNN(6, 4, 2, 1, base=base, action_base=action_base)
    for each in (conv, network):
        with pytest.raises(ValueError, match="edge_index: "):
            each(x, edge_index)
