"""What every registered operator owes to torch.library, torch.compile and its readers."""

import math
import subprocess
import sys

import pytest
import torch

from graphpoly.ops import (
    common_neighbors,
    intersect_rows,
    mix64,
    multi_aggregate,
    polynomial,
    pool,
    segment_softmax,
    sort_rows,
    spmm,
    to_csr,
)
from graphpoly.ops.library import SCHEMAS
from tests.ops.graphs import random_csr


def samples(dtype=torch.float64, *, index64=False, weighted=True):
    """One call of each operator, on every kind of input that autograd may see."""
    adj = random_csr((6, 6, 20), dtype=dtype, weighted=weighted, transposed=True)
    if index64:
        adj = adj._replace(
            rowptr=adj.rowptr.long(),
            col=adj.col.long(),
            perm=adj.perm.long(),
            transposed=tuple(t.long() for t in adj.transposed),
        )

    def leaf(*shape):
        return torch.randn(*shape, dtype=dtype).requires_grad_()

    weight = adj.weight.clone().requires_grad_() if weighted else None
    x, y, turn, none = leaf(6, 3), leaf(6, 3), adj.transposed, (None, None, None)
    strided = torch.randn(3, 6, dtype=dtype).T.requires_grad_()
    head = (adj.rowptr, adj.col, weight)
    arg = torch.randint(0, 21, (6, 3)).to(adj.col.dtype)
    recurrence = (torch.rand(3, 4, 3, dtype=dtype) + 0.5).requires_grad_()
    rows = torch.randint(0, 6, (9,)).to(adj.col.dtype)
    structure, seed = head[:2], torch.tensor(3)
    names, entry_names = mix64(torch.arange(6) % 2), mix64(torch.arange(20) % 3)
    gat = (*structure, leaf(6, 2, 1), leaf(6, 2, 1), leaf(6, 2, 3), leaf(20, 2, 1), None)
    gatv2 = (*structure, leaf(6, 2, 3), leaf(6, 2, 3), leaf(6, 2, 3), None, leaf(2, 3))
    dot = (*structure, leaf(6, 2, 4), leaf(6, 2, 4), leaf(6, 2, 3), leaf(20, 2, 1), None)
    additive, product = (True, 1.0, 0.2, 0.3), (False, 0.5, 0.0, 0.0)

    def attended(call):
        """With the results that the backward operator takes; the gradient of edges if any."""
        results = torch.ops.graphpoly.attention(*call)
        results = (t.detach() for t in results)
        return (*call, *results, leaf(6, 2, 3), call[5] is not None)

    attention = [
        (*gat, seed, *turn, *additive),
        (*gatv2, seed, *turn, *additive),
        (*dot, None, *turn, *product),
    ]
    mirrored = to_csr(torch.tensor([[0, 1, 1, 2, 5], [1, 0, 2, 1, 5]]), num_nodes=6)
    if index64:
        mirrored = mirrored._replace(rowptr=mirrored.rowptr.long(), col=mirrored.col.long())
    path = (mirrored.rowptr, mirrored.col, torch.ones(5, dtype=dtype).requires_grad_())

    stalks = (leaf(6, 4, 3), leaf(6, 4, 3))
    order = torch.randperm(20).to(adj.col.dtype)
    angles = (leaf(5, 3), leaf(5, 3))
    maps = (leaf(5, 3, 3), leaf(5, 3, 3))
    root = torch.randn(3, 2, 2, dtype=dtype)
    root = (root @ root.mT + torch.eye(2, dtype=dtype)).requires_grad_()
    ordered = sort_rows(adj)
    pairs = (ordered.rowptr, ordered.col, ordered.rowptr, ordered.col, rows, rows.flip(0))
    shared = intersect_rows(adj, adj, torch.stack(pairs[4:])).rowptr.long()
    # the path of three nodes and one more, alone
    graphs = (torch.tensor([0, 1, 3, 4, 4]), torch.tensor([1, 0, 2, 1]), torch.tensor([0, 3, 4]))
    picks = torch.tensor([1, 1, 0])
    rates = (-torch.rand(3, 2, dtype=dtype)).requires_grad_()
    sequences, steps = torch.tensor([0, 1, 1, 3]), torch.rand(3, 3, dtype=dtype).requires_grad_()
    scanned = (sequences, leaf(3, 3), steps, rates, leaf(3, 2), leaf(3, 2))
    maps_of = {"weight": leaf(4, 3), "bias": leaf(4), "scale": leaf(4), "shift": leaf(4)}
    moments = (torch.randn(4, dtype=dtype), torch.rand(4, dtype=dtype) + 0.5)
    perceptrons = [
        (x, *maps_of.values(), *given, leaf(2, 4), leaf(2), norm, 1e-3)
        for norm, given in enumerate([(None, None), (None, None), moments])
    ]

    def perceived(call):
        """With the results that the backward operator takes."""
        kept = [t.detach() for t in torch.ops.graphpoly.perceptron(*call)[1:]]
        return (*call[:5], call[7], *kept, leaf(6, 2), *call[9:], True)

    rooted = [
        (*structure, *call[:-2], *turned, root_share, *call[-2:])
        for call, turned, root_share in zip(
            perceptrons, (turn, none, turn), (1, 0.5, -2), strict=True
        )
    ]

    def rooted_back(call, to_x):
        """With the results that the backward operator takes."""
        held = [t.detach() for t in torch.ops.graphpoly.gin_layer(*call)[1:]]
        maps = (*call[:2], *turn, *call[2:7], call[9])
        return (*maps, *held, leaf(6, 2), *call[14:], to_x)

    def networks():
        """Two layers, whose operators have no gradient of their own."""
        for call in rooted:
            weight, bias, scale, shift, *given, last, last_bias = call[3:11]
            first = (weight, bias, scale, shift, *given, leaf(4, 4), leaf(4))
            maps = [*first, leaf(4, 4), bias, scale, shift, *given, last, last_bias]
            bare = [t if t is None else t.detach() for t in maps]
            yield (*structure, call[2].detach(), bare, *call[14:])

    def network_back(call, to_x):
        """With the results that the backward operator takes."""
        kept = torch.ops.graphpoly.gin_network(*call)
        return (*turn[:2], call[3], kept, leaf(6, 2).detach(), *call[4:], to_x)

    deep = list(networks())
    wide = [
        leaf(4, 3).detach(),
        leaf(4).detach(),
        None,
        leaf(2, 4).detach(),
        leaf(2).detach(),
        None,
    ]
    rooted_maps = [leaf(4, 3).detach(), None, leaf(4, 3).detach(), *wide[3:5], leaf(2, 4).detach()]
    bare_head = (*structure, None if weight is None else weight.detach(), x.detach())
    convolved = [(*bare_head, wide, False), (*bare_head, rooted_maps, True)]

    def convolved_back(call, to_x):
        """With the results that the backward operator takes."""
        kept = torch.ops.graphpoly.conv_network(*call)
        grad = leaf(6, 2).detach()
        return (structure[0], *turn, call[2], call[3], call[4], kept, grad, call[5], to_x)

    forwards = [
        (x, *maps_of.values(), leaf(2, 4), leaf(2), None, 0, 0.0, 1e-3, True),
        (x, *maps_of.values(), leaf(2, 4), None, torch.tensor(5), 1, 0.3, 1e-3, False),
        (x, None, None, None, None, leaf(2, 3), leaf(2), None, 2, 0.0, 1e-3, False),
    ]

    def forwarded(call):
        before = torch.ops.graphpoly.feed_forward(*call)[1].detach()
        return (*call[:6], call[7], before, leaf(6, 2), *call[8:11], True)

    said = (x, leaf(20, 2), leaf(5, 8), leaf(5), leaf(4, 5), leaf(4))
    bare = (strided, leaf(20, 1), leaf(5, 7), None, leaf(4, 5), None)
    messages = [(*structure, *said, *turn, True, True), (*structure, *bare, *none, False, True)]

    def answered(call, to_sums, to_x=True):
        """With the results that the backward operator takes."""
        *_, ends, before = (t.detach() for t in torch.ops.graphpoly.edge_message(*call))
        grads = (leaf(20, 4), leaf(6, 4) if to_sums else None)
        return (*call[:8], *turn, ends, before, *grads, to_x, to_sums)

    heads = (leaf(8, 3), leaf(1, 2, 4), leaf(1, 2, 4))
    layers = [
        (*structure, x, *heads, leaf(8), seed, *turn, 0.2, 0.3),
        (*structure, strided, *heads, None, None, *none, 0.2, 0.0),
    ]

    def kept(call):
        return [t.detach() for t in torch.ops.graphpoly.gat_layer(*call)[1:]]

    def detached(*shapes):
        return [shape if shape is None else leaf(*shape).detach() for shape in shapes]

    first = detached((8, 3), (1, 2, 4), (1, 2, 4), (8,))
    joined = detached((2, 8), (1, 1, 2), (1, 1, 2), None)
    averaged = detached((4, 8), (1, 2, 2), (1, 2, 2), (2,))
    weighing = [
        (*structure, x.detach(), [*first, *joined], 0.2, False),
        (*structure, x.detach(), [*first, *averaged], 0.3, True),
    ]

    def weighing_back(call, to_x):
        """With the results that the backward operator takes."""
        results = torch.ops.graphpoly.gat_network(*call)
        grad = leaf(6, 2).detach()
        return (*structure, *turn, *call[2:4], results, grad, *call[4:], to_x)

    plan, spread = [1, 4, 5, 3], (leaf(6, 3), torch.rand(6, 3, dtype=dtype).requires_grad_())
    return {
        "coo_to_csr": [
            (rows, rows.flip(0), 6, 6),
            (rows[:0], rows[:0], 3, 2),
            (rows.long(), rows.flip(0).int(), 6, 6, True),
        ],
        "transposed_rows": [(*structure, 6), (*structure, 9)],
        "degree_weights": [
            (*structure, None, 20, 0, 1, dtype == torch.float64),
            (mirrored.rowptr, mirrored.col, mirrored.col.flip(0).contiguous(), 3, 1, 2, True),
            (mirrored.rowptr, mirrored.col, mirrored.col.flip(0).contiguous(), 4, 2, 0, False),
        ],
        "turned_weight": [
            (weight, *turn[1:], None, False),
            (weight, *turn[1:], adj.rowptr, False),
            (None, *turn[1:], adj.rowptr, dtype == torch.float64),
        ],
        "checked_rows": [(*structure, 6, True), (*structure, 6, False)],
        "gather_parts": [
            (x.detach(), torch.tensor([0, 2, 2, 5]), None, torch.tensor([2, 0, 2]), 0),
            (rows.long().view(3, 3), torch.tensor([0, 1, 3]), torch.tensor([3, 2]), picks, 1),
        ],
        "gather_columns": [
            (picks, [], [], [], [], torch.tensor([2, 0, 3, 1, 1, 4])),
            (
                *(torch.tensor([1, 0, 1]), [x.detach(), rows.long().view(3, 3)]),
                *([torch.tensor([0, 2, 5]), torch.tensor([0, 1, 3])], [None, torch.tensor([4, 9])]),
                *([0, 1], None),
            ),
        ],
        "top_nodes": [
            (torch.tensor([2, 0, 1]), torch.tensor([0, 0, 4]), torch.eye(2).long(), 0.5, False),
        ],
        "nonzero_rows": [(torch.eye(5, 3, dtype=dtype), 9), (torch.eye(4, dtype=dtype), 3)],
        "dropout": [
            (x, torch.tensor(3), 0.4, None),
            (x[:, 1:], torch.tensor([-5]), 1.0, torch.arange(2 * len(x)).view(-1, 2) << 31),
        ],
        "number_keys": [(torch.tensor([4, 7, 4]), torch.tensor([9, 7, 9, 4, 1]))],
        "sample_neighbors": [
            (torch.tensor([0, 4, 4, 9]), picks, 2, False, False, None, None, None, 9, 5),
            (
                *(torch.tensor([0, 4, 9]), picks, 3, True, True),
                *(torch.rand(9, dtype=torch.float64), torch.arange(9), picks + 3, 9, -1),
            ),
        ],
        "take_and_number": [
            (torch.tensor([4, 7, 4]), torch.tensor([9, 7, 4, 1]), torch.tensor([0, 1, 0, 3]), 10),
        ],
        "take_numbers": [(torch.tensor([4, 7, 4]), torch.tensor([2, 0, 2, 1]))],
        "spmm_sum": [(*head, x, *turn, False), (*head, strided, *none, True)],
        "spmm_max": [(*head, x, *turn, True), (*head, strided, *none, False)],
        "spmm_max_backward": [(*turn, weight, x, arg)],
        "column_space": [
            (adj.rowptr, adj.col, adj.weight, 3, 2, 7, None, 1, *turn),
            (adj.rowptr, adj.col, adj.weight, 2, 1, 0, torch.arange(6) // 2, 3, *none),
        ],
        "lanczos": [
            (*head, x, 3, None, 1, 1e-7, *turn),
            (*head, strided, 2, torch.tensor([0, 1, 1, 0, 2, 1]), 3, 1e-7, *none),
        ],
        "lanczos_backward": [
            (
                *(adj.rowptr, adj.col, adj.weight),
                *(torch.rand(4, 6, 3, dtype=dtype), torch.rand(3, 4, 1, 3, dtype=dtype)),
                *(x.detach(), None, 1),
                *(torch.rand(4, 6, 3, dtype=dtype), torch.rand(3, 4, 1, 3, dtype=dtype), *turn),
            )
        ],
        "lanczos_filter": [
            (*head, x, leaf(4, 3), None, 1, 1e-7, *turn),
            (*head, strided, leaf(3, 3), torch.tensor([0, 1, 1, 0, 2, 1]), 3, 1e-7, *none),
        ],
        "lanczos_filter_backward": [
            (
                *(adj.rowptr, adj.col, adj.weight, x.detach(), torch.rand(4, 3, dtype=dtype)),
                *(None, 1, torch.rand(4, 6, 3, dtype=dtype), torch.rand(3, 4, 1, 3, dtype=dtype)),
                *(y.detach(), *turn),
            )
        ],
        "sddmm": [(adj.rowptr, adj.col, x, strided, *turn), (adj.rowptr, adj.col, x, y, *none)],
        "block_spmm": [
            (*structure, leaf(20, 4, 4), stalks[0], None, *turn, False),
            (*structure, leaf(20, 4, 4), stalks[0], order, *none, True),
            (*structure, leaf(20, 4), stalks[0], order, *none, False),
        ],
        "block_sddmm": [
            (*structure, *stalks, *turn, False),
            (*structure, *stalks, *none, True),
        ],
        "entry_sum": [(*structure, x, y, *turn), (*structure, x, strided, *none)],
        "householder_transport": [(*angles, 3)],
        "householder_transport_backward": [(*angles, leaf(5, 3, 3), 3)],
        "restriction_products": [maps],
        "restriction_products_backward": [(*maps, leaf(5, 3, 3), leaf(5, 3, 3))],
        "matrix_root": [(root,)],
        "sylvester": [(root, leaf(3, 2, 2))],
        "connection": [
            (*structure, x.detach(), 2, None, True),
            (*structure, x.detach(), 2, torch.arange(6) // 2, False),
        ],
        "polynomial": [(*head, strided, leaf(5, 3), recurrence, *turn)],
        "polynomial_moments": [(*head, x, leaf(5, 3), recurrence, y, *turn)],
        "resolvent_solve": [
            (*path, x, None, 1, True, 1e-6, 50),
            (*path, strided, torch.tensor([2, 2, 2, 0, 1, 0]), 3, False, 1e-6, 50),
        ],
        "count_paths": [(*structure, 3, 0), (*structure, 2, 1)],
        "enumerate_paths": [
            (*structure, 1, 3, 0, -1, -1, True, None),
            (*structure, 2, 2, 1, -1, 1000, False, None),
            (*structure, 2, 2, 2, 5, -1, False, torch.tensor([0, 2])),
        ],
        "attention": [*attention, (*gat, None, *none, *additive)],
        "attention_backward": [attended(call) for call in attention],
        "multi_aggregate": [(*head, x, *turn, plan), (*head, strided, *none, [3, 0])],
        "multi_aggregate_backward": [
            (*head, x, leaf(6, 4, 3), *spread, arg, arg.flip(0), *turn, plan),
            (*head, strided, leaf(6, 1, 3), None, None, arg, None, *turn, [5]),
        ],
        "segment_softmax": [(adj.rowptr, adj.perm, leaf(20, 3)), (adj.rowptr, None, leaf(20, 1))],
        "segment_softmax_backward": [(adj.rowptr, adj.perm, leaf(20, 3), leaf(20, 3))],
        "segment_logsumexp": [(adj.rowptr, adj.perm, leaf(20, 3))],
        "pool_sum": [(x, rows[:6], 7, False), (strided, torch.arange(6) // 4, 3, True)],
        "gat_layer": layers,
        "gat_layer_backward": [
            (*call[:6], *call[7:11], *kept(call), leaf(6, 8), *call[11:], True, True)
            for call in layers[:1]
        ],
        "head_scores": [(stalks[0], leaf(4, 3), leaf(4, 3)), (stalks[1], leaf(4, 3), None)],
        "head_scores_backward": [
            (stalks[0], leaf(4, 3), leaf(4, 3), leaf(6, 4), leaf(6, 4), True),
            (stalks[1], leaf(4, 3), None, leaf(6, 4), None, False),
        ],
        "gcn_layer": [
            (*head, x, leaf(4, 3), leaf(4), *turn),
            (*head, strided, leaf(4, 3), None, *none),
        ],
        "gcn_layer_backward": [
            (leaf(6, 4), leaf(6, 3), leaf(4, 3), head[2], *turn, True),
            (leaf(6, 4), None, leaf(4, 3), None, *turn, False),
            (leaf(6, 4), strided, None, head[2], *none, True),
        ],
        "gin_layer": rooted,
        "gin_layer_backward": [
            rooted_back(call, to_x) for call, to_x in zip(rooted, (True, False, True), strict=True)
        ],
        "gin_network": deep,
        "gin_network_backward": [
            network_back(call, to_x) for call, to_x in zip(deep, (True, False, True), strict=True)
        ],
        "conv_network": convolved,
        "conv_network_backward": [
            convolved_back(call, to_x) for call, to_x in zip(convolved, (True, False), strict=True)
        ],
        "gat_network": weighing,
        "gat_network_backward": [
            weighing_back(call, to_x) for call, to_x in zip(weighing, (True, False), strict=True)
        ],
        "linear": [(x, leaf(4, 3), None, None, leaf(4)), (x, leaf(4, 3), y, leaf(4, 3), None)],
        "linear_backward": [
            (leaf(6, 4), x, leaf(4, 3), None, None, True),
            (leaf(6, 4), x, leaf(4, 3), y, leaf(4, 3), True),
            (leaf(6, 4), strided, None, None, leaf(4, 3), False),
        ],
        "feed_forward": forwards,
        "feed_forward_backward": [forwarded(call) for call in forwards],
        "edge_message": messages,
        "edge_message_backward": [
            *(answered(call, sums) for call, sums in zip(messages, (True, False), strict=True)),
            answered(messages[1], False, to_x=False),
        ],
        "perceptron": perceptrons,
        "perceptron_backward": [perceived(call) for call in perceptrons],
        "selective_scan": [(*scanned, False), (*scanned, True)],
        "selective_scan_backward": [(*scanned, leaf(3, 3), False), (*scanned, leaf(3, 3), True)],
        "intersect_count": [pairs],
        "intersect_rows": [(*pairs, shared, int(shared[-1]))],
        "common_neighbors": [(*pairs, strided)],
        "common_neighbors_backward": [(*pairs, leaf(9, 3), 6)],
        "pair_matmul": [
            (torch.tensor([2, 1]), leaf(3, 5), leaf(3, 5), False, True),
            (torch.tensor([0, 1]), leaf(3, 4), leaf(4, 3).T, True, False),
        ],
        "pair_transpose": [(torch.tensor([2, 1]), leaf(3, 6)), (torch.tensor([2]), leaf(4, 3).T)],
        "balanced_forman": [graphs],
        "fosr": [(*graphs, 2, -1, 1e-10, 0), (*graphs, 3, 5, 0.0, 1)],
        "sdrf": [(*graphs, 2, math.inf, 0.5, 0), (*graphs, 3, 2.0, math.inf, 1)],
        "laser": [(*graphs, 2, 0.5, 1, 8, 0)],
        "laplacian_powers": [graphs[:2]],
        "edge_transport": [(*graphs[:2], torch.tensor([[0, 2], [1, 1]]))],
        "gtr": [(*graphs, 2)],
        "color_rounds": [(*structure, None, names, 2), (*structure, entry_names, names, 1)],
        "color_stable": [(*structure, entry_names, names, 0), (*structure, None, names, 32)],
    }


def test_the_sparse_core_alone_knows_every_operator():
    """Whatever else is imported here, by this file or by one before it."""
    program = (
        "import graphpoly.ops\n"
        "from graphpoly.ops.library import SCHEMAS\n"
        "from torch._library.simple_registry import singleton as known\n"
        "shapes = {n: known.find('graphpoly::' + n).fake_impl.kernel for n in SCHEMAS}\n"
        "print([name for name, kernel in shapes.items() if kernel is None])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


QUICK = ("test_schema", "test_autograd_registration", "test_faketensor")


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize(
    ("dtype", "index64", "weighted"),
    [(torch.float64, False, True), (torch.float32, True, True), (torch.float64, True, False)],
)
def test_opcheck(name, dtype, index64, weighted):
    operator = getattr(torch.ops.graphpoly, name).default
    traced = set() if weighted and not index64 else absent(samples()[name])
    for arguments in samples(dtype, index64=index64, weighted=weighted)[name]:
        # the trace of forward and backward takes long, and depends on what is there, not on types
        again = index64 or not absent([arguments]).isdisjoint(traced)
        tests = QUICK if again else (*QUICK, "test_aot_dispatch_dynamic")
        torch.library.opcheck(operator, arguments, test_utils=tests)


def absent(calls):
    """Return which arguments are left out in some calls."""
    return {tuple(argument is None for argument in arguments) for arguments in calls}


# operator -> the places of what may be stored as bfloat16 beside weights of float32
STORED = [
    ("spmm_sum", (3,)), ("spmm_max", (3,)), ("spmm_max_backward", (4,)),
    ("polynomial", (3,)), ("polynomial_moments", (3, 6)),
    ("pool_sum", (0,)), ("attention", (2, 3, 4, 5)),
    ("attention_backward", (2, 3, 4, 5, 15, 17)),
    ("attention", (4,)), ("attention_backward", (4, 15, 17)),
    ("multi_aggregate", (3,)), ("multi_aggregate_backward", (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "stored"), STORED)
def test_opcheck_of_what_is_stored_as_bfloat16(name, stored):
    operator = getattr(torch.ops.graphpoly, name).default
    for arguments in samples(torch.float32)[name]:
        call = list(arguments)
        for place in (p for p in stored if call[p] is not None):
            call[place] = call[place].detach().bfloat16().requires_grad_()
        torch.library.opcheck(operator, tuple(call), test_utils=QUICK)


def test_every_operator_has_a_sample():
    assert set(samples()) == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_uninitialised_memory_never_shows(name):
    """Outputs are allocated as NaN in this mode: whatever a kernel does not write shows."""
    arguments = samples()[name][0]
    operator = getattr(torch.ops.graphpoly, name)
    expected = operator(*arguments)
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        torch.testing.assert_close(operator(*arguments), expected)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = before


def test_fullgraph_compile_of_a_whole_step():
    def step(edge_index, weight, x, theta, recurrence):
        adj = to_csr(edge_index, weight, x.size(0))
        out = polynomial(adj, spmm(adj, x, "max"), theta, recurrence)
        return (out**2).sum()

    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True, dynamic=True, backend="aot_eager")
    theta = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    recurrence = torch.rand(3, 3, 3, dtype=torch.float64) + 0.5
    for nodes, edges in ((5, 12), (9, 30)):
        edge_index = torch.randint(0, nodes, (2, edges))
        weight = torch.rand(edges, dtype=torch.float64, requires_grad=True)
        x = torch.randn(nodes, 3, dtype=torch.float64, requires_grad=True)
        inputs = (x, weight, theta)
        eager = torch.autograd.grad(step(edge_index, weight, x, theta, recurrence), inputs)
        traced = torch.autograd.grad(compiled(edge_index, weight, x, theta, recurrence), inputs)
        for one, other in zip(eager, traced, strict=True):
            torch.testing.assert_close(one, other)


def test_fullgraph_compile_of_segments_and_pairs():
    def step(edge_index, x, batch, pairs):
        adj = to_csr(edge_index, None, x.size(0))
        out = multi_aggregate(adj, x, ["mean", "std", "max"]).flatten(1)
        share = segment_softmax(adj, out[adj.col.long()], input_order=False)
        common = common_neighbors(adj, adj, pairs, x=x)
        return share.square().sum() + pool(out, batch, batch_size=3).sum() + common.square().sum()

    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True, dynamic=True, backend="aot_eager")
    for nodes, edges in ((5, 12), (9, 30)):
        edge_index, pairs = torch.randint(0, nodes, (2, edges)), torch.randint(0, nodes, (2, 4))
        x = torch.randn(nodes, 3, dtype=torch.float64, requires_grad=True)
        batch = torch.randint(0, 3, (nodes,))
        (eager,) = torch.autograd.grad(step(edge_index, x, batch, pairs), x)
        (traced,) = torch.autograd.grad(compiled(edge_index, x, batch, pairs), x)
        torch.testing.assert_close(eager, traced)


@pytest.mark.parametrize(
    "name",
    [
        "spmm_sum",
        "spmm_max",
        "polynomial_moments",
        "attention",
        "block_spmm",
        "block_sddmm",
        "householder_transport",
        "restriction_products",
        "multi_aggregate",
        "multi_aggregate_backward",
        "segment_softmax",
        "pool_sum",
        "gcn_layer",
        "gcn_layer_backward",
        "gin_layer",
        "gin_layer_backward",
        "gin_network",
        "gin_network_backward",
        "conv_network",
        "conv_network_backward",
        "gat_layer",
        "gat_layer_backward",
        "gat_network",
        "gat_network_backward",
        "head_scores_backward",
        "linear_backward",
        "perceptron",
        "perceptron_backward",
        "feed_forward",
        "feed_forward_backward",
        "edge_message",
        "edge_message_backward",
        "selective_scan",
        "selective_scan_backward",
        "common_neighbors",
        "enumerate_paths",
        "pair_matmul",
    ],
)
def test_ten_runs_are_bitwise_equal(name):
    operator = getattr(torch.ops.graphpoly, name)
    arguments = samples(torch.float32)[name][0]
    first = operator(*arguments)
    for _ in range(9):
        again = operator(*arguments)
        if isinstance(first, torch.Tensor):
            assert torch.equal(first, again)
        else:
            assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
