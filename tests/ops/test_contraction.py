from __future__ import annotations

import string

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.utils import to_dense_adj

from graphpoly.expressivity import hard_pair
from graphpoly.ops import Multigraph, contract, contraction_plan, multigraphs, uncomputable
from graphpoly.ops.contraction import einsum_cost
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

# edges: all, width 1, width 2; without root, with one, with two
COMPUTABLE = {
    1: ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    2: ((1, 1, 1), (2, 2, 2), (3, 2, 3)),
    3: ((3, 2, 3), (5, 4, 5), (10, 5, 10)),
    4: ((5, 3, 5), (13, 9, 13), (35, 12, 35)),
    5: ((12, 6, 12), (37, 20, 37), (125, 30, 124)),
    6: ((30, 11, 29), (114, 48, 113), (460, 74, 451)),
}
ALL = [("general", 3), ("symmetric", 3), ("simple", 6)]


def listed(kind: str, degree: int, roots: tuple[int, ...] = (0, 1, 2)) -> list[Multigraph]:
    degrees = range(kind == "simple", degree + 1)
    return [one for d in degrees for r in roots for one in multigraphs(d, r, kind)]


def integers(*shape: int, seed: int = 0) -> Tensor:
    g = torch.Generator(DEVICE).manual_seed(seed)
    return torch.randint(-2, 3, shape, generator=g).double()


def by_einsum(pattern: Multigraph, x: Tensor) -> np.ndarray:
    """One sum over everything, in integers."""
    matrix = x.cpu().numpy().astype(np.int64)
    roots = [string.ascii_letters[root] for root in dict.fromkeys(pattern.roots)]
    terms = [string.ascii_letters[u] + string.ascii_letters[v] for u, v in pattern.edges]
    ones = np.ones(len(matrix), dtype=np.int64)
    if not terms + roots:
        return np.array(1)
    equation = f"{','.join(terms + roots)}->{''.join(roots)}"
    out = np.einsum(equation, *[matrix] * len(terms), *[ones] * len(roots))
    return np.diag(out) if len(roots) < len(pattern.roots) else out


@pytest.mark.parametrize(("kind", "degree"), ALL)
def test_equals_einsum_exactly(kind, degree) -> None:
    patterns = listed(kind, degree)
    x = integers(5, 5)
    for pattern, value in zip(patterns, contract(patterns, x), strict=True):
        expected = by_einsum(pattern, x)
        assert value.shape == expected.shape, pattern
        assert np.array_equal(value.cpu().numpy(), expected), pattern


def test_what_each_width_computes() -> None:
    for edges, table in COMPUTABLE.items():
        for roots, numbers in enumerate(table):
            widths = [contraction_plan(one).width for one in multigraphs(edges, roots, "simple")]
            found = len(widths), sum(w <= 1 for w in widths), sum(w <= 2 for w in widths)
            assert found == numbers
    computable = [one for one in listed("simple", 6) if contraction_plan(one).width <= 2]
    assert len(computable) == 846


def test_what_width_two_does_not_compute() -> None:
    """K4 without its root edge, and with 6 edges K4 with no, one, two roots and eight others."""
    kept = uncomputable(6)
    assert [(one.degree, len(one.roots)) for one in kept] == [(6, 0), (6, 1), (5, 2), *[(6, 2)] * 9]
    tetrahedron = "ab,ac,ad,bc,bd,cd->"
    assert [str(one) for one in kept[:3]] == [tetrahedron, tetrahedron + "a", "ac,ad,bc,bd,cd->ab"]
    assert uncomputable(5) == kept[2:3]
    assert not uncomputable(4)
    assert [str(one) for one in uncomputable(3, width=1)][:2] == ["ab,ac,bc->", "ab,ac,bc->a"]


