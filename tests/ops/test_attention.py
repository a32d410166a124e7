import math

import pytest
import torch

from graphpoly.ops import backends, dot_attention, gat_attention, gatv2_attention, to_csr
from graphpoly.ops.attention_operator import attention_reference, dropout_mask
from graphpoly.testing import assert_close
from tests.conftest import DEVICE
from tests.ops.graphs import SHAPES, random_csr

SLOPE = 0.2
KINDS = ["gat", "gatv2", "dot"]
SIZES = [(1, 1), (2, 3), (3, 20), (8, 16), (9, 1), (20, 5), (1, 130), (2, 0)]  # heads, channels


def draw(kind, adj, heads, channels, *, dtype=torch.float64, edge=True, scale=0.5):
    """Random arguments of a kind, by name."""

    def randn(*shape):
        return (scale * torch.randn(*shape, dtype=dtype)).requires_grad_()

    rows, cols, entries = adj.num_rows, adj.num_cols, adj.num_entries
    if kind == "gat":
        given = {"value": randn(cols, heads, channels)}
        given |= {"alpha_src": randn(cols, heads), "alpha_dst": randn(rows, heads)}
        return given | ({"edge_bias": randn(entries, heads)} if edge else {})
    if kind == "gatv2":
        given = {"x_src": randn(cols, heads, channels), "x_dst": randn(rows, heads, channels)}
        given["att"] = randn(heads, channels)
        return given | ({"edge_attr": randn(entries, heads, channels)} if edge else {})
    depth = channels + 2
    given = {"query": randn(rows, heads, depth), "key": randn(cols, heads, depth)}
    given["value"] = randn(cols, heads, channels)
    return given | ({"edge_bias": randn(entries, heads)} if edge else {})


def run(kind, adj, given, **options):
    function = {"gat": gat_attention, "gatv2": gatv2_attention, "dot": dot_attention}[kind]
    return function(adj, **given, **options)


def leaky(z):
    return max(z, 0.0) + SLOPE * min(z, 0.0)


def brute_force(kind, adj, given, mask=None, dropout=0.0):
    """One row, one head, one entry at a time, in Python's own numbers."""
    given = {name: tensor.detach().double() for name, tensor in given.items()}
    value = given["x_src"] if kind == "gatv2" else given["value"]
    heads, channels = value.shape[1:]
    out = torch.zeros(adj.num_rows, heads, channels, dtype=torch.float64)
    for i in range(adj.num_rows):
        entries = range(int(adj.rowptr[i]), int(adj.rowptr[i + 1]))
        for h in range(heads if len(entries) else 0):
            scores = []
            for e in entries:
                j = int(adj.col[e])
                if kind == "gat":
                    z = given["alpha_src"][j, h] + given["alpha_dst"][i, h]
                    score = leaky(float(z + given["edge_bias"][e, h]))
                elif kind == "gatv2":
                    z = given["x_src"][j, h] + given["x_dst"][i, h] + given["edge_attr"][e, h]
                    pairs = zip(given["att"][h].tolist(), z.tolist(), strict=True)
                    score = sum(a * leaky(u) for a, u in pairs)
                else:
                    product = float(given["query"][i, h] @ given["key"][j, h])
                    score = product / math.sqrt(given["key"].size(-1))
                    score += float(given["edge_bias"][e, h])
                scores.append(score)
            peak = max(scores)
            powers = [math.exp(score - peak) for score in scores]
            for e, power in zip(entries, powers, strict=True):
                if mask is None or mask[e, h]:
                    weight = power / sum(powers) / (1 - dropout)
                    out[i, h] += weight * value[int(adj.col[e]), h]
    return out


