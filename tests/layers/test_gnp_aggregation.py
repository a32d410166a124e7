"""Against sums, means and extremes, a dense form in float64, and what norms are known to do."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import GraphConv, SAGEConv

from graphpoly import accelerate
from graphpoly.layers import GNPAggregation
from graphpoly.testing import assert_close
from graphpoly.training import parameter_groups

SIZES = (5, 1, 0, 8, 3)
INDEX = torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES))
SHUFFLED = INDEX[torch.tensor([8, 3, 0, 14, 5, 11, 1, 16, 9, 2, 13, 7, 4, 15, 6, 10, 12])]


def positive(channels: int = 4) -> torch.Tensor:
    return 0.1 + 3 * torch.rand(INDEX.numel(), channels, dtype=torch.float64)


def alone(sign: str = "positive", **options) -> GNPAggregation:
    aggregation = GNPAggregation(sign=sign, **options).double()
    aggregation.reset_parameters()  # the inverse of softplus in float64, too
    return aggregation


def groups_of(x: torch.Tensor, index: torch.Tensor) -> list[torch.Tensor]:
    return [x[index == group] for group in range(len(SIZES))]


def dense(x, index, p, q):
    """The definition, group by group; 0 where there is nothing, or a zero under p < 0."""
    rows = []
    for v in groups_of(x.abs(), index):
        if not len(v):
            rows.append(x.new_zeros(x.size(1)))
            continue
        value = len(v) ** -q * (v**p).sum(0) ** (1 / p)
        rows.append(value)
    return torch.stack(rows)


# p, q and what they make of the positive numbers of a group
EXACT = {
    "sum": (1.0, 0.0, lambda v: v.sum(0)),
    "mean": (1.0, 1.0, lambda v: v.mean(0)),
    "rms": (2.0, 0.5, lambda v: v.square().mean(0).sqrt()),
    "sum over root": (1.0, 0.5, lambda v: v.sum(0) / math.sqrt(len(v))),
    "euclidean": (2.0, 0.0, lambda v: torch.linalg.vector_norm(v, dim=0)),
    "parallel": (-1.0, 0.0, lambda v: 1 / (1 / v).sum(0)),
    "harmonic": (-1.0, -1.0, lambda v: len(v) / (1 / v).sum(0)),
    "size": (1.0, 2.0, lambda v: v.mean(0) / len(v)),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("index", [INDEX, SHUFFLED], ids=["sorted", "shuffled"])
def test_special_cases(name, index):
    p, q, formula = EXACT[name]
    aggregation = alone("positive" if p > 0 else "negative", p=abs(p), q=q)
    x = positive()
    expected = [formula(v) if len(v) else x.new_zeros(4) for v in groups_of(x, index)]
    assert_close(aggregation(x, index, dim_size=len(SIZES)), torch.stack(expected))


@pytest.mark.parametrize("p", [200.0, 1e4])
def test_extremes_within_the_power_of_the_size(p):
    """Of n numbers, max <= GNP <= n^(1/p) max, and n^(-1/p) min <= GNP <= min."""
    x = positive()
    largest, least = alone(p=p)(x, INDEX), alone("negative", p=p)(x, INDEX)
    for group, v in enumerate(groups_of(x, INDEX)):
        if not len(v):
            continue
        rounding, room = 1 + 1e-12, len(v) ** (1 / p)
        assert (largest[group] * rounding >= v.amax(0)).all()
        assert (largest[group] <= room * rounding * v.amax(0)).all()
        assert (least[group] <= rounding * v.amin(0)).all()
        assert (least[group] * room * rounding >= v.amin(0)).all()
    ties = torch.full((3, 1), 2.0, dtype=torch.float64)
    assert_close(alone(p=p)(ties), torch.tensor([[2 * 3 ** (1 / p)]], dtype=torch.float64))


@pytest.mark.parametrize("shared", [True, False])
def test_equals_the_dense_form(shared):
    aggregation = GNPAggregation(4, shared=shared).double()
    with torch.no_grad():
        aggregation.rho.uniform_(-1, 3)
        aggregation.q.uniform_(-1, 1)
    x = torch.randn(17, 4, dtype=torch.float64)
    parts = [dense(x, SHUFFLED, p, q) for p, q in zip(aggregation.p, aggregation.q, strict=True)]
    expected = F.linear(torch.cat(parts, 1), aggregation.lin.weight)
    out = aggregation(x, SHUFFLED, dim_size=len(SIZES))
    assert_close(out, expected)
    assert (aggregation.p[0] > 0).all()
    assert (aggregation.p[1] < 0).all()

    watched = [x.requires_grad_(), *aggregation.parameters()]
    parts = [dense(x, SHUFFLED, p, q) for p, q in zip(aggregation.p, aggregation.q, strict=True)]
    expected = F.linear(torch.cat(parts, 1), aggregation.lin.weight)
    weight = torch.randn_like(expected)
    ours = torch.autograd.grad(
        (weight * aggregation(x, SHUFFLED, dim_size=len(SIZES))).sum(), watched
    )
    theirs = torch.autograd.grad((weight * expected).sum(), watched)
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other, kind="accumulated")


@pytest.mark.parametrize("sign", ["positive", "negative"])
@pytest.mark.parametrize("p", [0.5, 1.0, 3.0])
def test_first_and_second_derivatives(sign, p):
    aggregation = GNPAggregation(2, sign=sign, shared=False, p=p, q=0.25).double()
    x = positive(2)[:7].requires_grad_()
    index = torch.tensor([2, 0, 0, 2, 3, 0, 2])

    def run(x, rho, q):
        state = {"rho": rho, "q": q}
        return torch.func.functional_call(aggregation, state, (x, index), {"dim_size": 5})

    inputs = (x, aggregation.rho, aggregation.q)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_derivative_in_the_exponent_is_an_entropy():
    """d log GNP / dp = -H / p^2, H the entropy of the shares v^p / sum v^p; also at p = 200."""
    for p in (0.5, 2.0, 200.0):
        aggregation = GNPAggregation(sign="positive", p=p)
        v = torch.tensor([[1.0], [1.01], [0.99], [1.0]])
        aggregation(v).log().sum().backward()
        share = torch.softmax(p * v.double().log(), 0)
        entropy = -(share * share.log()).sum()
        slope = torch.sigmoid(aggregation.rho.detach().double())  # of softplus
        assert_close(aggregation.rho.grad, (-entropy / p**2 * slope), kind="accumulated")


def test_zeros_empty_groups_and_one_element():
    x = torch.tensor([[0.0], [3.0], [0.0], [0.0], [7.0]], requires_grad=True)
    index = torch.tensor([0, 0, 1, 1, 3])
    up, down = GNPAggregation(sign="positive", p=2), GNPAggregation(sign="negative", p=2, q=0.5)
    assert up(x, index, dim_size=5).flatten().tolist() == [3, 0, 0, 7, 0]
    assert down(x, index, dim_size=5).flatten().tolist() == [0, 0, 0, 7, 0]
    for aggregation in (up, down):
        for parameter in (x, aggregation.rho, aggregation.q):
            parameter.grad = None
        aggregation(x, index, dim_size=5).sum().backward()
        expected = [0, 1, 0, 0, 1] if aggregation is up else [0, 0, 0, 0, 1]
        assert x.grad.flatten().tolist() == expected
        assert aggregation.rho.grad.isfinite().all()
        assert aggregation.q.grad.isfinite().all()
    nothing = GNPAggregation(1)(x[:0], index[:0], dim_size=2)
    assert nothing.tolist() == [[0], [0]]


def test_a_zero_is_as_if_it_were_not_there_but_in_the_size():
    aggregation = alone(p=0.3, q=0.0)
    v = positive(1)[:4]
    with_zeros = torch.cat([v, torch.zeros(50, 1, dtype=torch.float64)])
    assert_close(aggregation(with_zeros), aggregation(v))


@pytest.mark.parametrize("p", [0.25, 200.0, 1e8])
@pytest.mark.parametrize("sign", ["positive", "negative"])
def test_nothing_but_numbers_comes_out(p, sign):
    x = torch.tensor([[1e-30], [1e30], [0.0], [-5.0], [5.0], [1e-8], [0.0]], requires_grad=True)
    aggregation = GNPAggregation(sign=sign, p=p, q=0.5)
    out = aggregation(x, torch.tensor([0, 0, 1, 2, 2, 1, 4]), dim_size=6)
    out.sum().backward()
    for value in (out, x.grad, aggregation.rho.grad, aggregation.q.grad):
        assert value.isfinite().all()


def test_not_a_number_stays_one():
    x = torch.tensor([[1.0], [math.nan], [2.0]])
    for sign in ("positive", "negative"):
        out = GNPAggregation(sign=sign)(x, torch.tensor([0, 0, 1]))
        assert out.isnan().flatten().tolist() == [True, False]


def test_is_homogeneous():
    x = torch.randn(17, 4)
    aggregation = GNPAggregation(4, shared=False, p=2.5, q=0.3)
    out = aggregation(x, INDEX)
    assert torch.equal(aggregation(1024 * x, INDEX), 1024 * out)  # a power of two rounds nothing
    assert_close(aggregation(-3 * x, INDEX), 3 * out)


def test_half_precision_is_computed_in_single():
    x = (0.5 + torch.rand(300, 2)).bfloat16()
    out = GNPAggregation(sign="positive")(x)
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, x.float().sum(0, keepdim=True).bfloat16())


def test_axes_and_pointers():
    x = torch.randn(17, 3, dtype=torch.float64)
    aggregation = alone(p=3.0, q=0.5)
    ptr = torch.tensor([0, *SIZES]).cumsum(0)
    expected = aggregation(x, INDEX)
    assert_close(aggregation(x, ptr=ptr), expected)
    assert_close(aggregation(x, ptr=ptr.int()), expected)
    assert_close(aggregation(x.t().contiguous(), INDEX, dim=-1), expected.t())
    assert_close(aggregation(x[:, 0], INDEX, dim=0), expected[:, 0])


def test_inside_layers_of_pyg():
    """A layer with the sum and one with p = 1, q = 0 agree on what is not negative."""
    edge_index = torch.randint(0, 9, (2, 30))
    x = torch.rand(9, 4)
    for cls in (SAGEConv, GraphConv):
        torch.manual_seed(1)
        summing = cls(4, 3, aggr="sum")
        conv = cls(4, 3, aggr=GNPAggregation(sign="positive"))
        conv.load_state_dict(summing.state_dict(), strict=False)
        assert_close(conv(x, edge_index), summing(x, edge_index))
        before = conv(x, edge_index)
        accelerate(conv)
        assert_close(conv(x, edge_index), before)
        with torch.no_grad():
            conv.aggr_module.rho.add_(1)
        conv.reset_parameters()
        assert_close(conv.aggr_module.p, torch.ones(1, 1))


def test_parameters_have_a_role_and_learn():
    """p and q have a step of their own, and come from elsewhere to the sum where that is asked."""
    torch.manual_seed(0)
    sizes = ((3, 8), (8, 2))
    model = nn.ModuleList(SAGEConv(*each, aggr=GNPAggregation(sign="positive")) for each in sizes)
    options = {"linear": {"lr": 0.01}, "norm_p": {"lr": 0.1}, "norm_q": {"lr": 0.02}}
    found = {group["role"]: group for group in parameter_groups(model, options)}
    for role, end in (("norm_p", "rho"), ("norm_q", "aggr_module.q")):
        held = {id(p) for name, p in model.named_parameters() if name.endswith(end)}
        assert {id(p) for p in found[role]["params"]} == held
        assert (len(held), found[role]["lr"]) == (2, options[role]["lr"])

    aggregation = GNPAggregation(sign="positive", p=3.0, q=0.7)
    groups = parameter_groups(
        aggregation, {"linear": {}, "norm_p": {"lr": 0.1}, "norm_q": {"lr": 0.1}}
    )
    optimizer = torch.optim.Adam(groups)
    index = torch.cat([torch.arange(40), torch.randint(0, 40, (160,))])
    x = torch.randn(200, 1).mul(1.5).exp()
    target = torch.zeros(40, 1).index_add(0, index, x).log()
    for _ in range(300):
        optimizer.zero_grad()
        F.mse_loss(aggregation(x, index, dim_size=40).log(), target).backward()
        optimizer.step()
    assert abs(aggregation.p.item() - 1) < 1e-2
    assert abs(aggregation.q.item()) < 1e-2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"channels": 0}, "channels: got 0"),
        ({}, "channels: got None"),
        ({"sign": "positive", "shared": False}, "channels: got None"),
        ({"channels": 2, "sign": "+"}, "unknown sign"),
        ({"channels": 2, "p": 0}, "p: got 0"),
        ({"channels": 2, "p": -1.0}, "p: got -1.0"),
        ({"channels": 2, "p": math.inf}, "p: got inf"),
        ({"channels": 2, "q": "1"}, "q: got '1'"),
        ({"channels": 2, "exponent": 1}, "unknown argument 'exponent'"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        GNPAggregation(**arguments)
    assert words in str(caught.value)


def test_bad_inputs():
    aggregation = GNPAggregation(4)
    x, index = torch.randn(3, 4), torch.tensor([0, 1, 1])
    for given, words in (
        (lambda: aggregation(x[:, :3], index), "x: got shape (3, 3), expected [..., N, 4]"),
        (lambda: aggregation(x.long(), index), "x: got dtype torch.int64"),
        (lambda: aggregation(x.t(), index, dim=-1), "x: got shape (4, 3)"),
        (lambda: aggregation(torch.randn(4, 4), dim=-1), "dim: got -1"),
        (lambda: aggregation(x, index[:2]), "index: got shape (2,), expected [3]"),
        (lambda: aggregation(x, index - 1), "outside [0, 1)"),
        (lambda: aggregation(x, ptr=torch.tensor([0, 2, 1, 3])), "ptr: got offsets that fall"),
        (lambda: aggregation(x, ptr=torch.tensor([0, 2])), "ptr: got 0 to 2"),
        (lambda: aggregation(x, ptr=torch.tensor([1, 3])), "ptr: got 1 to 3"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            given()
        assert words in str(caught.value)


def test_repr_makes_it_again():
    for text in (
        "GNPAggregation(3)",
        "GNPAggregation(sign='negative', p=2.0)",
        "GNPAggregation(3, shared=False, q=0.5)",
    ):
        assert repr(eval(text)) == text