def test_multigraphs_are_a_basis() -> None:
    """No polynomial is a combination of others, from as many nodes on as the largest has."""
    for kind, degree, roots, n in (
        ("general", 2, 2, 6),
        ("general", 2, 1, 5),
        ("symmetric", 3, 1, 7),
    ):
        patterns = multigraphs(degree, roots, kind)
        g = torch.Generator(DEVICE).manual_seed(0)
        x = torch.randn(2 * len(patterns), n, n, generator=g, dtype=torch.float64)
        if kind == "symmetric":
            x = x + x.mT
        values = torch.stack([value.flatten() for value in contract(patterns, x)], 1)
        values = values / values.norm(dim=0)
        assert int(torch.linalg.matrix_rank(values)) == len(patterns)


def test_padding_channels_and_batches_are_single_graphs() -> None:
    sizes = (1, 3, 5)
    mask = torch.arange(5) < torch.tensor(sizes).unsqueeze(1)
    x = integers(3, 2, 5, 5)  # what stands in the padding does not count
    patterns = [*listed("general", 2), *uncomputable(6)]
    for pattern, whole in zip(patterns, contract(patterns, x, mask.unsqueeze(1)), strict=True):
        for g, size in enumerate(sizes):
            for channel in range(2):
                single = contract([pattern], x[g, channel, :size, :size])[0]
                expected = torch.zeros(whole.shape[2:], dtype=torch.float64)
                expected[(slice(size),) * single.dim()] = single
                assert torch.equal(whole[g, channel], expected), pattern


def test_permutations_commute() -> None:
    patterns = listed("general", 2)
    x, order = integers(6, 6), torch.randperm(6, generator=torch.Generator(DEVICE).manual_seed(1))
    values, moved = contract(patterns, x), contract(patterns, x[order][:, order])
    for pattern, value, other in zip(patterns, values, moved, strict=True):
        for dim in range(len(pattern.roots)):
            value = value.index_select(dim, order)
        assert torch.equal(value, other)


def test_gradients() -> None:
    x = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
    patterns = [*multigraphs(2, 1)[:8], uncomputable(6)[1], uncomputable(6)[5]]
    assert torch.autograd.gradcheck(lambda x: tuple(contract(patterns, x)), x)


def test_costs() -> None:
    square, tetrahedron = (Multigraph.parse(p) for p in ("ab,bc,cd,da->", "ab,ac,ad,bc,bd,cd->"))
    assert contraction_plan(square).cost(10) == 2 * 1000 + 100 + 10
    assert contraction_plan(tetrahedron).cost(10) == 10_000 + 1000 + 100 + 10
    assert contraction_plan(Multigraph.parse("->ab")).cost(10) == 0
    pytest.importorskip("opt_einsum")
    assert einsum_cost(square, 20) / einsum_cost(square, 10) == pytest.approx(8, rel=0.1)
    assert einsum_cost(tetrahedron, 20) / einsum_cost(tetrahedron, 10) == pytest.approx(16, rel=0.2)
    assert einsum_cost(Multigraph.parse("bc->a"), 10) >= 100


def test_strongly_regular_graphs() -> None:
    """Width 2 does not tell them apart; of the other twelve five do, all with 6 edges."""
    pair = torch.cat([to_dense_adj(data.edge_index).double() for data in hard_pair("sr16622")])

    def separates(pattern: Multigraph, value: Tensor) -> bool:
        one, other = value.flatten(1).sort(1).values if pattern.roots else value
        return not torch.equal(one, other)

    patterns = listed("simple", 6)
    values = zip(patterns, contract(patterns, pair), strict=True)
    apart = [pattern for pattern, value in values if separates(pattern, value)]
    assert len(apart) == 5
    assert set(apart) < set(uncomputable(6))
    assert [(one.degree, len(one.roots)) for one in apart] == [(6, 0), (6, 1), *[(6, 2)] * 3]


def test_single_precision_and_mistakes() -> None:
    x = integers(5, 5)
    patterns = listed("symmetric", 2)
    for value, single in zip(contract(patterns, x), contract(patterns, x.float()), strict=True):
        assert single.dtype == torch.float32
        assert_close(single.double(), value)
    with pytest.raises(ValueError, match=r"x: got shape \(4, 5\)"):
        contract(patterns, torch.zeros(4, 5))
