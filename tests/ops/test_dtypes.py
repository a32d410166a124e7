"""One rule for the types of all operators, over all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import graphpoly.ops as ops
from graphpoly.ops import CSR, pair_blocks, to_csr
from graphpoly.ops.p_laplacian import edge_gradient, p_dirichlet
from tests.conftest import DEVICE

NODES = 6
EDGES = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0], [1, 0, 2, 1, 3, 2, 4, 3, 0, 4, 0]])
NUM_EDGES = EDGES.size(1)
BATCH = torch.tensor([0, 0, 0, 1, 1, 1])
BLOCKS = pair_blocks(BATCH, NODES)
SQUARE = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).unsqueeze(-1)


class Case(NamedTuple):
    """An operator as a function of its features, by name; ``adj`` has weights."""

    run: Callable[..., Any]
    shapes: dict[str, tuple[int, ...]]
    weighted: bool = False  # reads the weights of adj
    kind: str = ""  # of features: "positive" numbers, or positive "definite" matrices


N, E, F = NODES, NUM_EDGES, 3
CASES = {
    "spmm": Case(lambda adj, x: ops.spmm(adj, x), {"x": (N, F)}, True),
    "spmm mean": Case(lambda adj, x: ops.spmm(adj, x, "mean"), {"x": (N, F)}, True),
    "spmm max": Case(lambda adj, x: ops.spmm(adj, x, "max"), {"x": (N, F)}, True),
    "sddmm": Case(ops.sddmm, {"a": (N, F), "b": (N, F)}),
    "entry_sum": Case(ops.entry_sum, {"a": (N, F), "b": (N, F)}),
    "sum_entries": Case(ops.sum_entries, {"values": (E, F)}),
    "edge_vectors": Case(ops.edge_vectors, {"pos": (N, F)}),
    "block_spmm": Case(
        lambda adj, blocks, x: ops.block_spmm(adj, blocks, x), {"blocks": (E, 2, 2), "x": (N, 2, F)}
    ),
    "block_sddmm": Case(ops.block_sddmm, {"a": (N, 2, F), "b": (N, 2, F)}),
    "polynomial": Case(
        lambda adj, x, theta: ops.polynomial(adj, x, theta, SQUARE),
        {"x": (N, F), "theta": (3, 1)},
        True,
    ),
    "lanczos": Case(lambda adj, x: ops.lanczos(adj, x, 2), {"x": (N, F)}, True),
    "lanczos_filter": Case(ops.lanczos_filter, {"x": (N, F), "theta": (3, 1)}, True),
    "resolvent": Case(lambda adj, x: ops.resolvent(adj, x)[:2], {"x": (N, F)}, True),
    "linear_attention": Case(
        lambda adj, query, key, value: ops.linear_attention(query, key, value, batch=BATCH),
        {"query": (N, 2, F), "key": (N, 2, F), "value": (N, 2, F)},
        kind="positive",
    ),
    "gat_attention": Case(
        ops.gat_attention, {"value": (N, 2, F), "alpha_src": (N, 2), "alpha_dst": (N, 2)}
    ),
    "gatv2_attention": Case(
        ops.gatv2_attention,
        {"x_src": (N, 2, F), "x_dst": (N, 2, F), "att": (2, F), "value": (N, 2, F)},
    ),
    "dot_attention": Case(
        ops.dot_attention, {"query": (N, 2, F), "key": (N, 2, F), "value": (N, 2, F)}
    ),
    "multi_aggregate": Case(
        lambda adj, x: ops.multi_aggregate(adj, x, ["sum", "mean", "max", "var"]),
        {"x": (N, F)},
        True,
    ),
    "pool": Case(lambda adj, x: ops.pool(x, BATCH), {"x": (N, F)}),
    "segment_softmax": Case(ops.segment_softmax, {"value": (E, F)}),
    "segment_logsumexp": Case(ops.segment_logsumexp, {"value": (E, F)}),
    "selective_scan": Case(
        lambda adj, A, **given: ops.selective_scan(A=-A if A.is_floating_point() else A, **given),
        {"x": (N, F), "delta": (N, F), "A": (F, 2), "B": (N, 2), "C": (N, 2), "D": (F,)},
        kind="positive",
    ),
    "common_neighbors": Case(
        lambda adj, x: ops.common_neighbors(adj, adj, EDGES, x=x), {"x": (N, F)}
    ),
    "common_neighbors weight": Case(
        lambda adj, weight: ops.common_neighbors(adj, adj, EDGES, weight=weight), {"weight": (N,)}
    ),
    "pair_sum": Case(ops.pair_sum, {"value": (E, F)}),
    "pair_matmul": Case(
        lambda adj, a, b: ops.pair_matmul(BLOCKS, a, b),
        {"a": (F, BLOCKS.num_pairs), "b": (F, BLOCKS.num_pairs)},
    ),
    "pair_pool": Case(lambda adj, x: ops.pair_pool(BLOCKS, x), {"x": (F, BLOCKS.num_pairs)}),
    "householder": Case(lambda adj, params: ops.householder(params, 3), {"params": (E, 3)}),
    "householder_transport": Case(
        lambda adj, a, b: ops.householder_transport(a, b, 3), {"a": (E, 3), "b": (E, 3)}
    ),
    "restriction_products": Case(
        lambda adj, target, source: ops.restriction_products(target, source),
        {"target": (E, 3, 3), "source": (E, 3, 3)},
    ),
    "matrix_root": Case(
        lambda adj, matrix: ops.matrix_root(matrix), {"matrix": (N, 2, 2)}, kind="definite"
    ),
    "orthonormalize": Case(lambda adj, weight: ops.orthonormalize(weight), {"weight": (N, F)}),
    "sylvester": Case(
        lambda adj, root, right: ops.sylvester(root, right),
        {"root": (N, 2, 2), "right": (N, 2, 2)},
        kind="definite",
    ),
    "p_laplacian": Case(lambda adj, x: ops.p_laplacian(adj, x, 1.5), {"x": (N, F)}, True),
    "p_smooth": Case(
        lambda adj, x: ops.p_smooth(adj, x, p=1.5, mu=1.0, steps=2), {"x": (N, F)}, True
    ),
    "edge_gradient": Case(lambda adj, x: edge_gradient(adj, x), {"x": (N, F)}, True),
    "p_dirichlet": Case(lambda adj, x: p_dirichlet(adj, x, 1.5), {"x": (N, F)}, True),
    "min_plus": Case(lambda adj, x: ops.min_plus(adj, x), {"x": (N, F)}, True),
    "triplets_min_plus": Case(
        lambda adj, first, second: ops.triplets_min_plus(ops.list_triplets(adj), first, second),
        {"first": (E, F), "second": (E, F)},
    ),
    "dropout": Case(lambda adj, x: ops.dropout(x, 0.5, seed=1), {"x": (N, F)}),
    "edge_distances": Case(ops.edge_distances, {"x": (N, F)}),
    "denoise_graph": Case(
        lambda adj, distance: ops.denoise_graph(adj.with_weight(distance), distance),
        {"distance": (E,)},
        kind="positive",
    ),
}
# without features: they read the graph alone, or move integers as they are; or no gradient
OTHERS = {
    "backends", "color_refinement", "column_space", "connection", "contract", "contract_sparse",
    "contraction_plan", "count_paths", "einsum_cost", "enumerate_paths", "fixed_point",
    "gather_parts", "intersect_rows", "label_names", "list_cliques", "list_triplets", "mix64",
    "multigraphs", "normalize", "number_keys", "pair_blocks", "pair_transpose", "pairs_within",
    "path_trie", "power_basis", "reorder", "rescale", "sample_neighbors",
    "silence_loops", "sort_rows", "spectral_density", "stable_colors", "stationary_distribution",
    "still_node", "take_and_number", "take_numbers", "to_csr", "to_edges", "uncomputable",
    # of rewiring: structure alone, or numbers of their own
    "balanced_forman", "color_rounds", "edge_transport", "fosr", "gtr", "hash64",
    "laplacian_powers", "laser", "random_features", "sdrf", "uniform",
    # of simplices and of walks along them
    "clique_complex", "random_walks", "simplicial_complex", "simplicial_faces",
    "simplicial_neighbors", "walk_bits",
}  # fmt: skip


def operator(dtype: torch.dtype = torch.float32) -> CSR:
    generator = torch.Generator(DEVICE).manual_seed(1)
    weight = torch.rand(NUM_EDGES, generator=generator) + 0.5
    return to_csr(EDGES, weight, NODES, transposed=True).with_weight(weight.to(dtype))


def features(case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    generator = torch.Generator(DEVICE).manual_seed(2)
    made = {}
    for name, shape in case.shapes.items():
        value = torch.randn(shape, generator=generator)
        if case.kind == "positive":
            value = value.abs() + 1
        if case.kind == "definite":
            value = value @ value.mT + torch.eye(shape[-1])
        made[name] = (3 * value).to(dtype)
    return made


def argument(name: str, feature: str) -> str:
    """The name of the argument that is wrong first."""
    return "weight" if name == "denoise_graph" else feature


def outputs(found: Any) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)


def test_every_operator_is_in_the_table():
    names = {name for name in ops.__all__ if callable(getattr(ops, name))}
    names -= {name for name in names if isinstance(getattr(ops, name), type)}
    assert names - {case.split()[0] for case in CASES} == OTHERS


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool, torch.complex64])
@pytest.mark.parametrize("name", CASES)
def test_features_are_floating_point_numbers(name, dtype):
    case = CASES[name]
    for wrong in case.shapes:
        given = features(case, torch.float32)
        given[wrong] = given[wrong].to(dtype)
        with pytest.raises(
            TypeError, match=rf"{argument(name, wrong)}: got dtype {dtype}, a floating-point dtype"
        ):
            case.run(operator(), **given)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.weighted])
def test_weights_are_real_numbers(name):
    case = CASES[name]
    with pytest.raises(TypeError, match="real numbers are accepted"):
        case.run(operator(torch.complex64), **features(case, torch.float32))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", CASES)
def test_half_precisions_are_computed_in_float32(name, dtype):
    case = CASES[name]
    given = {key: value.requires_grad_() for key, value in features(case, dtype).items()}
    wide = {key: value.detach().float().requires_grad_() for key, value in given.items()}
    adj = operator()
    got, expected = outputs(case.run(adj, **given)), outputs(case.run(adj, **wide))
    if name.startswith("lanczos"):  # its rounding is that of the features
        order = wide["theta"] if name == "lanczos_filter" else 2
        rounding, run = torch.finfo(dtype).eps, getattr(ops, name)
        expected = outputs(run(adj, wide["x"], order, rounding=rounding))
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == dtype
        assert_rounded(one, other)
    probes = [torch.randn_like(one).to(dtype) for one in expected]
    torch.autograd.backward(got, probes)
    torch.autograd.backward(expected, [probe.float() for probe in probes])
    for key, value in given.items():
        assert value.grad.dtype == dtype
        assert_rounded(value.grad, wide[key].grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.weighted])
def test_weights_in_half_precision_are_those_numbers(name, dtype):
    case, half = CASES[name], operator(dtype)
    given = features(case, torch.float32)
    got = outputs(case.run(half, **given))
    expected = outputs(case.run(half.with_weight(half.weight.float()), **given))
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("normalization", ["sym", "rw", None])
def test_operators_in_half_precision_are_normalised_in_float32(normalization, dtype):
    def weights(precision):
        weight = (operator().weight / 3).to(dtype).to(precision).requires_grad_()
        found = [
            ops.normalize(EDGES, weight, NODES, normalization=normalization, **options).weight
            for options in ({}, {"add_self_loops": True}, {"dtype": precision})
        ]
        adj = to_csr(EDGES, weight, NODES, transposed=True)
        return weight, [*found, ops.rescale(adj, normalization).weight]

    (half, got), (wide, expected) = weights(dtype), weights(torch.float32)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == dtype
        assert_rounded(one, other.detach())
    sum(one.float().square().sum() for one in got).backward()
    sum(other.square().sum() for other in expected).backward()
    assert half.grad.dtype == dtype
    scale = float(wide.grad.abs().max())
    torch.testing.assert_close(half.grad.float(), wide.grad, rtol=0.02, atol=0.02 * scale)


def assert_rounded(got: Tensor, expected: Tensor) -> None:
    """The float32 value, rounded once; or, where sums cancel, to what their terms allow."""
    eps = torch.finfo(got.dtype).eps
    scale = float(expected.abs().max())
    torch.testing.assert_close(got.float(), expected, rtol=eps, atol=eps * scale)


def test_a_step_of_training_under_autocast_stays_in_bfloat16():
    torch.manual_seed(0)
    linear, x = torch.nn.Linear(5, 8), torch.randn(N, 5)
    theta = torch.tensor([[0.5], [1.0], [-0.5]], requires_grad=True)
    leaves = [*linear.parameters(), theta]

    def step() -> tuple[Tensor, tuple[Tensor, ...]]:
        h = ops.spmm(operator(), linear(x), "mean")
        out = ops.pool(ops.polynomial(operator(), h, theta, SQUARE), BATCH, "mean")
        return out, torch.autograd.grad(out.float().square().sum(), leaves)

    expected, wide = step()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, gradients = step()
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(
        out.float(), expected, rtol=0.02, atol=0.02 * float(expected.detach().abs().max())
    )
    for one, other in zip(gradients, wide, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.03, atol=0.03 * float(other.abs().max()))
