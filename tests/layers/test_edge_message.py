import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from graphpoly.layers import EGNNConv, MPNNConv
from graphpoly.layers import edge_message as layer
from graphpoly.layers.edge_message import EdgeMessage, messages_and_sums
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.ops import backends, sum_entries, to_csr
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, random_csr


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("shape", ["no entries", "one", "square"])
def test_it_is_a_perceptron_on_both_ends_and_the_edge(shape, attention):
    size = max(SHAPES[shape][:2])
    adj = random_csr((size, size, SHAPES[shape][2]), weighted=False, transposed=True)
    torch.manual_seed(0)
    phi = EdgeMessage(5, 4, 3, attention=attention).double()
    x = torch.randn(size, 5, dtype=torch.float64, requires_grad=True)
    carried = torch.randn(adj.num_entries, 3, dtype=torch.float64, requires_grad=True)
    plain = phi.after(phi.lin(torch.cat([x[adj.rows().long()], x[adj.col.long()], carried], 1)))
    plain = plain * phi.attention(plain).sigmoid() if attention else plain
    variables, message = (x, carried, *phi.parameters()), phi(adj, x, carried)
    assert_close(message, plain)
    gradients = [torch.autograd.grad(each.sin().sum(), variables) for each in (message, plain)]
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other)


def test_the_first_input_sets_the_size():
    torch.manual_seed(0)
    lazy = EdgeMessage(-1, 4, 2)
    assert lazy.in_channels == -1
    adj = to_csr(torch.tensor([[0], [1]]), num_nodes=2)
    lazy(adj, torch.randn(2, 30), torch.randn(1, 2))
    assert lazy.in_channels == 30
    assert lazy.lin.weight.shape == (4, 62)
    assert lazy.lin.weight.abs().max() <= 62**-0.5


COMPILED = pytest.mark.skipif(
    backends()["cpp"]["simd"] not in ("avx2", "avx512"), reason="no such kernels here"
)


def _counted(monkeypatch):
    """How often one operator does all."""
    calls, run = [], layer.edge_message

    def count(*args, **named):
        calls.append(1)
        return run(*args, **named)

    monkeypatch.setattr(layer, "edge_message", count)
    return calls


def _given(dtype=torch.float32, entries=40):
    torch.manual_seed(0)
    adj = random_csr((9, 9, entries), weighted=False, transposed=True)
    return adj, torch.randn(9, 5, dtype=dtype), torch.randn(adj.num_entries, 2, dtype=dtype)


@COMPILED
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("entries", [0, 40])
def test_one_operator_gives_the_messages_and_their_sums(entries, dtype, monkeypatch):
    calls, given = _counted(monkeypatch), _given(dtype, entries)
    said = EdgeMessage(5, 8, 2).to(dtype)
    message, sums = messages_and_sums(said, *given)
    assert len(calls) == 1
    assert_close(said(*given), message)
    assert_close(sum_entries(given[0], message), sums)
    plain = said._by_parts(*given)
    assert_close(message, plain)
    both = [torch.autograd.grad(m.sin().sum(), [*said.parameters()]) for m in (message, plain)]
    for one, other in zip(*both, strict=True):
        assert_close(one, other, kind="accumulated")


@COMPILED
def test_layers_that_say_something_for_each_edge_go_there(monkeypatch):
    calls, (adj, x, carried) = _counted(monkeypatch), _given()
    edges = torch.stack([adj.col, adj.rows()])
    EGNNConv(5, 8, edge_dim=2)(x, edges, torch.randn(9, 3), edge_attr=carried)
    EGNNConv(5, 8, attention=True)(x, edges, torch.randn(9, 3))
    MPNNConv(5, 8, messages="pair")(x, edges)
    MPNNConv(5, 8, edge_dim=2, messages="pair")(x, edges, carried)
    assert len(calls) == 4


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Shifted(FeedForward):
    def forward(self, x):
        return super().forward(x) + 1


