"""What the adapter gives, in numbers that need no other package."""

import pytest
import torch

from graphpoly.compat import torch_scatter as ours


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["gather_coo", "gather_coo rows", "gather_csr"])
def test_gradients_of_gathering_are_summed_in_float32(name, dtype):
    src = torch.ones(1, 2, dtype=dtype, requires_grad=True)
    if name == "gather_coo rows":
        out = ours.gather_coo(src, torch.zeros(1, 1000, dtype=torch.long))
        expected = [[1000, 0]]
    elif name == "gather_coo":
        out = ours.gather_coo(src, torch.zeros(1000, dtype=torch.long))
        expected = [[1000, 1000]]
    else:
        out = ours.gather_csr(src, torch.tensor([0, 1000]))
        expected = [[1000, 1000]]
    assert out.dtype == dtype
    out.sum().backward()
    assert src.grad.tolist() == expected


def test_means_of_negative_integers():
    values, index = torch.tensor([-1, -2, -3, -4, 1, 2]), torch.tensor([0, 0, 1, 1, 2, 2])
    pointers = torch.tensor([0, 2, 4, 6])
    assert ours.segment_csr(values, pointers, reduce="mean").tolist() == [-1, -3, 1]
    assert ours.segment_coo(values, index, reduce="mean").tolist() == [-1, -3, 1]
    assert ours.segment_mean_csr(values, pointers).tolist() == [-1, -3, 1]
    assert ours.segment_mean_coo(values, index).tolist() == [-1, -3, 1]
    assert ours.scatter(values, index, reduce="mean").tolist() == [-2, -4, 1]
    assert ours.scatter_mean(values, index).tolist() == [-2, -4, 1]


def test_a_mean_of_truth_values_is_refused_by_name():
    values, index, pointers = torch.ones(3) > 0, torch.tensor([0, 0, 1]), torch.tensor([0, 2, 3])
    for call in (
        lambda: ours.scatter_mean(values, index),
        lambda: ours.scatter(values, index, reduce="mean"),
        lambda: ours.segment_mean_coo(values, index),
        lambda: ours.segment_mean_csr(values, pointers),
        lambda: ours.segment_csr(values, pointers, reduce="mean"),
    ):
        with pytest.raises(TypeError, match=r"src: got dtype torch\.bool"):
            call()


@pytest.mark.parametrize("pointers", [[], [0]])
def test_gathering_from_nothing(pointers):
    index = torch.tensor(pointers, dtype=torch.long)
    assert ours.gather_csr(torch.randn(0, 4), index).shape == (0, 4)


@pytest.mark.parametrize("shape", [(0, 0, 0, 16), (0, 3)])
@pytest.mark.parametrize("name", ours.__all__)
def test_nothing_has_a_gradient_too(name, shape):
    src = torch.randn(shape, requires_grad=True)
    along = {"dim": 0} if name.startswith("scatter") else {}
    out = getattr(ours, name)(src, torch.tensor([], dtype=torch.int64), **along)
    out = out[0] if isinstance(out, tuple) else out
    assert out.shape == shape
    out.backward(torch.randn_like(out))
    assert src.grad.shape == shape
