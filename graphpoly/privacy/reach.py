"""How far a network reads, found by asking it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

__all__ = ["measured_reach", "stirred"]

_PATH = 5  # nodes of the path; a further one stands alone
_DRAWS = 3


def stirred(model: nn.Module) -> nn.Module:
    """Return a copy whose weights have moved, so that nothing that begins at 0 hides."""
    moved = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for parameter in moved.parameters():
            parameter += 0.3 * torch.randn(parameter.shape).to(parameter)
    return moved


def measured_reach(
    model: nn.Module, forward: Callable[[nn.Module, Data], Tensor], sample: Data
) -> int:
    """Return how many edges away a network reads, 4 standing for that and more.

    On a path and a node apart from it, the features of one node after the other are changed: the
    outputs that change say who reads it.

    Args:
        model: On the CPU; it stays as it is.
        forward: Gives a row for each node.
        sample: Whose features, edge weights, features and types of edges are of the right kind.

    Raises:
        ValueError: If the network reads nodes that no edges lead to, as normalisation over a batch
            and attention to everything do, or takes no graph but its own.
    """
    moved = stirred(model)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found = [_distances(moved, forward, _path(sample)) for _ in range(_DRAWS)]
    except (RuntimeError, IndexError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"epsilon: {type(model).__name__} does not run on a part of the graph ({reason})"
        ) from error
    reach = max(found)
    if reach == _PATH:
        raise ValueError(
            f"epsilon: {type(model).__name__} reads nodes that no edges lead to, so that a node "
            "may move every gradient"
        )
    return reach


def _distances(model: nn.Module, forward: Callable[[nn.Module, Data], Tensor], data: Data) -> int:
    """Return the greatest distance at which a change is seen; the path's length if apart."""
    assert data.x is not None
    reach = 0
    for training in (False, True):
        model.train(training)
        state = torch.random.get_rng_state()
        before = _answer(model, forward, data, state)
        for node in range(_PATH + 1):
            changed = copy.copy(data)
            changed.x = data.x.clone()
            changed.x[node] = data.x[node] + torch.randn(data.x.size(1)).to(data.x)
            moved = (_answer(model, forward, changed, state) != before).any(1).nonzero().view(-1)
            if node == _PATH:
                apart = bool((moved < _PATH).any())
            else:
                apart = bool((moved == _PATH).any())
                on_path = moved[moved < _PATH]
                if not training and len(on_path):  # dropout may hide what is read
                    reach = max(reach, int((on_path - node).abs().max()))
            if apart:
                return _PATH
    return reach


@torch.no_grad()
def _answer(
    model: nn.Module, forward: Callable[[nn.Module, Data], Tensor], data: Data, state: Tensor
) -> Tensor:
    after = torch.random.get_rng_state()
    torch.random.set_rng_state(state)
    answer = forward(model, data)
    torch.random.set_rng_state(after)
    return answer


def _path(sample: Data) -> Data:
    assert sample.x is not None
    there = torch.arange(_PATH - 1)
    edges = torch.cat([torch.stack([there, there + 1]), torch.stack([there + 1, there])], 1)
    data = Data(x=torch.randn(_PATH + 1, sample.x.size(1)).to(sample.x), edge_index=edges)
    for name in ("edge_weight", "edge_attr", "edge_type"):
        value = getattr(sample, name, None)
        if value is not None:
            shape = (edges.size(1), *value.shape[1:])
            floating = value.is_floating_point()
            data[name] = (torch.rand(shape) if floating else torch.zeros(shape)).to(value)
    return data
