import torch

from graphpoly.layers import PairLinear
from graphpoly.testing import assert_close


def test_is_one_map_of_all_channels():
    lin = PairLinear((2, 3, 1), 4).double()
    torch.nn.init.normal_(lin.bias)
    parts = [torch.randn(channels, 5, dtype=torch.float64) for channels in (2, 3, 1)]
    expected = torch.nn.functional.linear(torch.cat(parts).t(), lin.weight, lin.bias).t()
    assert_close(lin(*parts), expected)


def test_start():
    torch.manual_seed(0)
    lin = PairLinear((30, 10), 60)
    assert not lin.bias.any()
    bound = (6 / (40 + 60)) ** 0.5
    assert 0.98 * bound < lin.weight.abs().max() <= bound
    held = lin.weight.clone()
    lin.reset_parameters()
    assert not torch.equal(lin.weight, held)