def reference(kind, adj, given, dropout=0.0, seed=None):
    """The operator's definition in plain PyTorch."""
    edge = given.get("edge_bias", given.get("edge_attr"))
    if kind == "gatv2":
        parts = (given["x_dst"], given["x_src"], given["x_src"], edge, given["att"])
    else:
        edge = None if edge is None else edge.unsqueeze(-1)
        if kind == "gat":
            target, source = given["alpha_dst"].unsqueeze(-1), given["alpha_src"].unsqueeze(-1)
        else:
            target, source = given["query"], given["key"]
        parts = (target, source, given["value"], edge, None)
    seed = None if seed is None else torch.tensor(seed)
    rule = (kind != "dot", 1 / math.sqrt(max(parts[0].size(-1), 1)), SLOPE, dropout)
    turn = (None, None, None)
    return attention_reference(adj.rowptr, adj.col, *parts, seed, *turn, *rule)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_brute_force(kind, shape, dtype):
    adj = random_csr(SHAPES[shape])
    for heads, channels in ((1, 3), (3, 2)):
        given = draw(kind, adj, heads, channels, dtype=dtype)
        assert_close(run(kind, adj, given), brute_force(kind, adj, given))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("edge", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradients_equal_the_reference(kind, dropout, edge, dtype):
    """Every width of vector, with and without a rest, and rows longer than a block.

    A gradient is a long sum with cancellation: its error is measured against its largest entry.
    """
    bound = 1e-5 if dtype == torch.float32 else 1e-10
    for shape in ("tall", "wide", "duplicates", "square", "no entries", "no rows"):
        adj = random_csr(SHAPES[shape], transposed=True)
        for heads, channels in SIZES:
            given = draw(kind, adj, heads, channels, dtype=dtype, edge=edge, scale=0.3)
            mine = run(kind, adj, given, dropout=dropout, seed=7)
            theirs = reference(kind, adj, given, dropout, None if dropout == 0 else 7)
            assert_close(mine, theirs)
            grad = torch.randn_like(mine)
            inputs = list(given.values())
            got = torch.autograd.grad(mine, inputs, grad, materialize_grads=True)
            wanted = torch.autograd.grad(theirs, inputs, grad, materialize_grads=True)
            for name, one, other in zip(given, got, wanted, strict=True):
                error = (one - other).abs().amax() if one.numel() else torch.tensor(0.0)
                size = other.abs().amax().clamp(min=1) if one.numel() else 1.0
                assert error <= bound * size, f"{shape} {heads} x {channels}: {name}: {error:.2e}"


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_short_rows_and_one_of_thousands_of_entries(heads, dropout):
    """Rows that are taken side by side, beside one that is longer than what is taken at once."""
    adj = random_csr((900, 4000, 12000), transposed=True)
    assert int(adj.rowptr.diff().max()) > 2048 > 3 * int(adj.rowptr.diff()[1:].max())
    given = draw("gat", adj, heads, 7, edge=heads == 2)
    mine = run("gat", adj, given, dropout=dropout, seed=7)
    theirs = reference("gat", adj, given, dropout, None if dropout == 0 else 7)
    assert_close(mine, theirs)
    grad = torch.randn_like(mine)
    got = torch.autograd.grad(mine, list(given.values()), grad)
    wanted = torch.autograd.grad(theirs, list(given.values()), grad)
    for name, one, other in zip(given, got, wanted, strict=True):
        error = (one - other).abs().amax() / other.abs().amax()
        assert error <= 1e-12, f"{name}: {error:.2e}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edge", [True, False])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_of_first_and_second_order(kind, edge, dropout):
    adj = random_csr((4, 3, 9), transposed=edge)
    given = draw(kind, adj, 2, 2, edge=edge)

    def function(*inputs):
        named = dict(zip(given, inputs, strict=True))
        return run(kind, adj, named, dropout=dropout, seed=3)

    assert torch.autograd.gradcheck(function, list(given.values()))
    assert torch.autograd.gradgradcheck(function, list(given.values()))


