import pytest
import torch
from torch_geometric.nn import global_add_pool, global_max_pool, global_mean_pool

from graphpoly.ops import pool
from graphpoly.ops.pool import ranges, segments
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

BATCHES = {
    "sorted": torch.tensor([0, 0, 0, 2, 2, 3]),
    "unsorted": torch.tensor([3, 0, 2, 0, 2, 0]),
    "one graph": torch.zeros(6, dtype=torch.long),
}


@pytest.mark.parametrize("batch", BATCHES.values(), ids=list(BATCHES))
@pytest.mark.parametrize("index", [torch.int64, torch.int32])
def test_equals_pyg(batch, index):
    x = torch.randn(6, 5, dtype=torch.float64)
    for reduce, theirs in (
        ("sum", global_add_pool),
        ("mean", global_mean_pool),
        ("max", global_max_pool),
    ):
        assert_close(pool(x, batch.to(index), reduce), theirs(x, batch))


def test_several_at_once_and_empty_graphs():
    x = torch.tensor([[1.0], [2.0], [6.0]])
    out = pool(x, torch.tensor([1, 3, 1]), ["mean", "min", "std"], batch_size=5)
    assert out.squeeze(-1).tolist() == [[0, 0, 0], [3.5, 1, 2.5], [0, 0, 0], [2, 2, 0], [0, 0, 0]]
    assert pool(x[:0], torch.empty(0, dtype=torch.long), batch_size=2).tolist() == [[0], [0]]


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", ["mean", "std", "max"]])
def test_gradients(reduce):
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    batch = BATCHES["unsorted"]
    assert torch.autograd.gradcheck(lambda x: pool(x, batch, reduce, batch_size=5), x)
    assert torch.autograd.gradgradcheck(lambda x: pool(x, batch, reduce, batch_size=5), x)


# one channel, and tiles of all widths
@pytest.mark.parametrize("channels", [1, 2, 3, 8, 17, 33, 65, 100, 130, 161, 225, 530])
@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_bfloat16_is_summed_in_float32_and_rounded_once(channels, reduce):
    generator = torch.Generator(DEVICE).manual_seed(channels)
    for batch in (torch.randint(4, (900,), generator=generator), torch.arange(900) // 300):
        x = torch.randn(900, channels, generator=generator).bfloat16().requires_grad_()
        wide = x.detach().float().requires_grad_()
        ours = pool(x, batch, reduce, batch_size=5)
        theirs = pool(wide, batch, reduce, batch_size=5)
        assert torch.equal(ours, theirs.bfloat16())
        exact = pool(wide.double(), batch, reduce, batch_size=5)
        torch.testing.assert_close(ours.double(), exact, rtol=2**-8, atol=1e-4)
        grad = torch.randn(ours.shape, generator=generator).bfloat16()
        (got,) = torch.autograd.grad(ours, x, grad)
        (expected,) = torch.autograd.grad(theirs, wide, grad.float())
        assert torch.equal(got, expected.bfloat16())


@pytest.mark.cpu
def test_thread_count_does_not_change_a_bit():
    batch, x = torch.randint(70, (9000,)), torch.randn(9000, 65).bfloat16()
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(pool(x, batch, "mean"))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0], other) for other in results[1:])


def test_grouping_is_remembered_until_it_changes():
    batch = torch.tensor([0, 1, 1])
    first = segments(batch, 2)
    assert segments(batch) is first
    assert segments(batch, 3).num_rows == 3
    batch[0] = 1
    assert pool(torch.ones(3), batch, batch_size=2).tolist() == [0, 3]


def test_transpose_belongs_to_the_grouping():
    groups = segments(BATCHES["unsorted"], 5)
    colptr, row, tperm = groups.transposed
    assert colptr.tolist() == list(range(7))
    assert row.tolist() == BATCHES["unsorted"].tolist()
    assert groups.col[tperm.long()].tolist() == list(range(6))


def test_bad_input_is_named():
    x = torch.ones(3, 2)
    with pytest.raises(ValueError, match=r"expected \[N, \.\.\.\] and \[N\]"):
        pool(x, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"outside \[0, 2\)"):
        pool(x, torch.tensor([0, 1, 2]), batch_size=2)
    with pytest.raises(TypeError, match=r"torch\.float32"):
        pool(x, torch.zeros(3))


@pytest.mark.parametrize("index", [torch.int64, torch.int32])
def test_ranges_are_the_groups_of_a_sorted_batch(index):
    by_ptr = ranges(torch.tensor([0, 3, 3, 5, 6], dtype=index), 6)
    by_batch = segments(BATCHES["sorted"], 4)
    for one, other in zip(by_ptr[:2], by_batch[:2], strict=True):
        assert one.tolist() == other.tolist()
    for one, other in zip(by_ptr.transposed, by_batch.transposed, strict=True):
        assert one.tolist() == other.tolist()
    assert (by_ptr.perm, by_ptr.num_cols) == (None, 6)
