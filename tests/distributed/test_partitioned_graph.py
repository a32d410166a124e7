"""Products and filters over parts of a graph: the whole graph in one process is the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.bases import chebyshev
from graphpoly.distributed import (
    PartitionedGraph,
    backward,
    halo_polynomial,
    halo_spmm,
    halo_spmm_transposed,
    size,
)
from graphpoly.distributed import partitioned_graph as module
from graphpoly.ops import CSR, normalize, polynomial, to_csr
from tests.processes import together

NODES, CHANNELS, ORDER = 23, 3, 5
PARTS = ("contiguous", "metis", "scattered", "one is empty")


def operator(seed: int = 0) -> CSR:
    """Return a directed operator with loops, repeated entries and nodes that have none."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(NODES - 2, (2, 80), generator=generator)
    edges = torch.cat([edges, edges[:, :5], torch.arange(3).repeat(2, 1)], 1)
    weight = torch.randn(edges.size(1), generator=generator, dtype=torch.float64)
    return to_csr(edges, weight, NODES)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def part(kind: str) -> Tensor | str:
    if kind == "scattered":
        return torch.randperm(NODES, generator=torch.Generator().manual_seed(1)) % size()
    return torch.zeros(NODES, dtype=torch.long) if kind == "one is empty" else kind


def recurrence(channels: int) -> Tensor:
    """Three different terms for each channel, as a learned basis has them."""
    drawn = 0.3 * normal(3, ORDER, channels, seed=7)
    return torch.cat([1 + drawn[:1].abs(), drawn[1:]])


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def products(kind: str) -> dict[str, Any]:
    """Values and gradients, the second ones too, joined to those of the whole graph."""
    graph = PartitionedGraph(operator(), part(kind))
    found: dict[str, Any] = {"sent": graph.bytes_sent(CHANNELS, torch.float64)}
    found["nodes"], found["halo"] = graph.nodes, graph.halo
    for name, product in (("product", halo_spmm), ("transposed", halo_spmm_transposed)):
        x = graph.cut(normal(NODES, CHANNELS, seed=2)).requires_grad_()
        y = graph.cut(normal(NODES, CHANNELS, seed=3)).requires_grad_()
        out = product(graph, x)
        (grad,) = torch.autograd.grad(out, x, y, create_graph=True)
        (second,) = torch.autograd.grad(grad, y, torch.ones_like(grad))
        found[name] = [graph.join(each) for each in (out, grad, second)]
    for width in (1, CHANNELS):
        x = graph.cut(normal(NODES, CHANNELS, seed=2)).requires_grad_()
        theta = normal(ORDER + 1, width, seed=4).requires_grad_()
        out = halo_polynomial(graph, x, theta, recurrence(width))
        out.backward(graph.cut(normal(NODES, CHANNELS, seed=3)))
        found[f"polynomial {width}"] = [graph.join(out), graph.join(x.grad), theta.grad]
    return found


def check(found: list[dict[str, Any]]) -> None:
    adj = operator()
    dense, x, y = adj.to_dense(), normal(NODES, CHANNELS, seed=2), normal(NODES, CHANNELS, seed=3)
    ones = torch.ones_like(x)
    expected = {
        "product": [dense @ x, dense.T @ y, dense @ ones],
        "transposed": [dense.T @ x, dense @ y, dense.T @ ones],
    }
    for width in (1, CHANNELS):
        held, theta = x.clone().requires_grad_(), normal(ORDER + 1, width, seed=4).requires_grad_()
        out = polynomial(adj, held, theta, recurrence(width))
        out.backward(y)
        expected[f"polynomial {width}"] = [out, held.grad, theta.grad]
        whole = sum(each[f"polynomial {width}"][2] for each in found)
        for each in found:
            each[f"polynomial {width}"][2] = whole
    for each in found:
        for name, values in expected.items():
            for actual, value in zip(each[name], values, strict=True):
                close(actual, value.detach())
    assert torch.cat([each["nodes"] for each in found]).sort().values.tolist() == [*range(NODES)]
    rows = 0
    for each in found:
        mine = set(each["nodes"].tolist())
        read = {j for i in mine for j in dense[i].nonzero().flatten().tolist()}
        assert sorted(each["halo"].tolist()) == sorted(read - mine)
        rows += len(read - mine)
    assert sum(each["sent"] for each in found) == rows * CHANNELS * 8


