from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.utils import from_networkx, to_networkx

from graphpoly.features import WLSubtree, wl_features, wl_kernel


def graphs(count: int = 8) -> list[Data]:
    made = []
    for seed in range(count):
        data = from_networkx(nx.gnp_random_graph(5 + seed % 4, 0.4, seed=seed))
        data.x = (torch.arange(data.num_nodes) % 2).float().unsqueeze(1)
        made.append(data)
    return made


def counts(data: Data, rounds: int) -> Counter:
    """Colours as nested tuples."""
    graph = to_networkx(data, to_undirected=True)
    color = {v: (float(data.x[v]),) for v in graph}
    found = Counter((0, c) for c in color.values())
    for number in range(1, rounds + 1):
        color = {v: (color[v], tuple(sorted(map(repr, map(color.get, graph[v]))))) for v in graph}
        found.update((number, c) for c in color.values())
    return found


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_the_kernel_counts_common_subtrees(rounds) -> None:
    data = graphs()
    bags = [counts(one, rounds) for one in data]
    expected = [[sum(a[key] * b[key] for key in a) for b in bags] for a in bags]
    assert wl_kernel(data, rounds=rounds).tolist() == expected
    part = wl_kernel(data[:3], data[3:], rounds=rounds)
    assert part.tolist() == [row[3:] for row in expected[:3]]
    whole = torch.tensor(expected, dtype=torch.float64)
    scale = whole.diagonal().sqrt()
    normalized = whole / (scale[:, None] * scale)
    assert torch.allclose(wl_kernel(data, rounds=rounds, normalize=True), normalized)
    part = wl_kernel(data[:3], data[3:], rounds=rounds, normalize=True)
    assert torch.allclose(part, normalized[:3, 3:])


def test_a_vocabulary_keeps_the_columns() -> None:
    data = graphs()
    first, names = wl_features(data[:4], 2)
    assert first.sum() == 3 * sum(one.num_nodes for one in data[:4])
    again, same = wl_features(data, 2, vocabulary=names)
    assert np.array_equal(same, names)
    assert (again[:4] != first).nnz == 0
    nothing, _ = wl_features(data, 2, vocabulary=names[:0])
    assert nothing.shape == (8, 0)


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.uint8, torch.bool, torch.float16, torch.float64]
)
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
def test_the_type_of_labels_does_not_count(dtype: torch.dtype, wide: bool, normalize: bool) -> None:
    def stored(dtype: torch.dtype) -> list[Data]:
        data = graphs()
        for one in data:
            one.x = (one.x if wide else one.x.view(-1)).to(dtype)
            one.edge_attr = (one.edge_index.sum(0, keepdim=True).T % 2).to(dtype)
        return data

    plain, others = stored(torch.float), stored(dtype)
    whole = wl_kernel(plain, rounds=2, normalize=normalize)
    assert torch.equal(wl_kernel(others, rounds=2, normalize=normalize), whole)
    assert torch.equal(wl_kernel(plain, others, rounds=2, normalize=normalize), whole)
    assert torch.equal(wl_kernel(others, plain, rounds=2, normalize=normalize), whole)
    hashed = WLSubtree(rounds=2, dim=64)
    for one, other in zip(plain, others, strict=True):
        assert torch.equal(hashed(one).wl_subtree, hashed(other).wl_subtree)


def test_integers_that_no_float_holds_stay_apart() -> None:
    one, other = graphs(2)
    for number, data in enumerate((one, other)):
        data.x = torch.full((data.num_nodes, 1), 2**60 + number)
    kernel = wl_kernel([one], [other], rounds=1)
    assert kernel.item() == 0
    least = Data(edge_index=one.edge_index, x=torch.full((one.num_nodes,), -(2**63)))
    assert wl_kernel([least], rounds=0).item() == one.num_nodes**2


def test_hashed_features_are_the_kernel_with_room_enough() -> None:
    data, transform = graphs(), WLSubtree(rounds=2, dim=1 << 16)
    rows = torch.cat([transform(one).wl_subtree for one in data])
    assert torch.equal((rows @ rows.T).double(), wl_kernel(data, rounds=2))
    batch = transform(Batch.from_data_list(graphs()))
    assert torch.equal(batch.wl_subtree, rows)


def test_nothing_is_edited_and_names_stay() -> None:
    data = graphs(1)[0]
    result = WLSubtree(rounds=1, dim=16, attr_name="bag")(data)
    assert "bag" not in data
    assert result.bag.shape == (1, 16)
    assert (
        repr(WLSubtree(2, 8)) == "WLSubtree(rounds=2, dim=8, labels=True, attr_name='wl_subtree')"
    )
    plain = WLSubtree(rounds=0, dim=64, labels=False)(data).wl_subtree
    assert sorted(plain[0].tolist())[-1] == data.num_nodes


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="rounds: got -1"):
        WLSubtree(-1)
    with pytest.raises(ValueError, match="dim: got 0"):
        WLSubtree(1, 0)
    with pytest.raises(TypeError, match="WLSubtree takes Data"):
        WLSubtree()("x")
