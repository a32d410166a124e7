import pytest
import torch

from graphpoly.ops.coo_to_csr import coo_to_csr_reference
from tests.ops.triton.compare import GRAPHS


@pytest.mark.parametrize("shape", GRAPHS.values(), ids=list(GRAPHS))
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_equals_the_reference(shape, dtype):
    rows, cols, entries = shape
    row = torch.randint(0, max(rows, 1), (entries,)).to(dtype)
    col = torch.randint(0, max(cols, 1), (entries,)).to(dtype)
    ours = torch.ops.graphpoly.coo_to_csr(row, col, rows, cols)
    for one, other in zip(ours, coo_to_csr_reference(row, col, rows, cols), strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize(("row", "col"), [(3, 0), (-1, 0), (0, 2), (0, -4)])
def test_an_index_outside_is_refused(row, col):
    name = "row" if col == 0 else "col"
    rows, cols = torch.tensor([0, row]), torch.tensor([0, col])
    with pytest.raises(ValueError, match=f"a {name} index lies outside"):
        torch.ops.graphpoly.coo_to_csr(rows, cols, 3, 2)
