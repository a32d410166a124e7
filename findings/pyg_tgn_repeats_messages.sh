#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.TGNMemory with nn.models.tgn.MeanAggregator, on a graph whose nodes send and receive.
#
# Expected: as in the paper that it names (Rossi et al. 2020), an event updates the memory of each of its two nodes
#   once, with the mean of the messages of its batch.
# Real: messages are stored in two places, that of the senders and that of the receivers, and an event overwrites the
#   place of the role that the node has in it. What lies in the other one has been applied and stays, to be averaged
#   into every further update until the node has that role again. The time since the last update, which is encoded with
#   it, is then negative. In a graph of users and items a node has one role, and all is right; nothing tells.
# Why it matters: an account that wrote once and was written to a hundred times has its one message in all these means.
#   Whoever takes the newest message alone is not misled; a mean, a sum or an aggregator that is trained is.
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
from torch_geometric.nn.models.tgn import IdentityMessage, MeanAggregator

torch.manual_seed(0)
NODES, EVENTS = 20, 120


class Newest(torch.nn.Module):
    """The newest message of each node, by looking."""

    def forward(self, msg, index, t, dim_size):
        out = msg.new_zeros(dim_size, msg.size(1))
        for node in index.unique():
            own = (index == node).nonzero().view(-1)
            out[node] = msg[own[t[own].argmax()]]
        return out


class Watched(torch.nn.Module):
    """An aggregator that counts the messages which it is given."""

    def __init__(self, aggregator):
        super().__init__()
        self.aggregator, self.count = aggregator, 0

    def forward(self, msg, index, t, dim_size):
        self.count += len(msg)
        return self.aggregator(msg, index, t, dim_size)


def by_hand(memory, events, batch, training):
    """The memory by one list of messages for each node, emptied when they have been applied."""
    state, updated = torch.zeros(NODES, memory.memory_dim), torch.zeros(NODES, dtype=torch.long)
    waiting = {node: [] for node in range(NODES)}

    def apply(nodes):
        given = []
        for node in nodes:
            messages = torch.zeros(0, memory.gru.input_size)
            for other, t, raw in waiting[node]:
                encoded = memory.time_enc((t - updated[node]).float())
                message = torch.cat([state[node], state[other], raw, encoded[0]])
                messages = torch.cat([messages, message[None]])
            times = torch.tensor([t for _, t, _ in waiting[node]], dtype=torch.long)
            given.append(memory.aggr_module.aggregator(messages, torch.zeros_like(times), times, 1))
        state[nodes] = memory.gru(torch.cat(given), state[nodes])
        for node in nodes:
            updated[node] = max((int(t) for _, t, _ in waiting[node]), default=0)
            waiting[node] = []

    for start in range(0, EVENTS, batch):
        part = [column[start : start + batch] for column in events]
        nodes = torch.cat(part[:2]).unique().tolist()
        if training:
            apply(nodes)
        for src, dst, t, raw in zip(*part):
            waiting[int(src)].append((int(dst), t, raw))
            waiting[int(dst)].append((int(src), t, raw))
        if not training:
            apply(nodes)
    return state


def ends(kind):
    if kind == "users and items":
        return torch.randint(NODES // 2, (2, EVENTS)) + torch.tensor([[0], [NODES // 2]])
    return torch.stack([torch.randperm(NODES)[:2] for _ in range(EVENTS)], dim=1)


for kind in ("users and items", "people"):
    events = [*ends(kind), torch.arange(1, EVENTS + 1), torch.randn(EVENTS, 3)]
    for aggregator in (Newest(), MeanAggregator()):
        for training in (True, False):
            memory = TGNMemory(NODES, 3, 4, 5, IdentityMessage(3, 4, 5), Watched(aggregator))
            memory.train(training)
            memory.reset_state()
            memory.aggr_module.count = 0
            with torch.no_grad():
                for start in range(0, EVENTS, 6):
                    memory.update_state(*(column[start : start + 6] for column in events))
                count = memory.aggr_module.count
                off = (memory.memory - by_hand(memory, events, 6, training)).abs().max()
            name = f"{kind}, {type(aggregator).__name__}, {'training' if training else 'evaluation'}"
            print(f"{name}: {EVENTS} events for two ends, {count} messages applied, off by {off:.4f}")
            if kind == "people":
                if count <= 1.2 * 2 * EVENTS:
                    raise SystemExit("changed: a message is applied once")
                assert (off < 1e-5) == isinstance(aggregator, Newest), "changed: who is misled"
            else:
                assert count <= 2 * EVENTS and off < 1e-5, "changed: the control"
print("as described: a message is applied until the node has the same role again")
PYTHON
