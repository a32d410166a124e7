"""What is met, how it is labelled, and that it teaches."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data

from graphpoly.data import is_independent, maximum_independent_set, recursive_independent_set
from graphpoly.models import ComparatorNet, comparator_value, train_comparator
from graphpoly.models import self_training as module


def graph(size, p, seed):
    ends = torch.tensor(list(nx.gnp_random_graph(size, p, seed=seed).edges), dtype=torch.long)
    return Data(edge_index=ends.reshape(-1, 2).t(), num_nodes=size)


def found(net, graphs, seed=0):
    whole = Batch.from_data_list(graphs)
    chosen = recursive_independent_set(
        whole.edge_index,
        comparator_value(net),
        whole.num_nodes,
        batch=whole.batch,
        generator=torch.Generator().manual_seed(seed),
    )
    assert is_independent(whole.edge_index, chosen)
    return int(chosen.sum())


def test_it_learns_to_find_larger_sets_without_being_told():
    train = [graph(12, 0.3, seed) for seed in range(40)]
    test = [graph(12, 0.3, seed) for seed in range(100, 140)]
    best = sum(int(maximum_independent_set(each.edge_index, 12).sum()) for each in test)
    torch.manual_seed(0)
    net = ComparatorNet(1, 16, 1, num_layers=2, pool="mean")
    before = found(net, test)
    log = train_comparator(net, train, rounds=8, roots=8, roll_outs=3, lr=3e-3)
    after = found(net, test)
    assert before < 0.9 * best
    assert 0.95 * best <= after <= best
    assert len(log) == 8
    assert log[-1].size > log[0].size


class Fixed(nn.Module):
    """Says a number of nodes or its opposite, whatever it learns."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign, self.weight = sign, nn.Parameter(torch.zeros(()))

    def forward(self, x, edge_index, *, batch, batch_size):
        count = torch.bincount(batch, minlength=batch_size).to(x)
        return (self.sign * count + self.weight).unsqueeze(1)


def labelled(net, graphs, **given):
    generator = torch.Generator().manual_seed(0)
    value = comparator_value(net)
    met, size = module._met(graphs, value, given.pop("steps", 8), generator)
    return module._labelled(
        met, value, given.get("roll_outs", 1), given.get("mixed", False), generator
    ), size


def test_labels_are_sizes_of_sets_that_were_found():
    graphs = [graph(9, 0.4, seed) for seed in range(4)]
    met, size = labelled(Fixed(1.0), graphs, roll_outs=30)
    sizes = torch.zeros(met.num_graphs, dtype=torch.long)
    for number in range(met.num_graphs):
        mine = (met.batch == number).nonzero().view(-1)
        if len(mine):
            inside = met.edge_index[:, met.batch[met.edge_index[0]] == number] - mine[0]
            sizes[number] = maximum_independent_set(inside, len(mine)).sum()
    first, second = sizes[met.pairs]
    wanted = (first > second).double() + (first == second).double() / 2
    # thirty sets of a few nodes: the largest is among them
    assert torch.equal(met.target.double(), wanted)
    assert 0 < size <= sum(len(each) for each in graphs)


def test_pairs_are_those_of_one_root():
    graphs = [
        graph(9, 0.4, 1),
        Data(edge_index=torch.empty(2, 0).long(), num_nodes=3),
        graph(5, 0.9, 2),
    ]
    met, _ = labelled(Fixed(1.0), graphs, steps=2)
    assert met.num_graphs == 2 * 2 * 3
    assert torch.equal(met.pairs[0] % 3, met.pairs[1] % 3)
    assert not bool((met.pairs % 3 == 1).any())  # without edges there is nothing to choose
    assert met.pairs.size(1) == 2 * 6


def test_mixed_labels_are_no_smaller_than_greedy_sets():
    star = nx.star_graph(6)
    ends = torch.tensor(list(star.edges)).t()
    graphs = [Data(edge_index=ends, num_nodes=7)]
    poor = Fixed(-1.0)  # goes for the smaller graph: of a star, its centre
    plain, mixed = (labelled(poor, graphs, mixed=each)[0] for each in (False, True))
    assert torch.equal(plain.pairs, mixed.pairs)
    assert not torch.equal(plain.target, mixed.target)


def test_without_edges_there_is_nothing_to_learn():
    alone = [Data(edge_index=torch.empty(2, 0).long(), num_nodes=3)]
    log = train_comparator(ComparatorNet(1, 4, 1, pool="mean"), alone, rounds=2, roots=2, epochs=1)
    assert log == [(0.0, 3.0, 0.0)] * 2


def test_a_seed_repeats_and_leaves_torch_alone():
    graphs = [graph(8, 0.4, seed) for seed in range(5)]
    nets = []
    for _ in range(2):
        torch.manual_seed(3)
        net = ComparatorNet(1, 4, 1, pool="mean")
        state = torch.get_rng_state()
        train_comparator(net, graphs, rounds=2, roots=3, roll_outs=2, epochs=2, seed=4)
        assert torch.equal(torch.get_rng_state(), state)
        nets.append(net)
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_bad_arguments():
    net, graphs = ComparatorNet(1, 4, 1, pool="mean"), [graph(4, 0.5, 0)]
    for name in ("rounds", "roots", "steps", "roll_outs", "epochs", "buffer"):
        with pytest.raises(ValueError, match=f"{name}: got 0"):
            train_comparator(net, graphs, **{name: 0})
    with pytest.raises(ValueError, match="number of graphs: got 0"):
        train_comparator(net, [])
    for other in (ComparatorNet(1, 4, 2, pool="mean"), ComparatorNet(1, 4, 1)):
        with pytest.raises(ValueError, match=r"net: gives shape .*, expected \[2, 1\]"):
            train_comparator(other, graphs, roots=1)
