"""An edge to a node that the graph has not is refused in words, not taken for another one."""

import pytest
import torch

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
