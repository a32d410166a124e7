"""What is edited in place before the backward pass is an error, or the gradient is right."""

import copy

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphpoly.acceleration import accelerate
from graphpoly.testing import assert_close

pytestmark = pytest.mark.usefixtures("sooner")

WIDTH, NODES = 6, 30
PAIRS = torch.randint(NODES, (2, 100), generator=torch.Generator().manual_seed(0))
DEGREES = torch.bincount(torch.bincount(PAIRS[1], minlength=NODES))
SIZES = (WIDTH, WIDTH, 2)


def perceptron():
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))


WEIGHTED = {
    "APPNP": lambda: pyg.APPNP(3, 0.2),
    "Cheb": lambda: pyg.ChebConv(WIDTH, WIDTH, 3),
    "GCN": lambda: pyg.GCNConv(WIDTH, WIDTH),
    "GCN without degrees": lambda: pyg.GCNConv(WIDTH, WIDTH, normalize=False),
    "GraphConv": lambda: pyg.GraphConv(WIDTH, WIDTH),
    "GraphConv max": lambda: pyg.GraphConv(WIDTH, WIDTH, aggr="max"),
    "SG": lambda: pyg.SGConv(WIDTH, WIDTH, 2),
    "TAG": lambda: pyg.TAGConv(WIDTH, WIDTH, 2),
    "network of GCN": lambda: pyg.GCN(*SIZES),
}
LAYERS = WEIGHTED | {
    "GAT": lambda: pyg.GATConv(WIDTH, WIDTH // 2, heads=2),
    "GATv2": lambda: pyg.GATv2Conv(WIDTH, WIDTH // 2, heads=2),
    "GIN": lambda: pyg.GINConv(perceptron(), train_eps=True),
    "GIN max": lambda: pyg.GINConv(perceptron(), aggr="max"),
    "GIN of a MLP": lambda: pyg.GINConv(pyg.MLP([WIDTH, WIDTH, WIDTH])),
    "GIN of nothing": lambda: pyg.GINConv(nn.Identity(), train_eps=True),
    "PNA": lambda: pyg.PNAConv(
        WIDTH, WIDTH, ["mean", "max", "std"], ["identity", "amplification"], DEGREES
    ),
    "SAGE": lambda: pyg.SAGEConv(WIDTH, WIDTH),
    "SAGE max": lambda: pyg.SAGEConv(WIDTH, WIDTH, aggr="max", project=True),
    "Transformer": lambda: pyg.TransformerConv(WIDTH, WIDTH // 2, heads=2, beta=True),
    "network of GAT": lambda: pyg.GAT(*SIZES, heads=2),
    "network of GIN": lambda: pyg.GIN(*SIZES, norm="batch_norm"),
    "network of SAGE": lambda: pyg.GraphSAGE(*SIZES),
}
EDITS = {  # of what went in, what came out and the weights; and the same without an edit
    "h += conv(h)": (lambda h, out, w: h.add_(out), lambda h, out, w: h + out),
    "h = 0": (lambda h, out, w: h.zero_() + out, lambda h, out, w: out),
    "out *= 2": (lambda h, out, w: h + out.mul_(2), lambda h, out, w: h + 2 * out),
    "relu_(out)": (lambda h, out, w: h + out.relu_(), lambda h, out, w: h + out.relu()),
    "w *= 2": (lambda h, out, w: out * w.mul_(2).sum(), lambda h, out, w: out * 2 * w.sum()),
}


def step(layer, weighted, edit):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(NODES, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()
    w = torch.rand(100, generator=generator, dtype=torch.float64).requires_grad_()
    h, weight = x * 1.0, w * 1.0
    out = edit(h, layer(h, PAIRS, weight) if weighted else layer(h, PAIRS), weight)
    leaves = [x, w, *layer.parameters()]
    grads = torch.autograd.grad(out.sin().sum(), leaves, materialize_grads=True, allow_unused=True)
    return [out.detach().clone(), *grads]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    ("name", "weighted"), [(name, False) for name in LAYERS] + [(name, True) for name in WEIGHTED]
)
def test_gradients_are_right_or_an_error_says_so(name, weighted, train, edit):
    torch.manual_seed(0)
    plain = LAYERS[name]().double().train(train)
    layer = copy.deepcopy(plain)
    assert accelerate(layer).accelerated
    edited, apart = EDITS[edit]
    expected = step(plain, weighted, apart)
    try:
        found = step(layer, weighted, edited)
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
        return
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, kind="accumulated")
