from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GCN, GIN, GraphSAGE, SGConv

from graphpoly.models import FavardGNN
from graphpoly.models.baselines import MLP
from graphpoly.privacy import bound_readers, most_terms
from graphpoly.privacy.examples import Batch, Examples, keep_edges
from graphpoly.privacy.gradients import (
    clipped_by_rows,
    clipped_one_by_one,
    has_rules,
    trainable,
)
from graphpoly.training.forward import call_on_nodes, names
from graphpoly.training.losses import get_loss

NODES, K = 40, 3


def sampled(seed: int = 0, *, num_nodes: int = NODES, max_degree: int = K, width: int = 5) -> Data:
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(num_nodes, (2, 6 * num_nodes), generator=generator)
    data = Data(
        x=torch.randn(num_nodes, width, generator=generator, dtype=torch.float64),
        edge_index=edges,
        edge_weight=torch.rand(edges.size(1), generator=generator, dtype=torch.float64),
        y=torch.randint(3, (num_nodes,), generator=generator),
    )
    draws = np.random.default_rng(seed)
    return keep_edges(data, bound_readers(edges, num_nodes, max_degree, generator=draws))


def read_by(model: nn.Module, data: Data) -> Data:
    """Return the graph without what the model does not read."""
    if not names(model, "edge_weight"):
        del data.edge_weight
    return data


def roots(model: nn.Module, batch: Batch) -> Tensor:
    return call_on_nodes(model, batch.data)[batch.blocks.root]


class Twice(nn.Module):
    """One map used twice, in place of what was there, and one whose weight another shares."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner = nn.Linear(5, 4), nn.Linear(4, 4)
        self.shared, self.last = nn.Linear(4, 4, bias=False), nn.Linear(4, 3)
        self.shared.weight = self.inner.weight
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        x = self.inner(self.inner(self.first(x)).tanh()).tanh()
        return self.last(self.shared(x).tanh())


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "GCN": lambda: GCN(5, 8, 2, 3),
    "one layer": lambda: GCN(5, 8, 1, 3),
    "SGC": lambda: SGConv(5, 3, K=2),
    "SAGE": lambda: GraphSAGE(5, 8, 2, 3, dropout=0.0),
    "GIN": lambda: GIN(5, 8, 2, 3),
    "MLP": lambda: MLP(5, 8, 3, dropout=0.0),
    "twice": Twice,
}


@pytest.mark.parametrize("num_hops", [0, 1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_side_by_side_is_one_by_one(name: str, num_hops: int) -> None:
    torch.manual_seed(0)
    model = NETWORKS[name]().double()
    examples = Examples(read_by(model, sampled()), num_hops)
    nodes = torch.randperm(NODES)[:25]
    clip = torch.full((len(trainable(model)),), 0.2, dtype=torch.float64)
    for cut in (None, clip, clip.cumsum(0) / 8):
        fast = clipped_by_rows(model, examples, nodes, roots, get_loss("ce"), cut)
        slow = clipped_one_by_one(model, examples, nodes, roots, get_loss("ce"), cut)
        torch.testing.assert_close(fast.norms, slow.norms, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(fast.sums, slow.sums, rtol=1e-10, atol=1e-12)
        assert fast.loss == pytest.approx(slow.loss, rel=1e-12)
    assert bool((slow.norms > 0.2).any())


def test_each_node_is_cut_to_each_threshold_and_never_stretched() -> None:
    torch.manual_seed(0)
    model, examples = GCN(5, 8, 1, 3).double(), Examples(sampled(), 1)
    clip = torch.tensor([1.5, 0.8], dtype=torch.float64)
    expected = [torch.zeros_like(parameter) for parameter in trainable(model)]
    cut, whole = 0, 0
    for node in range(NODES):
        batch = examples(torch.tensor([node]))
        model.zero_grad()
        get_loss("ce")(roots(model, batch), batch.y).backward()
        for total, parameter, most in zip(expected, trainable(model), clip.tolist(), strict=True):
            assert parameter.grad is not None
            length = float(parameter.grad.norm())
            total += parameter.grad * (most / length if length > most else 1.0)
            cut, whole = cut + (length > most), whole + (length <= most)
    found = clipped_by_rows(model, examples, torch.arange(NODES), roots, get_loss("ce"), clip)
    torch.testing.assert_close(found.sums, expected, rtol=1e-10, atol=1e-12)
    assert min(cut, whole) > 2


def test_a_filter_s_coefficients_have_no_rule() -> None:
    model = FavardGNN(5, 8, 3, K=2).double()
    assert not has_rules(model)
    with pytest.raises(ValueError, match="no rule"):
        clipped_by_rows(model, Examples(sampled(), 2), torch.arange(3), roots, get_loss("ce"))


def test_unclipped_they_add_up_to_the_gradient_of_the_sum() -> None:
    model = GCN(5, 8, 2, 3).double()
    examples, nodes = Examples(sampled(), 2), torch.arange(NODES)
    found = clipped_by_rows(model, examples, nodes, roots, get_loss("ce"))
    batch = examples(nodes)
    (NODES * get_loss("ce")(roots(model, batch), batch.y)).backward()
    torch.testing.assert_close(found.sums, [p.grad for p in trainable(model)])


def test_no_node_at_all_gives_nothing() -> None:
    model = GCN(5, 8, 1, 3).double()
    none = torch.empty(0, dtype=torch.long)
    found = clipped_by_rows(model, Examples(sampled(), 1), none, roots, get_loss("ce"))
    assert (found.loss, tuple(found.norms.shape)) == (0.0, (0, 2))
    assert not any(bool(total.any()) for total in found.sums)


def clipped_sum(model: nn.Module, data: Data, num_hops: int, nodes: Tensor, clip: Tensor) -> Tensor:
    take = clipped_by_rows(model, Examples(data, num_hops), nodes, roots, get_loss("mse"), clip)
    return torch.cat([total.flatten() for total in take.sums])


def without(data: Data, node: int) -> Data:
    """Return the sampled graph less a node's edges; who is not in a batch is not there."""
    away = (data.edge_index != node).all(0).nonzero().view(-1)
    return keep_edges(data, away)