@pytest.mark.parametrize("kind", KINDS)
def test_second_order_with_only_some_inputs(kind):
    adj = random_csr((4, 3, 9))
    given = draw(kind, adj, 2, 2)
    for wanted in given:
        held = {name: t.detach() for name, t in given.items()}

        def function(x, held=held, wanted=wanted):
            return run(kind, adj, held | {wanted: x})

        assert torch.autograd.gradgradcheck(function, [given[wanted]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_scores_do_not_overflow(kind, dtype):
    """A softmax of scores thousands apart picks the largest; halves where two are equal."""
    adj = random_csr(SHAPES["square"], transposed=True)
    given = draw(kind, adj, 3, 4, dtype=dtype, scale=60.0)
    out = run(kind, adj, given)
    assert_close(out, reference(kind, adj, given), kind="accumulated")
    grads = torch.autograd.grad(out.sum(), list(given.values()))
    assert all(grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize("sign", [1, -1])
def test_growing_scores_over_many_blocks(sign):
    """The running maximum changes (or never does) from block to block."""
    entries = 1000
    adj = random_csr((1, entries, entries), transposed=True)
    score = (sign * torch.linspace(-300, 300, entries)).unsqueeze(-1).requires_grad_()
    value = torch.randn(entries, 1, 5, requires_grad=True)
    zero = torch.zeros(1, 1)
    out = gat_attention(adj, value, alpha_src=score, alpha_dst=zero, negative_slope=1.0)
    weight = score[adj.col].softmax(0)
    expected = (weight.unsqueeze(-1) * value[adj.col]).sum(0, keepdim=True)
    assert_close(out, expected)
    grad = torch.randn_like(out)
    got = torch.autograd.grad(out, (score, value), grad)
    wanted = torch.autograd.grad(expected, (score, value), grad)
    for one, other in zip(got, wanted, strict=True):
        assert_close(one, other)


@pytest.mark.cpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_are_exponentials_to_the_last_bit_or_two(dtype):
    """Two sources, scores 0 and -x: the first column of the output is 1 / (1 + e^-x)."""
    count = 3000
    gap = torch.linspace(0, 80, count, dtype=dtype)
    rows = torch.arange(count).repeat(2)
    pairs = torch.stack([torch.arange(2 * count), rows])
    adj = to_csr(pairs, size=(2 * count, count))
    score = torch.cat([torch.zeros(count, dtype=dtype), -gap]).unsqueeze(-1)
    value = torch.tensor([0.0, 1.0], dtype=dtype).repeat_interleave(count).reshape(-1, 1, 1)
    zero = torch.zeros(count, 1, dtype=dtype)
    out = gat_attention(adj, value, alpha_src=score, alpha_dst=zero, negative_slope=1.0).flatten()
    expected = 1 / (1 + gap.double().exp())
    error = ((out.double() - expected) / expected).abs().max()
    assert error < 4 * torch.finfo(dtype).eps


def test_entries_at_minus_infinity_are_left_out():
    adj = random_csr(SHAPES["square"], transposed=True)
    given = draw("dot", adj, 2, 3, edge=False)
    away = torch.rand(adj.num_entries, 2) < 0.5
    away[: int(adj.rowptr[1])] = True  # all of row 0
    bias = torch.zeros(adj.num_entries, 2, dtype=torch.float64).masked_fill(away, -math.inf)
    given["edge_bias"] = bias.requires_grad_()
    out = run("dot", adj, given)
    assert torch.equal(out[0], torch.zeros_like(out[0]))
    assert_close(out, reference("dot", adj, given))
    for grad in torch.autograd.grad(out.sum(), list(given.values())):
        assert grad.isfinite().all()


def test_a_nan_stays_in_its_row_and_head():
    adj = random_csr(SHAPES["square"])
    given = {name: t.detach() for name, t in draw("gat", adj, 3, 5, edge=False).items()}
    given["alpha_dst"][4, 1] = math.nan
    nan = run("gat", adj, given).isnan()
    expected = torch.zeros_like(nan)
    expected[4, 1] = bool(adj.rowptr[5] > adj.rowptr[4])
    assert torch.equal(nan, expected)


@pytest.mark.parametrize("heads", [1, 3, 8, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dropout_is_the_documented_mask(heads, dtype):
    adj = random_csr(SHAPES["duplicates"])
    for seed in (0, 1, -5, 2**62 + 12345):
        given = draw("gat", adj, heads, 2, dtype=dtype)
        mask = dropout_mask(adj.num_entries, heads, torch.tensor(seed), 0.3)
        out = run("gat", adj, given, dropout=0.3, seed=seed)
        assert_close(out, brute_force("gat", adj, given, mask, 0.3))


def test_dropout_statistics():
    draws = [dropout_mask(40_000, 4, torch.tensor(seed), 0.3).double() for seed in range(3)]
    for mask in draws:
        assert abs(float(mask.mean()) - 0.7) < 5 * math.sqrt(0.21 / mask.numel())
    stacked = torch.cat([*draws, draws[0].roll(1, 0)], 1)
    correlation = torch.corrcoef(stacked.T) - torch.eye(16, dtype=torch.float64)
    assert float(correlation.abs().max()) < 5 / math.sqrt(40_000)


def test_dropout_keeps_the_mean_and_follows_its_seed():
    adj = random_csr(SHAPES["square"], dtype=torch.float32)
    given = draw("gat", adj, 2, 3)
    plain = run("gat", adj, given)
    mean = sum(run("gat", adj, given, dropout=0.5, seed=s) for s in range(4000)) / 4000
    assert float((mean - plain).abs().max()) < 0.1
    first = run("gat", adj, given, dropout=0.5, seed=1)
    assert torch.equal(first, run("gat", adj, given, dropout=0.5, seed=torch.tensor(1)))
    assert not torch.equal(first, run("gat", adj, given, dropout=0.5, seed=2))
    torch.manual_seed(5)
    drawn = run("gat", adj, given, dropout=0.5)
    assert not torch.equal(drawn, run("gat", adj, given, dropout=0.5))
    torch.manual_seed(5)
    assert torch.equal(drawn, run("gat", adj, given, dropout=0.5))
    assert torch.equal(run("gat", adj, given, dropout=1.0), torch.zeros_like(plain))


@pytest.mark.cpu
@pytest.mark.parametrize("kind", KINDS)
def test_thread_count_and_index_type_do_not_change_a_bit(kind):
    adj = random_csr((300, 200, 5000), transposed=True)
    given = draw(kind, adj, 8, 16, dtype=torch.float32)
    wide = adj._replace(
        rowptr=adj.rowptr.long(),
        col=adj.col.long(),
        transposed=tuple(t.long() for t in adj.transposed),
    )
    threads = torch.get_num_threads()
    results = []
    try:
        for count, operator in ((1, adj), (2, adj), (3, adj), (2, wide)):
            torch.set_num_threads(count)
            out = run(kind, operator, given, dropout=0.2, seed=11)
            grads = torch.autograd.grad((out**2).sum(), list(given.values()))
            results.append((out, *grads))
    finally:
        torch.set_num_threads(threads)
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_any_stride_and_half_precision(kind):
    adj = random_csr(SHAPES["square"], transposed=True)
    given = {n: t.detach() for n, t in draw(kind, adj, 4, 6, dtype=torch.float32).items()}
    strided = {n: t.mT.contiguous().mT for n, t in given.items()}
    # the reference multiplies matrices, whose roundings depend on how they lie in memory
    tolerance = 0 if backends()["cpp"]["available"] or DEVICE != "cpu" else 1e-6
    out, expected = run(kind, adj, strided), run(kind, adj, given)
    torch.testing.assert_close(out, expected, rtol=tolerance, atol=tolerance)
    half = {n: t.bfloat16() for n, t in given.items()}
    expected = run(kind, adj, {n: t.float() for n, t in half.items()}).bfloat16()
    assert torch.equal(run(kind, adj, half), expected)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("size", [(1, 7), (2, 16), (3, 5), (8, 16), (5, 33)])
@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_is_rounded_once(kind, size, dropout):
    """Rows of all lengths: sums over a row of gradients of scores cancel, roundings would not."""
    source, target = torch.randint(0, 300, (2, 3000))
    adj = to_csr(torch.stack([source, target % (target % 7 * 20 + 3)]), None, 300, transposed=True)
    drawn = draw(kind, adj, *size, dtype=torch.float32, scale=1.0)
    if kind == "gatv2":
        drawn["value"] = torch.randn(300, size[0], 4)
    half = {name: t.detach().bfloat16().requires_grad_() for name, t in drawn.items()}
    wide = {name: t.detach().float().requires_grad_() for name, t in half.items()}
    if kind == "gat":  # as autocast gives them
        half["alpha_src"] = wide["alpha_src"].detach().clone().requires_grad_()
    out, expected = (run(kind, adj, t, dropout=dropout, seed=5) for t in (half, wide))
    assert torch.equal(out, expected.bfloat16())
    grad = torch.randn_like(out)
    found = torch.autograd.grad(out, list(half.values()), grad)
    for one, other in zip(
        found, torch.autograd.grad(expected, list(wide.values()), grad.float()), strict=True
    ):
        close = 2e-5 * float(other.abs().max())  # float32 sums in another order
        torch.testing.assert_close(one.float(), other, rtol=2**-8, atol=close)


@pytest.mark.parametrize("kind", KINDS)
def test_fullgraph_compile(kind):
    adj = random_csr(SHAPES["square"], transposed=True)
    given = draw(kind, adj, 2, 3)

    def step(**tensors):
        return (run(kind, adj, tensors, dropout=0.3, seed=torch.tensor(4)) ** 2).sum()

    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    inputs = list(given.values())
    eager = torch.autograd.grad(step(**given), inputs)
    for one, other in zip(torch.autograd.grad(compiled(**given), inputs), eager, strict=True):
        assert_close(one, other)


def test_bad_input_is_named():
    adj = random_csr(SHAPES["square"])
    given = draw("gat", adj, 2, 3)
    with pytest.raises(ValueError, match=r"alpha_src: got shape \(50, 1\), expected \(50, 2\)"):
        gat_attention(adj, **given | {"alpha_src": torch.ones(50, 1)})
    with pytest.raises(ValueError, match="value: got shape"):
        gat_attention(adj, **given | {"value": torch.ones(50, 2)})
    with pytest.raises(ValueError, match="expected a probability"):
        gat_attention(adj, **given, dropout=1.5)
