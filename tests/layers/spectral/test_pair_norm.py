import pytest
import torch
from torch import nn
from torch_geometric.nn import BatchNorm

from graphpoly.layers.spectral.pair_norm import PairEncoder, PairNorm
from graphpoly.testing import assert_close


def twins():
    norm, plain = PairNorm(3).double(), BatchNorm(3, allow_single_element=True).double()
    nn.init.normal_(norm.module.weight)
    plain.load_state_dict(norm.state_dict())
    return norm, plain


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
@pytest.mark.parametrize("training", [True, False])
def test_rows_with_a_share_are_rows_taken_once(rows, training):
    """A row of two halves, one of three thirds and two of nothing, as PyG has it without them."""
    norm, plain = twins()
    norm.train(training), plain.train(training)
    kept = torch.randn(rows, 3, dtype=torch.float64)
    times = torch.tensor([2, 3, 1, 1, 2, 1, 4])[:rows]
    share = (1 / times.double()).repeat_interleave(times)
    x = torch.cat([kept.repeat_interleave(times, 0), torch.randn(2, 3, dtype=torch.float64)])
    share = torch.cat([share, share.new_zeros(2)])
    x.requires_grad_(), kept.requires_grad_()
    for _ in range(2):
        out, wanted = norm(x, share), plain(kept)
        first = out[: len(share) - 2]
        assert_close(first, wanted.repeat_interleave(times, 0))
    probe = torch.sin(torch.arange(3.0 * rows)).view(rows, 3).double()
    spread = (probe.repeat_interleave(times, 0) * share[:-2].unsqueeze(1) * first).sum()
    (grad,) = torch.autograd.grad(spread, x)
    (expected,) = torch.autograd.grad((probe * wanted).sum(), kept)
    places = torch.arange(rows).repeat_interleave(times)
    merged = torch.zeros_like(expected).index_add(0, places, grad[:-2])
    assert_close(merged, expected)
    for (name, one), other in zip(
        norm.state_dict().items(), plain.state_dict().values(), strict=True
    ):
        assert_close(one, other, what=name)


def test_moments_of_half_precision_are_sums_in_float32():
    norm = PairNorm(1).bfloat16()
    x = torch.full((3000, 1), 1.0).bfloat16()
    out = norm(x, torch.ones(3000))
    assert_close(out.float(), torch.zeros(3000, 1))
    assert out.dtype == torch.bfloat16
    assert norm.module.running_mean.item() == pytest.approx(0.1, rel=2**-8)


def test_only_norms_are_told_the_share():
    encoder = PairEncoder(nn.Linear(3, 3), PairNorm(3), nn.GELU())
    x = torch.randn(4, 3)
    assert_close(encoder(x, torch.ones(4)), nn.Sequential(*encoder)(x))
