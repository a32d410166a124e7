from __future__ import annotations

import math
from pathlib import Path

import networkx as nx
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphpoly.kernels import GNTK, draw_landmarks, nystrom
from graphpoly.testing import assert_close
from tests.kernels.wide import check_limit, gradients, labelled, normal, plain_gntk, zoo


@pytest.mark.parametrize(
    ("layers", "mlp", "jumping", "scaling"),
    [(1, 1, False, "uniform"), (2, 2, True, "degree"), (3, 1, True, "uniform")],
)
def test_the_recursion_is_the_papers(layers: int, mlp: int, jumping: bool, scaling: str) -> None:
    multiple = nx.MultiGraph([(0, 1), (0, 1), (1, 2), (2, 2)])  # each edge is a term of its own
    graphs = [*zoo(), labelled(multiple, 8)]
    kernel = GNTK(layers, mlp, jumping_knowledge=jumping, scaling=scaling)(graphs)
    expected = torch.tensor(
        [[plain_gntk(g, h, layers, mlp, jumping, scaling) for h in graphs] for g in graphs],
        dtype=torch.float64,
    )
    assert (kernel - expected).abs().max() <= 1e-12 * expected.abs().max()
    assert_close(kernel, expected)


def test_features_that_no_two_nodes_share() -> None:
    graphs = [labelled(nx.gnp_random_graph(6, 0.5, seed=s), s) for s in range(2)]
    for graph in graphs:
        graph.x = torch.randn(graph.num_nodes, 4, dtype=torch.float64)
    expected = [[plain_gntk(g, h, 2, 1, False, "uniform") for h in graphs] for g in graphs]
    assert_close(GNTK(2)(graphs), torch.tensor(expected, dtype=torch.float64))


def network(graphs: list[Data], width: int, draws: int) -> Tensor:
    """Gradients of two blocks of one perceptron layer, with a readout before and after each."""
    weights = normal(draws, (3, width), (width, width), (3, 1), (width, 1), (width, 1))
    outputs = []
    for graph in graphs:
        step = torch.eye(graph.num_nodes, dtype=torch.float64)
        step[graph.edge_index[1], graph.edge_index[0]] = 1
        x = graph.x
        out = (x @ weights[2]).sum((1, 2))
        for block in range(2):
            x = math.sqrt(2 / width) * torch.relu(step @ x @ weights[block])
            out = out + (x @ weights[3 + block]).sum((1, 2))
        outputs.append(out)
    return gradients(outputs, weights)


def test_it_is_the_limit_of_wide_networks() -> None:
    graphs = zoo()[3:6]
    exact = GNTK(2, jumping_knowledge=True)(graphs)
    check_limit(lambda width, draws: network(graphs, width, draws), exact)


@pytest.mark.parametrize("normalize", [False, True])
def test_parts_do_not_matter(normalize: bool) -> None:
    graphs = zoo()
    whole = GNTK(2, normalize=normalize)
    kernel = whole(graphs)
    for size in (1, 6):
        parted = GNTK(2, normalize=normalize, block_size=size)
        assert_close(parted(graphs), kernel)
        assert_close(parted(graphs[:3], graphs[3:]), kernel[:3, 3:])
    assert len(GNTK(2, block_size=1).unfold(graphs)) == len(graphs)
    assert torch.equal(whole(Batch.from_data_list(graphs)), kernel)
    pairwise = [[float(whole([g], [h])) for h in graphs[3:6]] for g in graphs[3:6]]
    assert_close(kernel[3:6, 3:6], torch.tensor(pairwise, dtype=torch.float64))
    if normalize:
        assert_close(kernel.diagonal(), torch.ones(len(graphs), dtype=torch.float64))


def test_symmetric_and_positive_and_blind_to_the_order_of_nodes() -> None:
    graphs = zoo()
    kernel = GNTK(3, 2, scaling="degree")(graphs)
    assert torch.equal(kernel, kernel.T)
    assert torch.linalg.eigvalsh(kernel).min() > -1e-12 * kernel.diagonal().max()
    turned = []
    for graph in graphs:
        order = torch.randperm(graph.num_nodes)
        place = order.argsort()
        turned.append(Data(x=graph.x[order], edge_index=place[graph.edge_index]))
    assert_close(GNTK(3, 2, scaling="degree")(turned), kernel)
    assert_close(GNTK(3, 2, scaling="degree")(graphs, turned), kernel)


