"""Whatever is an index, an offset, a size or a device is checked where it enters, as it came."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphpoly import ops
from graphpoly.compat import torch_scatter
from graphpoly.ops import CSR
from graphpoly.ops.entry import as_size, check_index, narrowed

ROOT = Path(__file__).resolve().parents[2]
PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
OUTSIDE = (-1, -(2**32), 2**31, 2**32 + 1, 2**40, 2**63 - 1)


def path() -> CSR:
    return ops.to_csr(PATH, num_nodes=3)


def edges(value: int) -> Tensor:
    return torch.tensor([[value, 0], [0, 1]])


def line(value: int) -> Tensor:
    return torch.tensor([0, value, 1])


def sparse_csr(value: int) -> Tensor:
    """Column ``value``."""
    return torch.sparse_csr_tensor(
        torch.tensor([0, 1, 2, 2]),
        torch.tensor([value, 0]),
        torch.ones(2),
        (3, 3),
        check_invariants=False,
    )


def sparse_coo(value: int) -> Tensor:
    return torch.sparse_coo_tensor(edges(value), torch.ones(2), (3, 3), check_invariants=False)


ENTRIES: dict[str, tuple[str, Callable[[int], Any]]] = {
    "to_csr": ("edge_index", lambda v: ops.to_csr(edges(v), num_nodes=3)),
    "to_csr, targets": ("edge_index", lambda v: ops.to_csr(edges(v).flip(0), num_nodes=3)),
    "to_csr of torch.sparse CSR": ("adj_t", lambda v: ops.to_csr(sparse_csr(v))),
    "to_csr of torch.sparse COO": ("adj_t", lambda v: ops.to_csr(sparse_coo(v))),
    "normalize": ("edge_index", lambda v: ops.normalize(edges(v), num_nodes=3)),
    "count_paths": ("edge_index", lambda v: ops.count_paths(edges(v), 2, 3)),
    "enumerate_paths": ("edge_index", lambda v: ops.enumerate_paths(edges(v), 2, 3)),
    "reorder": ("edge_index", lambda v: ops.reorder(edges(v), 3)),
    "list_cliques": ("edge_index", lambda v: ops.list_cliques(edges(v), 3, 3)),
    "contract_sparse": (
        "pairs",
        lambda v: ops.contract_sparse(
            [ops.Multigraph.parse("ab->ab")], PATH, num_nodes=3, pairs=edges(v)
        ),
    ),
    "CSR": (
        "col",
        lambda v: CSR(torch.tensor([0, 1, 2, 2]), torch.tensor([0, v]), None, None, 3, None),
    ),
    "pool": ("batch", lambda v: ops.pool(torch.ones(3), line(v), batch_size=3)),
    "lanczos": (
        "batch",
        lambda v: ops.lanczos(path(), torch.ones(3, 1), 1, batch=line(v), batch_size=3),
    ),
    "lanczos_filter": (
        "batch",
        lambda v: ops.lanczos_filter(
            path(), torch.ones(3, 1), torch.ones(2, 1), batch=line(v), batch_size=3
        ),
    ),
    "connection": ("batch", lambda v: ops.connection(path(), torch.ones(3, 2), 1, batch=line(v))),
    "column_space": (
        "batch",
        lambda v: ops.column_space(path(), 1, batch=line(v), batch_size=3),
    ),
    "resolvent": (
        "block",
        lambda v: ops.resolvent(path(), torch.ones(3, 1), block=line(v), num_blocks=3),
    ),
    "linear_attention": (
        "batch",
        lambda v: ops.linear_attention(*[torch.ones(3, 1, 1)] * 3, batch=line(v), batch_size=3),
    ),
    "pair_blocks": ("batch", lambda v: ops.pair_blocks(line(v), 3, 3)),
    "pairs_within": ("batch", lambda v: ops.pairs_within(path(), None, line(v), 3)),
    "common_neighbors": ("pairs", lambda v: ops.common_neighbors(path(), path(), edges(v))),
    "intersect_rows": ("pairs", lambda v: ops.intersect_rows(path(), path(), edges(v))),
    "scatter_sum": (
        "index",
        lambda v: torch_scatter.scatter_sum(torch.ones(3), line(v), dim_size=3),
    ),
    "scatter_max": (
        "index",
        lambda v: torch_scatter.scatter_max(torch.ones(3), line(v), dim_size=3),
    ),
    "segment_coo": (
        "index",
        lambda v: torch_scatter.segment_coo(torch.ones(3), line(v), dim_size=3),
    ),
    "gather_coo": ("index", lambda v: torch_scatter.gather_coo(torch.ones(3), line(v))),
    "segment_csr": ("indptr", lambda v: torch_scatter.segment_csr(torch.ones(3), line(v))),
}


@pytest.mark.parametrize("value", OUTSIDE)
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_index_outside_is_refused_by_name(entry: str, value: int) -> None:
    name, call = ENTRIES[entry]
    if entry == "connection" and value > 0:
        pytest.skip("graphs are told apart there and not counted: any number will do")
    with pytest.raises(ValueError, match=name):
        call(value)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_index_inside_is_not(entry: str) -> None:
    ENTRIES[entry][1](1)


@pytest.mark.parametrize("value", [3, 2**32 + 1, -(2**32)])
def test_a_trace_refuses_an_index_outside(value: int) -> None:
    def aggregate(edge_index: Tensor, x: Tensor) -> Tensor:
        return ops.spmm(ops.to_csr(edge_index, num_nodes=x.size(0), transposed=True), x)

    compiled = torch.compile(aggregate, fullgraph=True, dynamic=True, backend="aot_eager")
    assert compiled(edges(2), torch.ones(3, 1)).tolist() == [[1.0], [1.0], [0.0]]
    with pytest.raises((ValueError, RuntimeError), match="outside"):
        compiled(edges(value), torch.ones(3, 1))


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("rowptr", torch.tensor([0, 3, 2, 4]), "rowptr"),
        ("rowptr", torch.tensor([1, 1, 3, 4]), "rowptr"),
        ("rowptr", torch.tensor([0, 1, 3, 5]), "rowptr"),
        ("rowptr", torch.tensor([0, 10**9, 3, 4]), "rowptr"),
        ("rowptr", torch.tensor([], dtype=torch.long), "rowptr"),
        ("rowptr", torch.tensor([[0, 1, 3, 4]]), "rowptr"),
        ("col", torch.tensor([1, 0, 3, 1]), "col"),
        ("col", torch.tensor([1, 0, -1, 1]), "col"),
        ("col", torch.tensor([1, 0, 2, 1]).int(), "col"),
        ("col", torch.tensor([1, 0, 2]), "rowptr"),
        ("weight", torch.ones(3), "weight"),
        ("weight", torch.ones(4, device="meta"), "weight"),
        ("perm", torch.tensor([0, 1, 2, 4]), "perm"),
        ("num_cols", -1, "num_cols"),
        ("num_cols", 2.5, "num_cols"),
        ("transposed", (torch.tensor([0, 1, 3, 4]), torch.tensor([1, 0, 9, 1]), torch.arange(4)),
         "col"),
        ("transposed",
         (torch.tensor([0, 1, 3, 4]), torch.tensor([1, 0, 2, 1]), torch.zeros(4).long()),
         "transposed"),
    ],
)  # fmt: skip
def test_a_hand_made_operator_that_does_not_hold_together_is_refused(
    field: str, value: Any, name: str
) -> None:
    fields: dict[str, Any] = {
        "rowptr": torch.tensor([0, 1, 3, 4]),
        "col": torch.tensor([1, 0, 2, 1]),
        "weight": None,
        "perm": None,
        "num_cols": 3,
        "transposed": None,
    }
    assert ops.spmm(CSR(**fields), torch.tensor([1.0, 2.0, 4.0])).tolist() == [2.0, 5.0, 2.0]
    with pytest.raises((ValueError, TypeError), match=name):
        CSR(**{**fields, field: value})


def test_an_operator_passes_its_own_examination() -> None:
    adj = ops.normalize(PATH, num_nodes=4, add_self_loops=True, transposed=True)
    again = CSR(*adj)
    assert again.col is adj.col
    assert again._replace(weight=None).weight is None


@pytest.mark.parametrize("offsets", [[0, 10**9, 6], [0, 4, 2, 3], [-1, 6], [0, 7]])
@pytest.mark.parametrize("function", ["segment_csr", "segment_max_csr", "segment_mean_csr"])
def test_offsets_that_fall_or_lie_outside_are_refused(function: str, offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="indptr"):
        getattr(torch_scatter, function)(torch.randn(6, 4), torch.tensor(offsets))


def test_no_offsets_are_no_groups() -> None:
    none = torch.empty(0, dtype=torch.long)
    assert torch_scatter.gather_csr(torch.randn(0, 4), none).shape == (0, 4)
    assert torch_scatter.segment_csr(torch.randn(3, 4), none).shape == (0, 4)


X = torch.ones(3, 2)
SIZES: dict[str, tuple[str, Callable[[], Any]]] = {
    "nodes": ("no memory", lambda: ops.to_csr(PATH, num_nodes=2**40)),
    "negative nodes": ("num_nodes", lambda: ops.to_csr(PATH, num_nodes=-1)),
    "half a node": ("num_nodes", lambda: ops.to_csr(PATH, num_nodes=2.5)),  # type: ignore[arg-type]
    "a long basis": ("K: got .* no memory", lambda: ops.lanczos(path(), X, 10**6)),
    "a negative power": ("K", lambda: ops.lanczos(path(), X, -1)),
    "a short batch": ("batch", lambda: ops.lanczos(path(), X, 1, batch=torch.zeros(2).long())),
    "a batch of floats": ("batch", lambda: ops.lanczos(path(), X, 1, batch=torch.zeros(3))),
    "pool": ("batch_size", lambda: ops.pool(X, torch.zeros(3).long(), batch_size=-1)),
    "many groups": ("batch: no memory", lambda: ops.pool(X, line(2**50))),
    "a short batch of pairs": ("batch", lambda: ops.pair_blocks(torch.zeros(2).long(), 3)),
    "pairs": ("num_nodes", lambda: ops.pair_blocks(None, 2**40)),
    "parameters of one dimension": ("params", lambda: ops.householder(torch.ones(3), 3)),
    "too few parameters": ("params", lambda: ops.householder(torch.ones(2, 2), 3)),
    "integer parameters": ("params", lambda: ops.householder(torch.ones(2, 3).long(), 3)),
    "size 0": ("size", lambda: ops.householder_transport(X, X, 0)),
    "sums of other entries": ("values", lambda: ops.sum_entries(path(), X)),
    "sums of other pairs": ("value", lambda: ops.pair_sum(path(), X)),
    "rounds": ("rounds", lambda: ops.color_refinement(path(), -1)),
    "no matrices": ("matrix", lambda: ops.matrix_root(X)),
    "a scale of nothing": ("distance", lambda: ops.denoise_graph(
        path().with_weight(torch.ones(4)), torch.ones(3))),
    "no values": ("values", lambda: ops.p_laplacian(path(), X, 2.0)),
    "groups": ("dim_size", lambda: torch_scatter.scatter_sum(
        X, torch.zeros(3).long(), 0, None, -1)),
}  # fmt: skip


@pytest.mark.parametrize("case", SIZES)
def test_sizes_and_shapes_are_refused_by_name(case: str) -> None:
    name, call = SIZES[case]
    with pytest.raises((ValueError, TypeError), match=name):
        call()


def on_meta(adj: CSR) -> CSR:
    return CSR(adj.rowptr.to("meta"), adj.col.to("meta"), None, None, adj.num_cols, None)


ACROSS: dict[str, Callable[[CSR, Tensor], Any]] = {
    "spmm": ops.spmm,
    "spmm, max": lambda adj, x: ops.spmm(adj, x, "max"),
    "multi_aggregate": lambda adj, x: ops.multi_aggregate(adj, x, ["mean", "max"]),
    "sddmm": lambda adj, x: ops.sddmm(adj, x, x),
    "entry_sum": lambda adj, x: ops.entry_sum(adj, x, x),
    "sum_entries": lambda adj, x: ops.sum_entries(adj, torch.cat([x, x[:1]])),
    "block_spmm": lambda adj, x: ops.block_spmm(adj, x.new_ones(4, 2), x.unsqueeze(-1)),
    "block_sddmm": lambda adj, x: ops.block_sddmm(adj, x.unsqueeze(-1), x.unsqueeze(-1)),
    "polynomial": lambda adj, x: ops.polynomial(adj, x, x.new_ones(2, 1), x.new_ones(3, 1, 1)),
    "lanczos": lambda adj, x: ops.lanczos(adj, x, 2),
    "lanczos_filter": lambda adj, x: ops.lanczos_filter(adj, x, x.new_ones(2, 1)),
    "resolvent": lambda adj, x: ops.resolvent(adj, x),
    "gat_attention": lambda adj, x: ops.gat_attention(
        adj, x.unsqueeze(-1), alpha_src=x, alpha_dst=x
    ),
    "gatv2_attention": lambda adj, x: ops.gatv2_attention(
        adj, x.unsqueeze(-1), x.unsqueeze(-1), att=x.new_ones(2, 1)
    ),
    "dot_attention": lambda adj, x: ops.dot_attention(
        adj, x.unsqueeze(-1), x.unsqueeze(-1), value=x.unsqueeze(-1)
    ),
    "segment_softmax": lambda adj, x: ops.segment_softmax(adj, x.new_ones(4)),
    "segment_logsumexp": lambda adj, x: ops.segment_logsumexp(adj, x.new_ones(4)),
    "common_neighbors": lambda adj, x: ops.common_neighbors(
        adj, adj, torch.zeros(2, 1, dtype=torch.long, device=adj.col.device), x=x
    ),
    "connection": lambda adj, x: ops.connection(adj, x, 1),
    "pair_sum": lambda adj, x: ops.pair_sum(adj, x.new_ones(4)),
    "edge_distances": lambda adj, x: ops.edge_distances(adj, x),
}


@pytest.mark.parametrize("name", ACROSS)
def test_an_operator_on_another_device_is_refused(name: str) -> None:
    ACROSS[name](path(), X)
    for adj, x in ((on_meta(path()), X), (path(), X.to("meta"))):
        with pytest.raises(ValueError, match="got a tensor on"):
            ACROSS[name](adj, x)


def test_sizes_that_are_integers_pass() -> None:
    assert as_size("K", torch.tensor(3)) == 3
    assert narrowed(torch.tensor([5]), torch.int64).tolist() == [5]
    assert check_index("batch", torch.tensor([0, 2]), 3).tolist() == [0, 2]
    for value in (True, 1.0, "1"):
        with pytest.raises(TypeError, match="K"):
            as_size("K", value)


ENDLESS = """
import signal
import torch
from torch_geometric.data import Data
from graphpoly.ops import color_refinement, count_paths, enumerate_paths, stable_colors, to_csr
from graphpoly.rewiring import GTR, LASER, SDRF, FoSR
from graphpoly.rewiring.curvature import balanced_forman