@pytest.mark.parametrize("num_hops", [0, 1, 2])
def test_a_node_moves_the_clipped_sum_by_the_sensitivity_at_most(num_hops: int) -> None:
    """A thousand graphs in all; the node's own term makes room for another's."""
    graphs, bound = (334, 333, 333)[num_hops], 2 * most_terms(2, num_hops)
    largest = 0.0
    for seed in range(graphs):
        torch.manual_seed(seed)
        data = sampled(seed, num_nodes=16, max_degree=2, width=3)
        data.y = data.y.double().view(-1, 1)
        model = SGConv(3, 1, K=num_hops) if num_hops else MLP(3, 2, 1, dropout=0.0)
        model, data = model.double(), read_by(model, data)
        clip = 0.01 + 0.3 * torch.rand(len(trainable(model)), dtype=torch.float64)
        order = torch.randperm(16)
        node, other = int(order[0]), int(order[1])
        batch = torch.cat([order[:1], order[2:10]])  # the node is in it, the other one is not
        before = clipped_sum(model, data, num_hops, batch, clip)
        batch[0] = other
        after = clipped_sum(model, without(data, node), num_hops, batch, clip)
        largest = max(largest, float((before - after).norm() / clip.norm()))
    assert 0.2 * bound < largest <= bound + 1e-9


@pytest.mark.parametrize("max_degree", [1, 4])
@pytest.mark.parametrize("num_hops", [1, 2])
def test_a_star_meets_the_sensitivity(num_hops: int, max_degree: int) -> None:
    """Whoever reads the hub has a gradient of one sign with it and of the other without."""
    readers = [0]
    source: list[int] = []
    target: list[int] = []
    level = [0]
    for _ in range(num_hops):
        following = []
        for node in level:
            for _ in range(max_degree):
                readers.append(len(readers))
                source.append(node)
                target.append(readers[-1])
                following.append(readers[-1])
        level = following
    terms = most_terms(max_degree, num_hops)
    assert len(readers) == terms
    x = -torch.ones(terms + 1, 1, dtype=torch.float64)
    x[0] = 1e4
    data = Data(x=x, edge_index=torch.tensor([source, target]), y=torch.ones(terms + 1, 1).double())
    model = SGConv(1, 1, K=num_hops, bias=False).double()
    nn.init.zeros_(model.lin.weight)
    clip = torch.tensor([1e-3], dtype=torch.float64)
    batch = torch.arange(terms)
    before = clipped_sum(model, data, num_hops, batch, clip)
    batch[0] = terms
    after = clipped_sum(model, without(data, 0), num_hops, batch, clip)
    assert float((before - after).norm()) == pytest.approx(2 * terms * 1e-3, rel=1e-12)
