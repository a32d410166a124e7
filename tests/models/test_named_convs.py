from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import GATConv, GCNConv, GINConv, SAGEConv

from graphpoly import registry
from graphpoly.layers import BernConv
from graphpoly.models.named_convs import make_conv


def test_names_and_what_makes_a_layer() -> None:
    kinds = {"gcn": GCNConv, "sage": SAGEConv, "gat": GATConv, "BernConv": BernConv}
    x, edges = torch.randn(3, 5), torch.tensor([[0, 1], [1, 2]])
    for name, kind in kinds.items():
        conv = make_conv(name, 5, 8, heads=4)
        assert isinstance(conv, kind)
        assert conv(x, edges).shape == (3, 8)
    assert make_conv("gat", 5, 8, heads=4).out_channels == 2
    own = make_conv(lambda i, o: GINConv(torch.nn.Linear(i, o)), 5, 8)
    assert own(x, edges).shape == (3, 8)


@pytest.mark.parametrize("name", [entry.name for entry in registry.entries("layer")])
def test_a_registered_layer_gives_these_sizes_or_says_why_not(name: str) -> None:
    x, edges = torch.randn(4, 5), torch.tensor([[0, 1, 2], [1, 2, 3]])
    if name in ("EGNNConv", "GRAFENNEConv", "PicardConv", "TripletConv"):
        with pytest.raises(ValueError, match=f"conv: {name} (reads|makes no layer)"):
            make_conv(name, 5, 8)
    else:
        assert make_conv(name, 5, 8)(x, edges).shape == (4, 8)


@pytest.mark.parametrize(
    ("conv", "message"),
    [
        ("sagee", "did you mean 'sage'"),
        ("BernCon", "did you mean 'BernConv'"),
        ("gat", "heads: got 3, expected a divisor of 8"),
        ("GRAFENNEConv", "conv: GRAFENNEConv makes no layer from 5 channels to 8"),
        ("EGNNConv", "conv: EGNNConv reads pos, too"),
        (lambda i, o: i + o, "made int, expected a layer"),
    ],
)
def test_what_makes_none_is_named(conv: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_conv(conv, 5, 8, heads=3)  # type: ignore[arg-type]
