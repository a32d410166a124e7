"""No gradient of a layer or network is a sum that threads add to as they come."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor

from graphpoly.registry import entries
from graphpoly.testing.subject import Subject

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


def repeated(outputs):
    """The indices that x[index] was given and that name a row twice, of all that led here."""
    left, seen = [out.grad_fn for out in tensors(outputs)], {None}
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        left += [before for before, _ in node.next_functions]
        if node.name() == "IndexBackward0":
            given = [i for i in node._saved_indices if i is not None and i.dtype != torch.bool]
            places = torch.stack(torch.broadcast_tensors(*given)).flatten(1) if given else None
            if places is not None and places.unique(dim=1).size(1) < places.size(1):
                yield [tuple(i.shape) for i in given]


def test_an_index_that_names_a_row_twice_is_seen():
    x = torch.randn(3, 2, requires_grad=True)
    assert list(repeated([x[torch.tensor([0, 0])].relu()])) == [[(2,)]]
    once = x[torch.tensor([1, 0])], x[x[:, 0] > 0], x[torch.tensor([0, 0]), torch.tensor([0, 1])]
    assert not list(repeated(once))


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
