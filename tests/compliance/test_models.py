"""Every registered model prints, saves, repeats and batches as a layer does.

Baselines, which are other people's networks, are asked for nothing.
"""

from __future__ import annotations

import inspect

import pytest
import torch

from graphpoly.models import (
    EGNN,
    GRAFENNE,
    GSPN,
    MPNN,
    AlgorithmNet,
    CoGNN,
    ComparatorNet,
    GraphMamba,
    GraphViT,
    MatrixFunctionGNN,
    PathNN,
    PDFNet,
    PointerNetwork,
    SheafNN,
    UniFilterGNN,
)
from graphpoly.registry import entries
from graphpoly.testing import (
    ComplianceError,
    check_model,
    model_properties,
    parametrize_with_checks,
    properties,
)
from graphpoly.testing.battery import check_subject
from graphpoly.testing.models import _listed
from graphpoly.testing.networks import network

# what is asked of layers, too; an exception that a class declares is expected to fail
PROPERTIES = [name for name in model_properties() if name in properties()]
OF_NETWORKS = [name for name in model_properties() if name not in properties()]


def scores_pairs(entry):
    return "pairs" in inspect.signature(entry.obj.forward).parameters


def reads_answers(entry):
    return not {"pointer", "steps"}.isdisjoint(inspect.signature(entry.obj.forward).parameters)


MODELS = entries("model")
OTHERS = [each for each in MODELS if scores_pairs(each) or reads_answers(each)]
HINTS = {"to": "pointer", "reached": "mask", "length": "value", "least": "graph"}
FORMS = {
    "AlgorithmNet(lstm)": lambda: AlgorithmNet(2, 6, hints=HINTS, aggregation="lstm"),
    "AlgorithmNet(mark)": lambda: AlgorithmNet(2, 6, hints=HINTS, answer="mark"),
    "AlgorithmNet(no pointers)": lambda: AlgorithmNet(
        2, 6, hints={"index": "mask", "batch": "value"}, answer="mark"
    ),
    "AlgorithmNet(weighted)": lambda: AlgorithmNet(2, 6, hints=HINTS, weighted=True),
    "AlgorithmNet(weighted lstm)": lambda: AlgorithmNet(
        2, 6, hints=HINTS, weighted=True, aggregation="lstm"
    ),
    "CoGNN(pool)": lambda: CoGNN(8, 4, 2, 2, pooling="mean"),
    "CoGNN(gin)": lambda: CoGNN(8, 4, 2, 1, action_base="gin", pooling="sum"),
    "ComparatorNet(pool)": lambda: ComparatorNet(8, 4, 2, pool="mean"),
    "EGNN(pool)": lambda: EGNN(8, 4, 2, pool="add"),
    "EGNN(positions)": lambda: EGNN(8, 4, num_layers=2, velocity=True, normalize=True, tanh=True),
    "GRAFENNE(pool)": lambda: GRAFENNE(4, 2, heads=2, pool="max"),
    "GSPN(pool)": lambda: GSPN(8, 4, 3, pool="mean"),
    "GraphMamba(pool)": lambda: GraphMamba(8, 4, 2, expand=1, states=2, walk_length=2, pool="mean"),
    "GraphViT(pool)": lambda: GraphViT(
        8, 8, 2, num_layers=1, mixer_layers=1, num_patches=3, heads=2, method="random", pool="max"
    ),
    "MatrixFunctionGNN(pool)": lambda: MatrixFunctionGNN(
        8, 4, 2, matrices=2, poles=2, readout="product", pool="mean"
    ),
    "MPNN(pool)": lambda: MPNN(8, 4, 2, master_channels=2, readout="set2set"),
    "MPNN(one step)": lambda: MPNN(8, 4, 2, readout="set2set", set2set_steps=1),
    "PathNN(pool)": lambda: PathNN(8, 4, 2, readout="mean"),
    "PDFNet(pool)": lambda: PDFNet(8, 4, 2, num_layers=2, powers=(1, 2), hops=None, pool="max"),
    "PointerNetwork(any)": lambda: PointerNetwork(8, 8, visits="any"),
    "PointerNetwork(graph)": lambda: PointerNetwork(8, 8, num_layers=2, encoder="graph"),
    "PointerNetwork(graph, all)": lambda: PointerNetwork(8, 8, encoder="graph", visits="all"),
    "SheafNN(general)": lambda: SheafNN(8, 8, 4, 2, maps="general", edge_strength=True),
    "UniFilterGNN(norm)": lambda: UniFilterGNN(8, 4, 2, K=2, norm=True),
}
EVERY = {**FORMS, **{each.name: each for each in MODELS}}


