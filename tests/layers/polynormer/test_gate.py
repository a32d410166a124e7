import torch

from graphpoly.layers.polynormer.gate import Gate


def test_starts_where_it_was_told_and_is_a_vector():
    assert torch.equal(Gate(3)(), torch.full((3,), 0.5))
    assert torch.equal(Gate(3, 0.1)(), torch.full((3,), 0.1))
    gate = Gate(3, 0.0)
    gate().sum().backward()
    assert torch.equal(gate.weight.grad, torch.ones(3))
