"""No gradient of a layer or network is a sum that threads add to as they come."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor

from graphpoly.registry import entries
from graphpoly.testing.subject import Subject
from tests.conftest import DEVICE

PAIRS = torch.tensor([[0, 1, 1, 2, 2, 3, 0, 3, 3], [1, 0, 2, 1, 3, 2, 3, 0, 3]])
GCN = ("NeuralSnowflake", "PRMPNN")  # PyG's is in them, which indexes the roots of degrees
EVERY = [
    each
    for kind in ("layer", "model")
    for each in entries(kind)
    if each.name not in GCN
    and {"pointer", "steps"}.isdisjoint(inspect.signature(each.obj.forward).parameters)
]


def tensors(found):
    if isinstance(found, dict):
        found = list(found.values())
    parts = found if isinstance(found, list | tuple) else [found]
    return [t for p in parts for t in ([p] if isinstance(p, Tensor) else tensors(p) if p else [])]


# the gradients that add as threads come: on a CPU that of x[index], elsewhere those of the others
AS_THEY_COME = {
    "cpu": {"IndexBackward0"},
    "cuda": {"IndexSelectBackward0", "GatherBackward0", "EmbeddingBackward0"},
}


def indices(node):
    """What a gradient adds by, ``[axes, places]``, and the shapes that it was given in."""
    if node.name() == "IndexBackward0":
        given = [i for i in node._saved_indices if i is not None and i.dtype != torch.bool]
        places = torch.stack(torch.broadcast_tensors(*given)).flatten(1) if given else None
        return places, [tuple(i.shape) for i in given]
    if node.name() == "EmbeddingBackward0":
        index = node._saved_indices
    else:
        index = node._saved_index
    places = index.flatten().unsqueeze(0)
    if node.name() == "GatherBackward0":  # by column
        grid = torch.meshgrid([torch.arange(n) for n in index.shape], indexing="ij")
        rest = [axis for i, axis in enumerate(grid) if i != node._saved_dim % index.dim()]
        places = torch.stack([index, *rest]).flatten(1)
    return places, [tuple(index.shape)]


def repeated(outputs, device=DEVICE):
    """The indices that name a row twice and whose gradient adds as threads come."""
    left, seen = [out.grad_fn for out in tensors(outputs)], {None}
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        left += [before for before, _ in node.next_functions]
        if node.name() in AS_THEY_COME[device]:
            places, shapes = indices(node)
            if places is not None and places.unique(dim=1).size(1) < places.size(1):
                yield shapes


def test_an_index_that_names_a_row_twice_is_seen():
    x, twice, once = torch.randn(3, 2, requires_grad=True), torch.zeros(2).long(), torch.arange(2)
    assert list(repeated([x[twice].relu()], "cpu")) == [[(2,)]]
    assert not list(repeated([x[once], x[x[:, 0] > 0], x[twice, once]], "cpu"))
    assert not list(repeated([x[twice]], "cuda"))
    twofold = x.gather(0, torch.zeros(2, 1).long())
    assert list(repeated([x.index_select(0, twice).relu()], "cuda")) == [[(2,)]]
    assert list(repeated([twofold], "cuda")) == [[(2, 1)]]
    onefold = x.gather(0, torch.zeros(1, 2).long())
    assert not list(repeated([x.index_select(0, once), onefold], "cuda"))


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.name)
def test_no_sum_of_a_gradient_is_left_to_chance(entry):
    if "pairs" in inspect.signature(entry.obj.forward).parameters:
        torch.manual_seed(0)
        net = entry.example().train()
        x = torch.randn(6, net.in_channels, requires_grad=True)
        out = net(x, PAIRS, torch.tensor([[0, 1, 0, 5], [2, 3, 2, 1]]))
    else:
        subject = Subject(entry)
        layer, data = subject.layer(train=True), subject.graph("erdos_renyi", dtype=torch.float32)
        for name in {"x", "edge_weight", "pos"} & set(data.keys()):
            data[name].requires_grad_()
        out = subject.call(layer, data)
    assert list(repeated(out)) == []
