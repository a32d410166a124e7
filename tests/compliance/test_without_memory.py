"""A module that was on the meta device is what its state says, or says why it cannot be."""

import pytest
import torch

from graphpoly.layers.spectral.polynomial_conv import PolynomialConv
from graphpoly.testing import assert_close
from graphpoly.testing.subject import joined
from tests.compliance.test_hooks import MADE, NETS, subject_of

EVERY = {**MADE, **NETS}


def filled(module, state):
    """The module with memory, all of it NaN until the state is loaded."""
    module = module.to_empty(device="cpu")
    for held in (*module.parameters(), *module.buffers()):
        if held.is_floating_point() and held.dtype is torch.get_default_dtype():
            held.data.fill_(torch.nan)
    module.load_state_dict(state)
    return module.eval()


def outputs(name, layer):
    subject = subject_of(name)
    data = subject.graph("erdos_renyi", dtype=torch.float32)
    torch.manual_seed(0)
    return joined(subject.call(layer, data)).detach()


@pytest.mark.cpu
@pytest.mark.parametrize("name", EVERY)
def test_a_module_that_was_moved_there(name):
    layer = subject_of(name).layer()
    state = {key: value.clone() for key, value in layer.state_dict().items()}
    expected = outputs(name, layer)
    assert_close(outputs(name, filled(layer.to("meta"), state)), expected)


@pytest.mark.cpu
@pytest.mark.parametrize("name", EVERY)
def test_a_module_that_was_made_there(name):
    subject = subject_of(name)
    layer = subject.layer()
    with torch.device("meta"):
        made = subject._make()
    constants = [m for m in made.modules() if isinstance(m, PolynomialConv) and m._constants]
    if constants:
        with pytest.raises(ValueError, match="was made on the meta device"):
            made.to_empty(device="cpu")
    else:
        found = filled(made, layer.state_dict())
        assert_close(outputs(name, found), outputs(name, layer))
