import pytest
import torch

from graphpoly.ops import pair_blocks, pair_matmul, pair_pool, pair_transpose
from graphpoly.ops.pair_blocks import pair_matmul_reference, pair_transpose_reference
from graphpoly.testing import assert_close

SIZES = {
    "one graph": [4],
    "unequal": [3, 1, 5, 2, 5],
    "empty graphs": [0, 3, 0, 0, 2, 0],
    "nodes alone": [1, 1, 1],
    "nothing": [],
}


def matrices(sizes, channels=3, seed=0):
    """A matrix for each graph and channel, and their packed form."""
    generator = torch.Generator("cpu").manual_seed(seed)
    each = [
        torch.randn(channels, n, n, dtype=torch.float64, generator=generator, device="cpu").to(
            torch.get_default_device()
        )
        for n in sizes
    ]
    packed = [m.flatten(1) for m in each]
    empty = torch.zeros(channels, 0, dtype=torch.float64)
    return each, torch.cat([empty, *packed], dim=1)


def layout(sizes):
    batch = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes).long())
    return pair_blocks(batch, sum(sizes), len(sizes))


def widened(blocks, columns=7):
    """The layout of a trace, which has columns that belong to no pair."""
    nobody = torch.full((columns,), 2 * blocks.num_graphs)
    return blocks._replace(group=torch.cat([blocks.group, nobody]))


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_products_and_transposes_of_each_graph(sizes):
    blocks = layout(sizes)
    (one, a), (other, b) = matrices(sizes), matrices(sizes, seed=1)
    assert blocks.num_pairs == a.size(1)
    for turn_a in (False, True):
        for turn_b in (False, True):
            found = pair_matmul(blocks, a, b, transpose_a=turn_a, transpose_b=turn_b)
            products = [
                (m.mT if turn_a else m) @ (k.mT if turn_b else k)
                for m, k in zip(one, other, strict=True)
            ]
            assert_close(found, torch.cat([a[:, :0], *(p.flatten(1) for p in products)], dim=1))
    turned = torch.cat([a[:, :0], *(m.mT.flatten(1) for m in one)], dim=1)
    assert torch.equal(pair_transpose(blocks, a), turned)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_matrices_of_every_size(dtype):
    sizes = [*range(1, 36), 63, 64, 65, 70, 131]
    blocks = layout(sizes)
    _, x = matrices(sizes, channels=2)
    a, b = x.to(dtype), x.flip(0).to(dtype)
    for turns in ((False, False), (True, False), (False, True), (True, True)):
        exact = pair_matmul_reference(blocks.size, a.double(), b.double(), *turns)
        found = pair_matmul(blocks, a, b, transpose_a=turns[0], transpose_b=turns[1])
        assert found.dtype == dtype
        assert_close(found, exact.to(dtype), kind="accumulated")
    assert torch.equal(pair_transpose(blocks, a), pair_transpose_reference(blocks.size, a))


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_pooling_of_each_graph(sizes, reduce):
    blocks = layout(sizes)
    each, x = matrices(sizes)
    expected = torch.zeros(len(sizes), 6, dtype=torch.float64)
    for i, m in enumerate(each):
        off = m[:, ~torch.eye(sizes[i], dtype=torch.bool)]
        for part, values in enumerate((m.diagonal(dim1=1, dim2=2), off)):
            if values.size(1):
                pooled = getattr(values, {"max": "amax", "min": "amin"}.get(reduce, reduce))(dim=1)
                expected[i, 3 * part : 3 * part + 3] = pooled
    assert_close(pair_pool(blocks, x, reduce), expected)


def test_columns_of_nodes_in_any_order():
    batch = torch.tensor([2, 0, 2, 0, 0, 3])
    blocks = pair_blocks(batch, 6)
    assert blocks.size.tolist() == [0 + 3, 0, 2, 1]
    every = (batch.unsqueeze(1) == batch).nonzero().t()
    column = blocks.column(*every)
    assert column.sort().values.tolist() == list(range(9 + 4 + 1))
    diagonal = every[0] == every[1]
    assert torch.equal(blocks.group[column], batch[every[0]] + 4 * ~diagonal)
    assert torch.equal(blocks.diagonal, column[diagonal])


def test_what_belongs_to_no_pair_is_never_read():
    sizes = [3, 1, 4]
    blocks = layout(sizes)
    _, x = matrices(sizes)
    poisoned = torch.cat([x, torch.full((3, 7), torch.nan, dtype=x.dtype)], dim=1)
    wide = widened(blocks)
    for turn in (False, True):
        found = pair_matmul(wide, poisoned, poisoned, transpose_a=turn)
        assert torch.equal(found[:, :26], pair_matmul(blocks, x, x, transpose_a=turn))
        assert not found[:, 26:].any()
    assert not pair_transpose(wide, poisoned)[:, 26:].any()
    for reduce in ("mean", "max"):
        assert torch.equal(pair_pool(wide, poisoned, reduce), pair_pool(blocks, x, reduce))


@pytest.mark.parametrize("turn_a", [False, True])
@pytest.mark.parametrize("turn_b", [False, True])
def test_gradients(turn_a, turn_b):
    sizes = [2, 1, 3]
    blocks = widened(layout(sizes), 2)
    a, b = (torch.randn(2, 16, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def function(a, b):
        product = pair_matmul(blocks, a, b, transpose_a=turn_a, transpose_b=turn_b)
        return pair_pool(blocks, pair_transpose(blocks, product.sin()) * a)

    assert torch.autograd.gradcheck(function, (a, b))
    assert torch.autograd.gradgradcheck(function, (a, b))


def test_of_two_precisions_the_finer_one_counts():
    blocks = layout([3])
    one, other = torch.rand(2, 9), torch.rand(2, 9, dtype=torch.float64)
    assert torch.equal(pair_matmul(blocks, one, other), pair_matmul(blocks, one.double(), other))


def test_shapes_must_fit():
    blocks = layout([2, 1])
    with pytest.raises(ValueError, match=r"a, b: .* expected both \[C, 5\]"):
        pair_matmul(blocks, torch.ones(2, 5), torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"x: got shape \(2, 4\), expected \[C, 5\]"):
        pair_transpose(blocks, torch.ones(2, 4))
