"""No result hangs on the device that torch makes new tensors on: what is given decides."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from graphpoly.ops.library import SCHEMAS
from graphpoly.registry import entries
from graphpoly.testing import graph_zoo
from graphpoly.testing.aggregations import _Neighbors
from graphpoly.testing.networks import network
from graphpoly.testing.subject import Subject
from tests.compliance.test_transforms import FORMS
from tests.ops.test_library import samples

pytestmark = pytest.mark.cpu  # another default than the device of the inputs, whatever that is

ELSEWHERE = torch.device("meta")


def same(run, *inputs):
    """What ``run`` gives, by its values, and once more where new tensors are made elsewhere."""
    results = []
    for device in ("cpu", ELSEWHERE):
        torch.manual_seed(0)
        with torch.device(device):
            results.append(tree_leaves(run(*inputs)))
    expected, found = results
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        if isinstance(one, Tensor):
            assert one.device == other.device
            torch.testing.assert_close(other, one, rtol=0, atol=0, equal_nan=True)
        else:
            assert one == other


def gradients(layer, outputs):
    leaves = [p for p in layer.parameters() if p.requires_grad]
    total = sum(t.double().square().sum() for t in tree_leaves(outputs) if t.is_floating_point())
    if not leaves or not total.requires_grad:
        return []
    return [g for g in torch.autograd.grad(total, leaves, allow_unused=True) if g is not None]


def takes(entry):
    return set(inspect.signature(entry.obj.forward).parameters)


ODD = {"pairs", "pointer", "steps"}
CALLED = [*entries("layer"), *entries("model")]


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("entry", CALLED, ids=lambda entry: entry.name)
def test_module(entry, train):
    subject = network(entry) if entry.kind == "model" else Subject(entry)
    layer, data = subject.layer(train=train), subject.graph("erdos_renyi", dtype=torch.float32)

    def run():
        out = subject.outputs(layer, data)
        return out, gradients(layer, out)

    same(run)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("entry", entries("aggregation"), ids=lambda entry: entry.name)
def test_aggregation(entry, train):
    subject = _Neighbors(entry, in_channels=None, seed=0)
    layer, data = subject.layer(train=train), subject.graph("erdos_renyi", dtype=torch.float32)

    def run():
        out = subject.outputs(layer, data)
        return out, gradients(layer, out)

    same(run)


EXAMPLES = [(entry.name, entry.example()) for entry in entries("transform")]
LISTED = [*EXAMPLES, *((repr(form), form) for form in FORMS)]


@pytest.mark.parametrize("transform", [t for _, t in LISTED], ids=[name for name, _ in LISTED])
def test_transform(transform):
    for name in ("star", "erdos_renyi", "disconnected", "no_edges"):
        data = graph_zoo(weighted=True, num_features=3, names=[name])[name]
        same(lambda data: transform(data.clone()).to_dict(), data)


@pytest.mark.parametrize("name", SCHEMAS)
def test_operator(name):
    for arguments in samples()[name]:
        same(getattr(torch.ops.graphpoly, name), *arguments)


BUILT = [each for kind in ("layer", "model", "aggregation") for each in entries(kind)]


@pytest.mark.parametrize("entry", BUILT, ids=lambda entry: entry.name)
def test_what_is_built_elsewhere_is_there(entry):
    expected = entry.example().state_dict()
    with ELSEWHERE:
        found = entry.example().state_dict()
    assert list(found) == list(expected)
    for name, value in found.items():
        if isinstance(value, Tensor) and not is_lazy(value):
            assert value.shape == expected[name].shape
            assert value.device == ELSEWHERE, name
