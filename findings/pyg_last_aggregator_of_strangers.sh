#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.models.tgn.LastAggregator of nn.TGNMemory, where torch-scatter is not installed.
#
# Expected: of the messages of a node the last one, and zeros for a node that has none, as MeanAggregator has it and as
#   it is with torch-scatter, where an index past the last message stands for a node without one.
# Real: PyG's stand-in for that package, utils.scatter_argmax, gives such a node the index dim_size - 1. Once there are
#   as many messages as nodes, that is a message, of some other node, and the memory is updated with it. With fewer it
#   is none, and all is right. torch-scatter is optional, and no page says that results depend on it.
# Why it matters: nodes without a message are those that took part in nothing so far, as random negatives often did. In
#   training they come with the news of a stranger, another one for each batch. The pull request that brought the
#   stand-in (7481) lists the example's validation AP after four epochs: 0.878 with it, 0.935 with torch-scatter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn import TGNMemory
from torch_geometric.nn.models.tgn import IdentityMessage, LastAggregator, MeanAggregator
from torch_geometric.typing import WITH_TORCH_SCATTER

assert not WITH_TORCH_SCATTER, "changed: what is installed"
for owners in ([0], [0, 1], [0, 0, 1], [0, 0, 0, 0, 1, 1]):
    index = torch.tensor(owners)
    messages = torch.arange(1.0, len(index) + 1).view(-1, 1)
    given = messages, index, torch.arange(len(index)), 4
    last, mean = LastAggregator()(*given).flatten(), MeanAggregator()(*given).flatten()
    print(f"messages {messages.int().flatten().tolist()} of nodes {owners}, four nodes: last {last.int().tolist()}")
    assert torch.equal(mean > 0, torch.tensor([True, 1 in owners, False, False])), "changed: the control"
    for node in set(owners):
        assert last[node] == messages[index == node][-1], "changed: the last message of its own"
    if last[2:].tolist() != ([messages[3].item()] * 2 if len(owners) >= 4 else [0, 0]):
        raise SystemExit("changed: nodes without a message")


class Newest(torch.nn.Module):
    """The last message of each node, by looking."""

    def forward(self, msg, index, t, dim_size):
        out = msg.new_zeros(dim_size, msg.size(1))
        for node in index.unique():
            own = (index == node).nonzero().view(-1)
            out[node] = msg[own[t[own].argmax()]]
        return out


def heard(aggregator, raw):
    """The memories of eight who took part in nothing, asked for with those of ten who did."""
    torch.manual_seed(0)
    memory = TGNMemory(40, 2, 4, 3, IdentityMessage(2, 4, 3), aggregator)
    memory.train()
    memory.reset_state()
    src, dst = torch.arange(60) % 5, 5 + torch.arange(60) % 7 % 5
    with torch.no_grad():
        memory.update_state(src, dst, torch.arange(60), raw)
        return memory(torch.cat([torch.arange(10), torch.arange(30, 38)]))[0][10:]


torch.manual_seed(1)
news = [torch.randn(60, 2), torch.randn(60, 2)]
aggregators = {"by looking": Newest(), "MeanAggregator": MeanAggregator(), "LastAggregator": LastAggregator()}
for name, aggregator in aggregators.items():
    one, other = (heard(aggregator, raw) for raw in news)
    moved = (one - other).abs().max()
    print(f"{name}: memories of the eight move by {moved:.4f} with the messages of the ten")
    if (moved > 1e-3) != (name == "LastAggregator"):
        raise SystemExit("changed: who hears of strangers")
print("as described: nodes without a message are given a stranger's")
PYTHON
