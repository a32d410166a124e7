from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import Compose

from graphpoly.expressivity import hard_pair, of_networkx
from graphpoly.features import EquivariantPolynomials, equivariant_polynomials
from graphpoly.ops import contract, multigraphs
from graphpoly.testing import assert_close, graph_zoo

KEYS = ("poly_graph", "poly_node", "poly_edge", "poly_pair")


def dense(data: Data, weight: torch.Tensor | None = None) -> torch.Tensor:
    n = int(data.num_nodes or 0)
    if weight is None:
        weight = torch.ones(data.num_edges)
    return torch.zeros(n, n).double().index_put(tuple(data.edge_index), weight.double(), True)


def test_counts_that_have_names() -> None:
    graph = nx.gnm_random_graph(12, 30, seed=0)
    data = EquivariantPolynomials(6)(of_networkx(graph))
    names = EquivariantPolynomials(6).names
    assert [len(names[place]) for place in ("graph", "node", "edge")] == [52, 172, 634]
    triangles, degree = nx.triangles(graph), dict(graph.degree)
    cliques = [c for c in nx.enumerate_all_cliques(graph) if len(c) == 4]

    def column(place: str, name: str) -> list[float]:
        return data[f"poly_{place}"][:, names[place].index(name)].tolist()

    assert column("graph", "ab->") == [60]
    assert column("graph", "ab,ac,ad,bc,bd,cd->") == [24 * len(cliques)]
    assert column("node", "ab->a") == [degree[v] for v in range(12)]
    assert column("node", "ab,ac,bc->a") == [2 * triangles[v] for v in range(12)]
    common = [len(list(nx.common_neighbors(graph, u, v))) for u, v in data.edge_index.T.tolist()]
    assert column("edge", "ab,ac,bc->ab") == common
    assert column("edge", "ac,bc->ab") == common


@pytest.mark.parametrize("kind", ["general", "symmetric"])
def test_every_value_stands_where_it_belongs(kind) -> None:
    for data in graph_zoo().values():
        weight = torch.randint(-2, 3, (data.num_edges,)).float()
        data = Data(edge_index=data.edge_index, num_nodes=data.num_nodes, edge_weight=weight)
        made = EquivariantPolynomials(2, kind=kind, pairs=True, weight="edge_weight")(data)
        x = dense(data, weight)
        patterns = [one for d in range(3) for r in (0, 1, 2) for one in multigraphs(d, r, kind)]
        values = contract(patterns, x)
        for roots, key in enumerate(KEYS[:2]):
            some = [v for one, v in zip(patterns, values, strict=True) if len(one.roots) == roots]
            assert torch.equal(made[key].double(), torch.stack(some, -1).reshape(-1, len(some)))
        pairs = [v for one, v in zip(patterns, values, strict=True) if len(one.roots) == 2]
        both = torch.stack(pairs, -1)
        assert torch.equal(made.poly_pair.double(), both.flatten(0, 1))
        assert torch.equal(made.poly_edge.double(), both[tuple(data.edge_index)])


def test_a_batch_is_its_graphs() -> None:
    graphs = [Data(edge_index=d.edge_index, num_nodes=d.num_nodes) for d in graph_zoo().values()]
    for transform in (
        EquivariantPolynomials(pairs=True),
        EquivariantPolynomials(3, normalize=True, pairs=True),
    ):
        joined = Batch.from_data_list([transform(data) for data in graphs])
        whole = transform(Batch.from_data_list(graphs))
        for key in KEYS:
            assert_close(whole[key], joined[key])
        for one, data in zip(joined.to_data_list(), graphs, strict=True):
            assert torch.equal(one.poly_node, transform(data).poly_node)
    loader = DataLoader([EquivariantPolynomials(3)(data) for data in graphs], batch_size=4)
    assert next(iter(loader)).poly_graph.shape == (4, 5)


