"""Whatever is put in the place of a linear map is called: adapters, heads for other classes."""

import copy

import pytest
import torch
from torch import nn
from torch_geometric.nn.dense.linear import Linear

from graphpoly.layers.orthonormal_linear import OrthonormalLinear
from graphpoly.testing import assert_close
from graphpoly.testing.subject import joined
from tests.compliance.test_hooks import MADE, NETS, subject_of


class Twice(nn.Module):
    """It says nothing of its size, and has no weight."""

    def __init__(self, lin):
        super().__init__()
        self.lin = lin

    def forward(self, x):
        return 2 * self.lin(x)


def of_its_kind(lin):
    """A map that is one of its kind to ``isinstance``."""
    kind = type(lin)
    own = {"forward": lambda self, x: 2 * kind.forward(self, x)}
    lin.__class__ = type(kind.__name__, (kind,), own)
    return lin


def of_pytorch(lin):
    out_features, in_features = lin.weight.shape
    made = nn.Linear(in_features, out_features, bias=lin.bias is not None).to(lin.weight)
    made.load_state_dict({name: 2 * value for name, value in lin.state_dict().items()})
    return made


def maps(layer):
    modules = dict(layer.named_modules()).items()
    kinds = (nn.Linear, Linear)
    return [place for place, module in modules if isinstance(module, kinds) and place]


@pytest.mark.parametrize("name", [*MADE, *NETS])
def test_another_module_in_the_place_of_a_map(name):
    subject = subject_of(name)
    layer, data = subject.layer(dtype=torch.float64), subject.graph("erdos_renyi")
    for place in maps(layer):
        doubled = copy.deepcopy(layer)
        lin = doubled.get_submodule(place)
        if isinstance(lin, OrthonormalLinear):  # what it multiplies by has no length of its own
            continue
        with torch.no_grad():
            for value in lin.parameters(recurse=False):
                value.mul_(2)
        expected = joined(subject.call(doubled, data))
        owner, _, last = place.rpartition(".")
        for other in (Twice, of_its_kind, of_pytorch):
            swapped = copy.deepcopy(layer)
            around = swapped.get_submodule(owner)
            setattr(around, last, other(getattr(around, last)))
            out = joined(subject.call(swapped, data))
            what = f"{place}, {other.__name__}"
            assert_close(out, expected, kind="accumulated", what=what)
