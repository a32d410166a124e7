from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.utils import degree, to_networkx

from graphpoly.data import root_neighbors
from graphpoly.testing import assert_close


def test_labels_and_shapes_by_walking_each_tree() -> None:
    data, split = root_neighbors(30, seed=3, dtype=torch.float64)
    graph = to_networkx(data, to_undirected=True)
    components = list(nx.connected_components(graph))
    assert len(components) == 90
    assert split.sizes == (30, 30, 30)
    roots = split.train_mask | split.val_mask | split.test_mask
    assert (data.y[~roots] == 0).all()
    for nodes in components:
        assert len({int(data.tree[i]) for i in nodes}) == 1
        assert graph.subgraph(nodes).size() == len(nodes) - 1
        (root,) = (i for i in nodes if roots[i])
        children = list(graph[root])
        hubs = [i for i in children if graph.degree[i] == 6]
        others = [i for i in children if i not in hubs]
        assert all(graph.degree[i] in (2, 3) for i in others)
        assert (3 if split.train_mask[root] else 5) <= len(children) <= 10
        assert len(hubs) in ((1, 2, 3) if split.train_mask[root] else (3, 4, 5))
        assert nx.eccentricity(graph.subgraph(nodes), root) == 2
        assert_close(data.y[root], data.x[hubs].mean(0))


def test_features_and_counts_are_uniform() -> None:
    data, split = root_neighbors(1000, seed=0)
    assert data.x.abs().max() <= 2
    assert abs(float(data.x.mean())) < 0.01
    assert float(data.x.var()) == pytest.approx(4 / 3, rel=0.01)
    children = degree(data.edge_index[1], data.num_nodes)
    # 3 to 10 children, and 5 to 10
    assert float(children[split.train_mask].mean()) == pytest.approx(6.5, abs=0.3)
    assert float(children[split.test_mask].mean()) == pytest.approx(7.5, abs=0.3)
    assert children[split.train_mask].max() == 10


def test_equal_seed_equal_trees_and_global_state_untouched() -> None:
    before = torch.get_rng_state()
    (one, split), (two, again), (other, _) = (root_neighbors(5, seed=s) for s in (4, 4, 5))
    assert torch.equal(one.edge_index, two.edge_index)
    assert torch.equal(one.x, two.x)
    assert split.hash == again.hash
    assert other.x.shape != one.x.shape or not torch.equal(one.x, other.x)
    assert torch.equal(before, torch.get_rng_state())


def test_bad_parameters_are_named() -> None:
    with pytest.raises(ValueError, match="num_trees: got 0"):
        root_neighbors(0)
