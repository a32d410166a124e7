"""The adapter under TorchScript, alone and inside a module."""

import pytest
import torch

from graphpoly.compat import torch_scatter as ours

_mean, _reduce = ours.scatter_mean, ours.scatter


@pytest.mark.parametrize("name", ours.__all__)
def test_every_function_scripts(name):
    function = getattr(ours, name)
    src = torch.tensor([[5.0, 1.0], [7.0, 2.0], [0.0, 4.0]])
    line, ranges = torch.tensor([0, 0, 2]), torch.tensor([0, 2, 2, 3])
    arguments = {"csr": (src, ranges), "coo": (src, line)}.get(name[-3:], (src, line, 0))
    expected, found = function(*arguments), torch.jit.script(function)(*arguments)
    pairs = (
        [(found, expected)]
        if isinstance(expected, torch.Tensor)
        else zip(found, expected, strict=True)
    )
    for one, other in pairs:
        assert torch.equal(one, other)


def test_a_scripted_module_may_call_them():
    class Pool(torch.nn.Module):
        def forward(self, x: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
            return _mean(x, batch, dim=0, dim_size=3) + _reduce(x, batch, dim=0, reduce="max")

    x, batch = torch.randn(4, 2, requires_grad=True), torch.tensor([0, 2, 2, 1])
    found, expected = torch.jit.script(Pool())(x, batch), Pool()(x, batch)
    assert torch.equal(found, expected)
    for one, other in zip(
        torch.autograd.grad(found.sum(), x), torch.autograd.grad(expected.sum(), x), strict=True
    ):
        assert torch.equal(one, other)
