"""Against NumPy on dense matrices, and that no layer hears of the loss of another."""

from __future__ import annotations

import dataclasses
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphpoly.data import csbm, make_split
from graphpoly.models import ForwardGNN
from graphpoly.models.forward_gnn import VARIANTS
from graphpoly.models.settings import ForwardSettings, Inputs
from graphpoly.testing import assert_close

LABELS = torch.tensor([0, -1, 2, 1, -1, 0, 1, -1])
SIZE, CLASSES = 8, 3


def graph() -> Data:
    """A node without edges last, a loop, an edge twice, one way only, weights."""
    edges = torch.tensor([[0, 1, 1, 2, 3, 3, 4, 5, 5, 2], [1, 0, 2, 1, 3, 4, 5, 6, 6, 6]])
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SIZE, 5, generator=generator, dtype=torch.float64)
    weight = torch.rand(edges.size(1), generator=generator, dtype=torch.float64) + 0.5
    return Data(x=x, edge_index=edges, edge_weight=weight)


def network(variant: str, *, num_layers: int = 3, **arguments: object) -> ForwardGNN:
    torch.manual_seed(1)
    arguments = {"labels": LABELS, **arguments}
    net = ForwardGNN(5, 4, CLASSES, num_layers=num_layers, variant=variant, **arguments)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.rand_like(parameter))
    return net.double()


class Dense:
    """The equations again, with the operator of the augmented graph as a matrix.

    Args:
        net: Whose weights are read.
        given: Class of each node in this copy, -1 for none.
    """

    def __init__(self, net: ForwardGNN, given: list[int]) -> None:
        data, self.net = graph(), net
        self.x, virtual = data.x.numpy(), net.virtual.numpy()
        size = SIZE
        if net.variant == "ff-la":
            self.x = np.hstack([self.x, [[float(g == c) for c in range(CLASSES)] for g in given]])
        else:
            self.x, size = np.vstack([self.x, virtual]), SIZE + CLASSES
        adj = np.zeros((size, size))
        source, target = data.edge_index.numpy()
        np.add.at(adj, (target, source), data.edge_weight.numpy())
        for node, g in enumerate(given):
            if g >= 0 and size > SIZE:
                adj[node, SIZE + g] += 1
                adj[SIZE + g, node] += 1
        loops = np.diag(adj).copy()
        adj += np.diag(np.where(loops == 0, 1.0, 0.0))  # as PyG: a loop keeps its weight
        root = adj.sum(1) ** -0.5
        self.operator = root[:, None] * adj * root

    def layer(self, number: int, *inputs: np.ndarray) -> np.ndarray:
        conv = self.net.convs[number]
        rows = np.hstack([x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-8) for x in inputs])
        weight, bias = conv.lin.weight.detach().numpy(), conv.bias.detach().numpy()
        return np.maximum(self.operator @ rows @ weight.T + bias, 0)

    def states(self, depth: int) -> list[np.ndarray]:
        states = [self.x]
        for number in range(depth):
            states.append(self.layer(number, states[-1]))
        return states[1:]


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def logits(states: np.ndarray, temperature: float) -> np.ndarray:
    return states[:SIZE] @ states[SIZE:].T / temperature


def cross_entropy(scores: np.ndarray) -> float:
    each = [-math.log(softmax(scores)[node, y]) for node, y in enumerate(LABELS) if y >= 0]
    return sum(each) / len(each)


def call(net: ForwardGNN) -> tuple[list[float], np.ndarray]:
    """Return the losses of all turns, and what each node's class is according to the net."""
    data = graph()
    below = net.below(data.x, data.edge_index, data.edge_weight)
    losses = [loss.item() for turn in range(net.turns) for loss in net.losses(below, turn)]
    out = net(data.x, data.edge_index, data.edge_weight)
    return losses, out.detach().numpy()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_single_forward_is_the_dense_computation(depth: int) -> None:
    net = network("sf", temperature=0.5, depth=depth)
    states = Dense(net, LABELS.tolist()).states(depth)
    losses, out = call(net)
    assert losses == pytest.approx([cross_entropy(logits(states[-1], 0.5))], rel=1e-10)
    total = sum(softmax(logits(each, 0.5)) for each in states)
    np.testing.assert_allclose(np.exp(out), total / depth, rtol=1e-10)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("variant", ["ff-vn", "ff-la"])
def test_forward_forward_is_the_dense_computation(variant: str, depth: int) -> None:
    net = network(variant, threshold=0.7, depth=depth)
    losses, out = call(net)
    known = [node for node in range(SIZE) if LABELS[node] >= 0]
    terms, trained = [], np.zeros((SIZE, CLASSES))
    for turn in range(CLASSES):
        given = [(int(y) + turn) % CLASSES if y >= 0 else -1 for y in LABELS]
        states = Dense(net, given).states(depth)
        goodness = (states[-1] ** 2).sum(1)[:SIZE]
        for node in known:
            sign = 1 if turn == 0 else -1
            terms.append(math.log1p(math.exp(-sign * (goodness[node] - 0.7))))
            trained[node, given[node]] = sum((each[node] ** 2).mean() for each in states)
    assert losses == pytest.approx([sum(terms) / len(terms)], rel=1e-10)
    for c in range(CLASSES):
        states = Dense(net, [int(y) if y >= 0 else c for y in LABELS]).states(depth)
        for node in range(SIZE):
            asked = sum((each[node] ** 2).mean() for each in states)
            expected = trained[node, c] if node in known else asked
            assert out[node, c] == pytest.approx(expected, rel=1e-10)


