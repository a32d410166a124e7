import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import to_torch_coo_tensor, to_torch_csc_tensor, to_torch_csr_tensor

from graphpoly.ops import CSR, normalize, silence_loops, spmm, to_csr, to_edges
from graphpoly.testing import graph_zoo

EDGES = torch.tensor([[0, 3, 1, 2, 2, 0, 1], [1, 1, 0, 3, 2, 1, 3]])  # a loop and a duplicate
WEIGHT = torch.tensor([1.0, 2.0, 0.5, 3.0, 4.0, 5.0, 0.25])
NODES = 5  # node 4 is isolated


def matrix(edges=EDGES, weight=WEIGHT, nodes=NODES):
    return torch.zeros(nodes, nodes).index_put((edges[1], edges[0]), weight, accumulate=True)


def test_entries_are_grouped_by_target_in_input_order():
    adj = to_csr(EDGES, WEIGHT, NODES)
    assert adj.rowptr.tolist() == [0, 1, 4, 5, 7, 7]
    assert adj.perm.tolist() == [2, 0, 1, 5, 4, 3, 6]
    assert adj.col.tolist() == [1, 0, 3, 0, 2, 2, 1]
    assert torch.equal(adj.weight, WEIGHT[adj.perm])
    assert torch.equal(adj.to_dense(), matrix())


@pytest.mark.parametrize("form", ["int32", "EdgeIndex", "sorted EdgeIndex", "csr", "csc", "coo"])
def test_every_form_gives_the_same_operator(form):
    edges, weight = EDGES, WEIGHT
    if form in ("csr", "csc", "coo"):  # PyG's sparse tensors hold no duplicates
        edges, weight = EDGES[:, :-2], WEIGHT[:-2]
        make = {
            "csr": to_torch_csr_tensor,
            "csc": to_torch_csc_tensor,
            "coo": to_torch_coo_tensor,
        }[form]
        adj = to_csr(make(edges.flip(0), weight, NODES), num_nodes=NODES)
    elif form == "int32":
        adj = to_csr(edges.int(), weight, NODES)
    else:
        if form == "sorted EdgeIndex":
            order = edges[1].argsort(stable=True)
            edges, weight = edges[:, order], weight[order]
        sort_order = "col" if form == "sorted EdgeIndex" else None
        index = EdgeIndex(edges, sparse_size=(NODES, NODES), sort_order=sort_order)
        adj = to_csr(index, weight, NODES)
    assert torch.equal(adj.to_dense(), matrix(edges, weight))
    assert adj.rowptr.dtype == adj.col.dtype == torch.int32


def test_sparse_tensor_of_torch_sparse():
    torch_sparse = pytest.importorskip("torch_sparse", reason="torch-sparse is not installed")
    adj_t = torch_sparse.SparseTensor(
        row=EDGES[1], col=EDGES[0], value=WEIGHT, sparse_sizes=(NODES, NODES)
    )
    assert torch.equal(to_csr(adj_t, num_nodes=NODES).to_dense(), matrix())


def test_transpose_is_the_transpose():
    adj = to_csr(EDGES, WEIGHT, NODES, transposed=True)
    colptr, row, tperm = adj.transposed
    turned = adj._replace(rowptr=colptr, col=row, weight=adj.weight[tperm])
    assert torch.equal(turned.to_dense(), matrix().T)


def test_bipartite():
    adj = to_csr(torch.tensor([[0, 4], [1, 0]]), size=(5, 2))
    assert adj.num_rows == 2
    assert adj.num_cols == 5
    assert adj.to_dense().nonzero().tolist() == [[0, 4], [1, 0]]


def test_structure_is_remembered_and_edits_are_noticed():
    edges = EDGES.clone()
    first = to_csr(edges, WEIGHT, NODES)
    assert to_csr(edges, 2 * WEIGHT, NODES).col is first.col
    assert to_csr(edges, WEIGHT, NODES + 1).num_rows == NODES + 1
    edges[0, 0] = 2
    assert torch.equal(to_csr(edges, WEIGHT, NODES).to_dense(), matrix(edges))


