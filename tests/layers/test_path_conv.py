import networkx as nx
import pytest
import torch
from torch import nn
from torch_geometric.nn import MessagePassing

from graphpoly.layers import PathConv
from graphpoly.ops import Paths, enumerate_paths, path_trie
from graphpoly.testing import check_layer, graph_zoo
from tests.compliance.forms import STAGES, stage
from tests.ops.test_enumerate_paths import edges

VARIANTS = [
    {"paths": "single"},
    {"paths": "shortest"},
    {"paths": "simple"},
    {"paths": "simple", "distances": True},
    {"paths": "simple", "distances": True, "edge_dim": 3},
    {"paths": "shortest", "edge_dim": 3, "reduce": "mean"},
]


def published(conv, x, edge_index, edge_attr):
    """The paper's layer, word for word: torch's own LSTM over every path from end to end."""
    (paths,) = enumerate_paths(
        edge_index, conv.K, x.size(0), paths=conv.paths, shortest=conv.K, distances=True
    )
    width = conv.out_channels
    token, columns = [x[paths.node.long()]], [conv.lin_node.weight]
    if conv.distances:
        token.append(conv.distance.weight[paths.distance.long()])
        columns.append(conv.lin_distance.weight)
    if conv.edge_dim is not None:
        carried = torch.zeros(*paths.node.shape, conv.edge_dim, dtype=x.dtype)
        for t in range(conv.K):
            for p in range(paths.num_paths):
                step = paths.node[t : t + 2, p] == edge_index.T
                carried[t + 1, p] = edge_attr[step.all(1)].mean(0)
        token.append(carried)
        columns.append(conv.lin_edge.weight)
    lstm = nn.LSTM(sum(part.size(-1) for part in token), width).to(x.dtype)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.cat(columns, dim=1))
        lstm.weight_hh_l0.copy_(conv.lin_state.weight)
        lstm.bias_ih_l0.copy_(conv.lin_node.bias)
        lstm.bias_hh_l0.zero_()
    out = x @ conv.lin.weight.T
    if paths.num_paths == 0:
        return out
    _, (state, _) = lstm(torch.cat(token, dim=-1))
    total = torch.zeros_like(out).index_add(0, paths.node[-1], state[0])
    if conv.reduce == "mean":
        count = torch.bincount(paths.node[-1], minlength=x.size(0)).clamp(min=1)
        total = total / count.unsqueeze(-1)
    return out + total


@pytest.mark.parametrize("arguments", VARIANTS)
@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_published_layer(arguments, length):
    conv = PathConv(5, 4, length, **arguments).double()
    for data in graph_zoo(
        names=["erdos_renyi", "directed", "duplicate_edges", "no_edges"]
    ).values():
        x = torch.randn(data.num_nodes, 5, dtype=torch.float64)
        attr = torch.randn(data.num_edges, 3, dtype=torch.float64)
        attr = attr if conv.edge_dim is not None else None
        torch.testing.assert_close(
            conv(x, data.edge_index, attr), published(conv, x, data.edge_index, attr)
        )


@pytest.mark.parametrize("arguments", VARIANTS)
def test_gradients_of_shared_beginnings_are_those_of_the_plain_form(arguments):
    conv = PathConv(5, 4, 3, **arguments).double()
    pairs = edges(nx.petersen_graph())
    attr = torch.randn(30, 3, dtype=torch.float64) if conv.edge_dim else None
    (paths,) = enumerate_paths(
        pairs, 3, 10, paths=conv.paths, shortest=1, distances=conv.distances
    )[2:]
    grads = []
    for share in (True, False):
        x = torch.linspace(-1, 1, 50, dtype=torch.float64).reshape(10, 5).requires_grad_()
        out = conv(x, pairs, attr, paths=path_trie(paths, share=share))
        grads.append(torch.autograd.grad((out**2).sum(), (x, *conv.parameters())))
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_each_beginning_is_read_once():
    pairs = edges(nx.complete_graph(6))
    for distances in (False, True):
        *_, paths = enumerate_paths(pairs, 3, 6, distances=distances)
        trie = path_trie(paths)
        for t, level in enumerate(trie.node):
            token = paths.node[: t + 1]
            if distances:
                token = torch.cat([token, paths.distance[: t + 1].int()])
            assert level.numel() == token.unique(dim=1).size(1)
        plain = path_trie(paths, share=False)
        assert [level.numel() for level in plain.node] == [paths.num_paths] * 4


