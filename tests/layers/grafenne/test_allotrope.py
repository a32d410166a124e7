"""The graph of nodes and features: nothing is lost, and graphs of a batch share no feature."""

from __future__ import annotations

import math

import pytest
import torch

from graphpoly.layers import allotrope


@pytest.fixture
def x():
    torch.manual_seed(0)
    x = torch.randn(7, 5, dtype=torch.float64) * (torch.rand(7, 5) < 0.4)
    x[3], x[:, 2] = 0, 0  # a node without features, a feature without nodes
    return x


@pytest.mark.parametrize("form", [lambda x: x, torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr])
def test_the_features_are_found_again(x, form):
    both = allotrope(form(x))
    assert torch.equal(both.by_node.to_dense(), x)
    assert torch.equal(both.by_feature.to_dense(), x.T)
    assert both.by_node.num_entries == int((x != 0).sum())


def test_what_a_sparse_matrix_stores_is_observed(x):
    stored = torch.sparse_coo_tensor(
        [[0, 4], [1, 1]], [0.0, 2.0], (7, 5), check_invariants=True
    ).coalesce()
    both = allotrope(stored)
    assert both.by_node.rowptr.tolist() == [0, 1, 1, 1, 1, 2, 2, 2]
    assert both.by_feature.col.tolist() == [0, 4]
    assert allotrope(stored.to_dense()).by_node.num_entries == 1


def test_graphs_of_a_batch_have_features_of_their_own(x):
    batch = torch.tensor([2, 0, 2, 0, 0, 2, 2])
    whole = allotrope(x, batch, 4)
    assert whole.by_feature.num_rows == 4 * 5
    assert whole.key.tolist() == 4 * list(range(5))
    dense = whole.by_feature.to_dense()
    for graph in range(4):
        part = torch.where((batch == graph).unsqueeze(1), x, 0).T
        assert torch.equal(dense[5 * graph : 5 * graph + 5], part)


def test_structure_is_the_number_of_entries_and_their_mean(x):
    for rows, known in zip((x, x.T), allotrope(x).structure(), strict=True):
        for row, (count, mean) in zip(rows, known.tolist(), strict=True):
            held = row[row != 0]
            assert count == pytest.approx(math.log(1 + len(held)))
            assert mean == pytest.approx(float(held.mean()) if len(held) else 0.0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_structure_in_half_precision_is_that_of_the_same_numbers(dtype):
    rows = torch.full((70_000, 1), 4.0)  # more than a half can count, and a sum above its largest
    for known, wanted in zip(
        allotrope(rows.to(dtype)).structure(), allotrope(rows).structure(), strict=True
    ):
        assert torch.equal(known, wanted.to(dtype))


def test_codes_belong_to_names():
    names = torch.tensor([7, -3, 2**40])
    codes = allotrope(torch.ones(2, 3).double(), feature_key=names).codes(2000)
    turned = allotrope(torch.ones(2, 3).double(), feature_key=names.flip(0)).codes(2000)
    assert torch.equal(codes, turned.flip(0))
    assert codes.dtype == torch.float64
    products = codes @ codes.T / 2000
    assert (products - torch.eye(3).double()).abs().max() < 0.1
    few = allotrope(torch.ones(2, 3).double(), feature_key=names).codes(4)
    assert torch.equal(few, codes[:, :4])


def test_gradients_reach_what_is_observed(x):
    x.requires_grad_()
    both = allotrope(x)
    node, feature = both.structure()
    (node.sum() + feature.sum()).backward()
    assert torch.equal(x.grad != 0, x != 0)


def test_what_does_not_fit_is_refused_by_name(x):
    with pytest.raises(TypeError, match=r"feature_key: got torch.float32, expected int64"):
        allotrope(x, feature_key=torch.ones(5))
    with pytest.raises(ValueError, match=r"feature_key: got shape \[4\], expected \[5\]"):
        allotrope(x, feature_key=torch.arange(4))
    with pytest.raises(ValueError, match="feature_key: given beside an Allotrope"):
        allotrope(allotrope(x), feature_key=torch.arange(5))
    with pytest.raises(TypeError, match=r"x: got torch.int64"):
        allotrope(x.long())
    with pytest.raises(ValueError, match=r"x: got shape \[7\]"):
        allotrope(x[:, 0])
    with pytest.raises(ValueError, match="batch"):
        allotrope(x, torch.zeros(6, dtype=torch.long))