CHANGES = {
    "another function": lambda said: said.after.__setitem__(2, nn.ReLU()),
    "a part more": lambda said: said.after.append(nn.Tanh()),
    "a norm between": lambda said: said.after.insert(1, nn.LayerNorm(8)),
    "another class": lambda said: setattr(said, "after", nn.Sequential(*said.after)),
    "a class of its own": lambda said: setattr(said, "after", Shifted(*said.after)),
    "a map that doubles": lambda said: said.after.__setitem__(1, Doubled(8, 8)),
    "no bias": lambda said: said.after.__setitem__(1, nn.Linear(8, 8, bias=False)),
    "a wide bias": lambda said: setattr(said.after[1], "bias", nn.Parameter(torch.randn(1, 8))),
    "one bias for all": lambda said: setattr(said.lin, "bias", nn.Parameter(torch.randn(1))),
    "a normalised weight": lambda said: weight_norm(said.lin),
    "frozen": lambda said: said.requires_grad_(False),
    "a map of its own": lambda said: setattr(said, "lin", nn.Sequential(said.lin, nn.Tanh())),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_been_put_in_place_of_a_part_counts(change):
    adj, x, carried = _given()
    said = EdgeMessage(5, 8, 2)
    CHANGES[change](said)
    rows, col = adj.rows().long(), adj.col.long()
    expected = said.lin(torch.cat([x[rows], x[col], carried], 1))
    expected = said.after(expected)
    assert_close(said(adj, x, carried), expected, kind="accumulated")
    message, sums = messages_and_sums(said, adj, x, carried)
    assert_close(message, expected, kind="accumulated")
    assert_close(sums, torch.zeros(9, 8).index_add(0, rows, expected), kind="accumulated")


def test_a_module_in_its_place_is_asked():
    adj, x, carried = _given()

    class Twice(EdgeMessage):
        def forward(self, adj, x, carried):
            return 2 * super().forward(adj, x, carried)

    said = Twice(5, 8, 2)
    message, sums = messages_and_sums(said, adj, x, carried)
    assert_close(message, 2 * EdgeMessage.forward(said, adj, x, carried))
    assert_close(sums, sum_entries(adj, message))


def _wide_bias(said, adj, x, carried):
    said.lin.bias = nn.Parameter(said.lin.bias.detach().double())
    return adj, x, carried


WRONG = {
    "a bias of another type": _wide_bias,
    "carried of another type": lambda said, adj, x, carried: (adj, x, carried.double()),
    "carried by too few": lambda said, adj, x, carried: (adj, x, carried[1:]),
    "too much carried": lambda said, adj, x, carried: (adj, x, carried.repeat(1, 2)),
    "features too wide": lambda said, adj, x, carried: (adj, x.repeat(1, 2), carried),
}


@pytest.mark.parametrize("way", WRONG)
def test_what_does_not_fit_fails_in_the_words_of_pytorch(way):
    said, given = EdgeMessage(5, 8, 2), _given()
    given = WRONG[way](said, *given)
    with pytest.raises(RuntimeError, match=r"^(?!edge_message)"):
        said(*given)


def test_maps_that_do_not_fit_one_another_fail_in_the_words_of_pytorch():
    said = EdgeMessage(5, 8, 2)
    said.after[1] = nn.Linear(7, 8)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        said(*_given())


def test_autocast_and_tangents_go_by_parts():
    said, (adj, x, carried) = EdgeMessage(5, 8, 2), _given()
    with torch.autocast("cpu", torch.bfloat16):
        assert said(adj, x, carried).dtype == torch.bfloat16
        assert messages_and_sums(said, adj, x, carried)[1].dtype == torch.bfloat16
    tangent = torch.randn_like(carried)
    _, found = torch.func.jvp(lambda given: said(adj, x, given), (carried,), (tangent,))
    step = 1e-3
    said, x, carried, tangent = said.double(), x.double(), carried.double(), tangent.double()
    ahead, behind = (said(adj, x, carried + s * tangent) for s in (step, -step))
    torch.testing.assert_close(found.double(), (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-4)
