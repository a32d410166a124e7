"""TopKPooling: all that it returns is the original's to the last bit, and so is every gradient."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphpoly import accelerate, restore
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 2, 3, 4, 2, 1, 6, 7, 8], [1, 2, 0, 4, 3, 2, 1, 7, 8, 6]])
BATCH = torch.tensor([0, 0, 0, 1, 1, 1, 3, 3, 3])


def features(dtype=torch.float64, channels=4):
    torch.manual_seed(0)
    return torch.randn(9, channels, dtype=dtype).requires_grad_()


def results(pool, x, *given):
    x = x.detach().clone().requires_grad_()
    pool.zero_grad()
    out = pool(x, *given)
    (out[0].square().sum() + out[5].sum()).backward()
    return [*out, x.grad, pool.select.weight.grad]


def check_same(pool, x, *given, declined=False):
    twin = copy.deepcopy(pool)
    assert accelerate(twin).accelerated == {"": "TopKPooling"}
    for found, wanted in zip(results(twin, x, *given), results(pool, x, *given), strict=True):
        if wanted is None:
            assert found is None
        else:
            assert found.dtype == wanted.dtype
            assert_close(found, wanted, kind="exact")
    assert bool(accelerate(twin).declined) == declined
    return twin


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.8, 1, 2])
def test_over_its_options(ratio, dtype):
    x = features(dtype)
    for multiplier, nonlinearity in itertools.product((1.0, 2.5), ("tanh", torch.sigmoid)):
        pool = pyg.TopKPooling(4, ratio, multiplier=multiplier, nonlinearity=nonlinearity)
        for attr, batch in itertools.product((None, torch.randn(10, 3)), (None, BATCH)):
            check_same(pool.to(dtype), x, EDGES, attr, batch)
    attention = torch.randn(9, 4, dtype=dtype)
    check_same(pool, x, EDGES, None, BATCH, attention)


def test_of_equal_scores_the_same_nodes_stay():
    torch.manual_seed(1)
    pool = pyg.TopKPooling(1, 0.5)
    x = torch.randint(3, (700, 1)).float().requires_grad_()
    batch = torch.randint(9, (700,)).sort().values
    check_same(pool, x, torch.randint(700, (2, 2000)), None, batch)


def test_small_graphs():
    pool = pyg.TopKPooling(2, 0.5).double()
    none = torch.empty(2, 0, dtype=torch.int64)
    for nodes in (0, 1, 2):
        x = torch.randn(nodes, 2, dtype=torch.float64).requires_grad_()
        check_same(pool, x, none, None, torch.zeros(nodes, dtype=torch.int64))
    x = torch.randn(1, 2, dtype=torch.float64).requires_grad_()
    check_same(pool, x, torch.tensor([[0, 0], [0, 0]]))


def test_calls_that_run_the_original():
    x, pool = features(), pyg.TopKPooling(4, 0.5).double()
    check_same(pool, x, EDGES, None, BATCH.flip(0), declined=True)
    check_same(pool, x, EDGES - 1, None, BATCH, declined=True)  # PyG counts from behind
    hooked, seen = copy.deepcopy(pool), []
    hooked.select.register_forward_hook(lambda *_: seen.append(1))
    check_same(hooked, x, EDGES, None, BATCH, declined=True)
    assert len(seen) == 2
    accelerate(pool)
    with pytest.raises(IndexError):
        pool(x, EDGES + 5, None, BATCH)
    half = pyg.TopKPooling(4, 0.5).bfloat16()
    check_same(half, x.detach().bfloat16(), EDGES, None, BATCH, declined=True)


def test_poolings_that_keep_their_class():
    class Own(pyg.TopKPooling):
        pass

    other = pyg.TopKPooling(4)
    other.select = nn.Identity()
    report = accelerate(nn.ModuleList([pyg.TopKPooling(4, min_score=0.2), Own(4), other]))
    assert report.accelerated == {}
    assert set(report.left_alone) == {"0", "2"}
    assert "min_score" in report.left_alone["0"]
    assert "SelectTopK" in report.left_alone["2"]


def test_it_is_put_in_and_taken_out():
    pool = pyg.TopKPooling(4)
    printed = repr(pool)
    accelerate(pool)
    assert repr(pool) == printed
    assert type(pool).__name__ == "TopKPooling"
    assert type(copy.deepcopy(pool)) is type(pool)
    assert restore(pool) == [""]
    assert type(pool) is pyg.TopKPooling


def test_programs_run_the_original():
    pool, x = pyg.TopKPooling(4, 0.5).double(), features()
    expected = pool(x, EDGES, None, BATCH)
    accelerate(pool)
    compiled = torch.compile(pool, backend="eager")
    assert_close(compiled(x, EDGES, None, BATCH)[0], expected[0])
    given = (x, EDGES, torch.randn(10, 3), BATCH)
    assert_close(torch.jit.trace(pool, given, check_trace=False)(*given)[0], expected[0])
