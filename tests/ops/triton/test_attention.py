import math

import pytest
import torch

from graphpoly.ops import dot_attention, gat_attention, gatv2_attention
from graphpoly.ops.attention_operator import attention_reference, dropout_mask
from graphpoly.ops.triton import kernel
from graphpoly.testing import assert_close
from tests.ops.triton.compare import GRAPHS, assert_same, operator

HEADS, WIDTH, DEPTH = 2, 5, 3


def gat(adj, dtype=torch.float64):
    return {
        "alpha_src": torch.randn(adj.num_cols, HEADS, dtype=dtype),
        "alpha_dst": torch.randn(adj.num_rows, HEADS, dtype=dtype),
        "value": torch.randn(adj.num_cols, HEADS, WIDTH, dtype=dtype),
        "edge_bias": torch.randn(adj.num_entries, HEADS, dtype=dtype),
    }


def gatv2(adj, dtype=torch.float64):
    return {
        "x_src": torch.randn(adj.num_cols, HEADS, DEPTH, dtype=dtype),
        "x_dst": torch.randn(adj.num_rows, HEADS, DEPTH, dtype=dtype),
        "att": torch.randn(HEADS, DEPTH, dtype=dtype),
        "value": torch.randn(adj.num_cols, HEADS, WIDTH, dtype=dtype),
        "edge_attr": torch.randn(adj.num_entries, HEADS, DEPTH, dtype=dtype),
    }


def dot(adj, dtype=torch.float64):
    return {
        "query": torch.randn(adj.num_rows, HEADS, DEPTH, dtype=dtype),
        "key": torch.randn(adj.num_cols, HEADS, DEPTH, dtype=dtype),
        "value": torch.randn(adj.num_cols, HEADS, WIDTH, dtype=dtype),
        "edge_bias": torch.randn(adj.num_entries, HEADS, dtype=dtype),
    }


KINDS = {
    "gat": (gat, gat_attention),
    "gatv2": (gatv2, gatv2_attention),
    "dot": (dot, dot_attention),
}


def reference(kind, adj, dropout=0.0, seed=None):
    """The plain-PyTorch definition with the arguments of the public function."""
    seed = None if seed is None else torch.tensor(seed)

    def run(**t):
        edge, att = t.get("edge_attr"), t.get("att")
        if kind == "gatv2":
            pair, rule = (t["x_dst"], t["x_src"]), (True, 1.0, 0.2)
        else:
            edge = t["edge_bias"].unsqueeze(-1) if "edge_bias" in t else None
            pair, rule = (t.get("query"), t.get("key")), (False, 1 / math.sqrt(DEPTH), 0.0)
        if kind == "gat":
            pair = (t["alpha_dst"].unsqueeze(-1), t["alpha_src"].unsqueeze(-1))
            rule = (True, 1.0, 0.2)
        value = t.get("value", pair[1])
        none = (None, None, None)
        out, _ = attention_reference(
            adj.rowptr, adj.col, *pair, value, edge, att, seed, *none, *rule, dropout
        )
        return out

    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", GRAPHS.values(), ids=list(GRAPHS))
def test_value_and_gradients(kind, shape, limit):
    adj = operator(shape, wide=shape == GRAPHS["hub"])
    draw, public = KINDS[kind]
    options = {"dropout": 0.4, "seed": 2**40 + 17}
    assert_same(
        lambda **t: (
            public(adj, t.pop("value"), **t, **options)
            if kind == "gat"
            else public(adj, t.pop("query"), t.pop("key"), **t, **options)
            if kind == "dot"
            else public(adj, t.pop("x_src"), t.pop("x_dst"), **t, **options)
        ),
        reference(kind, adj, options["dropout"], options["seed"]),
        draw(adj),
    )


def test_without_edges_dropout_or_vectors(limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32)
    given = gat(adj, torch.float32)
    del given["edge_bias"]
    assert_same(lambda **t: gat_attention(adj, t.pop("value"), **t), reference("gat", adj), given)


