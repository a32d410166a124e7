"""Divisions of links: nothing leaks, negatives are none, draws are uniform and repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import (
    AsItIs,
    DatasetError,
    LinkSplit,
    find_dataset,
    link_split,
    sample_non_links,
)
from graphpoly.data.links import LINK_SPLITS
from graphpoly.data.seal import SEAL_NAMES, load_seal


def graph(seed: int, num_nodes: int = 60, edges: int = 300) -> Data:
    """Directed edges both ways or one, some twice, and self-loops."""
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(num_nodes, (2, edges), generator=generator)
    edge_index = torch.cat([edge_index, edge_index[:, :40].flip(0), edge_index[:, :9]], 1)
    return Data(edge_index=edge_index, num_nodes=num_nodes)


def keys(pairs: torch.Tensor) -> set[tuple[int, int]]:
    return {(min(pair), max(pair)) for pair in pairs.t().tolist()}


@pytest.mark.parametrize("name", LINK_SPLITS)
@pytest.mark.parametrize("seed", range(5))
def test_every_link_once_and_nothing_leaks(name: str, seed: int) -> None:
    data = graph(seed)
    split = link_split(data, name, seed)
    parts = [keys(part) for part in (split.train, split.val, split.test)]
    everything = keys(data.edge_index) - {(i, i) for i in range(60)}
    assert parts[0] | parts[1] | parts[2] == everything
    assert sum(map(len, parts)) == len(everything)
    assert split.sizes[1:] == tuple(int(share * len(everything)) for share in LINK_SPLITS[name])
    others = [keys(split.negatives[part]) for part in ("train", "val", "test")]
    sizes = list(split.sizes)
    if name == "random-70":  # as published
        sizes[1] = sizes[2]
    assert list(map(len, others)) == sizes  # as many, none twice
    assert len(others[0] | others[1] | others[2]) == sum(sizes)
    for some in others:
        assert not some & everything
        assert all(low != high for low, high in some)


def test_seeds_decide() -> None:
    data = graph(0)
    assert link_split(data, "random", 3).hash == link_split(data, "random", 3).hash
    assert link_split(data, "random", 3).hash != link_split(data, "random", 4).hash


@pytest.mark.parametrize("dense", [False, True])
def test_pairs_that_are_none_are_drawn_uniformly(dense: bool) -> None:
    num_nodes = 12
    every = torch.combinations(torch.arange(num_nodes)).t()
    links = every[:, ::2] if dense else every[:, :6]
    free = sorted(keys(every) - keys(links))
    counts = dict.fromkeys(free, 0)
    generator = torch.Generator().manual_seed(0)
    rounds, count = 3000, 4
    for _ in range(rounds):
        for pair in keys(sample_non_links(links, num_nodes, count, generator)):
            counts[pair] += 1
    expected = rounds * count / len(free)
    chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
    # the mean of the law is its degrees of freedom; six deviations never happen
    freedom = len(free) - 1
    assert chi_square < freedom + 6 * (2 * freedom) ** 0.5


def test_a_complete_graph_has_no_other_pairs() -> None:
    every = torch.combinations(torch.arange(8)).t()
    with pytest.raises(ValueError, match="got 0 pairs that are no links, 31 are needed"):
        link_split(Data(edge_index=every, num_nodes=8), "random-70")


def test_all_pairs_that_are_left_can_be_asked_for() -> None:
    every = torch.combinations(torch.arange(9)).t()
    links = every[:, :30]
    drawn = sample_non_links(links, 9, 6, torch.Generator().manual_seed(1))
    assert keys(drawn) == keys(every[:, 30:])


def test_numbers_of_pairs_are_exact_where_square_roots_round() -> None:
    from graphpoly.data.links import _from_numbers, _pair_numbers

    high = torch.tensor([1, 2, 3, 2**26, 2**27 + 1, 2**30])
    for low in (torch.zeros_like(high), high - 1):
        pairs = torch.stack([low, high])
        assert torch.equal(_from_numbers(_pair_numbers(pairs)), pairs)


def test_too_few_links() -> None:
    with pytest.raises(ValueError, match="got 3 links, too few"):
        link_split(Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4))


@pytest.mark.parametrize("wrong", ["twice", "range", "empty"])
def test_a_division_that_leaks_is_refused(wrong: str) -> None:
    links = torch.tensor([[0, 1, 2], [1, 2, 3]])
    train, val, test = links.split(1, dim=1)
    if wrong == "twice":
        test = train.flip(0)
    if wrong == "range":
        val = torch.tensor([[0], [4]])
    if wrong == "empty":
        val = val[:, :0]
    others = {part: torch.tensor([[0], [3]]) for part in ("train", "val", "test")}
    message = {"twice": "stands in it twice", "range": "outside 0 to 3", "empty": "n > 0"}[wrong]
    with pytest.raises(ValueError, match=message):
        LinkSplit("by-hand", 0, 4, train, val, test, others)


@pytest.mark.data
@pytest.mark.parametrize("name", SEAL_NAMES)
def test_networks_of_seal(name: str, data_root: Path) -> None:
    if not (data_root / "seal_linkpred").is_dir():
        pytest.skip("seal_linkpred is not among the datasets at hand")
    data = load_seal(name, data_root)
    assert (data.num_nodes, data.num_edges // 2) == SEAL_NAMES[name]


def test_an_absent_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"USAir\.mat does not exist"):
        load_seal("USAir", tmp_path)
    (tmp_path / "seal_linkpred").mkdir()
    (tmp_path / "seal_linkpred" / "USAir.mat").write_bytes(b"MATLAB")
    with pytest.raises(DatasetError, match="cut short or altered"):
        load_seal("USAir", tmp_path)


def test_nodes_without_features_are_numbers_to_embed() -> None:
    from graphpoly.data.entries.links import link_problem

    loaded = link_problem(graph(0))
    assert loaded.categories == (60,)
    assert np.array_equal(loaded.data.x.flatten(), np.arange(60))
    assert find_dataset("usair").task == "links"


@pytest.mark.parametrize("ranked", [True, False])
def test_ogbs_training_links_stand_once_and_keep_their_direction(monkeypatch, ranked) -> None:
    train = torch.tensor([[3, 0, 3, 2, 1, 4, 4], [1, 2, 1, 2, 3, 0, 2]])  # twice, turned, a loop
    held = {}
    for name, links in {"train": train, "valid": [[0], [1]], "test": [[1], [4]]}.items():
        links = torch.as_tensor(links)
        held[name] = {"source_node": links[0], "target_node": links[1]}
        if not ranked:
            held[name] = {"edge": links.t()}
    for name in ("valid", "test"):
        if ranked:
            held[name]["target_node_neg"] = torch.tensor([[3, 4, 0]])
        else:
            held[name]["edge_neg"] = torch.tensor([[3, 4], [0, 3]])
    data = Data(edge_index=train, num_nodes=5)
    monkeypatch.setattr("graphpoly.data.entries.links.load_ogb_link", lambda *_: ([data], held))
    loaded = find_dataset("ogbl-citation2" if ranked else "ogbl-ddi").load(None, AsItIs(), 0)
    split = loaded.split("ogb", 0)
    assert split.train.t().tolist() == [[0, 2], [4, 0], [1, 3], [4, 2]]  # in the order of the ends
    assert split.val.t().tolist() == [[0, 1]]
    if ranked:
        assert split.negatives["val"].tolist() == [[[0, 0, 0]], [[3, 4, 0]]]
        assert split.negatives["val"].dtype == torch.int32


def test_negatives_of_ogb_that_are_no_nodes_are_refused_however_large(monkeypatch) -> None:
    """2^32 + 3 is node 3 in half as many bytes."""
    one = {"source_node": torch.tensor([0]), "target_node": torch.tensor([1])}
    held = {"train": one}
    for name, ends in {"valid": (1, 2), "test": (2, 3)}.items():
        source, target = (torch.tensor([end]) for end in ends)
        others = torch.tensor([[3, 2**32 + 3 if name == "test" else 0]])
        held[name] = {"source_node": source, "target_node": target, "target_node_neg": others}
    data = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=5)
    monkeypatch.setattr("graphpoly.data.entries.links.load_ogb_link", lambda *_: ([data], held))
    loaded = find_dataset("ogbl-citation2").load(None, AsItIs(), 0)
    with pytest.raises(ValueError, match="negatives of test: a node is outside 0 to 4"):
        loaded.split("ogb", 0)