@pytest.mark.parametrize("kind", PARTS)
def test_two_parts_give_the_whole(kind: str, tmp_path: Path) -> None:
    if kind == "metis":
        pytest.importorskip("pymetis")
    check(together(products, 2, tmp_path, kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_four_parts_give_the_whole(kind: str, tmp_path: Path) -> None:
    if kind == "metis":
        pytest.importorskip("pymetis")
    check(together(products, 4, tmp_path, kind))


def test_one_part_is_the_whole() -> None:
    check([products("contiguous")])


def test_contiguous_parts_are_stretches_with_as_many_entries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "size", lambda: 4)
    target = torch.cat([torch.arange(100), torch.arange(40).repeat(6), torch.zeros(20).long()])
    adj = to_csr(torch.stack([target.flip(0) % 100, target]), num_nodes=100)
    owner = module._owners(adj, "contiguous")
    assert bool((owner.diff() >= 0).all())
    held = torch.zeros(4).index_add(0, owner, adj.rowptr.diff() + 1.0)
    heaviest = int(adj.rowptr.diff().max()) + 1
    assert held.sum() == 100 + target.numel()
    assert bool(((held - held.mean()).abs() < heaviest).all())


class Filter(nn.Module):
    """A linear map, a filter of the graph, and another map."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)
        self.theta = nn.Parameter(torch.ones(ORDER + 1, 6))
        self.double()

    def forward(self, x: Tensor, graph: PartitionedGraph) -> Tensor:
        steps = chebyshev(ORDER).to(x.dtype).view(3, ORDER, 1)
        return self.last(halo_polynomial(graph, self.first(x), self.theta, steps).relu())


def training(number: int = 3) -> dict[str, Tensor]:
    """Train on some labelled nodes; a process may have none of them."""
    edges = torch.randint(NODES, (2, 60), generator=torch.Generator().manual_seed(5))
    edges = torch.cat([edges, edges.flip(0)], 1)
    adj = normalize(edges, num_nodes=NODES, dtype=torch.float64)
    graph = PartitionedGraph(adj)
    labelled = graph.nodes < 7
    x, y = graph.cut(normal(NODES, 4, seed=6)), graph.nodes % 3
    torch.manual_seed(0)
    model = Filter()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(number):
        optimizer.zero_grad()
        terms = int(labelled.sum())
        total = F.cross_entropy(model(x, graph)[labelled], y[labelled], reduction="sum")
        losses.append(backward(total / max(terms, 1), terms, model))
        optimizer.step()
    state = {name: value.detach() for name, value in model.state_dict().items()}
    return {"loss": torch.stack(losses), "labelled": labelled.sum(), **state}


def test_full_batch_training_over_parts_is_that_of_one_process(tmp_path: Path) -> None:
    expected = training()
    found = together(training, 2, tmp_path)
    assert [int(each.pop("labelled")) for each in found] == [7, 0]
    for each in found:
        for name, value in each.items():
            close(value, expected[name])


@pytest.mark.parametrize(
    ("adj", "parts", "message"),
    [
        (to_csr(torch.zeros(2, 1).long(), size=(2, 3)), "metis", "adj: got 3 x 2, expected a sq"),
        (operator(), "metiss", "unknown parts 'metiss'; did you mean 'metis'"),
        (operator(), torch.zeros(3).long(), "parts: got torch.int64 of .3,., expected integers"),
        (operator(), torch.ones(NODES).long(), "parts: got 1 to 1 for 1 processes"),
        (operator().with_weight(torch.ones(88).requires_grad_()), "metis", "adj: its weights"),
    ],
)
def test_what_is_refused(adj: CSR, parts: Tensor | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PartitionedGraph(adj, parts)


def test_shapes_that_are_refused() -> None:
    graph, theta, steps = PartitionedGraph(operator()), torch.ones(6, 1), torch.ones(3, 5, 1)
    x = torch.ones(NODES, 2)
    for call, message in (
        (lambda: halo_spmm(graph, x[1:]), "x: got shape .22, 2., this process has 23 nodes"),
        (lambda: graph.cut(x[1:]), "x: got 22 rows, the graph has 23 nodes"),
        (lambda: graph.join(x[1:]), "x: got 22 rows, this process has 23"),
        (lambda: halo_polynomial(graph, x, theta[1:], steps), "recurrence: got shape .3, 5, 1.,"),
        (
            lambda: halo_polynomial(graph, x, torch.ones(6, 3), steps),
            "theta: got shape .6, 3., expect",
        ),
        (lambda: halo_polynomial(graph, x, theta, steps.requires_grad_()), "recurrence: it is no"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_parts_are_a_tensor_or_a_name() -> None:
    given: Any = [0] * NODES
    with pytest.raises(TypeError, match="parts: got list, expected a tensor or a name"):
        PartitionedGraph(operator(), given)
