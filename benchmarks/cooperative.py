"""A training step of CoGNN beside a plain PyG implementation of the same network.

    python -m benchmarks.cooperative --root DATA

On minesweeper, in turns, in one run. Everybody has the same weights and the same draws; loss and
gradients are first compared with the plain implementation in float64. Writes ``cooperative.json``
and ``cooperative.md``.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GraphConv

from benchmarks.measure import Case, Contestant, describe_machine, race
from graphpoly.data import load_node_data
from graphpoly.layers.cooperative import gumbel_noise
from graphpoly.models import CoGNN

CHANNELS, LAYERS = 128, 3
TEMPERATURE = 0.5  # costs what 0.01 costs; the gradients of 0.01 are those of float32's last digits
OURS = "graphpoly"


class PlainCoGNN(nn.Module):
    """The network as one writes it with PyG: a linear map of [x, mean of messages], twice two
    actions, Gumbel-softmax, an edge weight of two gathered gates."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(in_channels, CHANNELS)
        self.decoder = nn.Linear(CHANNELS, out_channels)
        self.listen = GraphConv(CHANNELS, 2, aggr="mean")
        self.broadcast = GraphConv(CHANNELS, 2, aggr="mean")
        self.convs = nn.ModuleList(
            GraphConv(CHANNELS, CHANNELS, aggr="mean") for _ in range(LAYERS)
        )

    def forward(self, x: Tensor, edge_index: Tensor, noise: Tensor) -> Tensor:
        x = self.encoder(x).relu()
        source, target = edge_index
        for conv, drawn in zip(self.convs, noise, strict=True):
            listen = self.drawn(self.listen(x, edge_index), drawn[:, :2])
            broadcast = self.drawn(self.broadcast(x, edge_index), drawn[:, 2:])
            gate = listen[:, 0][target] * broadcast[:, 0][source]
            x = conv(x, edge_index, gate).relu()
        out: Tensor = self.decoder(x)
        return out

    def drawn(self, logits: Tensor, noise: Tensor) -> Tensor:
        soft = ((logits + noise) / TEMPERATURE).softmax(-1)
        hard = torch.zeros_like(soft).scatter(-1, soft.argmax(-1, keepdim=True), 1.0)
        return hard - soft.detach() + soft


def plain(model: CoGNN) -> PlainCoGNN:
    """The plain network with the same weights."""
    other = PlainCoGNN(model.in_channels, model.out_channels)
    other.encoder, other.decoder = copy.deepcopy(model.encoder), copy.deepcopy(model.decoder)
    listen, broadcast = (net[0] for net in model.action_net.nets)  # type: ignore[index]
    pairs = [(other.listen, listen), (other.broadcast, broadcast)]
    pairs += [(conv, gated.conv) for conv, gated in zip(other.convs, model.convs, strict=True)]
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.lin_root.weight.copy_(ours.lin_root.weight)
            theirs.lin_rel.bias.copy_(ours.lin_root.bias)
            theirs.lin_rel.weight.copy_(ours.lin_neighbors.weight)
    return other


def case(root: str | None) -> tuple[Case, dict[str, int]]:
    """The step and everybody who takes it."""
    data = load_node_data("minesweeper", root)
    mask = data.train_mask[:, 0]
    torch.manual_seed(0)
    arguments = (data.num_node_features, CHANNELS, 2, LAYERS)
    options: dict[str, Any] = {"temperature": TEMPERATURE, "dropout": 0.0}
    model = CoGNN(*arguments, **options).train()
    generator = torch.Generator().manual_seed(0)
    noise = torch.stack([gumbel_noise(data.num_nodes, generator=generator) for _ in range(LAYERS)])
    peer = plain(model).train()

    def step(net: nn.Module, x: Tensor, drawn: Tensor) -> tuple[Tensor, ...]:
        logits = net(x, data.edge_index, noise=drawn)
        loss = F.cross_entropy(logits[mask], data.y[mask])
        watched = (net.encoder.weight, net.decoder.weight)
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        named = dict(zip(map(id, net.parameters()), gradients, strict=True))
        return (loss.detach().reshape(1), *(named[id(weight)] for weight in watched))

    def truth() -> tuple[Tensor, ...]:
        return step(copy.deepcopy(peer).double(), data.x.double(), noise.double())

    contestants = [
        Contestant(OURS, lambda: step(model, data.x, noise)),
        Contestant("PyG, gather and scatter", lambda: step(peer, data.x, noise)),
    ]
    facts = {"nodes": data.num_nodes, "edges": data.num_edges}
    return Case("cognn", "minesweeper", CHANNELS, "step", truth, contestants, order=LAYERS), facts


def markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    machine, graph, rows = results["machine"], results["graph"], results["case"]["contestants"]
    ours = next(row for row in rows if row["name"] == OURS)["ms"]
    text = [
        "# A training step of CoGNN",
        "",
        "Made by `python -m benchmarks.cooperative`. Medians of runs taken in turns, float32;",
        "forward, loss and all gradients; x: times as long as graphpoly; error: largest deviation",
        "of loss and gradients from the plain network in float64, over their largest value.",
        f"CoGNN(mean, mean), {LAYERS} layers of {CHANNELS} channels, on minesweeper:",
        f"{graph['nodes']} nodes, {graph['edges']} edges.",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        *("", "| | ms | x | error |", "|---|---:|---:|---:|"),
    ]
    for row in rows:
        timed = row["note"] if row["ms"] is None else f"{row['ms']:.3g} | {row['ms'] / ours:.1f}"
        text.append(f"| {row['name']} | {timed} | {row['error']:.0e} |")
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", help="folder that holds the datasets")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each contestant")
    options = parser.parse_args()
    taken, facts = case(options.root)
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "graph": facts,
        "case": race(taken, seconds=options.seconds, most=50),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "cooperative.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "cooperative.md").write_text(markdown(results))
    print(markdown(results))


if __name__ == "__main__":
    main()
