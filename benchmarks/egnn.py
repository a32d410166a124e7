"""EGNN beside the published layers written plainly, a step of training each.

    python -m benchmarks.egnn

The plain one joins the features of both ends of every edge, as the published code does, and adds up
with ``index_add``. Both have the same weights and see the same systems of charged particles; the
loss and every gradient are compared first. Writes ``egnn.json`` and ``egnn.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch

from benchmarks.measure import Case, describe_machine, processor_time, race, wall_clock
from benchmarks.plain_forms import plainly
from benchmarks.report import OURS
from benchmarks.steps import PLAIN, floor_of, ours_and_plain, step_of
from graphpoly.data import n_body
from graphpoly.models import EGNN

CLOCKS: dict[str, Callable[[Callable[[], Any]], float]] = {
    "wall": wall_clock,
    "processor": processor_time,
}


class Plain(nn.Module):
    """The published layers with the weights of a network of ours."""

    def __init__(self, source: EGNN) -> None:
        super().__init__()
        self.source = source

    def forward(self, batch: Any) -> Tensor:
        h, pos = self.source.lin_in(batch.x), batch.pos
        for conv in self.source.convs:
            h, pos = plain_layer(conv, h, batch.edge_index, pos, batch.edge_attr, batch.vel)
        out: Tensor = pos
        return out


def plain_layer(
    conv: Any, h: Tensor, edge_index: Tensor, pos: Tensor, edge_attr: Tensor, vel: Tensor
) -> tuple[Tensor, Tensor]:
    source, target = edge_index
    difference = pos[target] - pos[source]
    square = difference.square().sum(1, keepdim=True)
    ends = torch.cat([h[target], h[source], square, edge_attr], dim=1)
    message = conv.phi_e.after(conv.phi_e.lin(ends))
    move = difference * conv.phi_x(message)
    count = torch.zeros(h.size(0), 1).index_add(0, target, torch.ones(target.size(0), 1))
    shift = torch.zeros_like(pos).index_add(0, target, move) / count.clamp(min=1)
    heard = torch.zeros(h.size(0), message.size(1)).index_add(0, target, message)
    new = h + conv.phi_h(torch.cat([h, heard], dim=1))
    return new, pos + conv.phi_v(h) * vel + shift


def dense_parts(network: Any, batch: Any) -> Callable[[], Tensor]:
    """The linear maps and perceptrons of all layers alone, on rows as many as those of a batch."""
    generator = torch.Generator().manual_seed(1)
    width = network.hidden_channels

    def rows(count: int) -> Tensor:
        return torch.randn(count, width, generator=generator).requires_grad_()

    h, start = rows(batch.x.size(0)), rows(batch.edge_index.size(1))

    def run() -> Tensor:
        total = h.new_zeros(())
        for conv in network.convs:
            target, source = conv.phi_e.lin.weight[:, : 2 * width].split(width, dim=1)
            outs = [F.linear(h, target), F.linear(h, source), conv.phi_v(h)]
            outs += [conv.phi_h(torch.cat([h, h], dim=1)), conv.phi_x(conv.phi_e.after(start))]
            for out in outs:
                total = total + out.sum()
        return total

    return run


def case(num_particles: int, num_systems: int, clock: str, seconds: float) -> dict[str, Any]:
    """A step on one batch: the forward pass, the loss, every gradient and the optimiser."""
    batch: Any = Batch.from_data_list(n_body(num_systems, num_particles, first=0, last=1))
    arguments: dict[str, Any] = {"edge_dim": 2, "velocity": True, "update_velocity": False}
    models: dict[str, Any] = {}
    for name in (OURS, PLAIN):
        torch.manual_seed(0)
        models[name] = EGNN(1, 64, num_layers=4, **arguments)
    models[PLAIN] = plainly(models[PLAIN])
    plain = Plain(models[PLAIN])

    def predicted(name: str) -> Tensor:
        if name == PLAIN:
            out: Tensor = plain(batch)
            return out
        return models[OURS](
            batch.x, batch.edge_index, batch.pos, edge_attr=batch.edge_attr, vel=batch.vel
        )

    def loss(name: str) -> Callable[[], Tensor]:
        return lambda: F.mse_loss(predicted(name), batch.y)

    ours, published = ((models[name], loss(name)) for name in (OURS, PLAIN))
    truth = step_of(*published)
    found = race(
        Case(
            op="EGNN",
            graph=f"{num_particles} particles x {num_systems} systems",
            channels=64,
            direction=f"step, {clock}",
            truth=lambda: tuple(part.double() for part in truth()),
            contestants=[
                *ours_and_plain(ours, published),
                floor_of(models[PLAIN], dense_parts(models[PLAIN], batch)),
            ],
            note="Floor of EGNN: its linear maps and perceptrons alone.",
        ),
        seconds=seconds,
        most=1000,
        clock=CLOCKS[clock],
    )
    return {**found, "clock": clock, "edges": batch.edge_index.size(1)}


def markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    machine = results["machine"]
    text = [
        "# EGNN",
        "",
        "Made by `python -m benchmarks.egnn`. A step of training on one batch, 4 layers of width",
        "64, float32: medians of steps taken in turns. The plain form has the same weights; loss",
        "and gradients agree. Processor time is that of all threads.",
        "",
        f"- {machine['cpu']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"load {machine['load_average']} at the start",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        "| batch | edges | clock | graphpoly, ms | plain, ms | x | fastest, x |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for found in results["steps"]:
        ours, plain, *_ = found["contestants"]
        start = f"| {found['graph']} | {found['edges']:,} | {found['clock']} "
        if None in (ours["ms"], plain["ms"]):
            text.append(f"{start}| {ours['note']} | {plain['note']} | | |")
            continue
        text.append(
            f"{start}| {ours['ms']:.1f} | {plain['ms']:.1f} | {plain['ms'] / ours['ms']:.2f} | "
            f"{plain['fastest_ms'] / ours['fastest_ms']:.2f} |"
        )
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each contestant")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results: dict[str, Any] = {"machine": describe_machine(), "steps": []}
    for num_particles in (5, 20):
        for clock in CLOCKS:
            results["steps"].append(case(num_particles, 100, clock, options.seconds))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "egnn.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "egnn.md").write_text(markdown(results))
    print(markdown(results))


if __name__ == "__main__":
    main()
