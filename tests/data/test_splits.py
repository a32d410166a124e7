from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import Split, load_node_data, make_split

needs_data = pytest.mark.skipif(
    "GRAPHPOLY_DATA" not in os.environ, reason="GRAPHPOLY_DATA is not set"
)


def labelled(*sizes: int) -> Data:
    y = torch.cat([torch.full((size,), label) for label, size in enumerate(sizes)])
    shuffle = torch.randperm(y.numel(), generator=torch.Generator().manual_seed(0))
    return Data(y=y[shuffle], num_nodes=y.numel())


def published_draw(
    y: torch.Tensor, seed: int, rates: tuple[float, float]
) -> tuple[list[int], list[int], list[int]]:
    """The published procedure, with lists and the global generator."""
    num_classes = int(y.max()) + 1
    per_class, num_val = round(rates[0] * len(y) / num_classes), round(rates[1] * len(y))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        train, rest = [], []
        for label in range(num_classes):
            nodes = [node for node in range(len(y)) if y[node] == label]
            order = torch.randperm(len(nodes)).tolist()
            train += [nodes[k] for k in order[:per_class]]
            rest += [nodes[k] for k in order[per_class:]]
        order = torch.randperm(len(rest)).tolist()
    rest = [rest[k] for k in order]
    return sorted(train), sorted(rest[:num_val]), sorted(rest[num_val:])


def nodes_of(mask: torch.Tensor) -> list[int]:
    return mask.nonzero().view(-1).tolist()


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize(("name", "rates"), [("dense", (0.6, 0.2)), ("sparse", (0.025, 0.025))])
def test_dense_and_sparse_are_the_published_draws(
    seed: int, name: str, rates: tuple[float, float]
) -> None:
    data = labelled(500, 5, 300, 200)
    split = make_split(data, name, seed)
    parts = [nodes_of(split.train_mask), nodes_of(split.val_mask), nodes_of(split.test_mask)]
    assert parts == list(published_draw(data.y, seed, rates))


def test_dense_keeps_its_flaw() -> None:
    data = labelled(50, 5, 30, 20)  # round(0.6 * 105 / 4) = 16 a class, 5 of the second
    split = make_split(data, "dense", 0)
    assert data.y[split.train_mask].bincount().tolist() == [16, 5, 16, 16]
    assert split.sizes == (53, 21, 31)
    assert not (data.y[split.test_mask] == 1).any()


def test_dense_leaves_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    make_split(labelled(20, 20), "dense", 5)
    make_split(labelled(20, 20), "stratified", 5)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.data
@needs_data
def test_dense_on_citation_graphs() -> None:
    cora = load_node_data("cora")
    split = make_split(cora, "dense", 0)
    assert split.sizes == (1557, 542, 609)
    assert cora.y[split.train_mask].bincount().max() == 232
    assert (cora.y[split.test_mask].bincount(minlength=7) == 0).sum() == 2
    citeseer = load_node_data("citeseer")
    split = make_split(citeseer, "dense", 0)
    assert citeseer.y[split.train_mask].bincount().max() == 333
    assert (citeseer.y[split.test_mask].bincount(minlength=6) == 0).sum() == 1
    stratified = make_split(citeseer, "stratified", 0)
    assert (citeseer.y[stratified.test_mask].bincount(minlength=6) >= 49).all()


@pytest.mark.data
@needs_data
def test_five_folds_have_the_published_sizes() -> None:
    cora_ml = load_node_data("cora-ml")  # 1916 training nodes, as an independent run counted
    assert make_split(cora_ml, "five-fold", 0).sizes == (1916, 480, 599)


@pytest.mark.data
@needs_data
def test_stored_masks_of_real_graphs() -> None:
    assert make_split(load_node_data("cora"), "public").sizes == (140, 500, 1000)
    texas = load_node_data("texas")
    splits = [make_split(texas, "geom-gcn", index) for index in range(10)]
    assert {split.sizes for split in splits} == {(87, 59, 37)}
    assert len({split.hash for split in splits}) == 10
    assert torch.equal(splits[4].val_mask, texas.val_mask[:, 4])
    ten = make_split(load_node_data("cora", masks="geom-gcn"), "geom-gcn", 9)
    assert ten.sizes[0] > 1000


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (1, (1, 0, 0)),
        (2, (1, 0, 1)),
        (3, (1, 1, 1)),
        (4, (2, 1, 1)),
        (5, (3, 1, 1)),
        (100, (60, 20, 20)),
    ],
)
def test_stratified_sizes_of_a_class(size: int, parts: tuple[int, int, int]) -> None:
    data = labelled(10, size)
    split = make_split(data, "stratified", 3)
    masks = (split.train_mask, split.val_mask, split.test_mask)
    assert tuple(int((data.y[mask] == 1).sum()) for mask in masks) == parts
    assert sum(split.sizes) == 10 + size


