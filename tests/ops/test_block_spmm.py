import pytest
import torch

from graphpoly.ops import block_sddmm, block_spmm
from graphpoly.ops.block_spmm import block_sddmm_reference, block_spmm_reference
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, random_csr


def expect_close_to_scale(actual, expected):
    """Sums cancel: what counts is the largest value."""
    scale = expected.abs().amax().clamp(min=1) if expected.numel() else 1
    assert_close(actual / scale, expected / scale, kind="accumulated")


def big_matrix(adj, blocks):
    """The whole operator, block by block, in plain Python."""
    size = blocks.size(1)
    whole = blocks.new_zeros(adj.num_rows * size, adj.num_cols * size)
    for e, (i, j) in enumerate(zip(adj.rows().tolist(), adj.col.tolist(), strict=True)):
        block = blocks[e] if blocks.dim() == 3 else torch.diag(blocks[e])
        whole[i * size : (i + 1) * size, j * size : (j + 1) * size] += block
    return whole


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("diagonal", [True, False])
def test_equals_the_matrix_of_blocks(shape, size, diagonal):
    adj = random_csr(SHAPES[shape], weighted=False)
    blocks = torch.randn(adj.num_entries, *[size] * (1 if diagonal else 2), dtype=torch.float64)
    for channels in (1, 3, 20, 70):
        x = torch.randn(adj.num_cols, size, channels, dtype=torch.float64)
        expected = (big_matrix(adj, blocks) @ x.flatten(0, 1)).view(adj.num_rows, size, channels)
        assert_close(block_spmm(adj, blocks, x), expected, kind="accumulated")
        single = block_spmm(adj, blocks.float(), x.float())
        expect_close_to_scale(single, expected)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("diagonal", [True, False])
def test_kernels_are_the_reference(size, dtype, diagonal):
    adj = random_csr(SHAPES["square"], weighted=False)
    order = torch.randperm(adj.num_entries).to(adj.col.dtype)
    none = (None, None, None)
    shape = (adj.num_entries, size) if diagonal else (adj.num_entries, size, size)
    blocks = torch.randn(shape, dtype=dtype)
    for channels in (1, 6, 32, 41):
        a = torch.randn(adj.num_rows, size, channels, dtype=dtype)
        b = torch.randn(adj.num_cols, size, channels, dtype=dtype)
        for place, adjoint in ((None, False), (order, False), (order, True)):
            call = (adj.rowptr, adj.col, blocks, b, place, *none, adjoint)
            found = torch.ops.graphpoly.block_spmm(*call)
            expect_close_to_scale(found, block_spmm_reference(*call))
        expected = block_sddmm_reference(adj.rowptr, adj.col, a, b, *none, diagonal)
        expect_close_to_scale(block_sddmm(adj, a, b, diagonal=diagonal), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("size", [8, 33, 256])
def test_wide_diagonals_of_one_channel(shape, size):
    adj = random_csr(SHAPES[shape], weighted=False)
    blocks = torch.randn(adj.num_entries, size, dtype=torch.float64, requires_grad=True)
    x = torch.randn(adj.num_cols, size, 1, dtype=torch.float64, requires_grad=True)
    out = torch.randn(adj.num_rows, size, 1, dtype=torch.float64)
    found = block_spmm(adj, blocks, x)
    expected = block_spmm_reference(adj.rowptr, adj.col, blocks, x)
    expect_close_to_scale(found, expected)
    ours = torch.autograd.grad(found, (blocks, x), out)
    theirs = torch.autograd.grad(expected, (blocks, x), out)
    for grad, reference in zip(ours, theirs, strict=True):
        expect_close_to_scale(grad, reference)


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("diagonal", [True, False])
def test_gradients(transposed, diagonal):
    adj = random_csr((4, 5, 9), weighted=False, transposed=transposed)
    blocks = torch.randn((9, 2) if diagonal else (9, 2, 2), dtype=torch.float64).requires_grad_()
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    a = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)

    def product(blocks, x):
        return block_spmm(adj, blocks, x)

    def sampled(a, x):
        return block_sddmm(adj, a, x, diagonal=diagonal)

    for function, inputs in ((product, (blocks, x)), (sampled, (a, x))):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_half_precision_is_computed_in_float32():
    adj = random_csr(SHAPES["duplicates"], weighted=False)
    blocks, x = torch.randn(90, 3, 3), torch.randn(4, 3, 8)
    out = block_spmm(adj, blocks, x.bfloat16())
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, block_spmm(adj, blocks, x.bfloat16().float()).bfloat16())


@pytest.mark.parametrize(
    ("blocks", "x", "name"),
    [((12, 2, 3), (5, 2, 4), "blocks"), ((11, 2), (5, 2, 4), "blocks"), ((12, 2), (4, 2, 4), "x")],
)
def test_shapes_must_fit(blocks, x, name):
    adj = random_csr((4, 5, 12))
    with pytest.raises(ValueError, match=f"^{name}: got shape"):
        block_spmm(adj, torch.ones(blocks), torch.ones(x))
