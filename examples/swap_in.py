"""An ordinary PyTorch Geometric script for node classification, with one layer swapped.

It was written for ``GCNConv``; the two lines marked ``swapped`` are all that changed. It trains on
the whole graph first and on sampled neighbourhoods after that, as any PyG script would.

    python examples/swap_in.py
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch_geometric.data import Data
from torch_geometric.transforms import RandomNodeSplit
from torch_geometric.utils import stochastic_blockmodel_graph

from graphpoly import FavardConv  # swapped: from torch_geometric.nn import GCNConv
from graphpoly.loader import NeighborLoader  # PyG's own needs pyg-lib or torch-sparse


class Net(torch.nn.Module):
    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(in_channels, hidden_channels)
        self.conv = FavardConv(hidden_channels, out_channels, K=3)  # swapped: GCNConv(..., ...)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        x = self.lin(x).relu()
        x = F.dropout(x, p=0.5, training=self.training)
        return self.conv(x, edge_index)


def make_graph(block_size: int = 300, num_classes: int = 3) -> Data:
    """Draw a graph whose nodes link to the other classes, with faint features."""
    within, between = 0.004, 0.016
    probabilities = torch.full((num_classes, num_classes), between)
    probabilities.fill_diagonal_(within)
    y = torch.arange(num_classes).repeat_interleave(block_size)
    edge_index = stochastic_blockmodel_graph([block_size] * num_classes, probabilities)
    x = torch.randn(y.numel(), 16) + F.one_hot(y, 16)
    return RandomNodeSplit(num_val=0.2, num_test=0.2)(Data(x=x, edge_index=edge_index, y=y))


@torch.no_grad()
def test_accuracy(model: Net, data: Data) -> float:
    model.eval()
    correct = model(data.x, data.edge_index).argmax(dim=-1) == data.y
    return correct[data.test_mask].float().mean().item()


def train_full_batch(data: Data, epochs: int = 100) -> float:
    """Train on the whole graph at every step."""
    model = Net(data.num_node_features, 32, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        out = model(data.x, data.edge_index)
        F.cross_entropy(out[data.train_mask], data.y[data.train_mask]).backward()
        optimizer.step()
    return test_accuracy(model, data)


def train_on_neighbourhoods(data: Data, epochs: int = 10) -> float:
    """Train on sampled neighbourhoods: a layer of order K reaches K hops, hence K numbers."""
    model = Net(data.num_node_features, 32, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    hops = model.conv.num_hops  # GCNConv: 1
    fan_out = [10] * hops
    loader = NeighborLoader(data, fan_out, input_nodes=data.train_mask, batch_size=64, shuffle=True)
    for _ in range(epochs):
        model.train()
        for batch in loader:
            optimizer.zero_grad()
            out = model(batch.x, batch.edge_index)[: batch.batch_size]
            F.cross_entropy(out, batch.y[: batch.batch_size]).backward()
            optimizer.step()
    return test_accuracy(model, data)


def main() -> tuple[float, float]:
    """Train both ways and return the two test accuracies."""
    torch.manual_seed(0)
    data = make_graph()
    full, sampled = train_full_batch(data), train_on_neighbourhoods(data)
    print(f"full batch: {full:.3f}")
    print(f"NeighborLoader: {sampled:.3f}")
    return full, sampled


if __name__ == "__main__":
    main()
