import pytest
import torch

from tests.conftest import DEVICE
from tests.ops.triton.compare import operator


def synchronize():
    """Wait for a device, where there is one."""
    if DEVICE != "cpu":
        torch.cuda.synchronize()


def spans(parts, rowptr):
    """Row, first and last entry of every chunk that is there, from the tables."""
    found = []
    for row, start in zip(parts.chunk_row.tolist(), parts.chunk_start.tolist(), strict=True):
        if row >= 0:
            found.append((row, start, min(start + parts.limit, int(rowptr[row + 1]))))
    return found


@pytest.mark.parametrize("degrees", [[0, 5, 0, 23, 8, 7, 14, 0], [100], [7, 7, 7], [8], [0, 29]])
def test_chunks_cover_each_long_row_once(degrees, monkeypatch):
    from graphpoly.ops.triton import blocks

    monkeypatch.setattr(blocks, "LONG", 7)
    rowptr = torch.tensor([0, *degrees]).cumsum(0).to(torch.int32)
    parts = blocks.split(rowptr, sum(degrees))
    expected = [
        (row, start, min(start + 7, int(rowptr[row + 1])))
        for row, degree in enumerate(degrees)
        if degree > 7
        for start in range(int(rowptr[row]), int(rowptr[row + 1]), 7)
    ]
    assert spans(parts, rowptr) == expected
    pieces = zip(
        parts.long_row.tolist(), parts.long_first.tolist(), parts.long_last.tolist(), strict=True
    )
    covered = [(row, list(range(first, last))) for row, first, last in pieces if row >= 0]
    assert [row for row, _ in covered] == [row for row, d in enumerate(degrees) if d > 7]
    assert [c for _, chunks in covered for c in chunks] == list(range(len(expected)))
    for row, chunks in covered:
        assert {expected[chunk][0] for chunk in chunks} == {row}


def test_short_graphs_have_no_tables():
    from graphpoly.ops.triton import blocks

    parts = blocks.split(operator((9, 11, 60)).rowptr, 60)
    assert (parts.num_chunks, parts.num_long) == (0, 0)


def test_tables_are_made_once_and_again_after_an_edit(monkeypatch):
    from graphpoly.ops.triton import blocks

    monkeypatch.setattr(blocks, "LONG", 7)
    made, original = [], blocks._split
    monkeypatch.setattr(blocks, "_split", lambda *a: (made.append(1), original(*a))[1])
    rowptr = torch.tensor([0, 20, 30])
    blocks.split(rowptr, 30)
    synchronize()
    assert blocks.split(rowptr, 30) is blocks.split(rowptr, 30)
    assert len(made) == 1
    rowptr[1] = 4
    assert spans(blocks.split(rowptr, 30), rowptr)[0][0] == 1
    assert len(made) == 2


@pytest.mark.parametrize("degrees", [[0, 5, 0, 23, 8, 7, 14, 0], [100], [7, 7, 7], [0, 29]])
def test_tables_are_cut_to_what_they_hold_once_that_is_known(degrees, monkeypatch):
    from graphpoly.ops.triton import blocks

    monkeypatch.setattr(blocks, "LONG", 7)
    rowptr = torch.tensor([0, *degrees]).cumsum(0)
    first = blocks.split(rowptr, sum(degrees))
    synchronize()
    then = blocks.split(rowptr, sum(degrees))
    assert then.num_chunks == sum(-(-d // 7) for d in degrees if d > 7) <= first.num_chunks
    assert then.num_long == sum(d > 7 for d in degrees) <= first.num_long
    assert spans(then, rowptr) == spans(first, rowptr)
    for short, long in zip(then[3:], first[3:], strict=True):
        assert torch.equal(short, long[: short.numel()])
    assert [len(table) for table in then[3:]] == [then.num_chunks] * 2 + [then.num_long] * 3


def test_blocks_depend_on_the_shape_alone():
    from graphpoly.ops.triton.blocks import block

    assert block(1) == block(16)
    for channels in (1, 16, 17, 64, 65, 128, 1000):
        shape = block(channels)
        assert shape.channels >= min(channels, 64)
        assert 128 <= shape.entries * shape.channels <= 512


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-7), (torch.float64, 4e-16)])
def test_exponentials_are_exact_to_a_rounding_or_two(dtype, error):
    import triton
    import triton.language as tl

    from graphpoly.ops.triton.blocks import exp

    @triton.jit
    def kernel(x, y, exp: tl.constexpr, BLOCK: tl.constexpr):
        place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(y + place, exp(tl.load(x + place)))

    x = torch.linspace(-87, 87, 4096, dtype=dtype)
    x[:5] = torch.tensor([0, -torch.inf, torch.inf, torch.nan, -1000.0], dtype=dtype)
    found = torch.empty_like(x)
    kernel[(4,)](x, found, exp, BLOCK=1024)
    expected = x.double().exp()
    assert found[:3].tolist() == [1.0, 0.0, torch.inf]
    assert found[3].isnan()
    assert found[4] == 0
    assert float(((found.double() - expected).abs() / expected)[5:].max()) < error


@pytest.mark.parametrize("size", [0, 1, 2, 3, 16, 17, 1000, 1024, 1025])
def test_powers_of_two(size):
    from graphpoly.ops.triton.blocks import power_of_two

    assert power_of_two(size) == min(2**k for k in range(20) if 2**k >= size)
