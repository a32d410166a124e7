"""An installation, as whoever runs this expects it: ``GRAPHPOLY_EXPECT`` is ``cpp`` or ``python``.

Run away from the checkout, on what pip installed: in ``make matrix`` and on every wheel.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import graphpoly
from graphpoly.ops import backends, spmm, to_csr

EXPECTED = os.environ.get("GRAPHPOLY_EXPECT")
pytestmark = pytest.mark.skipif(
    EXPECTED not in ("cpp", "python"), reason="GRAPHPOLY_EXPECT does not say what was installed"
)


def test_the_package_is_the_installed_one_and_has_the_kernels_that_are_expected():
    assert "site-packages" in Path(graphpoly.__file__).parts
    found = backends()["cpp"]
    assert found["available"] == (EXPECTED == "cpp"), found["reason"]
    adj = to_csr(torch.tensor([[0, 1, 2], [1, 1, 0]]), num_nodes=3)
    x = torch.tensor([[1.0], [2.0], [4.0]], requires_grad=True)
    out = spmm(adj, x)
    assert out.flatten().tolist() == [4.0, 3.0, 0.0]
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [1.0, 1.0, 1.0]