@parametrize_with_checks([each for each in MODELS if each not in OTHERS], only=PROPERTIES)
def test_model(check):
    check()


@pytest.mark.parametrize("entry", MODELS, ids=lambda each: each.name)
def test_batches_and_files(entry):
    check_model(entry, only=OF_NETWORKS)


# what is in one of the others as well
REPEATED = ("AlgorithmNet(lstm)", "AlgorithmNet(weighted)")
FURTHER = [*FORMS, *(each.name for each in OTHERS)]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in REPEATED)) for name in FURTHER],
)
def test_further_forms_and_networks_of_pairs_answers_and_problems(name):
    check_model(EVERY[name])


# of the others `parametrize_with_checks` says it
@pytest.mark.parametrize("name", FURTHER)
def test_no_exception_outlives_its_cause(name):
    subject = network(EVERY[name])
    declared, subject.exceptions = subject.exceptions, {}
    for each in declared.keys() & model_properties().keys():
        try:
            held = check_subject(subject, _listed(), only=[each]).passed
        except ComplianceError:
            continue
        assert not held  # it may say nothing of a form


@pytest.fixture(params=[each for each in MODELS if scores_pairs(each)], ids=lambda each: each.name)
def link_model(request):
    """A network that scores pairs, with what it reads."""
    torch.manual_seed(0)
    net = request.param.example()
    edge_index = torch.tensor([[0, 1, 1, 2, 2, 3, 0, 3], [1, 0, 2, 1, 3, 2, 3, 0]])
    x = torch.randn(6, net.in_channels)
    return net, (x, edge_index, torch.tensor([[0, 1, 4, 5], [2, 3, 5, 1]]))


def test_link_model_prints_what_builds_it(link_model):
    net, _ = link_model
    scope = {type(net).__name__: type(net)}
    again = eval(repr(net), scope)
    assert repr(again) == repr(net)


def test_link_model_saves_repeats_and_starts_anew(link_model):
    net, inputs = link_model
    net.eval()
    expected = net(*inputs)
    assert expected.shape == (4,)
    assert torch.equal(net(*inputs), expected)
    held = {name: value.clone() for name, value in net.state_dict().items()}
    net.reset_parameters()
    assert not torch.equal(net(*inputs), expected)
    net.load_state_dict(held)
    assert torch.equal(net(*inputs), expected)
    net(*inputs).sum().backward()
    assert [name for name, each in net.named_parameters() if each.grad is None] == []


def test_link_model_keeps_graphs_of_a_batch_apart(link_model):
    net, (x, edge_index, pairs) = link_model
    net.double().eval()
    x = x.double()
    both = net(
        torch.cat([x, -x]),
        torch.cat([edge_index, edge_index + 6], 1),
        torch.cat([pairs, pairs + 6], 1),
    )
    alone = torch.cat([net(x, edge_index, pairs), net(-x, edge_index, pairs)])
    torch.testing.assert_close(both, alone)


def test_link_model_names_what_is_wrong(link_model):
    net, (x, edge_index, pairs) = link_model
    with pytest.raises(TypeError, match="did you mean"):
        type(net)(8, 16, encodr="gcn")
    with pytest.raises(ValueError, match="x"):
        net(x[:, :-1], edge_index, pairs)