def graph(nodes, edges):
    edge_index = torch.randint(nodes, (2, edges))
    return Data(edge_index=torch.cat([edge_index, edge_index.flip(0)], 1), num_nodes=nodes)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
clique = torch.combinations(torch.arange(40)).T
clique = torch.cat([clique, clique.flip(0)], 1)
line = torch.arange(10**6)
line = torch.stack([line[:-1], line[1:]])
line = torch.cat([line, line.flip(0)], 1)
tree, wide = graph(10**5, 10**5), graph(10**5, 3 * 10**5)
dense, flat = graph(5000, 10**6), graph(2000, 6000)
for name, call in {
    "count_paths": lambda: count_paths(clique, 20, 40),
    "enumerate_paths": lambda: enumerate_paths(clique, 20, 40, max_paths=None),
    "color_refinement": lambda: color_refinement(to_csr(wide.edge_index), 300),
    "stable_colors": lambda: stable_colors(to_csr(line)),
    "FoSR": lambda: FoSR(10**6)(tree),
    "FoSR, power steps": lambda: FoSR(10**6, power_steps=5)(tree),
    "SDRF": lambda: SDRF(10**6)(wide),
    "GTR": lambda: GTR(10**4)(flat),
    "LASER, balls": lambda: LASER(4, 0.1)(wide),
    "LASER, small": lambda: LASER(3, 0.1)(dense),
    "balanced_forman": lambda: balanced_forman(dense.edge_index, dense.num_nodes),
}.items():
    print("begun", flush=True)
    try:
        call()
    except KeyboardInterrupt:
        print(name, flush=True)
    else:
        raise SystemExit(name + " came to its end")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.skipif(not ops.backends()["cpp"]["available"], reason="the loop is in the kernels")
