from __future__ import annotations

import io

import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData, TemporalData

from graphpoly.expressivity.saved import read_saved


def saved(held) -> bytes:
    stream = io.BytesIO()
    torch.save(held, stream)
    return stream.getvalue()


def pair(**attributes) -> Data:
    return Data(**{"edge_index": torch.tensor([[0, 1], [1, 0]]), **attributes})


def test_lists_and_batches() -> None:
    graphs = [pair(num_nodes=3), pair(x=torch.ones(2, 1)), pair()]
    assert [data.num_nodes for data in read_saved(saved(graphs))] == [3, 2, 2]
    for group in ([pair(num_nodes=3), pair(num_nodes=2)], [pair(x=torch.ones(4, 2)), graphs[1]]):
        if group[0].x is not None:
            group[1].x = torch.zeros(2, 2)
        found = read_saved(saved(Batch.from_data_list(group)))
        assert [data.num_nodes for data in found] == [data.num_nodes for data in group]
        for one, other in zip(found, group, strict=True):
            assert torch.equal(one.edge_index, other.edge_index)
            assert one.x is None if other.x is None else torch.equal(one.x, other.x)


def test_weights_are_labels_of_edges() -> None:
    weight, kind = torch.tensor([0.5, 2.0]), torch.tensor([[1, 2], [3, 4]])
    (data,) = read_saved(saved(pair(edge_weight=weight)))
    assert torch.equal(data.edge_attr, weight)
    (data,) = read_saved(saved(pair(edge_weight=weight, edge_attr=kind)))
    assert data.edge_attr.tolist() == [[1, 2, 0.5], [3, 4, 2]]


HETERO = HeteroData()
HETERO["paper"].x = torch.ones(2, 1)
HETERO["paper", "cites", "paper"].edge_index = torch.tensor([[0], [1]])
TIME = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (HETERO, "it holds HeteroData"),
        (Batch.from_data_list([HETERO, HETERO]), "it holds HeteroData"),
        (TemporalData(src=TIME, dst=TIME, t=TIME), "(got|it holds) TemporalData[,;] expected Data"),
        ({"edge_index": 1}, "got dict, expected Data"),
        ([pair(), 3], "got int, expected Data"),
        (torch.nn.Linear(1, 1), "it holds Linear; expected Data"),
        (Data(x=torch.ones(1, 1)), "graph 0: edge_index: got none"),
        (pair(edge_index="text"), "edge_index: got str, expected integers"),
        (pair(edge_index=[[0], [1]]), "edge_index: got list, expected integers"),
        (pair(edge_index=torch.ones(2, 2)), "edge_index: got torch.float32"),
        (pair(edge_index=torch.ones(2, 2) > 0), "edge_index: got torch.bool"),
        (pair(edge_index=torch.ones(3, 2).long()), r"got torch.int64 \[3, 2\]"),
        (pair(edge_index=torch.eye(2).to_sparse()), "edge_index: got torch.float32"),
        (pair(edge_index=torch.eye(2).long().to_sparse()), "edge_index: got torch.int64"),
        (
            [pair(), pair(num_nodes=1)],
            "graph 1: edge_index: got 0 to 1, expected nodes from 0 to 0",
        ),
        (pair(edge_index=torch.tensor([[-1], [0]])), "edge_index: got -1 to 0"),
        (pair(edge_index=torch.tensor([[2**36], [0]])), "num_nodes: got 68719476737"),
        (pair(num_nodes=2**36), "num_nodes: got 68719476736, expected at most"),
        (pair(num_nodes="many"), "num_nodes: got 'many'"),
        (pair(x=torch.ones(1, 1)), "edge_index: got 0 to 1, expected nodes from 0 to 0"),
        (pair(x=torch.ones(2, 1), num_nodes=5), "x: got 2 rows for 5 nodes"),
        (pair(x="text", num_nodes=2), "x: got str, expected a tensor"),
        (pair(edge_attr=torch.ones(3)), "edge_attr: got 3 rows for 2 edges"),
        (pair(edge_attr=1.5), "edge_attr: got float, expected a tensor"),
    ],
)
def test_what_is_no_graph_is_named_in_our_words(held, what) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        read_saved(saved(held))
    assert "weights_only" not in str(caught.value)


def test_a_file_of_something_else() -> None:
    with pytest.raises(ValueError, match=r"damaged, or not written by torch\.save"):
        read_saved(b"no archive")
    content = saved(pair())
    with pytest.raises(ValueError, match="damaged"):
        read_saved(content[: len(content) // 2])
