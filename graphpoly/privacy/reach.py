"""How far a network reads, found by asking it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphpoly.devices import on_cpu, seeded_on_cpu
from graphpoly.privacy.examples import keep_edges

__all__ = ["measured_reach", "stirred"]

_PATH = 5  # nodes of the path; two more are joined to each other alone
_DRAWS = 3


@on_cpu()
def stirred(model: nn.Module) -> nn.Module:
    """Return a copy whose weights have moved, so that nothing that begins at 0 hides."""
    moved = copy.deepcopy(model)
    with seeded_on_cpu(0), torch.no_grad():
        for parameter in moved.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape).to(parameter))
    return moved


@on_cpu()
def measured_reach(
    model: nn.Module, forward: Callable[[nn.Module, Data], Tensor], sample: Data
) -> int:
    """Return how many edges away a network reads, 4 standing for that and more.

    On a path and a pair of nodes apart from it, the features of one node after the other are
    changed, and one edge after the other is taken away: the outputs that change say who reads what.
    The path alone must give what it gives beside the pair.

    Args:
        model: On the CPU; it stays as it is.
        forward: Gives a row for each node.
        sample: Whose features, edge weights, features and types of edges are of the right kind.

    Raises:
        ValueError: If the network reads what no edges lead to, as normalisation over a batch,
            attention to everything and spectra do, keeps in a buffer what it reads, or takes no
            graph but its own.
    """
    moved = stirred(model)
    held = {name: buffer.clone() for name, buffer in moved.named_buffers()}
    try:
        with seeded_on_cpu(0):
            found = [_reach(moved, forward, _path(sample)) for _ in range(_DRAWS)]
    except (RuntimeError, IndexError, AssertionError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"epsilon: {type(model).__name__} does not run on a part of the graph ({reason})"
        ) from error
    if None in found:
        raise ValueError(
            f"epsilon: {type(model).__name__} reads what no edges lead to, so that a node may move "
            "every gradient"
        )
    for name, buffer in moved.named_buffers():
        if name not in held or not torch.equal(buffer, held[name]):
            raise ValueError(
                f"epsilon: {type(model).__name__} keeps in its buffer {name} what it reads, "
                "without noise"
            )
    return max(reach for reach in found if reach is not None)


def _reach(
    model: nn.Module, forward: Callable[[nn.Module, Data], Tensor], data: Data
) -> int | None:
    """Return the greatest distance at which a change is seen; None if it is seen apart."""
    assert data.x is not None
    assert data.edge_index is not None
    reach = 0
    for training in (False, True):
        model.train(training)
        state = torch.random.get_rng_state()
        before = _answer(model, forward, data, state)
        if not training and not torch.allclose(
            _answer(model, forward, _first(data), state), before[:_PATH], rtol=1e-4, atol=1e-5
        ):
            return None
        for place, changed in _changes(data):
            structural = changed.edge_index is not data.edge_index
            if structural and training:
                continue  # of fewer edges, dropout draws other ones
            differs = (_answer(model, forward, changed, state) != before).any(1)
            seen = differs.nonzero().view(-1)
            if bool(((seen < _PATH) != (place < _PATH)).any()):
                return None
            if not (training or structural) and place < _PATH and len(seen):
                reach = max(reach, int((seen - place).abs().max()))
    return reach


def _first(data: Data) -> Data:
    """Return the path alone."""
    assert data.x is not None
    assert data.edge_index is not None
    path = keep_edges(data, (data.edge_index[0] < _PATH).nonzero().view(-1))
    path.x = data.x[:_PATH]
    return path


def _changes(data: Data) -> Iterator[tuple[int, Data]]:
    """Return where something changes, and the graph with the change."""
    assert data.x is not None
    assert data.edge_index is not None
    for node in range(len(data.x)):
        changed = copy.copy(data)
        changed.x = data.x.clone()
        changed.x[node] = data.x[node] + torch.randn(data.x.size(1)).to(data.x)
        yield node, changed
    for edge in range(data.edge_index.size(1)):
        rest = torch.arange(data.edge_index.size(1))
        yield int(data.edge_index[0, edge]), keep_edges(data, rest[rest != edge])


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
    there = torch.tensor([*range(_PATH - 1), _PATH])
    edges = torch.cat([torch.stack([there, there + 1]), torch.stack([there + 1, there])], 1)
    data = Data(x=torch.randn(_PATH + 2, sample.x.size(1)).to(sample.x), edge_index=edges)
    for name in ("edge_weight", "edge_attr", "edge_type"):
        value = getattr(sample, name, None)
        if value is not None:
            shape = (edges.size(1), *value.shape[1:])
            floating = value.is_floating_point()
            data[name] = (torch.rand(shape) if floating else torch.zeros(shape)).to(value)
    return data
