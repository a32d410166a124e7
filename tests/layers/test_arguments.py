"""What is typed wrongly is answered by its name."""

import inspect

import pytest
import torch

from graphpoly.layers import (
    BernConv,
    FavardConv,
    FEConv,
    GPRConv,
    MatrixFunctionConv,
    PathConv,
    PDFConv,
    PLaplacianConv,
    PolynormerConv,
    SheafConv,
)
from graphpoly.models import PPGN, PathNN, SCRaWl
from graphpoly.registry import entries
from graphpoly.testing.subject import Subject

EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
LAYERS = {entry.name: entry for entry in entries("layer")}
NORMALISED = [
    name
    for name, entry in LAYERS.items()
    if "normalization" in inspect.signature(entry.obj).parameters
]


@pytest.mark.parametrize("name", LAYERS)
def test_every_argument_stands_in_the_signature_and_in_the_docstring(name):
    layer = LAYERS[name].obj
    parameters = inspect.signature(layer).parameters.values()
    assert [p.name for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)] == []
    listed = inspect.getdoc(layer).split("Args:")[1].split("Shapes:")[0]
    assert [p.name for p in parameters if f"    {p.name}: " not in listed] == []


@pytest.mark.parametrize("name", LAYERS)
def test_a_misspelled_argument_is_answered_with_the_nearest_one(name):
    layer = LAYERS[name].obj
    last = list(inspect.signature(layer).parameters)[-1]
    with pytest.raises(
        TypeError, match=f"{name}: unknown argument '{last}s'; did you mean '{last}'"
    ):
        layer(8, 12, **{f"{last}s": 1})


@pytest.mark.parametrize("name", LAYERS)
def test_arguments_of_message_passing_are_refused(name):
    for wrong in ({"aggr": "max"}, {"flow": "target_to_source"}, {"node_dim": 1}):
        (argument,) = wrong
        with pytest.raises(TypeError, match=f"{name}: {argument} is an argument of MessagePassing"):
            LAYERS[name].obj(8, 12, **wrong)


def test_what_is_far_from_every_name_is_answered_with_all_of_them():
    with pytest.raises(TypeError, match="PathConv: unknown argument 'qqq'; it takes in_channels, "):
        PathConv(8, 4, qqq=1)


@pytest.mark.parametrize("name", NORMALISED)
def test_normalize_says_what_normalization_says(name):
    layer, usual = LAYERS[name].obj, "augmented" if "Sheaf" in name else "sym"
    default = inspect.signature(layer).parameters["normalization"].default
    if name == "ConvergentConv":  # without degrees it would not contract
        with pytest.raises(ValueError, match="unknown normalization 'None'; known: rw, sym"):
            layer(8, 12, normalize=False)
        usual = default
    else:
        assert layer(8, 12, normalize=False).normalization is None
        assert layer(8, 12, normalization=None, normalize=True).normalization == usual
    assert layer(8, 12, normalize=True).normalization == usual
    assert layer(8, 12).normalization == default
    with pytest.raises(TypeError, match="normalize: got 'sym'"):
        layer(8, 12, normalize="sym")
    with pytest.raises(ValueError, match="unknown normalization"):
        layer(8, 12, normalization="left")


def test_normalize_reaches_the_operator():
    x = torch.randn(3, 4)
    torch.manual_seed(0)
    plain = GPRConv(4, 4, K=1, normalize=False)
    torch.manual_seed(0)
    named = GPRConv(4, 4, K=1, normalization=None)
    assert torch.equal(plain(x, EDGES), named(x, EDGES))


def test_sizes_that_are_none():
    for layer in (FavardConv, BernConv, FEConv):
        with pytest.raises(TypeError, match=r"K: got 2.5, expected an order"):
            layer(8, 4, K=2.5)
    for layer in (FavardConv, MatrixFunctionConv, SheafConv, PathConv, PolynormerConv):
        with pytest.raises(TypeError, match=r"in_channels: got \(8, 8\), .* bipartite"):
            layer((8, 8), 4)
        with pytest.raises(ValueError, match="out_channels: got 0, expected a whole number"):
            layer(8, 0)


def test_what_a_lazy_layer_has_seen_is_its_width():
    for layer in (FavardConv, FEConv, MatrixFunctionConv, PLaplacianConv, PDFConv, SheafConv):
        conv = layer(-1, 4)
        conv(torch.randn(3, 5), EDGES)
        with pytest.raises(ValueError, match=r"x: got shape \[3, 6\], expected \[N, 5\]"):
            conv(torch.randn(3, 6), EDGES)


def test_several_signals_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"x: got shape \[2, 3, 8\], .* one signal on the graph"):
        FavardConv(8, 4)(torch.randn(2, 3, 8), EDGES)


def test_weights_are_not_taken_for_the_batch():
    with pytest.raises(TypeError, match=r"batch: got torch.float32, .* edge_weight="):
        PolynormerConv(8, 8)(torch.randn(3, 8), EDGES, torch.ones(4))


def test_the_length_of_paths_has_one_name():
    assert PathConv(4, 4, K=3).K == PathNN(4, 4, 4, K=3).conv.K == 3
    assert repr(PathConv(4, 4, K=3)) == "PathConv(4, 4, K=3)"


OF_EDGES = {
    **{f"layer-{name}": entry for name, entry in LAYERS.items()},
    **{f"model-{entry.name}": entry for entry in entries("model")},
    "PathConv": lambda: PathConv(8, 4, K=2, edge_dim=3),
    "PathNN": lambda: PathNN(8, 4, 2, edge_dim=3),
    "PPGN": lambda: PPGN(8, 4, 2, edge_dim=3),
    "SCRaWl": lambda: SCRaWl(8, 4, 2, edge_dim=3, walk_length=4, window=2),
}


@pytest.mark.parametrize("name", OF_EDGES)
def test_features_of_more_or_fewer_edges_are_refused(name):
    try:
        subject = Subject(OF_EDGES[name])
    except ValueError as error:
        pytest.skip(str(error))
    if "edge_attr" not in subject.takes:
        pytest.skip("forward takes no edge_attr")
    layer, data = subject.layer(dtype=torch.float64), subject.graph("erdos_renyi")
    attr = data.edge_attr
    subject.call(layer, data)
    for wrong in (attr[:-1], attr[:0], torch.cat([attr, attr[:1]]), torch.cat([attr, attr])):
        with pytest.raises(ValueError, match="edge_attr: got"):
            subject.call(layer, data, edge_attr=wrong)