def test_long_loops_hear_an_interrupt() -> None:
    heard = []
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        late = threading.Timer(240, child.kill)
        late.start()
        while child.stdout.readline().strip() == "begun":
            time.sleep(0.3)
            child.send_signal(signal.SIGINT)
            # one that comes within a destructor is lost, as for everybody
            while not select.select([child.stdout], [], [], 10)[0]:
                child.send_signal(signal.SIGINT)
            heard.append(child.stdout.readline().strip())
        late.cancel()
        assert child.wait(timeout=20) == 0, child.stderr.read()
    assert len(heard) == 11
    assert all(heard)


def test_the_logarithm_of_infinities() -> None:
    inf = float("inf")
    value = torch.tensor([inf, 1.0, -inf, -inf, -inf, 2.0])
    index = torch.tensor([0, 0, 1, 1, 2, 2])
    assert torch_scatter.scatter_logsumexp(value, index).tolist() == [inf, 0.0, 2.0]
    out = torch.tensor([0.0, -inf, inf])
    assert torch_scatter.scatter_logsumexp(value, index, out=out).tolist() == [inf, 0.0, inf]


def test_malformed_shapes_are_refused_by_name() -> None:
    one = torch.tensor([0, 1]), torch.tensor([0]), torch.ones(1, 1)
    blocks = torch.sparse_csr_tensor(*one, (1, 1, 1), check_invariants=False)
    with pytest.raises(ValueError, match=r"adj_t: got offsets, indices and values of shapes"):
        ops.to_csr(blocks)
    with pytest.raises(ValueError, match=r"indptr: got shape \(0, 4\), src has \(2, 3, 2\)"):
        torch_scatter.gather_csr(torch.randn(2, 3, 2), torch.zeros(0, 4, dtype=torch.long))
    with pytest.raises(TypeError):
        ops.multigraphs(2, torch.zeros(0))  # type: ignore[arg-type]