def test_top_down_losses_are_the_dense_computation() -> None:
    net = network("top2loss")
    states = Dense(net, LABELS.tolist()).states(3)
    means = [np.mean(states[layer:], axis=0) for layer in range(3)]
    losses, out = call(net)
    expected = [cross_entropy(logits(means[layer], 1)) for layer in (0, 2, 1)]
    assert losses == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(
        np.exp(out), sum(softmax(logits(each, 1)) for each in means) / 3, rtol=1e-10
    )


def test_top_down_inputs_are_the_dense_computation() -> None:
    net = network("top2input")
    dense = Dense(net, LABELS.tolist())
    top = np.full((SIZE + CLASSES, CLASSES), 1 / CLASSES)
    for node, y in enumerate([*LABELS.tolist(), *range(CLASSES)]):
        if y >= 0:
            top[node] = np.eye(CLASSES)[y]
    nothing = np.zeros((SIZE + CLASSES, 4))
    first = dense.layer(0, dense.x, nothing)
    second = dense.layer(1, first, nothing)
    third = dense.layer(2, second, top)
    again = [
        dense.layer(0, dense.x, second),
        dense.layer(1, first, third),
        dense.layer(2, second, top),
    ]
    losses, out = call(net)
    expected = [cross_entropy(logits(again[layer], 1)) for layer in (0, 2, 1)]
    assert losses == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(
        np.exp(out), sum(softmax(logits(each, 1)) for each in again) / 3, rtol=1e-10
    )


