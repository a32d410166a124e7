"""Against loops over entries in float64, and for the promises that features are given."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.data import Batch, Data

from graphpoly.layers import GRAFENNEConv, allotrope
from graphpoly.layers.grafenne.entry_attention import EntryAttention
from graphpoly.ops import to_csr
from graphpoly.testing import assert_close, check_layer, graph_zoo
from tests.compliance.forms import STAGES, stage

ZOO = graph_zoo(0, weighted=False)


def made(*sizes, **arguments):
    torch.manual_seed(0)
    return GRAFENNEConv(*sizes, **arguments).double()


def drawn(name="erdos_renyi", width=6, share=0.4):
    torch.manual_seed(1)
    num_nodes = int(ZOO[name].num_nodes)
    x = torch.randn(num_nodes, width, dtype=torch.float64)
    return x * (torch.rand(num_nodes, width) < share), ZOO[name].edge_index


def attended(att, matrix, source, target):
    """The formula, entry by entry; zeros of the matrix are no entries."""
    size = att.lin_source.out_features // att.heads
    value = att.lin_source(source).view(-1, att.heads, size)
    rows = []
    for i, row in enumerate(matrix):
        held = row.nonzero().flatten().tolist()
        heads = []
        for h in range(att.heads):
            scores = [
                F.leaky_relu(
                    att.att_source[h] @ value[j, h]
                    + att.lin_target(target)[i, h]
                    + att.att_entry[0, h] * row[j],
                    0.2,
                )
                for j in held
            ]
            weight = torch.stack(scores).softmax(0) if held else ()
            heard = torch.zeros(size, dtype=row.dtype)
            for alpha, j in zip(weight, held, strict=True):
                heard = heard + alpha * (value[j, h] + row[j] * att.entry[h])
            heads.append(heard)
        rows.append(torch.cat(heads))
    return torch.stack(rows)


def by_loops(conv, x, edge_index):
    """The three lines of the definition, on dense matrices."""
    both = allotrope(x)
    node, feature = both.structure()
    feature = torch.cat([feature, both.codes(conv.code_channels)], 1)
    node = conv.update_node(torch.cat([node, attended(conv.to_node, x, feature, node)], 1))
    count = torch.zeros(len(x), len(x), dtype=x.dtype)
    count.index_put_((edge_index[1], edge_index[0]), torch.ones(()).double(), accumulate=True)
    if conv.reduce == "mean":
        count = count / count.sum(1, keepdim=True).clamp(min=1)
    node = F.elu(conv.lin_root(node) + conv.lin_near(count @ node))
    heard = attended(conv.to_feature, x.T, node, feature)
    return node, conv.update_feature(torch.cat([feature, heard], 1))


def test_attention_is_its_formula():
    torch.manual_seed(0)
    matrix = torch.randn(5, 4).double() * torch.tensor([1, 0, 1, 1])
    matrix[2] = 0
    matrix.requires_grad_()
    att = EntryAttention(3, 2, 6, heads=2).double()
    source, target = (torch.randn(n, c).double().requires_grad_() for n, c in ((4, 3), (5, 2)))
    node, column = matrix.detach().nonzero(as_tuple=True)
    adj = to_csr(torch.stack([column, node]), matrix[node, column], size=(4, 5))
    out, expected = att(adj, source, target), attended(att, matrix, source, target)
    assert_close(out, expected)
    probe, watched = torch.randn_like(out), [matrix, source, target, *att.parameters()]
    grads = [torch.autograd.grad((each * probe).sum(), watched) for each in (out, expected)]
    for one, other in zip(*grads, strict=True):
        assert_close(one, other, kind="accumulated")


@pytest.mark.parametrize("form", [{}, {"reduce": "sum", "code_channels": 3}], ids=str)
@pytest.mark.parametrize("name", ["directed", "duplicate_edges", "no_edges", "one_node"])
def test_equals_loops(name, form):
    x, edge_index = drawn(name)
    conv = made(4, heads=2, **form)
    out = conv(x, edge_index, return_states=True)
    for one, other in zip(out, by_loops(conv, x, edge_index), strict=True):
        assert_close(one, other)
    assert torch.equal(conv(x, edge_index), out[0])


def test_states_pass_through_layers():
    x, edge_index = drawn()
    first, second = made(8), made(4, state_channels=8, heads=2)
    states = first(x, edge_index, return_states=True)
    assert_close(
        second(x, edge_index, states=states), second(allotrope(x), edge_index, states=states)
    )
    with pytest.raises(ValueError, match="states: got None, state_channels is 8"):
        second(x, edge_index)
    with pytest.raises(ValueError, match="states: got some, state_channels is None"):
        first(x, edge_index, states=states)
    with pytest.raises(
        ValueError, match=r"states: got shape \[5, 8\] of features, expected \[6, 8"
    ):
        second(x, edge_index, states=(states[0], states[1][1:]))


def test_no_parameter_belongs_to_a_feature():
    conv = made(8, code_channels=4)
    _, edge_index = drawn()
    num_nodes = int(ZOO["erdos_renyi"].num_nodes)
    for width in (1, 10, 1000):
        assert conv(torch.randn(num_nodes, width).double(), edge_index).shape == (num_nodes, 8)


@pytest.mark.parametrize("codes", [0, 5])
def test_the_order_of_features_is_nothing(codes):
    (x, edge_index), conv = drawn(), made(8, code_channels=codes)
    order, key = torch.randperm(6), torch.tensor([3, 1, 4, -1, 5, 9])
    node, feature = conv(x, edge_index, feature_key=key, return_states=True)
    turned = conv(x[:, order], edge_index, feature_key=key[order], return_states=True)
    assert_close(turned[0], node)
    assert_close(turned[1], feature[order])
    other = conv(x, edge_index, feature_key=key[order])
    assert torch.equal(other, node) == (codes == 0)  # without codes a name is nothing


def test_a_feature_that_nobody_has_is_nothing():
    x, edge_index = drawn()
    conv = made(8, code_channels=3)
    more = torch.cat([x, torch.zeros(len(x), 2).double()], 1)
    assert torch.equal(conv(more, edge_index), conv(x, edge_index))


def test_a_feature_that_appears_later_is_known_by_those_who_have_it():
    x, edge_index = drawn()
    conv = made(8).eval()
    column = torch.zeros(len(x), 1).double()
    column[2] = 1.5
    one, other = (torch.cat([x, each], 1) for each in (column, column.roll(1, 0)))
    node, feature = conv(one, edge_index, return_states=True)
    assert not torch.allclose(node, conv(x, edge_index))
    assert not torch.allclose(node, conv(other, edge_index))
    # what it becomes is what it would have been as the first of all
    first = conv(torch.cat([column, x], 1), edge_index, return_states=True)
    assert_close(first[1][0], feature[-1])


def test_the_value_of_a_lonely_feature_is_heard():
    """The one weight of attention is 1 whatever the value."""
    conv = made(8)
    ones = torch.ones(int(ZOO["erdos_renyi"].num_nodes), 1).double()
    mixed = ones.clone()
    mixed[::2] = -1
    heard = [
        conv.to_node(allotrope(x).by_node, ones.new_zeros(1, 2), ones.new_zeros(len(x), 2))
        for x in (ones, mixed)
    ]
    assert_close(heard[0][1::2], heard[1][1::2])
    assert not torch.allclose(heard[0][::2], heard[1][::2])


def test_sparse_features_are_those_of_the_dense_matrix():
    (x, edge_index), conv = drawn(), made(8)
    for form in (x.to_sparse(), x.to_sparse_csr()):
        assert_close(conv(form, edge_index), conv(x, edge_index))
    stored = torch.sparse_coo_tensor([[0], [1]], [0.0], x.shape, dtype=x.dtype)
    zero = torch.zeros_like(x)
    assert not torch.allclose(conv(stored, edge_index), conv(zero, edge_index))


def test_a_batch_is_its_graphs():
    graphs = [Data(*drawn(name)) for name in ("star", "one_node", "directed", "no_edges")]
    whole = Batch.from_data_list(graphs)
    conv = made(8, code_channels=3)
    node, feature = conv(whole.x, whole.edge_index, whole.batch, return_states=True)
    alone = [conv(each.x, each.edge_index, return_states=True) for each in graphs]
    assert_close(node, torch.cat([each[0] for each in alone]))
    assert_close(feature, torch.cat([each[1] for each in alone]))


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_it_separates_what_refinement_does(reduce):
    """One feature that all nodes have, which joins them to one node more."""
    conv = made(8, reduce=reduce)

    def seen(edges, num_nodes):
        pairs = torch.tensor(edges).T
        x = torch.ones(num_nodes, 1).double()
        return conv(x, torch.cat([pairs, pairs.flip(0)], 1), return_states=True)

    path, star = seen([(0, 1), (1, 2), (2, 3)], 4), seen([(0, 1), (0, 2), (0, 3)], 4)
    ring = seen([(i, (i + 1) % 6) for i in range(6)], 6)
    both = seen([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)], 6)
    assert (reduce == "mean") == torch.allclose(path[0].sum(0), star[0].sum(0))
    assert_close(ring[0], both[0])
    assert_close(ring[1], both[1])


class _Watched(TorchDispatchMode):
    """Adds up the numbers of all tensors that are made, and keeps the most of one."""

    total = most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else (out,):
            if isinstance(each, torch.Tensor) and each.layout == torch.strided:
                self.total += each.numel()
                self.most = max(self.most, each.numel())
        return out


def test_cost_is_that_of_what_is_observed():
    """Two hundred million pairs of nodes and features, of which few are there."""
    conv, costs = GRAFENNEConv(8, heads=2), []
    num_nodes, width = 10_000, 20_000
    for size in (20_000, 40_000):
        torch.manual_seed(0)
        index = torch.stack([torch.randint(num_nodes, (size,)), torch.randint(width, (size,))])
        x = torch.sparse_coo_tensor(index, torch.rand(size), (num_nodes, width)).coalesce()
        edge_index = torch.randint(num_nodes, (2, size))
        with _Watched() as watched:
            node, feature = conv(x, edge_index, return_states=True)
            (node.sum() + feature.sum()).backward()
        costs.append(watched.total)
        assert watched.most <= 8 * 2 * width
    assert costs[1] < 2 * costs[0]


@pytest.mark.slow
def test_an_allotrope_is_compiled_for_any_size():
    conv = GRAFENNEConv(8, code_channels=2)
    compiled = torch.compile(conv, fullgraph=True, dynamic=True, backend="aot_eager")
    for name in ("erdos_renyi", "directed", "star"):
        x, edge_index = drawn(name)
        both = allotrope(x.float())
        assert_close(compiled(both, edge_index), conv(both, edge_index))


@pytest.mark.parametrize("compiled", STAGES)
def test_codes_keep_every_promise(compiled):
    form = {"code_channels": 3, "reduce": "sum", "attention_dropout": 0.3, "dropout": 0.2}
    assert check_layer(lambda: GRAFENNEConv(8, **form), only=stage(compiled)).passed


def test_starting_anew_changes_every_parameter():
    conv = made(8)
    held = copy.deepcopy(conv.state_dict())
    conv.reset_parameters()
    same = {name for name, each in conv.state_dict().items() if torch.equal(each, held[name])}
    assert same == {
        f"update_{end}.1.{part}" for end in ("node", "feature") for part in ("weight", "bias")
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"heads": 3}, "heads: got 3, expected a divisor of the 8 channels"),
        ({"reduce": "max"}, "unknown reduce 'max'"),
        ({"state_channels": 0}, "state_channels: got 0"),
        ({"code_channels": -1}, "code_channels: got -1"),
        (
            {"code_channels": 2, "state_channels": 4},
            "code_channels: got 2, but with state_channels",
        ),
    ],
)
def test_arguments_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        GRAFENNEConv(8, **wrong)


def test_features_are_refused_by_name():
    (x, edge_index), conv = drawn(), made(8)
    with pytest.raises(ValueError, match=r"x: got shape \[\d+\]"):
        conv(x[:, 0], edge_index)
    with pytest.raises(TypeError, match=r"x: got torch.int64"):
        conv(x.long(), edge_index)
