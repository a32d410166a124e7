import pytest
import torch
from torch_geometric import EdgeIndex

from graphpoly.acceleration.operators import gcn_operator, operator
from graphpoly.expressivity import GraphSet, spasm
from graphpoly.layers import FEConv, GPRConv, OptBasisConv, PDFConv, PLaplacianConv
from graphpoly.ops import Multigraph, common_neighbors, normalize, silence_loops, sort_rows, to_csr
from graphpoly.ops.pool import segments
from graphpoly.ops.stamp import Memory, stamp

EDGES = torch.tensor([[0, 3, 1, 2, 2, 0, 1], [1, 1, 0, 3, 2, 1, 3]])

# every function that remembers something of an edge_index, as (edge_index, num_nodes) -> CSR
MAKERS = {
    "to_csr": lambda edges, nodes=None: to_csr(edges, num_nodes=nodes, transposed=True),
    "normalize": lambda edges, nodes=None: normalize(edges, num_nodes=nodes),
    "normalize loops": lambda edges, nodes=None: normalize(
        edges, num_nodes=nodes, normalization="rw", add_self_loops=True
    ),
    "silence_loops": lambda edges, nodes=None: silence_loops(
        edges, num_nodes=nodes, dtype=torch.float32
    ),
    "layer": lambda edges, nodes=None: GPRConv(2, 2).operator(
        torch.zeros(4 if nodes is None else nodes, 2), edges
    ),
    "GCN": lambda edges, nodes=None: gcn_operator(
        edges, None, 4 if nodes is None else nodes, dtype=torch.float32
    ),
    "plain": lambda edges, nodes=None: operator(edges, None, *(4 if nodes is None else nodes,) * 2),
}


@pytest.fixture(params=sorted(MAKERS))
def make(request):
    return MAKERS[request.param]


def fresh(make, edges, nodes=None):
    plain = edges.as_tensor() if isinstance(edges, EdgeIndex) else edges
    return make(plain.clone(), nodes).to_dense()


def test_the_number_of_nodes_is_part_of_what_is_asked_for(make):
    edges = EDGES.clone()
    for nodes in (6, None, 5, None, 4):
        assert torch.equal(make(edges, nodes).to_dense(), fresh(make, edges, nodes))


def test_the_default_dtype_is_part_of_what_is_asked_for():
    edges = EDGES.clone()
    assert normalize(edges).weight.dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert normalize(edges).weight.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert normalize(edges).weight.dtype == torch.float32


def _set(tensor):
    tensor[0, 0] = 2


def _through_a_view(tensor):
    tensor[1].fill_(3)


def _other_data(tensor):
    tensor.data = tensor.flip(0).contiguous()


@pytest.mark.parametrize("edit", [_set, _through_a_view, _other_data])
def test_edits_of_the_graph_are_noticed(make, edit):
    edges = EDGES.clone()
    make(edges, 4)
    edit(edges)
    assert torch.equal(make(edges, 4).to_dense(), fresh(make, edges, 4))


@pytest.mark.parametrize("wrapped", [True, False])
def test_edits_of_an_edge_index_are_noticed(make, wrapped):
    edges = EdgeIndex(EDGES.clone(), sparse_size=(4, 4))
    make(edges, 4)
    _set(edges if wrapped else edges.as_tensor())
    assert torch.equal(make(edges, 4).to_dense(), fresh(make, edges, 4))


def test_edits_of_sparse_values_are_noticed():
    for layout in ("to_sparse_csr", "to_sparse_csc"):
        adj_t = getattr(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), layout)()
        operator(adj_t, None, 2, 2)
        adj_t.values().mul_(2)
        assert operator(adj_t, None, 2, 2).to_dense().tolist() == [[0, 2], [4, 6]]


def test_what_a_caller_does_to_its_result_stays_with_it(make):
    edges = EDGES.clone()
    expected = fresh(make, edges, 4)
    for field in ("rowptr", "col", "perm"):
        getattr(make(edges, 4), field).zero_()
        assert torch.equal(make(edges, 4).to_dense(), expected)
    adj = make(edges, 4)
    if adj.transposed is not None:
        adj.transposed[1].zero_()
        turned = make(edges, 4).transposed
        assert torch.equal(turned[1], make(edges.clone(), 4).transposed[1])
    if adj.weight is not None:
        make(edges, 4).weight.mul_(7)
        assert torch.equal(make(edges, 4).to_dense(), expected)
        make(edges, 4).weight.requires_grad_()
        assert not make(edges, 4).weight.requires_grad


@pytest.mark.parametrize("name", ["normalize", "normalize loops", "silence_loops"])
def test_values_are_the_callers_own(name):
    edges = EDGES.clone()
    first, second = MAKERS[name](edges), MAKERS[name](edges)
    expected = first.weight.clone()
    second.weight.data.fill_(5)  # no version tells of it
    assert torch.equal(first.weight, expected)
    assert torch.equal(MAKERS[name](edges).weight, expected)


