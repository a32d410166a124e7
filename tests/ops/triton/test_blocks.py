import pytest
import torch

from tests.ops.triton.compare import operator


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
    rowptr = torch.tensor([0, 20, 30])
    first = blocks.split(rowptr, 30)
    assert blocks.split(rowptr, 30) is first
    rowptr[1] = 4
    assert blocks.split(rowptr, 30) is not first
    assert spans(blocks.split(rowptr, 30), rowptr)[0][0] == 1


def test_blocks_depend_on_the_shape_alone():
    from graphpoly.ops.triton.blocks import block

    assert block(1) == block(16)
    for channels in (1, 16, 17, 64, 65, 128, 1000):
        shape = block(channels)
        assert shape.channels >= min(channels, 128)
        assert shape.entries * shape.channels <= 1024
