#!/usr/bin/env bash
# torch-geometric 2.8.1, nn.models.tgn.LastNeighborLoader, where a node has more events in a batch than places.
#
# Expected: the last `size` neighbours of a node, those of its most recent events, whichever end of them it was: the
#   loader keeps an undirected graph, and compares the numbers of events to find the latest. Events that are inserted
#   one by one and events that are inserted in batches leave the same neighbours.
# Real: within a batch a node's events are written into a ring of `size` places, in an order that is not that of time:
#   first those that it received, then those that it sent, and then sorted by node with a sort that is not stable. What
#   comes last in that order stays. With one place, the last neighbour is often not the last. A stable sort mends it for
#   users and items, which have one role each; people who write to each other then still lose what they received last.
# Why it matters: hubs are the nodes with such batches, and what the predictions hang on. What a model sees of them
#   depends on the size of the batch, old events stand for new ones, and an edge turned round is another history.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch_geometric.nn.models.tgn import LastNeighborLoader

torch.set_num_threads(1)
as_it_is = torch.Tensor.sort
NODES, EVENTS = 40, 600


def kept(src, dst, size, batch):
    """The numbers of the events that the loader has of each node."""
    loader = LastNeighborLoader(NODES, size)
    for start in range(0, EVENTS, batch):
        loader.insert(src[start : start + batch], dst[start : start + batch])
    for node in range(NODES):
        for neighbor, event in zip(loader.neighbors[node].tolist(), loader.e_id[node].tolist()):
            assert event < 0 or {node, neighbor} == {int(src[event]), int(dst[event])}, "changed: not its event"
    return [{event for event in row if event >= 0} for row in loader.e_id.tolist()]


def last(src, dst, size):
    """The numbers of the last events of each node, by looking."""
    ends = list(zip(src.tolist(), dst.tolist()))
    return [set([event for event, pair in enumerate(ends) if node in pair][-size:]) for node in range(NODES)]


torch.manual_seed(0)
weight = 1 / torch.arange(1, NODES + 1)  # some nodes have many events
pairs = torch.stack([torch.multinomial(weight, 2) for _ in range(EVENTS)])
halves = [torch.multinomial(weight[: NODES // 2], EVENTS, replacement=True) for _ in range(2)]
histories = {"users and items": (halves[0], halves[1] + NODES // 2), "people": pairs.t()}
for sort in ("as it is", "stable"):
    torch.Tensor.sort = as_it_is if sort == "as it is" else lambda nodes: as_it_is(nodes, stable=True)
    for name, (src, dst) in histories.items():
        for size in (1, 5, 10):
            for batch in (1, 20, 200):
                right, found = last(src, dst, size), kept(src, dst, size, batch)
                off = sum(a != b for a, b in zip(right, found))
                newest = sum(max(a, default=-1) not in b for a, b in zip(right, found) if a)
                print(f"sort {sort}, {name}, {size} places, batches of {batch}:", end=" ")
                print(f"{off} of {NODES} nodes have other events, {newest} lack their last one")
                if batch == 1 or name == "users and items" and sort == "stable":
                    assert off == 0, "changed: the control"
                elif batch == 200 and not (off and newest):
                    raise SystemExit("changed: the last events are kept")
loader = LastNeighborLoader(3, size=1)
loader.insert(torch.tensor([0, 2]), torch.tensor([1, 0]))  # 0 writes to 1, and then 2 writes to 0
print("0 wrote to 1, then 2 wrote to 0: the last neighbour of 0 is", int(loader.neighbors[0, 0]))
if int(loader.neighbors[0, 0]) != 1:
    raise SystemExit("changed: the last neighbour is 2")
print("as described: the last neighbours are not the last")
PYTHON