def test_order_of_rows_depends_on_where_rows_begin_and_is_not_spoiled():
    adj = to_csr(torch.tensor([[2, 1, 0], [0, 0, 1]]), num_nodes=3)
    assert sort_rows(adj).col.tolist() == [1, 2, 0]
    one_row = adj._replace(rowptr=adj.rowptr.new_tensor([0, 3, 3, 3]))
    assert sort_rows(one_row).col.tolist() == [0, 1, 2]
    assert sort_rows(adj).col.tolist() == [1, 2, 0]
    sort_rows(adj).col.zero_()
    assert sort_rows(adj).col.tolist() == [1, 2, 0]
    whole = to_csr(torch.tensor([[1, 0, 2], [0, 1, 1]]), num_nodes=3)
    assert common_neighbors(whole, whole, torch.tensor([[0], [1]])).tolist() == [0]
    whole.rowptr.copy_(torch.tensor([0, 2, 3, 3]))
    assert common_neighbors(whole, whole, torch.tensor([[0], [0]])).tolist() == [2]


def test_graph_sets_read_the_graph_as_it_is():
    graphs = GraphSet(torch.tensor([[0, 1, 2], [1, 0, 3]]), torch.tensor([0, 2, 4]))
    assert graphs.graph(1).edge_index.tolist() == [[0], [1]]
    assert graphs.adj.col.tolist() == [1, 0, 2]
    graphs.batch.zero_()
    graphs.edge_index[:, 1] = torch.tensor([3, 2])
    assert graphs.graph(1).edge_index.tolist() == [[1, 0], [0, 1]]
    assert graphs.adj.col.tolist() == [0, 3, 2]


def test_coefficients_are_the_callers_own():
    pattern = Multigraph.parse("ab,bc,cd,da->")
    expected = dict(spasm(pattern))
    spasm(pattern).clear()
    assert spasm(pattern) == expected


@pytest.mark.parametrize(
    "make_layer",
    [
        lambda: GPRConv(3, 2, cached=True),
        lambda: PDFConv(3, 2, cached=True),
        lambda: PLaplacianConv(3, 2, cached=True),
        lambda: FEConv(3, 2, cached=True),
        lambda: OptBasisConv(3, 3, linear=False, precomputed=True),
    ],
)
def test_cached_layers_do_not_mix_dtypes(make_layer):
    torch.manual_seed(0)
    layer = make_layer()
    x = torch.randn(4, 3)
    out = layer(x, EDGES)
    assert torch.equal(layer(x, EDGES), out)
    wide = layer.double()
    got = wide(x.double(), EDGES)
    for name in ("_cached_operator", "_cached_basis", "_cached_features", "_cached_vectors"):
        if hasattr(wide, name):
            setattr(wide, name, None)
    assert torch.equal(got, wide(x.double(), EDGES))


def test_stamps_of_what_has_no_address():
    def inside(edges):
        stamp(edges)
        return edges * 2

    assert torch.equal(torch.func.vmap(inside)(EDGES), EDGES * 2)


def test_what_is_dropped_is_forgotten_and_the_rest_is_not():
    memory, tensor, other = Memory(), torch.zeros(2), torch.zeros(2)
    memory.keep(tensor, "a", 1)
    memory.keep(tensor, "b", 2)
    memory.drop(tensor, "a")
    memory.drop(tensor, "never kept")
    memory.drop(other, "b")
    assert [memory.recall(tensor, key) for key in "ab"] == [None, 2]


def test_memory_lasts_as_long_as_the_tensor():
    memory, tensor = Memory(), torch.zeros(2)
    memory.keep(tensor, "a", 1)
    memory.keep(tensor, "b", 2)
    assert (memory.recall(tensor, "a"), memory.recall(tensor, "b")) == (1, 2)
    assert memory.recall(tensor, "c") is None
    assert memory.recall(torch.zeros(2), "a") is None  # equal, and another
    assert len(memory) == 1
    del tensor
    assert len(memory) == 0


def test_memory_is_not_deceived_by_a_number_that_is_used_again():
    memory, old, new = Memory(), torch.zeros(2), torch.zeros(2)
    memory.keep(old, "a", 1)
    memory._held[id(new)] = memory._held.pop(
        id(old)
    )  # as where the number of a dead tensor is taken
    assert memory.recall(new, "a") is None
    memory.keep(new, "b", 2)
    assert memory.recall(new, "a") is None
    assert memory.recall(new, "b") == 2


def test_groups_without_a_number_are_those_of_the_index_as_it_is():
    index = torch.tensor([0, 1, 1])
    assert segments(index).num_rows == 2
    assert segments(index) is segments(index, 2)
    assert segments(index, 5).num_rows == 5
    assert segments(index).num_rows == 2
    index[0] = 3
    assert segments(index).num_rows == 4
    assert segments(index).rowptr.tolist() == [0, 0, 2, 2, 3]
