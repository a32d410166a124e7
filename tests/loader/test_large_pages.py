"""Rows in large pages are the rows."""

import mmap

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import utils as pyg

from graphpoly.loader import NeighborLoader
from graphpoly.loader.large_pages import large_pages

INDEX = torch.randint(300, (9_000,), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
@pytest.mark.parametrize("size", [8, 2_000])  # bytes; the larger rows are 36 MB together
def test_they_are_those_of_pyg(dtype, size):
    value = torch.randint(-100, 100, (300, size // dtype.itemsize, 2)).to(dtype)
    before = pyg.index_select
    with large_pages():
        found = [
            pyg.index_select(value, INDEX),
            pyg.index_select(value, INDEX.int()),
            pyg.index_select(value.transpose(1, 2), INDEX),
            pyg.index_select(value.transpose(0, 1), INDEX[:40], dim=1).transpose(0, 1),
            pyg.index_select(value.numpy() if dtype != torch.bfloat16 else value, INDEX),
        ]
    assert pyg.index_select is before
    for rows, index in zip(found, (INDEX, INDEX, INDEX, INDEX[:40], INDEX), strict=True):
        rows = torch.as_tensor(rows)
        expected = value[index]
        assert torch.equal(rows, expected.transpose(1, 2) if rows is found[2] else expected)


def test_gradients_and_errors_pass_through():
    value = torch.randn(300, 1_000, requires_grad=True)
    before = pyg.index_select
    with large_pages():
        pyg.index_select(value, INDEX).sum().backward()
        with pytest.raises((IndexError, RuntimeError), match="out of range"):
            pyg.index_select(torch.empty(300, 1_000), INDEX + 300)
    assert torch.equal(value.grad[:, 0], torch.bincount(INDEX, minlength=300).float())
    assert pyg.index_select is before


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="not Linux")
def test_a_loader_gathers_so(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "graphpoly.loader.large_pages.ctypes.CDLL",
        lambda name: type("C", (), {"madvise": lambda self, *given: asked.append(given)})(),
    )
    data = Data(torch.randn(5_000, 2_000), torch.randint(5_000, (2, 20_000)), y=torch.arange(5_000))
    (batch,) = NeighborLoader(data, [2], input_nodes=torch.arange(5_000), batch_size=5_000)
    assert torch.equal(batch.x, data.x[batch.n_id])
    ((begin, size, advice),) = asked
    assert advice == mmap.MADV_HUGEPAGE
    assert begin.value % 2**21 == size.value % 2**21 == 0
    inside = begin.value - batch.x.data_ptr()
    assert 0 <= inside < 2**21
    assert batch.x.nbytes - 2**21 < inside + size.value <= batch.x.nbytes
