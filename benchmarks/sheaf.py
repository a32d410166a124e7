"""A training epoch of sheaf diffusion, beside the same mathematics out of parts of PyG and PyTorch.

    python -m benchmarks.sheaf --root DATA

Everybody trains the same network from the same parameters on Squirrel (a generated graph of its
size where the data is not at hand), in turns, in one run; the gradient of every parameter is first
compared with that in float64. Writes ``sheaf.json`` and ``sheaf.md``.

The peers gather the features of both ends of each edge, make the maps of the pair, multiply each
message by its block (``bmm``) and add up (``scatter``), and they are given what the published code
precomputes: the place of the reverse of each edge, so that each map is made once. One of them makes
the maps of the concatenated ends, as the published code does, the other of projections of the
nodes, as we do.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import degree, to_undirected

from benchmarks.measure import Case, Contestant, describe_machine, race
from graphpoly.data import as_undirected, load_node_data
from graphpoly.models import SheafNN
from graphpoly.ops import householder

OURS = "graphpoly"
STALK, HIDDEN, LAYERS = 4, 32, 2
MAPS = ("householder", "diagonal", "general")


def squirrel(root: Path | None) -> tuple[str, Data]:
    """The graph as the recipes take it, or one of its size and skew."""
    if root is not None:
        data = as_undirected(load_node_data("squirrel", root), self_loops=False)
        return "squirrel", data
    generator = torch.Generator().manual_seed(0)
    place = torch.randperm(5201, generator=generator)
    ends = (torch.rand(2, 260_000, generator=generator) ** 3 * 5201).long()
    pairs = place[ends[:, ends[0] != ends[1]]]
    data = Data(edge_index=to_undirected(pairs), num_nodes=5201)
    data.x = torch.rand(5201, 2089, generator=generator)
    data.y = torch.randint(0, 5, (5201,), generator=generator)
    return "generated, of Squirrel's size", data


class Propagate(MessagePassing):
    """Blocks times the features of neighbours, added up."""

    def forward(self, x: Tensor, edge_index: Tensor, blocks: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, blocks=blocks)

    def message(self, x_j: Tensor, blocks: Tensor) -> Tensor:
        if blocks.dim() == 2:
            return blocks.unsqueeze(-1) * x_j
        return torch.bmm(blocks, x_j)


class Plain:
    """The network's forward pass, with its own parameters, out of PyG's and PyTorch's parts."""

    def __init__(self, net: SheafNN, edge_index: Tensor, num_nodes: int, *, pairs: bool) -> None:
        self.net, self.edge_index, self.pairs = net, edge_index, pairs
        code = edge_index[0] * num_nodes + edge_index[1]
        back = edge_index[1] * num_nodes + edge_index[0]
        order = code.argsort()
        self.reverse = order[torch.searchsorted(code[order], back)]
        self.degree = degree(edge_index[1], num_nodes)
        self.propagate = Propagate(aggr="add", node_dim=0)

    def __call__(self, x: Tensor) -> Tensor:
        net = self.net
        x = F.elu(net.lin_in(x))
        for conv in net.convs:
            x = self.step(conv, x)
        return net.lin_out(x)

    def step(self, conv: Any, x: Tensor) -> Tensor:
        source, target = self.edge_index
        size, weight = conv.stalk_dim, conv.learner.weight
        if self.pairs:
            params = F.linear(torch.cat([x[target], x[source]], 1), weight)
        else:
            own, other = weight.chunk(2, 1)
            params = F.linear(x, own)[target] + F.linear(x, other)[source]
        params = params.tanh()
        stalks = x.view(x.size(0), size, -1)
        y = F.linear((conv.left @ stalks), conv.right)
        if conv.maps == "diagonal":
            blocks = params * params[self.reverse]
            degrees = params.new_zeros(x.size(0), size).index_add(0, target, params.square())
            scale = (degrees + 1).rsqrt().unsqueeze(-1)
            scaled = scale * y
            moved = scale * (degrees.unsqueeze(-1) * scaled - self.carry(scaled, blocks))
        elif conv.maps == "householder":
            maps = householder(params, size)
            blocks = torch.bmm(maps.mT, maps[self.reverse])
            degrees = self.degree.to(x.dtype).view(-1, 1, 1)
            scale = (degrees + 1).rsqrt()
            scaled = scale * y
            moved = scale * (degrees * scaled - self.carry(scaled, blocks))
        else:
            maps = params.view(-1, size, size)
            blocks = torch.bmm(maps.mT, maps[self.reverse])
            own = torch.bmm(maps.mT, maps).flatten(1)
            degrees = own.new_zeros(x.size(0), size**2).index_add(0, target, own)
            degrees = degrees.view(-1, size, size)
            value, vector = torch.linalg.eigh(degrees + torch.eye(size, dtype=x.dtype))
            scale = (vector * value.rsqrt().unsqueeze(1)) @ vector.mT
            scaled = scale @ y
            moved = scale @ (degrees @ scaled - self.carry(scaled, blocks))
        return ((1 + conv.epsilon.tanh()) * stalks - F.elu(moved)).flatten(1)

    def carry(self, x: Tensor, blocks: Tensor) -> Tensor:
        return self.propagate(x, self.edge_index, blocks)


