from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphpoly.ops import (
    Multigraph,
    contract,
    contract_sparse,
    contraction_plan,
    multigraphs,
    sparse_contraction,
    still_node,
)
from tests.conftest import DEVICE

FAMILIES = [("general", 3), ("simple", 6)]
PATTERNS = [
    one
    for kind, degree in FAMILIES
    for d in range(kind == "simple", degree + 1)
    for roots in (0, 1, 2)
    for one in multigraphs(d, roots, kind)
    if still_node(one) is not None
]


def matrix(kind: str, n: int = 7, seed: int = 0) -> Tensor:
    g = torch.Generator(DEVICE).manual_seed(seed)
    x = torch.randint(-2, 3, (n, n), generator=g) * (torch.rand(n, n, generator=g) < 0.5)
    x[n // 2] = x[:, n // 2] = 0  # an isolated node
    if kind != "directed":
        x = x + x.T
    if kind == "binary":
        x = (x != 0).long()
    return x.double()


def every_pair(n: int) -> Tensor:
    node = torch.arange(n)
    return torch.cartesian_prod(node, node).T.contiguous()


@pytest.mark.parametrize("part", [1, 10**9], ids=["sparse", "dense"])
@pytest.mark.parametrize("kind", ["directed", "symmetric", "binary"])
def test_equals_the_dense_values_exactly(kind, part, monkeypatch) -> None:
    monkeypatch.setattr(sparse_contraction, "_PART", part)  # what vectors are kept as
    monkeypatch.setattr(sparse_contraction, "_MOST", 3)  # several blocks
    x = matrix(kind)
    edge_index = x.nonzero().T.contiguous()
    weight = None if kind == "binary" else x[edge_index[0], edge_index[1]]
    found = contract_sparse(
        PATTERNS, edge_index, weight, num_nodes=7, pairs=every_pair(7), dtype=torch.float64
    )
    for pattern, one, dense in zip(PATTERNS, found, contract(PATTERNS, x), strict=True):
        assert torch.equal(one, dense.reshape(one.shape)), pattern


def test_what_is_within_reach() -> None:
    """Width 1 as it is; with at most 6 edges and one root everything but the tetrahedron."""
    simple = [one for d in range(1, 7) for r in (0, 1, 2) for one in multigraphs(d, r, "simple")]
    assert all((still_node(one) == -1) == (contraction_plan(one).width <= 1) for one in simple)
    beyond = [one for one in simple if len(one.roots) < 2 and still_node(one) is None]
    assert [str(one) for one in beyond] == ["ab,ac,ad,bc,bd,cd->", "ab,ac,ad,bc,bd,cd->a"]


def test_a_batch_is_its_graphs(monkeypatch) -> None:
    monkeypatch.setattr(sparse_contraction, "_MOST", 4)
    sizes = (3, 1, 6)
    parts = [matrix("directed", n, seed=n) for n in sizes]
    start = [0, 3, 4]
    edges = [(x.nonzero().T, x[x != 0], s) for x, s in zip(parts, start, strict=True)]
    edge_index = torch.cat([index + s for index, _, s in edges], 1)
    whole = contract_sparse(
        PATTERNS,
        edge_index,
        torch.cat([weight for _, weight, _ in edges]),
        num_nodes=10,
        batch=torch.repeat_interleave(torch.tensor(sizes)),
        num_graphs=3,
    )
    singles = [
        contract_sparse(PATTERNS, index, weight, num_nodes=n)
        for (index, weight, _), n in zip(edges, sizes, strict=True)
    ]
    for pattern, value, *parts in zip(PATTERNS, whole, *singles, strict=True):
        assert torch.equal(value, torch.cat(parts)), pattern


def test_cycles_are_traces_of_powers() -> None:
    graph = nx.gnm_random_graph(300, 900, seed=0)
    one_way = torch.tensor(list(graph.edges)).T
    edge_index = torch.cat([one_way, one_way.flip(0)], 1)
    adjacency = torch.zeros(300, 300, dtype=torch.float64)
    adjacency[edge_index[0], edge_index[1]] = 1
    cycles = [
        Multigraph(tuple((i, (i + 1) % k) for i in range(k)), roots)
        for k in range(3, 9)
        for roots in ((), (0,))
    ]
    found = contract_sparse(cycles, edge_index, num_nodes=300, dtype=torch.float64)
    power = adjacency @ adjacency
    for closed, rooted in zip(found[::2], found[1::2], strict=True):
        power = power @ adjacency
        assert torch.equal(closed, power.trace().reshape(1))
        assert torch.equal(rooted, power.diagonal())


def test_parallel_edges_and_gradients() -> None:
    edge_index = torch.tensor([[0, 0, 1, 2, 2], [1, 1, 2, 0, 2]])
    patterns = [
        Multigraph.parse(p) for p in ("ab,ab->", "ab,bc,ca->a", "ab,bb->ab", "ab,bc,ca->ab")
    ]
    x = torch.zeros(3, 3, dtype=torch.float64)
    x.index_put_(tuple(edge_index), torch.ones(5, dtype=torch.float64), accumulate=True)
    found = contract_sparse(patterns, edge_index, num_nodes=3, dtype=torch.float64)
    for pattern, value, dense in zip(patterns, found, contract(patterns, x), strict=True):
        if len(pattern.roots) == 2:
            dense = dense[edge_index[0], edge_index[1]]
        assert torch.equal(value, dense.reshape(value.shape))
    both_ways = torch.tensor([[0, 1, 1, 2, 2, 0, 1], [1, 0, 2, 1, 0, 2, 1]])
    for edges, weight in (
        (edge_index, torch.rand(5).double()),
        (both_ways, torch.ones(7).double()),
    ):
        assert torch.autograd.gradcheck(
            lambda w, edges=edges: tuple(contract_sparse(patterns, edges, w, num_nodes=3)),
            weight.requires_grad_(),
        )


@pytest.mark.parametrize("nodes", [0, 1, 4])
def test_without_edges(nodes) -> None:
    empty = torch.empty(2, 0, dtype=torch.int64)
    patterns = [Multigraph.parse(p) for p in ("ab,bc,ca->", "ab->a", "->a", "->", "->ab", "bc->a")]
    found = contract_sparse(patterns, empty, num_nodes=nodes, pairs=every_pair(nodes))
    expected = contract(patterns, torch.zeros(nodes, nodes))
    for one, dense in zip(found, expected, strict=True):
        assert torch.equal(one, dense.reshape(one.shape))


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="got ab,ac,ad,bc,bd,cd->; no node of it leaves trees"):
        contract_sparse(
            [Multigraph.parse("ab,ac,ad,bc,bd,cd->")],
            torch.empty(2, 0, dtype=torch.int64),
            num_nodes=1,
        )
    with pytest.raises(ValueError, match="an index is outside the graph of 2 nodes"):
        contract_sparse([Multigraph.parse("ab->")], torch.tensor([[0], [2]]), num_nodes=2)


def test_other_forms_of_a_graph() -> None:
    x = matrix("directed")
    edge_index = x.nonzero().T.contiguous()
    weight = x[edge_index[0], edge_index[1]]
    triangle = [Multigraph.parse("ab,bc,ca->a")]
    expected = contract(triangle, x)[0]
    for form in (edge_index.int(), EdgeIndex(edge_index, sparse_size=(7, 7))):
        assert torch.equal(contract_sparse(triangle, form, weight, num_nodes=7)[0], expected)
    adj_t = torch.sparse_coo_tensor(edge_index.flip(0), weight, (7, 7))
    assert torch.equal(contract_sparse(triangle, adj_t, num_nodes=7)[0], expected)