def test_one_node_in_closed_form() -> None:
    # variances stay: each perceptron layer adds |x|^2, each aggregation does nothing
    node = Data(x=torch.tensor([[2.0, 1.0]]), edge_index=torch.empty(2, 0, dtype=torch.int64))
    assert GNTK(3, 2)([node]).tolist() == [[pytest.approx(5.0 * 7, rel=1e-15)]]
    zero = Data(x=torch.zeros(1, 2), edge_index=node.edge_index)
    assert GNTK(3, 2, normalize=True)([node, zero]).tolist() == [
        [pytest.approx(1.0, rel=1e-15), 0],
        [0, 0],
    ]


def test_graphs_that_refinement_cannot_tell_apart_have_one_row() -> None:
    pair = [nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))]
    kernel = GNTK(3)([labelled(graph, 0, 1) for graph in pair])
    assert kernel.unique().numel() == 1
    assert GNTK(3).unfold([labelled(graph, 0, 1) for graph in pair])[0].sizes == [1] * 4


def test_all_graphs_as_landmarks_give_the_kernel() -> None:
    graphs = zoo()
    kernel, everyone = GNTK(2)(graphs), draw_landmarks(len(graphs), 100)
    features = nystrom(GNTK(2)(graphs, graphs), everyone)
    assert_close(features @ features.T, kernel, kind="accumulated")
    some = draw_landmarks(len(graphs), 3, seed=1)
    assert torch.equal(some, draw_landmarks(len(graphs), 3, seed=1))
    features = nystrom(GNTK(2)(graphs, [graphs[i] for i in some]), some)
    assert_close((features @ features.T)[some], kernel[some], kind="accumulated")


def test_scikit_learn_takes_it() -> None:
    from sklearn.base import clone
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    graphs, y = zoo(), [0, 0, 1, 1, 0, 1, 1, 0]
    kernel = GNTK(2, normalize=True)
    twin = clone(kernel)
    assert repr(twin) == repr(kernel)
    assert twin.set_params(num_layers=3).get_params()["num_layers"] == 3
    machine = make_pipeline(kernel, SVC(kernel="precomputed", C=100)).fit(graphs[:6], y[:6])
    alone = SVC(kernel="precomputed", C=100).fit(kernel(graphs[:6]).numpy(), y[:6])
    rows = kernel(graphs[6:], graphs[:6]).numpy()
    assert machine.predict(graphs[6:]).tolist() == alone.predict(rows).tolist()
    ridge = make_pipeline(kernel, KernelRidge(alpha=1e-3, kernel="precomputed")).fit(graphs, y)
    gram = kernel(graphs)
    solved = gram @ torch.linalg.solve(
        gram + 1e-3 * torch.eye(8, dtype=torch.float64), torch.tensor(y).double()
    )
    assert_close(torch.from_numpy(ridge.predict(graphs)), solved, kind="accumulated")


def test_mistakes_are_told_in_one_line() -> None:
    graphs = zoo()
    bare = Data(edge_index=graphs[0].edge_index, num_nodes=1)
    wide = Data(x=torch.ones(1, 5), edge_index=graphs[0].edge_index)
    astray = Data(x=torch.ones(1, 3), edge_index=torch.tensor([[0], [1]]))
    broken = Data(x=torch.full((1, 3), math.nan), edge_index=graphs[0].edge_index)
    for given, message in {
        "bare": ([graphs[0], bare], r"graphs\[1\]\.x: got none"),
        "wide": ([graphs[0], wide], r"graphs\[1\]\.x: got 5 columns, graphs\[0\] has 3"),
        "astray": ([astray, graphs[0]], "leaves its graph"),
        "broken": ([broken], "NaN"),
        "none": ([], "got none"),
    }.values():
        with pytest.raises(ValueError, match=message):
            GNTK()(given)
    with pytest.raises(ValueError, match="x: got 3 and 5 columns"):
        GNTK()(graphs, [wide])
    with pytest.raises(TypeError, match=r"graphs\[0\]: got int"):
        GNTK()([1])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="one Data"):
        GNTK()(graphs[0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="did you mean 'degree'"):
        GNTK(scaling="degre")
    for name in ("num_layers", "num_mlp_layers", "block_size"):
        with pytest.raises(ValueError, match=name):
            GNTK(**{name: 0})
    with pytest.raises(ValueError, match="call fit"):
        GNTK().transform(graphs)
    with pytest.raises(ValueError, match="unknown argument of GNTK 'layers'"):
        GNTK().set_params(layers=3)


@pytest.mark.data
def test_molecules(data_root: Path) -> None:
    from graphpoly.data import load_tu

    graphs = load_tu("MUTAG", data_root)
    kernel = GNTK(2, 2)(graphs)
    for g, h in ((0, 1), (187, 187)):
        expected = plain_gntk(graphs[g], graphs[h], 2, 2, False, "uniform")
        assert_close(kernel[g, h], expected)