def test_permutations_commute() -> None:
    data = of_networkx(nx.gnp_random_graph(9, 0.5, seed=1))
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    shuffle = torch.randperm(data.num_edges, generator=torch.Generator().manual_seed(1))
    moved = Data(edge_index=order[data.edge_index][:, shuffle], num_nodes=9)
    transform = EquivariantPolynomials(5, normalize=True)
    one, other = transform(data), transform(moved)
    assert torch.equal(one.poly_graph, other.poly_graph)
    assert_close(one.poly_node, other.poly_node[order])
    assert_close(one.poly_edge[shuffle], other.poly_edge)


def test_what_ppgn_does_not_see() -> None:
    """The rook's graph has 8 tetrahedra, Shrikhande's none."""
    rook, other = (EquivariantPolynomials()(data) for data in hard_pair("sr16622"))
    assert rook.poly_graph.tolist() == [[24 * 8]]
    assert other.poly_graph.tolist() == [[0]]
    assert rook.poly_edge.shape == (96, 10)
    single = EquivariantPolynomials("uncomputable", 5)
    assert [len(one) for one in single.names.values()] == [0, 0, 1]
    assert single(rook).poly_edge.shape == (96, 1)


def test_norms() -> None:
    data = of_networkx(nx.gnp_random_graph(10, 0.4, seed=2))
    data = EquivariantPolynomials(4, normalize=True, pairs=True)(data)
    plain = EquivariantPolynomials(4, pairs=True)(data)
    for key in ("poly_node", "poly_pair"):
        value = plain[key] / plain[key].norm(dim=1, keepdim=True).clamp(min=1e-30)
        expected = value / value.norm(dim=0).clamp(min=1e-30)
        assert_close(data[key], expected)
    assert torch.equal(data.poly_graph, plain.poly_graph)


def test_large_graphs_take_no_matrix(monkeypatch) -> None:
    data = of_networkx(nx.gnp_random_graph(30, 0.2, seed=3))
    transform = EquivariantPolynomials(4)
    small = transform(data)
    monkeypatch.setattr(equivariant_polynomials, "_SMALL", 10)
    large = transform(data)
    for key in KEYS[:3]:
        assert torch.equal(small[key], large[key])
    monkeypatch.setattr(equivariant_polynomials, "_LARGEST", 1000)
    with pytest.raises(ValueError, match=r"treewidth 3 take tensors of 1 x 30\^3 numbers"):
        EquivariantPolynomials()(data)


def test_other_forms_and_choices() -> None:
    data = of_networkx(nx.petersen_graph())
    ones = torch.ones(data.num_edges)
    adj_t = torch.sparse_coo_tensor(data.edge_index.flip(0), ones, (10, 10)).to_sparse_csr()
    transform = EquivariantPolynomials(["ab,bc,cd,de,ea->a"], attr_name="five")
    other = transform(Data(adj_t=adj_t, num_nodes=10))
    assert torch.equal(other.five_node, transform(data).five_node)
    assert "five_node" not in data
    made = Compose([EquivariantPolynomials(3, roots=(1,)), EquivariantPolynomials(2, edges=False)])
    assert [key in made(data) for key in KEYS] == [True, True, False, False]


def test_repr_names_every_argument() -> None:
    """PyG keys what it stores on disk by it."""
    for transform in (
        EquivariantPolynomials(["ab->a"], normalize=True),
        EquivariantPolynomials("uncomputable", 5, roots=(0, 2), pairs=True, weight="w"),
        EquivariantPolynomials(multigraphs(2, 1)),
    ):
        again = eval(repr(transform))
        assert repr(again) == repr(transform)
        assert again.patterns == transform.patterns


def test_refusals() -> None:
    with pytest.raises(TypeError, match="HeteroData"):
        EquivariantPolynomials()(HeteroData())
    with pytest.raises(ValueError, match="did you mean 'simple'"):
        EquivariantPolynomials(2, kind="simpel")
    with pytest.raises(ValueError, match="elements: got 'every'"):
        EquivariantPolynomials("every")
    with pytest.raises(ValueError, match="roots: got"):
        EquivariantPolynomials(roots=(3,))
    data = Data(edge_index=torch.zeros(2, 4, dtype=torch.int64), num_nodes=1, w=torch.zeros(3))
    with pytest.raises(ValueError, match="weight: w has 3 values for 4 edges"):
        EquivariantPolynomials(2, weight="w")(data)