def test_cache_does_not_keep_the_graph_alive():
    import gc
    import weakref

    for make in (EDGES.clone, EDGES.int, lambda: EdgeIndex(EDGES.clone())):
        edges = make()
        to_csr(edges, WEIGHT, NODES, transposed=True)
        normalize(edges, num_nodes=NODES)
        alive = weakref.ref(edges)
        del edges
        gc.collect()
        assert alive() is None


@pytest.mark.parametrize(
    ("edge_index", "edge_weight", "error", "words"),
    [
        ([[0], [1]], None, TypeError, "edge_index: got list"),
        (torch.zeros(3, 2, dtype=torch.long), None, ValueError, "expected \\[2, E\\]"),
        (torch.zeros(2, 2), None, TypeError, "dtype torch.float32"),
        (EDGES, torch.ones(3), ValueError, "edge_weight: got shape \\(3,\\), expected \\[7\\]"),
        (EDGES, torch.ones(7, 2), ValueError, "edge_weight: got shape"),
        (to_torch_csr_tensor(EDGES, size=NODES), torch.ones(7), ValueError, "values already"),
        (to_torch_csr_tensor(EDGES, size=7), None, ValueError, "adj_t: got shape \\(7, 7\\)"),
    ],
)
def test_bad_input_is_named(edge_index, edge_weight, error, words):
    with pytest.raises(error, match=words):
        to_csr(edge_index, edge_weight, NODES)


@pytest.mark.parametrize("bad", [-1, NODES])
@pytest.mark.parametrize("end", [0, 1])
def test_index_out_of_range(bad, end):
    edges = EDGES.clone()
    edges[end, 2] = bad
    with pytest.raises(ValueError, match="edge_index: an index is outside"):
        to_csr(edges, num_nodes=NODES)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("form", ["edge_index", "csr"])
def test_symmetric_normalization_is_that_of_gcn(weighted, loops, form):
    edges, weight = EDGES[:, :-2], WEIGHT[:-2] if weighted else None
    index, norm = gcn_norm(edges, weight, NODES, add_self_loops=loops)
    expected = matrix(index, norm)
    if form == "csr":
        got = normalize(
            to_torch_csr_tensor(edges.flip(0), weight, NODES), None, NODES, add_self_loops=loops
        )
    else:
        got = normalize(edges, weight, NODES, add_self_loops=loops)
    torch.testing.assert_close(got.to_dense(), expected)


def test_random_walk_rows_sum_to_one_where_there_are_edges():
    adj = normalize(EDGES, WEIGHT, NODES, normalization="rw")
    assert torch.allclose(adj.to_dense().sum(1), torch.tensor([1.0, 1, 1, 1, 0]))


def test_self_loops_get_places_after_the_edges():
    adj = normalize(EDGES, WEIGHT, NODES, normalization=None, add_self_loops=True)
    values = torch.cat([WEIGHT, torch.tensor([1.0, 1, 0, 1, 1])])  # node 2 has its loop
    assert torch.equal(adj.weight, values[adj.perm])


def test_no_infinity_from_degrees_that_are_not_positive():
    adj = normalize(EDGES, -WEIGHT, NODES)
    assert torch.equal(adj.to_dense(), torch.zeros(NODES, NODES))


def test_gradient_of_the_weights_flows_through_the_degrees():
    weight = torch.rand(7, dtype=torch.double).requires_grad_()
    for normalization in ("sym", "rw"):
        assert torch.autograd.gradcheck(
            lambda w, n=normalization: normalize(EDGES, w, NODES, normalization=n).weight, (weight,)
        )


def test_unknown_normalization():
    with pytest.raises(ValueError, match="did you mean 'sym'"):
        normalize(EDGES, num_nodes=NODES, normalization="symm")


