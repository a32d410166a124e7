"""Full-batch training on one graph whose nodes are divided between processes.

Each process holds some nodes and the rows of the operator that belong to them; the steps are those
of one process. If a process dies the others end at once, and the same command goes on from the last
step that was written.

    torchrun --standalone --nproc-per-node 2 examples/one_graph_in_parts.py run.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch_geometric.data import Data
from torch_geometric.transforms import RandomNodeSplit
from torch_geometric.utils import stochastic_blockmodel_graph

from graphpoly.distributed import PartitionedGraph, backward, is_first, launched
from graphpoly.files import replacing
from graphpoly.models import GPRGNN
from graphpoly.ops import normalize


def make_graph(block_size: int = 500, num_classes: int = 4) -> Data:
    """Draw a graph whose nodes link to their like, with faint features; the same everywhere."""
    torch.manual_seed(0)
    probabilities = torch.full((num_classes, num_classes), 0.001).fill_diagonal_(0.01)
    y = torch.arange(num_classes).repeat_interleave(block_size)
    edge_index = stochastic_blockmodel_graph([block_size] * num_classes, probabilities)
    x = torch.randn(y.numel(), 16) + F.one_hot(y, 16)
    return RandomNodeSplit(num_val=0.2, num_test=0.2)(Data(x=x, edge_index=edge_index, y=y))


def train(checkpoint: Path, steps: int) -> float:
    """Train, from the checkpoint on where there is one; return the test accuracy."""
    data = make_graph()
    adj = normalize(data.edge_index, num_nodes=data.num_nodes, add_self_loops=True)
    graph = PartitionedGraph(adj)  # of all nodes; from here on a process has its own
    x, y, mask = graph.cut(data.x), graph.cut(data.y), graph.cut(data.train_mask)
    # dropout would be drawn by each process for itself
    model = GPRGNN(16, 32, 4, dropout=0.0, filter_dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    begin = 0
    if checkpoint.exists():
        begin, weights, state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
    terms = int(mask.sum())
    for step in range(begin, steps):
        optimizer.zero_grad()
        total = F.cross_entropy(model(x, graph)[mask], y[mask], reduction="sum")
        backward(total / max(terms, 1), terms, model)  # the gradient of all processes
        optimizer.step()
        if is_first():
            with replacing(checkpoint) as temporary:
                torch.save((step + 1, model.state_dict(), optimizer.state_dict()), temporary)
    model.eval()
    with torch.no_grad():
        found = graph.join(model(x, graph)).argmax(dim=-1)
    return (found == data.y)[data.test_mask].float().mean().item()


def main() -> None:
    """Read the command, train, and let the first process say the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    with launched():
        accuracy = train(given.checkpoint, given.steps)
        if is_first():
            print(f"test accuracy: {accuracy:.3f}")


if __name__ == "__main__":
    main()
