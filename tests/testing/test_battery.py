"""The battery over PyG's own layers, and what it says when something fails."""

from typing import ClassVar

import pytest
import torch
from torch_geometric.nn import MLP, ChebConv, GATConv, GCNConv, GINConv, GraphConv, SAGEConv

from graphpoly.testing import (
    ComplianceError,
    check_layer,
    parametrize_with_checks,
    properties,
)

SIZES_ONLY = "repr prints the sizes and few of the options"
IGNORED = "the values win and edge_weight is ignored without a word"
TORCHS_WORDS = "what does not fit fails in torch, in its words"
FITS = {"constructor_errors": TORCHS_WORDS, "feature_errors": TORCHS_WORDS}
DENSE_ONLY = "forward computes on edge_index alone and takes no sparse matrix"
NO_CSC = "a matrix in CSC is refused, or its values get no gradient"

# Where PyG's layers deviate from the contract, and how. Each is expected to fail.
EXCLUDED = {
    "GCNConv": {
        **FITS,
        "zero_weight_loops": "a node that has a loop keeps it, also one of weight 0",
        "repr": SIZES_ONLY,
        "adjacency_forms": "a node that has a loop gets a second one in adj_t, not in edge_index",
        "sparse_weights": "a node that has a loop gets a second one in adj_t, not in edge_index",
        "sparse_gradients": NO_CSC,
        "weights_given_twice": IGNORED,
        "degenerate_graphs": "the gradient of deg^-1/2 is NaN at a node whose weights are zero",
    },
    "SAGEConv": {**FITS, "repr": SIZES_ONLY},
    "GATConv": {
        **FITS,
        "repr": SIZES_ONLY,
        "adjacency_forms": NO_CSC,
        "third_argument": "edge_attr is ignored without edge_dim",
    },
    "GINConv": {"feature_errors": TORCHS_WORDS},
    "ChebConv": {
        **FITS,
        "message_passing_arguments": "degrees are those of the sources, whatever the flow",
        "num_hops": "K - 1 hops, which no attribute tells",
        "adjacency_forms": DENSE_ONLY,
        "sparse_weights": DENSE_ONLY,
        "sparse_gradients": DENSE_ONLY,
        "weights_given_twice": "adj_t fails an assertion that has no message",
        "degenerate_graphs": "the gradient of deg^-1/2 is NaN at a node whose weights are zero",
        "tuple_input": "a tuple dies with an AttributeError",
        "hetero_conv": "a tuple dies with an AttributeError",
        "lazy_init": "the third and further linear maps are called past the hook that sizes them",
    },
    "GraphConv": {
        **FITS,
        "repr": "aggr is not printed",
        "sparse_gradients": NO_CSC,
        "weights_given_twice": IGNORED,
    },
}


def gin():
    return GINConv(MLP([8, 8, 4], norm=None))


LAYERS = [
    lambda: GCNConv(8, 4),
    lambda: SAGEConv(8, 4),
    lambda: GATConv(8, 4, heads=2),
    gin,
    lambda: ChebConv(8, 4, K=3),
    lambda: GraphConv(8, 4),
]


@parametrize_with_checks(LAYERS, exclude=EXCLUDED)
def test_layers_of_pyg(check):
    check()


class SignedConv(GraphConv):
    """Depends on the order of its edges, and says that it does."""

    compliance_exceptions: ClassVar[dict[str, str]] = {"edge_order": "the first edge is the root's"}

    def forward(self, x, edge_index, edge_weight=None):
        out = super().forward(x, edge_index, edge_weight)
        return out + edge_index[:, :1].sum()


class WrongTwiceConv(GraphConv):
    def forward(self, x, edge_index, edge_weight=None):
        return super().forward(x, edge_index, edge_weight) * x.size(0)


def signed():
    return SignedConv(8, 4)


def test_the_report_tells_passed_excluded_and_not_applicable_apart():
    names = ["edge_order", "output", "cache", "repr"]
    report = check_layer(signed, only=names, exclude={"repr": "aggr is not printed"})
    assert report.layer == "SignedConv"
    assert report.passed == ["output"]
    assert report.excluded == {
        "edge_order": "the first edge is the root's",
        "repr": "aggr is not printed",
    }
    assert report.not_applicable == {"cache": "the layer has no argument cached"}
    assert report.failed == {}
    text = str(report)
    assert text.startswith("SignedConv: 1 of 4 properties hold")
    assert "excluded: the first edge is the root's" in text


def test_every_failure_is_named_with_what_and_by_how_much():
    with pytest.raises(ComplianceError) as caught:
        check_layer(lambda: WrongTwiceConv(8, 4), only=["batch", "edge_order", "tuple_input"])
    report = caught.value.report
    assert set(report.failed) == {"batch", "tuple_input"}
    assert report.passed == ["edge_order"]
    lines = str(caught.value).splitlines()
    assert lines[0] == "WrongTwiceConv breaks 2 of 3 properties"
    assert lines[1].startswith("- batch: no_edges: in a batch and alone: 16 of 16 values differ")
    assert lines[2] == f"  (promised: {properties()['batch']})"
    assert lines[3] == (
        "- tuple_input: refused with an unclear AttributeError: "
        "'tuple' object has no attribute 'size'"
    )


def test_names_are_checked():
    for wrong in ({"exclude": ["edge_ordr"]}, {"only": ["edge_ordr"]}):
        with pytest.raises(ValueError, match="did you mean 'edge_order'"):
            check_layer(signed, **wrong)
    with pytest.raises(TypeError, match="expected a list or a mapping"):
        check_layer(signed, exclude="repr")
    with pytest.raises(ValueError, match="did you mean 'SignedConv'"):
        parametrize_with_checks([signed], exclude={"SignedCnv": {"repr": "?"}})


def test_an_instance_and_a_factory_give_the_same_report():
    names = ["node_permutation", "edge_order", "state_dict"]
    reports = [check_layer(layer, only=names) for layer in (GraphConv(8, 4), LAYERS[-1])]
    assert reports[0] == reports[1]


def test_the_global_generator_is_left_alone():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    check_layer(LAYERS[0], only=["output", "train_seed", "node_permutation"])
    assert torch.equal(state, torch.get_rng_state())


def test_one_test_for_each_layer_and_property():
    mark = parametrize_with_checks(
        [signed, LAYERS[0]], exclude={"GCNConv": EXCLUDED["GCNConv"]}
    ).mark
    parameters = {parameter.id: parameter for parameter in mark.args[1]}
    assert len(parameters) == 2 * len(properties())
    assert "GCNConv-edge_order" in parameters
    expected_to_fail = {name for name, parameter in parameters.items() if parameter.marks}
    assert expected_to_fail == {f"GCNConv-{name}" for name in EXCLUDED["GCNConv"]} | {
        "SignedConv-edge_order"
    }
    (xfail,) = parameters["SignedConv-edge_order"].marks
    assert xfail.kwargs["strict"]  # an exclusion whose cause is gone fails
    with pytest.raises(ComplianceError, match="SignedConv breaks 1 of 1 property\n- edge_order"):
        parameters["SignedConv-edge_order"].values[0]()


def test_each_property_is_a_sentence():
    assert len(properties()) >= 25
    for name, sentence in properties().items():
        assert name.isidentifier()
        assert sentence.endswith("."), name