@pytest.mark.parametrize("seed", [0, 1, -5, 2**62 + 12345])
def test_dropout_is_the_documented_mask(seed, limit):
    """With equal scores the output counts the entries that are kept."""
    adj = operator(GRAPHS["star"])
    zero, value = torch.zeros(30, HEADS), torch.ones(30, HEADS, 1)
    out = gat_attention(adj, value, alpha_src=zero, alpha_dst=zero[:1], dropout=0.3, seed=seed)
    mask = dropout_mask(30, HEADS, torch.tensor(seed), 0.3)
    assert_close(out[0, :, 0], mask.float().mean(0) / 0.7)


@pytest.mark.parametrize("sign", [1, -1])
def test_softmax_is_stable(sign, limit):
    adj = operator(GRAPHS["star"])
    score = (sign * torch.linspace(-300, 300, 30, dtype=torch.float64)).unsqueeze(-1)
    value = torch.randn(30, 1, 4, dtype=torch.float64)
    none = torch.zeros(1, 1, dtype=torch.float64)
    out = gat_attention(adj, value, alpha_src=score, alpha_dst=none, negative_slope=1.0)
    column = adj.col.long()
    expected = (score[column].softmax(0).unsqueeze(-1) * value[column]).sum(0, keepdim=True)
    assert_close(out, expected)


def test_entries_at_minus_infinity_are_left_out(limit):
    adj = operator(GRAPHS["hub"])
    given = gat(adj)
    away = torch.rand(adj.num_entries, HEADS) < 0.5
    away[: int(adj.rowptr[1])] = True  # all of row 0, the longest
    given["edge_bias"] = given["edge_bias"].masked_fill(away, -math.inf)
    leaves = {name: t.requires_grad_() for name, t in given.items()}
    out = gat_attention(adj, **leaves)
    assert torch.equal(out[0], torch.zeros_like(out[0]))
    assert_close(out, reference("gat", adj)(**leaves))
    for grad in torch.autograd.grad(out.sum(), list(leaves.values())):
        assert grad.isfinite().all()


def test_a_nan_stays_in_its_row_and_head(limit):
    adj = operator(GRAPHS["hub"])
    given = gat(adj)
    given["alpha_dst"][0, 1] = math.nan
    expected = torch.zeros(9, HEADS, WIDTH, dtype=torch.bool)
    expected[0, 1] = True
    assert torch.equal(gat_attention(adj, **given).isnan(), expected)


@pytest.mark.parametrize(("depth", "width"), [(1, 1), (2, 40), (33, 3)])
def test_any_width_and_stride(depth, width, limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32)
    target, source, value = (
        torch.randn(9, depth, 2).mT,
        torch.randn(2, 11, depth).transpose(0, 1),
        torch.randn(11, width, 2).mT,
    )
    call = (adj.rowptr, adj.col, target, source, value, None, None, None, None, None, None)
    ours = torch.ops.graphpoly.attention(*call, False, 0.3, 0.0, 0.0)
    for one, other in zip(ours, attention_reference(*call, False, 0.3, 0.0, 0.0), strict=True):
        assert_close(one, other)


def test_half_precision_is_computed_in_float32(limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32)
    given = {name: t.bfloat16() for name, t in gat(adj, torch.float32).items()}
    expected = reference("gat", adj)(**{name: t.float() for name, t in given.items()})
    assert_close(gat_attention(adj, **given), expected.bfloat16())
    call = (adj.rowptr, adj.col, given["alpha_dst"].unsqueeze(-1), given["alpha_src"].unsqueeze(-1))
    call = (*call, given["value"], given["edge_bias"].unsqueeze(-1), None, None, None, None, None)
    out, _ = kernel("attention")(*call, True, 1.0, 0.2, 0.0)
    assert_close(out, expected.bfloat16())