def watch(inputs: list[torch.Tensor], conv: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
    inputs.append(args[0])


@pytest.mark.parametrize("conv", ["gcn", "sage", "gat", "BernConv"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_gradient_crosses_layers(variant: str, conv: str) -> None:
    data = graph()
    x = data.x.requires_grad_()
    top_down = variant.startswith("top2")
    for depth in [3] if top_down else [1, 2, 3]:
        net = network(variant, conv=conv, depth=depth)
        below = net.below(x, data.edge_index)  # with gradients, as nobody has to
        inputs: list[torch.Tensor] = []
        for each in net.convs:
            each.register_forward_pre_hook(partial(watch, inputs))
        for turn in range(net.turns):
            losses = net.losses(below, turn)
            layers = range(turn, 3, 2) if top_down else [depth - 1]
            assert len(losses) == len(layers)
            for loss, trained in zip(losses, layers, strict=True):
                for layer, each in enumerate(net.convs):
                    found = torch.autograd.grad(
                        loss, list(each.parameters()), retain_graph=True, allow_unused=True
                    )
                    reached = [grad is not None for grad in found]
                    assert all(reached) if layer == trained else not any(reached)
                assert torch.autograd.grad(loss, x, allow_unused=True) == (None,)
        assert inputs
        assert not any(rows.requires_grad for rows in inputs)


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_training_nodes_are_on_virtual_edges(variant: str) -> None:
    data = graph()
    net, known = network(variant), (LABELS >= 0).nonzero().flatten().tolist()
    below = net.below(data.x, data.edge_index)
    size = SIZE + (0 if variant == "ff-la" else CLASSES)
    count = CLASSES if variant.startswith("ff") else 1
    pairs = below.copies[0].edge_index
    assert pairs.size(1) == count * (10 + (0 if variant == "ff-la" else 2 * len(known)))
    links = pairs[:, 10 * count :]
    assert torch.equal(links.div(size, rounding_mode="floor")[0], links[1] // size)
    links = links % size
    for source, target in links.t().tolist():
        assert sorted((source in known, target in known)) == [False, True]
        assert max(source, target) >= SIZE
        if count == 1:
            assert max(source, target) - SIZE == LABELS[min(source, target)]


def saved_bytes(net: ForwardGNN, data: Data, *, whole: bool = False) -> int:
    """Bytes that a training step of the last layer, or of all at once, keeps for its gradient."""
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        with torch.set_grad_enabled(whole):
            below = net.below(data.x, data.edge_index)
        out = net.predict(below) if whole else torch.stack(net.losses(below))
        out.sum().backward()
    return sum(kept.values())


@pytest.mark.parametrize("variant", ["sf", "ff-vn", "ff-la"])
def test_memory_of_a_step_does_not_grow_with_depth(variant: str) -> None:
    data = graph()
    few, many = (network(variant, num_layers=layers) for layers in (2, 64))
    assert saved_bytes(few, data) == saved_bytes(many, data) > 0
    assert saved_bytes(many, data, whole=True) > 16 * saved_bytes(few, data, whole=True)
    sizes = [
        [each.x.shape for each in net.below(data.x, data.edge_index).copies] for net in (few, many)
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_order_of_nodes_does_not_matter(variant: str) -> None:
    data, net = graph(), network(variant)
    order = torch.randperm(SIZE, generator=torch.Generator().manual_seed(2))
    other = network(variant, labels=LABELS[order])
    place = order.argsort()
    out = net(data.x, data.edge_index, data.edge_weight)
    moved = other(data.x[order], place[data.edge_index], data.edge_weight)
    assert_close(moved, out[order])
    one = net.losses(net.below(data.x, data.edge_index))
    two = other.losses(other.below(data.x[order], place[data.edge_index]))
    assert_close(torch.stack(two), torch.stack(one))


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_differentiable(variant: str) -> None:
    data, net = graph(), network(variant)

    def f(x: torch.Tensor) -> torch.Tensor:
        return net(x, data.edge_index, data.edge_weight)

    assert torch.autograd.gradcheck(f, data.x.requires_grad_())


@pytest.mark.parametrize("variant", VARIANTS)
def test_labels_of_other_nodes_are_not_read(variant: str) -> None:
    data = csbm(30, 4.0, 6, phi=0.5, epsilon=1.0, seed=0)
    split = make_split(data, "five-fold", 1)
    settings = ForwardSettings(variant=variant, num_layers=2, hidden_channels=4)
    outs = []
    for y in (data.y, torch.where(split.train_mask, data.y, 1 - data.y)):
        changed = Data(x=data.x, edge_index=data.edge_index, y=y)
        torch.manual_seed(0)
        net = settings.network(Inputs(in_channels=6, out_channels=2, data=changed, split=split))
        net.depth = 2
        outs.append(net(data.x, data.edge_index))
    assert torch.equal(*outs)
    bare = ForwardGNN(6, 4, 2, variant=variant)
    below = bare.below(data.x, data.edge_index)
    if not variant.startswith("ff"):
        assert below.copies[0].edge_index.size(1) == data.num_edges
    with pytest.raises(ValueError, match="labels: no class is known"):
        bare.losses(below)


def test_labels_and_depth_belong_to_the_state() -> None:
    data, net = graph(), network("sf", depth=1)
    other = ForwardGNN(5, 4, CLASSES, num_layers=3, labels=torch.full((SIZE,), -1)).double()
    other.load_state_dict(net.state_dict())
    assert other.depth == 1
    assert torch.equal(other(data.x, data.edge_index), net(data.x, data.edge_index))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'top2loss'"):
        ForwardGNN(4, 8, 3, variant="top2los")
    with pytest.raises(ValueError, match="temperature: got 0"):
        ForwardGNN(4, 8, 3, temperature=0)
    with pytest.raises(ValueError, match="out_channels: got 1, expected a whole number of at lea"):
        ForwardGNN(4, 8, 1)
    with pytest.raises(ValueError, match="depth: got 3, expected at most num_layers=2"):
        ForwardGNN(4, 8, 3, depth=3)
    with pytest.raises(ValueError, match="depth: got 1, top2loss trains all layers at once"):
        ForwardGNN(4, 8, 3, variant="top2loss", depth=1)
    for labels in (torch.tensor([0, 3]), torch.tensor([[0]]), torch.tensor([-2])):
        with pytest.raises(ValueError, match=r"expected \[N\] of -1 to 2"):
            ForwardGNN(4, 8, 3, labels=labels)
    with pytest.raises(TypeError, match=r"labels: got torch\.float32"):
        ForwardGNN(4, 8, 3, labels=torch.zeros(4))
    data = graph()
    with pytest.raises(ValueError, match="labels: are of 1 nodes, x has 8"):
        ForwardGNN(5, 8, 3, labels=torch.tensor([0])).double()(data.x, data.edge_index)
    with pytest.raises(ValueError, match="edge_weight: SAGEConv has no use for weights"):
        network("sf", conv="sage")(data.x, data.edge_index, data.edge_weight)


def test_settings_become_the_network() -> None:
    data = csbm(20, 4.0, 6, phi=0.5, epsilon=1.0, seed=0)
    inputs = Inputs(in_channels=6, out_channels=2, data=data, split=make_split(data, "five-fold"))
    net = ForwardSettings(conv="gat", num_layers=3).network(inputs)
    assert repr(net) == "ForwardGNN(6, 128, 2, num_layers=3, conv='gat', labels=[20], depth=1)"
    assert isinstance(net.convs, nn.ModuleList)
    assert ForwardSettings(variant="top2input", num_layers=3).network(inputs).depth == 3
    with pytest.raises(ValueError, match="model: ForwardGNN learns the classes of the nodes of o"):
        ForwardSettings().network(dataclasses.replace(inputs, data=None))