def case(name: str, data: Data, maps: str) -> Case:
    """An epoch: forward pass, loss, backward pass, step of the optimiser."""
    torch.manual_seed(0)
    classes = int(data.y.max()) + 1
    made = SheafNN(
        data.num_node_features, HIDDEN, classes, LAYERS, stalk_dim=STALK, maps=maps, dropout=0.0
    )

    def forward_of(kind: str, net: SheafNN) -> Callable[[Tensor], Tensor]:
        if kind == OURS:
            return lambda x: net(x, data.edge_index)
        return Plain(net, data.edge_index, data.num_nodes, pairs="ends" in kind)

    def epoch(kind: str, dtype: torch.dtype = torch.float32) -> Callable[[], tuple[Tensor, ...]]:
        net: nn.Module = copy.deepcopy(made).to(dtype)
        x = data.x.to(dtype)
        forward = forward_of(kind, net)  # type: ignore[arg-type]
        optimizer = torch.optim.SGD(net.parameters(), 0.0)  # everybody stays where it is

        def run() -> tuple[Tensor, ...]:
            optimizer.zero_grad()
            F.cross_entropy(forward(x), data.y).backward()
            optimizer.step()
            return tuple(parameter.grad for parameter in net.parameters())  # type: ignore[misc]

        return run

    names = [OURS, "PyG, maps of projected nodes", "PyG, maps of concatenated ends"]
    truth = epoch(names[1], torch.float64)
    contestants = [Contestant(kind, epoch(kind)) for kind in names]
    return Case(maps, name, HIDDEN, "epoch", truth, contestants, order=STALK)


def markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    machine, graph = results["machine"], results["graph"]
    text = [
        "# A training epoch of sheaf diffusion",
        "",
        "Made by `python -m benchmarks.sheaf`. Medians of runs taken in turns, float32; x: times",
        "as long as graphpoly; error: largest deviation of a parameter's gradient from that in",
        "float64, over its largest value. Forward pass, loss, backward pass and a step of the",
        f"optimiser. d = {STALK}, {HIDDEN} channels of each coordinate, {LAYERS} steps, on",
        f"{graph['name']}: {graph['nodes']} nodes, {graph['edges']} edges (both directions).",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
    ]
    for row in results["cases"]:
        ours = next(entry for entry in row["contestants"] if entry["name"] == OURS)["ms"]
        text += ["", f"## {row['op']} maps", "", "| | ms | x | error |", "|---|---:|---:|---:|"]
        for entry in row["contestants"]:
            if entry["ms"] is None:
                text.append(f"| {entry['name']} | - | - | {entry['note'] or entry['error']} |")
                continue
            ratio = "-" if ours is None else f"{entry['ms'] / ours:.1f}"
            text.append(f"| {entry['name']} | {entry['ms']:.4g} | {ratio} | {entry['error']:.0e} |")
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--root", type=Path, help="folder of the datasets")
    parser.add_argument("--seconds", type=float, default=12.0, help="time for each contestant")
    parser.add_argument("--maps", nargs="*", default=MAPS)
    options = parser.parse_args()
    name, data = squirrel(options.root)
    cases = [case(name, data, maps) for maps in options.maps]
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "graph": {"name": name, "nodes": data.num_nodes, "edges": data.num_edges},
        "cases": [race(one, seconds=options.seconds, most=20) for one in cases],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "sheaf.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "sheaf.md").write_text(markdown(results))
    print(markdown(results))


if __name__ == "__main__":
    main()