@pytest.mark.parametrize("size", [23, 60])
def test_five_folds_are_those_of_scikit_learn(size: int) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    data = labelled(size)
    splits = [make_split(data, "five-fold", index) for index in range(10)]
    for seed in (101, 102):
        folds = selection.KFold(5, shuffle=True, random_state=seed).split(np.zeros(size))
        for split, (rest, test) in zip(splits[5 * (seed - 101) :], folds, strict=False):
            assert nodes_of(split.test_mask) == list(test)
            train, val = selection.train_test_split(
                rest, test_size=0.2, random_state=127 * split.index
            )
            assert nodes_of(split.train_mask) == sorted(train)
            assert nodes_of(split.val_mask) == sorted(val)
    total = torch.stack([split.test_mask for split in splits]).sum(0)
    assert (total == 2).all()


def test_random_splits_follow_their_index() -> None:
    data = labelled(40, 40)
    for name in ("dense", "stratified"):
        first = make_split(data, name, 1)
        assert first.hash == make_split(data, name, 1).hash
        assert first.hash != make_split(data, name, 2).hash


def test_public_picks_columns_and_shares_a_single_test_mask() -> None:
    train = torch.eye(4, dtype=torch.bool)[:, :2]
    val = torch.eye(4, dtype=torch.bool)[:, [1, 0]]
    test = torch.tensor([False, False, True, True])
    data = Data(train_mask=train, val_mask=val, test_mask=test, num_nodes=4)
    split = make_split(data, "public", 1)
    assert nodes_of(split.train_mask) == [1]
    assert nodes_of(split.val_mask) == [0]
    assert nodes_of(split.test_mask) == [2, 3]
    with pytest.raises(ValueError, match="index must be below 2"):
        make_split(data, "public", 2)


def test_hash_is_pinned() -> None:
    masks = torch.eye(3, dtype=torch.bool)
    # sha256 of the bytes 1 0 0 0 1 0 0 0 1
    assert Split("any", 0, masks[0], masks[1], masks[2]).hash == "8c6a94754fb4"
    assert Split("other", 5, masks[0], masks[2], masks[1]).hash != "8c6a94754fb4"


def test_split_refuses_bad_masks() -> None:
    on, off = torch.ones(3, dtype=torch.bool), torch.zeros(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="3 nodes are in train and test"):
        Split("x", 0, on, off, on)
    with pytest.raises(ValueError, match="expected one dimension of 3 nodes"):
        Split("x", 0, on, off[:2], off)
    with pytest.raises(ValueError, match="selects no node"):
        Split("x", 0, off, on, off)
    with pytest.raises(TypeError, match="boolean"):
        Split("x", 0, on.long(), off, off)


def test_make_split_refuses_what_data_cannot_give() -> None:
    data = labelled(10, 10)
    with pytest.raises(ValueError, match="did you mean 'dense'"):
        make_split(data, "dens")
    with pytest.raises(ValueError, match="has no train_mask"):
        make_split(data, "public")
    with pytest.raises(ValueError, match="index must not be negative"):
        make_split(data, "dense", -1)
    one = make_split(data, "dense")
    data.update({"train_mask": one.train_mask, "val_mask": one.val_mask})
    data.test_mask = one.test_mask
    with pytest.raises(ValueError, match=r"\[num_nodes, 10\]"):
        make_split(data, "geom-gcn")
    with pytest.raises(ValueError, match="one integer class a node"):
        make_split(Data(y=torch.rand(4), num_nodes=4), "dense")


@pytest.mark.parametrize("family", ["bernnet", "unifilter", "fegnn"])
def test_the_draws_of_the_families_are_those_of_a_plain_loop(family: str) -> None:
    """The published code in words: nodes of each class, then the rest in order of their numbers."""
    y = torch.cat([torch.full((n,), label) for label, n in enumerate((40, 9, 71))])
    y = y[torch.randperm(120, generator=torch.Generator().manual_seed(0))]
    data = Data(y=y, num_nodes=120)
    seeds = {"bernnet": 983997847, "unifilter": 983997847, "fegnn": 2}
    draw = np.random.RandomState(seeds[family])
    size = int if family == "fegnn" else round
    per_class, num_val = size(0.6 * 120 / 3), size(0.2 * 120)
    train: list[int] = []
    for label in range(3):
        members = [i for i in range(120) if int(y[i]) == label]
        train += (
            members
            if len(members) < per_class
            else list(draw.choice(members, per_class, replace=False))
        )
    rest = [i for i in range(120) if i not in train]
    val = draw.choice(rest, num_val, replace=False)
    test = [i for i in rest if i not in val]
    split = make_split(data, f"dense-{family}", 2)
    assert split.train_mask.nonzero().flatten().tolist() == sorted(train)
    assert split.val_mask.nonzero().flatten().tolist() == sorted(val)
    assert split.test_mask.nonzero().flatten().tolist() == test
