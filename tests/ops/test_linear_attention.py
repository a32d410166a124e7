import pytest
import torch

from graphpoly.ops import linear_attention
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

SIZES = (5, 1, 9, 2)


def tensors(num_nodes, dtype=torch.float64):
    query, key = (torch.rand(num_nodes, 3, 4, dtype=dtype) for _ in range(2))
    return query, key, torch.randn(num_nodes, 3, 5, dtype=dtype)


def dense(query, key, value):
    """The definition: all scores, rows divided by their sums."""
    score = torch.einsum("nhd,mhd->hnm", query, key)
    return torch.einsum("hnm,mhf->nhf", score / score.sum(-1, keepdim=True), value)


def test_equals_dense_attention():
    query, key, value = tensors(11)
    assert_close(linear_attention(query, key, value), dense(query, key, value))


@pytest.mark.parametrize("shuffled", [False, True])
def test_each_graph_of_a_batch_gets_what_it_gets_alone(shuffled):
    batch = torch.arange(4).repeat_interleave(torch.tensor(SIZES))
    if shuffled:
        batch = batch[torch.randperm(17)]
    query, key, value = tensors(17)
    expected = torch.empty_like(value)
    for graph in range(4):
        mine = batch == graph
        expected[mine] = dense(query[mine], key[mine], value[mine])
    assert_close(linear_attention(query, key, value, batch=batch), expected)
    bound = linear_attention(query, key, value, batch=batch, batch_size=9)
    assert_close(bound, expected)


def test_gradients_to_the_second_order():
    batch = torch.tensor([0, 0, 1, 2, 2])
    inputs = [t.requires_grad_() for t in tensors(5)]

    def function(query, key, value):
        return linear_attention(query, key, value, batch=batch, batch_size=3)

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs, atol=1e-4)


def test_nodes_without_weight_get_zero_and_a_finite_gradient():
    query, key, value = (t.requires_grad_() for t in tensors(3))
    out = linear_attention(0 * query, key, value, batch=torch.tensor([0, 0, 1]))
    assert torch.equal(out, torch.zeros_like(value))
    out.sum().backward()
    assert all(t.grad.isfinite().all() for t in (query, key, value))


def test_half_precision_is_summed_in_single():
    query, key, value = tensors(600, torch.float32)
    halves = [t.bfloat16() for t in (query, key, value)]
    out = linear_attention(*halves, batch=torch.zeros(600, dtype=torch.long))
    assert out.dtype == torch.bfloat16
    assert_close(out, dense(*(t.double() for t in halves)))


def test_bad_shapes_are_named():
    query, key, value = tensors(4)
    with pytest.raises(ValueError, match="query, key: got shapes"):
        linear_attention(query[:3], key, value)
    with pytest.raises(ValueError, match="value: got shape"):
        linear_attention(query, key, value[:, :2])


@pytest.mark.parametrize("name", ["query", "key", "batch"])
def test_another_device_is_refused_by_name(name):
    given = {"query": torch.rand(3, 2, 3), "key": torch.rand(3, 2, 3), "value": torch.rand(3, 2, 1)}
    given["batch"] = torch.zeros(3, dtype=torch.long)
    given[name] = given[name].to("meta")
    with pytest.raises(
        ValueError, match=f"{name}: got a tensor on meta, the operator is on {DEVICE}"
    ):
        linear_attention(**given, batch_size=1)