def test_a_path_that_is_listed_twice_counts_twice():
    conv = PathConv(3, 3, 2)
    x = torch.randn(4, 3)
    pairs = torch.tensor([[0, 1, 2], [1, 2, 3]])
    node = torch.tensor([[0, 0, 1], [1, 1, 2], [2, 2, 3]])
    out = conv.aggregate(x, pairs, paths=Paths(node))
    once = conv.aggregate(x, pairs, paths=Paths(node[:, 1:]))
    torch.testing.assert_close(out[2], 2 * once[2])


@pytest.mark.parametrize("compiled", STAGES)
@pytest.mark.parametrize(
    "arguments", [*VARIANTS[1:3], *(pytest.param(v, marks=pytest.mark.slow) for v in VARIANTS[3:])]
)
def test_whole_battery(arguments, compiled):
    report = check_layer(lambda: PathConv(6, 4, 2, **arguments), only=stage(compiled))
    assert all(result.status != "excluded" for result in report.results)


@pytest.mark.parametrize("seed", [None, 3])
def test_the_single_path_variant_declares_its_one_exception(seed):
    report = check_layer(lambda: PathConv(6, 4, 2, paths="single", seed=seed), only=stage(False))
    assert [r.name for r in report.results if r.status == "excluded"] == ["node_permutation"]


def test_the_exception_is_real_and_the_only_reason_is_the_choice():
    """On a square two shortest paths join opposite corners, and the numbers decide."""
    pairs = edges(nx.cycle_graph(4))
    conv = PathConv(2, 3, 2, paths="single").double()
    x = torch.randn(4, 2, dtype=torch.float64)
    order = torch.tensor([2, 3, 0, 1])
    renamed = conv(x[order.argsort()], order[pairs])[order]
    assert (renamed - conv(x, pairs)).abs().max() > 1e-3
    tree = edges(nx.balanced_tree(2, 3))
    x = torch.randn(15, 2, dtype=torch.float64)
    order = torch.randperm(15)
    renamed = conv(x[order.argsort()], order[tree])[order]
    torch.testing.assert_close(renamed, conv(x, tree))


def test_explainers_reach_every_edge_of_a_path():
    conv = PathConv(3, 3, 2)
    assert isinstance(conv, MessagePassing)
    pairs = edges(nx.path_graph(3))
    x = torch.randn(3, 3)
    expected = conv(x, pairs)
    conv.explain, conv._apply_sigmoid = True, False
    conv._edge_mask = torch.ones(4)
    torch.testing.assert_close(conv(x, pairs), expected)
    conv._edge_mask = torch.tensor([0.5 if edge == [0, 1] else 1.0 for edge in pairs.T.tolist()])
    halved = conv(x, pairs)
    torch.testing.assert_close(halved[2] - x[2], 0.5 * (expected[2] - x[2]))
    torch.testing.assert_close(halved[0], expected[0])


def test_compiles_with_given_paths():
    conv = PathConv(4, 4, 2, paths="simple", distances=True, edge_dim=2)
    torch._dynamo.reset()
    compiled = torch.compile(conv, fullgraph=True, dynamic=True, backend="aot_eager")
    for n in (6, 9):
        pairs = edges(nx.gnp_random_graph(n, 0.5, seed=n))
        x, attr = torch.randn(n, 4), torch.randn(pairs.size(1), 2)
        for paths in enumerate_paths(pairs, 2, n, shortest=2, distances=True):
            expected = conv(x, pairs, attr)
            torch.testing.assert_close(compiled(x, pairs, attr, paths=path_trie(paths)), expected)


def test_refusals():
    x, pairs = torch.randn(3, 4), edges(nx.path_graph(3))
    with pytest.raises(ValueError, match="unknown paths 'simpel'"):
        PathConv(4, 4, paths="simpel")
    with pytest.raises(ValueError, match="K: got 0"):
        PathConv(4, 4, 0)
    with pytest.raises(ValueError, match="unknown reduce"):
        PathConv(4, 4, reduce="max")
    with pytest.raises(ValueError, match="edge_attr: got None"):
        PathConv(4, 4, edge_dim=2)(x, pairs)
    with pytest.raises(ValueError, match="without edge_dim"):
        PathConv(4, 4)(x, pairs, torch.randn(4, 2))
    with pytest.raises(ValueError, match="needs them"):
        PathConv(4, 4, distances=True)(x, pairs, paths=Paths(pairs))
    with pytest.raises(ValueError, match="length 2, the layer has 1"):
        PathConv(4, 4)(x, pairs, paths=enumerate_paths(pairs, 2, 3)[1])
    with pytest.raises(ValueError, match="4 paths, max_paths is 3"):
        PathConv(4, 4, max_paths=3)(x, pairs)
