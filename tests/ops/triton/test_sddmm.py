import pytest
import torch

from graphpoly.ops import sddmm
from graphpoly.ops.sddmm import sddmm_reference
from graphpoly.testing import assert_close
from tests.ops.triton.compare import GRAPHS, assert_same, operator


@pytest.mark.parametrize("shape", GRAPHS.values(), ids=list(GRAPHS))
@pytest.mark.parametrize("channels", [0, 1, 19, 70])
def test_value_and_gradients(shape, channels):
    adj = operator(shape)
    assert_same(
        lambda a, b: sddmm(adj, a, b),
        lambda a, b: sddmm_reference(adj.rowptr, adj.col, a, b),
        {
            "a": torch.randn(adj.num_rows, channels, dtype=torch.float64),
            "b": torch.randn(adj.num_cols, channels, dtype=torch.float64),
        },
    )


def test_rows_are_found_between_empty_ones():
    """Rows 0, 3 and 6 of 8 have entries: every place of a run of empty rows."""
    adj = operator((8, 3, 0), wide=True)
    rowptr = torch.tensor([0, 2, 2, 2, 5, 5, 5, 40, 40])
    col = torch.arange(40) % 3
    a, b = torch.arange(8.0).unsqueeze(1), torch.ones(3, 1)
    out = sddmm(adj._replace(rowptr=rowptr, col=col), a, b)
    assert out.tolist() == [0.0] * 2 + [3.0] * 3 + [6.0] * 35


def test_any_stride_and_half_precision():
    adj = operator(GRAPHS["hub"], dtype=torch.float32)
    a, b = torch.randn(6, 9).T, torch.randn(11, 12)[:, ::2]
    assert_close(sddmm(adj, a, b), sddmm_reference(adj.rowptr, adj.col, a, b))
    a, b = a.bfloat16(), b.bfloat16()
    expected = sddmm_reference(adj.rowptr, adj.col, a.float(), b.float())
    assert_close(sddmm(adj, a, b), expected.bfloat16())
