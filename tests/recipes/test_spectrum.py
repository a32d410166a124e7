from __future__ import annotations

import math

import pytest
import torch

from graphpoly.pages.spectrum import Spectrum


def spectrum(response: torch.Tensor, weight: list[float]) -> Spectrum:
    """A filter on four bins; the last has half of the labels' energy, a tenth of the spectrum."""
    return Spectrum(
        model="Net",
        layer="filter",
        lambdas=torch.linspace(-1, 1, 401, dtype=torch.float64),
        response=response,
        weight=torch.tensor(weight, dtype=torch.float64),
        edges=torch.linspace(-1, 1, 5, dtype=torch.float64),
        density=torch.tensor([0.0, 0.5, 0.4, 0.1], dtype=torch.float64),
        labels=torch.tensor([0.0, 0.3, 0.2, 0.5], dtype=torch.float64),
    )


def test_channels_count_by_their_size() -> None:
    held = spectrum(torch.tensor([[3.0, 4.0]]).double().expand(401, 2), [1.0, 2.0])
    expected = math.sqrt((1 * 9 + 4 * 16) / 5)
    torch.testing.assert_close(held.together, torch.full((401,), expected).double())


def test_what_passes_everything_prefers_nothing() -> None:
    assert spectrum(torch.full((401, 1), -2.0).double(), [1.0]).selectivity() == pytest.approx(1)


def test_what_passes_the_last_bin_alone_prefers_what_is_there() -> None:
    lambdas = torch.linspace(-1, 1, 401, dtype=torch.float64)
    held = spectrum((lambdas > 0.5).double()[:, None], [1.0])
    assert held.selectivity() == pytest.approx(math.sqrt(0.5 / 0.1))
    assert held.describe() == (
        "Net passes the labels 2.24 times as strongly as the average eigenvector."
    )
    assert held.to_dict()["selectivity"] == held.selectivity()


def test_the_first_bin_is_empty() -> None:
    occupied = spectrum(torch.ones(401, 1).double(), [1.0]).occupied
    assert not occupied[:100].any()
    assert occupied[100:].all()
