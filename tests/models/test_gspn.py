"""GSPN against the enumeration of its trees, sums over categories and quadrature."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.distributions import Normal
from torch.func import functional_call

from graphpoly.models import GSPN
from graphpoly.testing.tolerances import assert_close

PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
NAN = math.nan


def network(*sizes, **further):
    torch.manual_seed(0)
    return GSPN(*sizes, **further).double()


def one_hot(*values, size=3):
    return torch.eye(size, dtype=torch.float64)[list(values)]


def enumerated(net, x, neighbors, root):
    """P(state of the root, features of the whole tree) and P(features below the root).

    All states and all choices of a child, of all vertices of the tree at once, are gone through.
    """
    nodes, levels, children = [root], [net.num_layers], []
    for vertex in itertools.count():
        if vertex == len(nodes):
            break
        below = neighbors[nodes[vertex]] if levels[vertex] else []
        children.append(range(len(nodes), len(nodes) + len(below)))
        nodes += below
        levels += [levels[vertex] - 1] * len(below)
    prior, transitions = net.prior_logits.softmax(0).tolist(), net.transitions.tolist()
    there = ~x.isnan()
    emitted = [each(x.nan_to_num(), there).exp().tolist() for each in net.emissions]
    states = range(net.hidden_channels)
    whole, below_root = [0.0 for _ in states], 0.0
    for choice in itertools.product(*(each or [None] for each in children)):
        for state in itertools.product(states, repeat=len(nodes)):
            chance = 1.0
            for vertex, child in enumerate(choice):
                level, i = levels[vertex], state[vertex]
                if child is None:
                    chance *= prior[i]
                else:
                    chance *= transitions[level - 1][i][state[child]] / len(children[vertex])
                if vertex:
                    chance *= emitted[level][nodes[vertex]][i]
            below_root += chance
            whole[state[0]] += chance * emitted[-1][root][state[0]]
    return torch.tensor(whole, dtype=torch.float64), below_root


@pytest.mark.parametrize("root", [0, 3])
def test_enumeration_of_all_states_of_the_tree(root):
    net = network(3, 2, None, num_layers=2, emission="categorical")
    x = one_hot(0, 2, 1, 1)
    x[2] = NAN
    neighbors = {0: [0, 1], 1: [0, 1, 2], 2: [1, 2], 3: [3]}
    whole, below = enumerated(net, x, neighbors, root)
    assert_close(net.log_likelihood(x, PATH)[root], (whole.sum() / below).log())
    assert_close(net.embed(x, PATH)[root, -2:], whole / whole.sum())


def test_height_one_is_an_explicit_mixture():
    net = network(2, 3, None, num_layers=1)
    x = torch.randn(3, 2).double()
    low, high = (each(x, ~x.isnan()) for each in net.emissions)
    h = (net.prior_logits.log_softmax(0) + low).softmax(-1)
    w = torch.stack([(h[0] + h[1]) / 2, h.mean(0), (h[1] + h[2]) / 2]) @ net.transitions[0].T
    assert_close(net.log_likelihood(x, PATH), (w * high.exp()).sum(1).log())
    assert_close(net.embed(x, PATH), torch.cat([h, (w.log() + high).softmax(-1)], 1))


def total(net, x, context):
    """The sum over the categories of node 1 of what the likelihood gives it."""
    given = torch.tensor([[True], [not context], [True]])
    values = [torch.cat([x[:1], one_hot(k), x[2:]]) for k in range(3)]
    context_of = {"context": given} if context else {}
    return sum(net.log_likelihood(each, PATH, **context_of)[1].exp() for each in values)


def test_categories_sum_to_one_out_of_context():
    net, x = network(3, 4, None, num_layers=3, emission="categorical"), one_hot(2, 0, 1)
    assert_close(total(net, x, context=True), torch.tensor(1.0).double())
    # the tree holds copies of the node: then it is a pseudo-likelihood
    assert abs(total(net, x, context=False) - 1) > 1e-3


def grid(net, x, node, feature):
    """The density over a grid of one feature, from a copy of the graph for each value."""
    values = torch.linspace(-30, 30, 2001).double()
    copies = x.repeat(values.numel(), 1, 1)
    copies[:, node, feature] = values
    context = torch.ones_like(copies, dtype=torch.bool)
    context[:, node, feature] = False
    shift = x.size(0) * torch.arange(values.numel()).repeat_interleave(PATH.size(1))
    edges = PATH.repeat(1, values.numel()) + shift
    found = net.log_likelihood(copies.flatten(0, 1), edges, context=context.flatten(0, 1))
    return values, found.exp().view(-1, x.size(0))[:, node]


def test_densities_integrate_to_that_of_what_is_left():
    net = network(2, 3, None, num_layers=2)
    x = torch.randn(3, 2).double()
    values, density = grid(net, x, 1, 0)
    missing = x.clone()
    missing[1, 0] = NAN
    left = net.log_likelihood(missing, PATH)[1].exp()
    assert_close(torch.trapezoid(density, values), left)
    expected = torch.trapezoid(values * density, values) / left
    imputed = net.impute(missing, PATH)
    assert_close(imputed[1, 0], expected)
    assert torch.equal(imputed[[0, 2]], x[[0, 2]])
    assert imputed[1, 1] == x[1, 1]


def test_summing_a_category_out_is_leaving_it_out():
    net = network(5, 3, None, num_layers=2, emission="categorical", categories=(2, 3))
    x = torch.cat([one_hot(0, 1, 1, size=2), one_hot(2, 0, 1)], 1)
    context = torch.ones_like(x, dtype=torch.bool)
    context[1, 2:] = False
    each = []
    for k in range(3):
        x[1, 2:] = one_hot(k)
        each.append(net.log_likelihood(x, PATH, context=context)[1])
    observed = net.log_likelihood(x, PATH, observed=context)[1]
    assert_close(torch.stack(each).logsumexp(0), observed)


def test_without_a_context_no_graph_counts():
    net = network(2, 3, None, num_layers=2)
    x = torch.randn(3, 2).double()
    w = net.transitions[1] @ net.transitions[0] @ net.prior_logits.softmax(0)
    expected = (w.log() + net.emissions[-1](x, ~x.isnan())).logsumexp(-1)
    nothing = torch.zeros(3, 1, dtype=torch.bool)
    assert_close(net.log_likelihood(x, PATH, context=nothing), expected)
    missing = torch.full_like(x, NAN)
    assert_close(net.log_likelihood(missing, PATH), torch.zeros(3).double())
    assert_close(net.embed(missing, PATH)[:, -3:], w.expand(3, -1))
    assert_close(net.impute(missing, PATH), (w @ net.emissions[-1].means).expand(3, -1))


def test_what_stands_in_place_of_missing_features_is_not_read():
    net = network(2, 3, 2, pool="mean")
    x, observed = torch.randn(3, 2).double(), torch.tensor([[1, 0], [0, 0], [1, 1]]).bool()
    holes = torch.where(observed, x, NAN)
    for value in (0.0, -7.0, 1e30):
        filled = torch.where(observed, x, value)
        assert torch.equal(net(filled, PATH, observed=observed), net(holes, PATH))
        likelihood = net.log_likelihood(filled, PATH, observed=observed)
        assert torch.equal(likelihood, net.log_likelihood(holes, PATH))


def test_weights_and_transitions_are_distributions():
    net = network(2, 3, None, num_layers=4)
    torch.nn.init.normal_(net.transition_logits, std=500)
    assert_close(net.transitions.sum(1), torch.ones(4, 3).double())
    assert net.transitions.min() >= 1e-8 / 3 * (1 - 1e-6)
    embedded = net.embed(torch.randn(3, 2).double(), PATH).view(3, 5, 3)
    assert_close(embedded.sum(-1), torch.ones(3, 5).double())


@pytest.mark.parametrize("pool", ["mean", "add"])
def test_the_head_maps_states_to_states_of_the_graph(pool):
    net = network(2, 3, 4, num_layers=2, head_channels=5, pool=pool)
    x, batch = torch.randn(3, 2).double(), torch.tensor([0, 0, 0])
    table = net.head_logits.softmax(1)
    assert table.shape == (9, 5)
    state = net.embed(x, PATH) @ table / 3
    assert_close(state.sum(1), torch.ones(3).double())
    state = state.mean(0) if pool == "mean" else state.sum(0).softmax(0)
    assert_close(net(x, PATH, batch), (state @ net.lin.weight.T).unsqueeze(0))


def test_likelihoods_of_a_batch_are_those_of_its_graphs():
    net = network(2, 3, None, pool="add")
    x = torch.randn(5, 2).double()
    x[3, 1] = NAN
    edges = torch.cat([PATH, torch.tensor([[3], [4]])], 1)
    alone = [
        net.log_likelihood(x[:3], PATH),
        net.log_likelihood(x[3:], torch.tensor([[0], [1]])),
    ]
    assert_close(net.log_likelihood(x, edges), torch.cat(alone))
    order = torch.tensor([3, 0, 4, 2, 1])
    assert_close(
        net.log_likelihood(x[order], order.argsort()[edges]), net.log_likelihood(x, edges)[order]
    )
    pooled = net(x, edges, torch.tensor([0, 0, 0, 1, 1]))
    assert_close(pooled, torch.stack([each.sum(0) for each in net.embed(x, edges).split([3, 2])]))


def test_gradients():
    net = network(2, 2, 2, num_layers=1, pool="mean")
    x = torch.randn(3, 2).double()
    x[1, 0] = NAN
    names, values = zip(*net.named_parameters(), strict=True)

    def outputs(x, *values):
        given = dict(zip(names, values, strict=True))
        return functional_call(_Both(net), {f"net.{k}": v for k, v in given.items()}, (x,))

    holes = x.isnan()

    def of_holes(x, *values):
        return outputs(x.masked_fill(holes, NAN), *values)

    inputs = (x.nan_to_num().requires_grad_(), *(each.detach().requires_grad_() for each in values))
    assert torch.autograd.gradcheck(of_holes, inputs)


class _Both(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x, PATH), self.net.log_likelihood(x, PATH)


def test_extreme_numbers_stay_finite():
    torch.manual_seed(0)
    net = GSPN(2, 3, 2, num_layers=3, pool="mean")
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if not name.startswith("lin"):
                parameter.mul_(1e4)
    x = torch.tensor([[3e38, 0.0], [-1e20, NAN], [1.0, 1e-30]])
    out, likelihood = net(x, PATH), net.log_likelihood(x, PATH)
    (out.sum() + likelihood.mean()).backward()
    assert all(bool(each.isfinite().all()) for each in (out, likelihood, net.impute(x, PATH)))
    assert all(bool(each.grad.isfinite().all()) for each in net.parameters())


def test_learns_a_density_that_hangs_on_the_neighbors():
    # pairs of nodes on the same side, around 3 or -3
    torch.manual_seed(0)
    side = (torch.rand(100, 1) < 0.5).double().repeat_interleave(2, 0) * 2 - 1
    x = 3 * side + torch.randn(200, 1).double()
    first = torch.arange(0, 200, 2)
    edges = torch.stack([torch.cat([first, first + 1]), torch.cat([first + 1, first])])
    net = network(1, 2, None, num_layers=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss = -net.log_likelihood(x, edges).mean()
        loss.backward()
        optimizer.step()
    held = (torch.arange(200) % 2 == 1).unsqueeze(1)
    given = net.log_likelihood(x, edges, context=~held)[1::2].mean()
    alone = net.log_likelihood(x, edges, context=held & ~held)[1::2].mean()
    # one of the two that are averaged is on the right side, the other on either
    near, far = (Normal(mean, 1.0).log_prob(x * side)[1::2].exp() for mean in (3.0, -3.0))
    assert given.item() == pytest.approx((0.75 * near + 0.25 * far).log().mean().item(), abs=0.05)
    assert (given - alone).item() == pytest.approx(math.log(0.75 / 0.5), abs=0.05)
    missing = torch.where(held, NAN, x)
    assert bool((net.impute(missing, edges)[1::2].sign() == side[1::2]).all())


@pytest.mark.parametrize(
    ("error", "wrong", "message"),
    [
        (ValueError, {"num_layers": 0}, "num_layers: got 0"),
        (ValueError, {"pool": "max"}, "pool"),
        (ValueError, {"emission": "poisson"}, "emission"),
        (ValueError, {"head_channels": 0}, "head_channels: got 0"),
        (ValueError, {"categories": (1, 1)}, "categories"),
    ],
)
def test_errors(error, wrong, message):
    with pytest.raises(error, match=message):
        GSPN(2, 3, 2, **wrong)


@pytest.mark.parametrize("name", ["observed", "context"])
def test_masks_are_refused_by_name(name):
    net, x = GSPN(2, 3, None), torch.randn(3, 2)
    with pytest.raises(TypeError, match=rf"{name}: got torch.float32, expected bool"):
        net.log_likelihood(x, PATH, **{name: torch.ones(3, 2)})
    with pytest.raises(ValueError, match=rf"{name}: got shape \[3\]"):
        net.log_likelihood(x, PATH, **{name: torch.ones(3).bool()})


@pytest.mark.parametrize("emission", ["gaussian", "categorical"])
def test_half_precision_is_refused_by_name(emission):
    net, x = GSPN(2, 3, 1, emission=emission), torch.eye(3, 2)
    wanted = net.double()(x.double(), PATH)
    assert_close(net.bfloat16()(x.bfloat16(), PATH), wanted, kind="accumulated")
    with pytest.raises(TypeError, match=r"x: got dtype torch\.float16, which is too narrow"):
        net.half()(x.half(), PATH)