def test_silenced_loops_weigh_nothing_and_stay_where_they_are():
    loops = torch.tensor([[0, 1, 1, 2], [1, 1, 0, 2]])
    adj = silence_loops(loops, num_nodes=3, dtype=torch.float64)
    assert adj.weight.dtype == torch.float64
    assert torch.equal(adj.to_dense(), torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]]).double())
    assert adj.num_entries == 4
    weight = torch.tensor([2.0, 3.0, 4.0, 5.0])
    adj = silence_loops(loops, weight, 3, dtype=torch.float32)
    assert torch.equal(adj.to_dense(), torch.tensor([[0.0, 4, 0], [2, 0, 0], [0, 0, 0]]))
    simple = loops[:, ::2].contiguous()
    assert silence_loops(simple, num_nodes=3, dtype=torch.float32).weight is None
    simple[0, 0] = 1  # an edit in place is noticed: now a loop
    assert silence_loops(simple, num_nodes=3, dtype=torch.float32).weight.tolist() == [1, 0]


def test_edges_of_every_form():
    data = graph_zoo(names=["directed"], weighted=True)["directed"]
    size = (6, 6)
    pairs, weight = to_edges(data.edge_index, data.edge_weight, size=size)
    assert pairs is data.edge_index
    assert weight is data.edge_weight
    bare = EdgeIndex(data.edge_index, sparse_size=size)
    assert torch.equal(to_edges(bare, size=size)[0], data.edge_index)
    adj_t = torch.sparse_coo_tensor(data.edge_index.flip(0), data.edge_weight, size).coalesce()
    expected = adj_t.to_dense()
    for form in (adj_t, adj_t.to_sparse_csr()):
        pairs, weight = to_edges(form, size=size)
        assert torch.equal(torch.zeros(6, 6).index_put((pairs[1], pairs[0]), weight), expected)
        with pytest.raises(ValueError, match="has values already"):
            to_edges(form, data.edge_weight, size=size)
    with pytest.raises(TypeError, match="edge_index: got list"):
        to_edges([[0], [1]], size=size)


LAYOUTS = ["to_sparse", "to_sparse_csr", "to_sparse_csc"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_leaves_of_every_layout_get_their_gradient(layout):
    adj_t = getattr(torch.tensor([[0, 1.0], [2, 0]]), layout)().requires_grad_()
    x = torch.tensor([[1.0, 1, 1], [2, 2, 2]])
    for times in (1, 2):  # a second backward pass adds to the first
        spmm(to_csr(adj_t, num_nodes=2, transposed=True), x).sum().backward()
        assert adj_t.grad.to_dense().tolist() == [[0, 6 * times], [3 * times, 0]]


@pytest.mark.parametrize("readers", [1, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_sparse_matrix_was_made_of_gets_its_gradient(layout, readers):
    dense = torch.tensor([[0, 1.0], [2, 0]], requires_grad=True)
    adj_t, x = getattr(dense, layout)(), torch.tensor([[1.0], [2.0]])
    sum(spmm(to_csr(adj_t, num_nodes=2), x).sum() for _ in range(readers)).backward()
    assert dense.grad.tolist() == [[0, 2 * readers], [readers, 0]]


def test_repeated_places_of_a_coo_matrix_are_one_entry():
    places = torch.tensor([[0, 1, 0], [1, 0, 1]])
    value = torch.tensor([1.0, 2.0, 5.0], requires_grad=True)
    adj = to_csr(torch.sparse_coo_tensor(places, value, (2, 2)), num_nodes=2)
    assert adj.weight.tolist() == [6, 2]
    spmm(adj, torch.tensor([[1.0], [2.0]])).sum().backward()
    assert value.grad.tolist() == [2, 1, 2]


def test_weights_are_real_numbers():
    integers = torch.tensor([[0, 1], [2, 0]])
    expected = integers.float()
    for layout in LAYOUTS:
        adj = to_csr(getattr(integers, layout)(), num_nodes=2)
        assert adj.weight.dtype == torch.float32
        assert torch.equal(adj.to_dense(), expected)
        with pytest.raises(TypeError, match=r"adj_t: got values of dtype torch.complex64"):
            to_csr(getattr(integers.to(torch.complex64), layout)(), num_nodes=2)
    with pytest.raises(TypeError, match=r"edge_weight: got dtype torch.complex64"):
        to_csr(EDGES, WEIGHT.to(torch.complex64), NODES)
    with pytest.raises(TypeError, match=r"dtype: got torch.complex64"):
        normalize(EDGES, num_nodes=NODES, dtype=torch.complex64)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_structure_of_a_sparse_matrix_is_remembered_and_its_values_are_not(layout):
    adj_t = getattr(torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]]), layout)()
    adj_t = adj_t.coalesce() if layout == "to_sparse" else adj_t
    first, again = to_csr(adj_t, size=(3, 2)), to_csr(adj_t, size=(3, 2))
    assert again.col is first.col
    held = to_csr(adj_t, size=(3, 2), transposed=True)  # made anew, and remembered in turn
    assert held.transposed is not None
    assert to_csr(adj_t, size=(3, 2)).col is held.col
    adj_t.values().mul_(2)
    assert to_csr(adj_t, size=(3, 2)).to_dense().tolist() == [[0, 2, 0], [4, 0, 6]]


