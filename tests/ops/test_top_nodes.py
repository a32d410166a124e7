"""The first nodes of each graph, against a loop over graphs and edges."""

from __future__ import annotations

import math

import pytest
import torch

from graphpoly.ops.top_nodes import top_nodes_reference

FORMS = [torch.ops.graphpoly.top_nodes, top_nodes_reference]
every_form = pytest.mark.parametrize("form", FORMS, ids=["operator", "reference"])


def by_loops(order, batch, edge_index, ratio):
    perm = []
    for graph in sorted(set(batch.tolist())):
        nodes = [node for node in order.tolist() if batch[node] == graph]
        kept = min(int(ratio), len(nodes)) if ratio >= 1 else math.ceil(ratio * len(nodes))
        perm += nodes[:kept]
    place = {node: i for i, node in enumerate(perm)}
    pairs = [(place.get(a), place.get(b)) for a, b in edge_index.t().tolist()]
    kept = [e for e, pair in enumerate(pairs) if None not in pair]
    among = torch.tensor([pairs[e] for e in kept], dtype=torch.int64).view(-1, 2).t()
    return torch.tensor(perm, dtype=torch.int64), among, torch.tensor(kept, dtype=torch.int64)


@every_form
@pytest.mark.parametrize("nodes", [0, 1, 2, 30])
@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.75, 1.0, 3, 50.0])
def test_they_are_those_of_a_loop(form, nodes, ratio):
    torch.manual_seed(nodes)
    for graphs in (1, 4):
        batch = torch.randint(graphs, (nodes,)).sort().values * 5 - 3
        edges = torch.randint(nodes, (2, 70)) if nodes else torch.empty(2, 0, dtype=torch.int64)
        for given in (edges, edges.t().contiguous().t(), edges[:, :0]):
            order = torch.randperm(nodes)
            found = form(order, batch, given, float(ratio), True)
            expected = by_loops(order, batch, given, ratio)
            assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@every_form
def test_the_number_is_computed_in_the_type_of_the_scores(form):
    batch, edges = torch.zeros(50, dtype=torch.int64), torch.empty(2, 0, dtype=torch.int64)
    for wide, expected in ((True, 15), (False, 16)):
        kind = torch.float64 if wide else torch.float32
        assert int((0.3 * torch.tensor(50, dtype=kind)).ceil()) == expected
        assert len(form(torch.arange(50), batch, edges, 0.3, wide)[0]) == expected


@every_form
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("edge_index", torch.tensor([[0], [3]]), "out of range"),
        ("edge_index", torch.tensor([[-1], [0]]), "out of range"),
        ("batch", torch.tensor([1, 0, 0]), "ascending"),
        ("ratio", -0.5, "ratio"),
        ("ratio", math.nan, "ratio"),
    ],
)
def test_what_is_refused(form, name, value, message):
    given = {
        "order": torch.arange(3),
        "batch": torch.tensor([0, 0, 1]),
        "edge_index": torch.tensor([[0, 1], [1, 2]]),
        "ratio": 0.5,
    }
    with pytest.raises(RuntimeError, match=message):
        form(*(given | {name: value}).values(), False)


@every_form
@pytest.mark.parametrize(
    "order", [torch.tensor([0, 1, 3]), torch.tensor([0, 0, 1]), torch.tensor([0, 1])]
)
def test_an_order_that_is_none_is_refused(form, order):
    batch, edges = torch.tensor([0, 0, 1]), torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(RuntimeError, match=r"order|batch"):
        form(order, batch, edges, 1.0 if len(order) < 3 else 0.9, False)
