from __future__ import annotations

import pytest
import torch

from graphpoly.kernels import draw_landmarks, nystrom
from graphpoly.testing import assert_close


def test_a_kernel_of_low_rank_is_found_from_few_columns() -> None:
    x = torch.randn(30, 4, dtype=torch.float64)
    landmarks = draw_landmarks(30, 10, seed=2)
    features = nystrom(x @ x[landmarks].T, landmarks)
    assert features.shape == (30, 10)
    assert_close(features @ features.T, x @ x.T, kind="accumulated")
    assert int((features.abs().amax(0) > 0).sum()) == 4


def test_landmarks_are_drawn_without_replacement_by_a_seed() -> None:
    drawn = [draw_landmarks(20, 5, seed=seed) for seed in range(400)]
    assert all(each.unique().numel() == 5 for each in drawn)
    assert torch.equal(drawn[7], draw_landmarks(20, 5, seed=7))
    often = torch.cat(drawn).bincount(minlength=20)
    assert (often - 100).abs().max() < 45  # five standard deviations


def test_nothing_and_mistakes() -> None:
    assert nystrom(torch.empty(3, 0), torch.empty(0, dtype=torch.int64)).shape == (3, 0)
    zero = nystrom(torch.zeros(3, 2, dtype=torch.float64), torch.tensor([0, 2]))
    assert zero.tolist() == [[0, 0]] * 3
    with pytest.raises(ValueError, match=r"columns: got shape \(3, 2\)"):
        nystrom(torch.zeros(3, 2), torch.tensor([0]))
    with pytest.raises(ValueError, match="num_landmarks"):
        draw_landmarks(3, 0)