@pytest.mark.parametrize(
    ("layout", "part", "after"),
    [
        ("to_sparse", "indices", [[7, 0], [0, 5]]),
        ("to_sparse_csr", "col_indices", [[0, 5], [7, 0]]),
        ("to_sparse_csc", "row_indices", [[0, 7], [5, 0]]),
    ],
)
def test_an_edit_of_the_indices_of_a_sparse_matrix_is_noticed(layout, part, after):
    adj_t = getattr(torch.tensor([[5.0, 0.0], [0.0, 7.0]]), layout)()
    adj_t = adj_t.coalesce() if layout == "to_sparse" else adj_t
    assert to_csr(adj_t, num_nodes=2).to_dense().tolist() == [[5, 0], [0, 7]]
    indices = getattr(adj_t, part)()
    indices.copy_(indices.flip(-1))
    assert to_csr(adj_t, num_nodes=2).to_dense().tolist() == after


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_remembered_sparse_matrix_gets_its_gradient_again(layout):
    for _ in range(2):
        value = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        places = torch.tensor([[0, 1, 1], [1, 0, 2]])
        adj_t = torch.sparse_coo_tensor(places, value, (2, 3)).coalesce()
        if layout != "to_sparse":
            adj_t = getattr(adj_t, layout)()
        for _ in range(2):
            (grad,) = torch.autograd.grad(
                to_csr(adj_t, size=(3, 2)).weight.square().sum(), value, retain_graph=True
            )
            assert grad.tolist() == [2.0, 4.0, 6.0]


def test_maps_over_trees_may_return_nothing():
    adj = to_csr(torch.tensor([[0, 1], [1, 0]]), torch.ones(2).requires_grad_())
    assert set(torch.utils._pytree.tree_map(lambda leaf: None, adj)) == {None}
    out = torch.utils.checkpoint.checkpoint(spmm, adj, torch.ones(2, 1), use_reentrant=False)
    (grad,) = torch.autograd.grad(out.sum(), adj.weight)
    assert grad.tolist() == [1, 1]


def test_placeholders_of_a_tracer_are_not_looked_at():
    # torch 2.11 makes a CSR of its own variables, to ask it for its attributes
    placeholder = type("LazyVariableTracker", (), {"__module__": "torch._dynamo.variables.lazy"})()
    made = CSR(*[placeholder] * 6)
    assert made.num_cols is placeholder
    with pytest.raises(TypeError, match="num_cols"):
        CSR(*[object()] * 6)
