"""Truths, their distances and what is named, on graphs that can be counted by hand."""

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.utils import to_networkx

from benchmarks.explained import Net, Pairs, by_gradient, groups, two_motifs
from benchmarks.fidelity import agreement, correlation, explainers, spoilt
from graphpoly.testing import assert_close


def molecule(atoms, bonds):
    pairs = torch.tensor(bonds).t()
    x = torch.eye(14)[torch.tensor(atoms)]
    return Data(x=x, edge_index=torch.cat([pairs, pairs.flip(0)], 1))


def graphs():
    """A path whose first two edges are the truth, and a triangle of which one edge is."""
    truth = torch.tensor([True, True, False, False]).repeat(2)
    path = molecule([0] * 5, [(0, 1), (1, 2), (2, 3), (3, 4)])
    ring = molecule([0] * 3, [(0, 1), (1, 2), (2, 0)])
    path.truth, path.y = truth, torch.tensor([0])
    ring.truth, ring.y = torch.tensor([True, False, False]).repeat(2), torch.tensor([1])
    return Batch.from_data_list([path, ring])


def test_groups_are_two_oxygens_or_two_hydrogens_at_one_nitrogen():
    c, o, h, n = 0, 1, 3, 4
    nitro = molecule(
        [c, n, o, o, c, n, h, h], [(0, 1), (1, 2), (1, 3), (0, 4), (4, 5), (5, 6), (7, 5)]
    )
    assert groups(nitro).view(2, 7).tolist() == [[False, True, True, False, False, True, True]] * 2
    amide = molecule([c, n, h, o, c], [(0, 1), (1, 2), (0, 3), (1, 4)])  # one hydrogen
    ammonium = molecule([n, h, h, h, h], [(0, 1), (0, 2), (0, 3), (0, 4)])
    assert not groups(amide).any()
    assert not groups(ammonium).any()


def test_motifs_are_as_large_as_they_should_be():
    for graph, edges in zip(two_motifs(5), 5 * [6] + 5 * [5], strict=True):
        assert (graph.num_nodes, int(graph.truth.sum())) == (25, 2 * edges)
        assert graph.num_edges == 2 * (19 + edges + 1)
        assert nx.is_connected(to_networkx(graph, to_undirected=True))


def test_a_truth_is_spoilt_by_the_shares_that_are_asked_for():
    pairs, generator = Pairs(graphs()), torch.Generator().manual_seed(0)
    assert pairs.sizes.tolist() == [2, 1]
    assert torch.equal(pairs.spoil(0, 0, generator), pairs.truth)
    assert not pairs.spoil(1, 0, generator).any()
    drawn = [pairs.spoil(0.5, 0.5, generator) for _ in range(2000)]
    far = torch.stack([pairs.total(named != pairs.truth) for named in drawn])
    expected = torch.tensor([2.0, 1.0], dtype=torch.double)  # half the truth, and as many others
    assert ((far.mean(0) - expected).abs() < 0.1).all()


def test_as_many_pairs_are_named_as_the_truth_has():
    batch = graphs()
    pairs = Pairs(batch)
    assert torch.equal(pairs.best(pairs.mean(batch.truth.float())), pairs.truth)
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        named = pairs.best(pairs.mean(torch.rand(batch.num_edges, generator=generator)))
        assert torch.equal(pairs.total(named).long(), pairs.sizes)


class Counts(torch.nn.Module):
    """The class is 1 by the more, the more edges are left between nodes with ones."""

    def forward(self, x, edge_index, batch):
        inside = (x[edge_index[0], 1] * x[edge_index[1], 1]).double()
        total = inside.new_zeros(int(batch.max()) + 1).index_add_(0, batch[edge_index[0]], inside)
        return torch.stack([-total, total], 1)


def test_what_a_measure_should_do_is_a_positive_correlation():
    """The network reads the true edges alone, so that each that goes is a loss."""
    rim, motif = 12, 8
    data = molecule([0] * (rim + motif), [(i, i + 1) for i in range(rim + motif - 1)])
    data.truth = (data.edge_index < motif).all(0)
    data.x = (torch.arange(rim + motif) < motif).float()[:, None].repeat(1, 2)
    data.y = torch.tensor([1])
    rows = spoilt(Counts(), Batch.from_data_list([data]), seed=0)
    for row in rows:
        if row["measure"] != "minus":
            assert row["removed"] > 0.8
        if row["measure"] == "plus":
            assert row["added"] == 0  # edges that the network does not read
    assert {row["alpha"] for row in rows} == {0.1, 0.3, 0.5, 1.0}


def test_correlations():
    up = torch.arange(4.0)
    assert (correlation(up, up.square()), correlation(up, -up)) == (
        pytest.approx(1),
        pytest.approx(-1),
    )
    assert correlation(up, torch.ones(4)) == 0
    rows = [{"area": float(i), "classic": {"delta": -float(i)}} for i in range(3)]
    assert agreement(rows, "classic") == pytest.approx(-1)


def test_the_gradient_is_that_of_the_weights_of_edges():
    torch.manual_seed(0)
    net, batch = Net(14).double().eval(), graphs()
    batch.x = torch.rand(batch.num_nodes, 14, dtype=torch.double)
    weight = torch.ones(batch.num_edges, dtype=torch.double, requires_grad=True)
    x, (row, col) = batch.x, batch.edge_index
    for conv in net.convs:
        heard = torch.zeros_like(x).index_add_(0, col, weight[:, None] * x[row])
        x = conv.nn(x + heard).relu()
    parts = [x[batch.batch == i] for i in range(2)]
    rows = torch.stack([torch.cat([part.amax(0), part.mean(0)]) for part in parts])
    net.lin(rows).gather(1, batch.y[:, None]).sum().backward()
    assert_close(by_gradient(net, batch), weight.grad.abs())


@pytest.mark.filterwarnings("ignore:Converting a tensor")  # within PGExplainer
def test_the_truth_is_the_best_of_all_explainers_by_the_area_and_what_it_lacks_the_worst():
    torch.manual_seed(0)
    rows = explainers(Net(14).eval(), graphs())
    areas = {row["explainer"]: row["area"] for row in rows}
    assert (areas.pop("the truth"), areas.pop("anything else")) == (1, 0)
    assert all(0 <= area <= 1 for area in areas.values())
    assert len(areas) == 4
