"""Networks of message passing beside their published ways written plainly, in one run.

    python -m benchmarks.message_passing --root DATA

A step of training of NCN and NCNC on USAir, whose links are taken out of the graph while they are
predicted; Mamba's selective scan over a sequence of 1,000 steps; a step of EGNN; patches and a step
of Graph MLP-Mixer. Each peer has the same weights and data, and its results and every gradient are
compared first, those of Graph MLP-Mixer in float64 (:mod:`benchmarks.plain_forms`); torch-sparse
and mambapy take part where they are installed. The optimiser of our steps is the one that
``graphpoly train`` has; that of others is Adam as it comes, and with ``fused=True`` in a row of its
own. A floor is what both have to compute, alone. Times are of the processor, on one thread. Then
how far memory grows in a step of NCN with pairs and nodes. Linux only; about five minutes. Writes
``message_passing.json`` and ``message_passing.md``.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Batch

from benchmarks import egnn
from benchmarks.measure import (
    Case,
    Contestant,
    PeakMemory,
    describe_machine,
    processor_time,
    race,
)
from benchmarks.plain_forms import (
    Patched,
    PlainLinks,
    plain_patches,
    plainly,
    scanned_by_pairs,
    scanned_by_steps,
)
from benchmarks.report import OURS, processor, title
from benchmarks.steps import PLAIN, floor_of, ours_and_plain, step_of
from benchmarks.wl import random_graph
from graphpoly.data import load_seal, load_tu
from graphpoly.features import ExtractPatches
from graphpoly.models import NCN, NCNC, GraphMLPMixer
from graphpoly.ops import selective_scan

RESULTS = Path(__file__).parent / "results"
LINKS = ((256, 64), (1152, 256))  # links a step, width
WIDTHS, STATES, STEPS = (16, 64, 256), 16, 1000  # of the scan
PATCHES = (("NCI1", 64, 4), ("DD", 16, 2))  # graphs a batch, layers
TOLERANCE = 1e-12  # of float64
MEMORY = (10_000, 40_000)  # nodes, and as many pairs


def needs(package: str, name: str, run: Callable[[], tuple[Tensor, ...]]) -> Contestant:
    """Return a peer that takes part where a package is installed."""
    if importlib.util.find_spec(package) is None:
        return Contestant(name, skip=f"{package} is not installed")
    return Contestant(name, run)


def link_cases(root: Path | None) -> Iterator[Case]:
    """Steps of NCN and NCNC."""
    data = load_seal("USAir", root)
    size = int(data.num_nodes or 0)
    links = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    generator = torch.Generator().manual_seed(0)
    links = links[:, torch.randperm(links.size(1), generator=generator)]
    train = links[:, : int(0.85 * links.size(1))]
    x = torch.eye(size)  # a vector to learn for each node
    for cls in (NCN, NCNC):
        for count, width in LINKS:
            torch.manual_seed(0)
            net = cls(size, width)
            rest = train[:, count:]  # what is left without the links to be predicted
            drawn = torch.randint(size, (2, count), generator=generator)
            pairs = torch.cat([train[:, :count], drawn], 1)
            truth = torch.cat([torch.ones(count), torch.zeros(count)])
            yield link_case(net, x, rest, pairs, truth)


def link_case(net: NCN, x: Tensor, rest: Tensor, pairs: Tensor, truth: Tensor) -> Case:
    """A step of one of them."""
    torch.manual_seed(1)
    hidden = torch.randn(pairs.size(1), net.hidden_channels)

    def loss(score: Callable[[], Tensor]) -> Callable[[], Tensor]:
        return lambda: F.binary_cross_entropy_with_logits(score(), truth)

    ours = loss(lambda: net(x, torch.cat([rest, rest.flip(0)], 1), pairs))
    same = plainly(net)
    plain = PlainLinks(same)
    published = loss(lambda: plain(x, rest, pairs))
    exact = step_of(same, published)
    sparse = step_of(same, loss(lambda: PlainLinks(same, sparse=True)(x, rest, pairs)))
    alone = loss(lambda: same.score(same.beta * same.shared(hidden) + same.ends(hidden)).flatten())
    return Case(
        op=type(net).__name__,
        graph=f"USAir, {pairs.size(1) // 2:,} links",
        channels=net.hidden_channels,
        direction="step",
        truth=lambda: tuple(part.double() for part in exact()),
        contestants=[
            *ours_and_plain((net, ours), (same, published)),
            needs("torch_sparse", "torch-sparse", sparse),
            floor_of(same, alone),
        ],
        note="Floor of NCN and NCNC: the perceptrons of the score alone.",
    )


def scan_cases() -> Iterator[Case]:
    """The scan, without and with its gradient."""
    for width in WIDTHS:
        generator = torch.Generator().manual_seed(0)

        def drawn(*shape: int, generator: torch.Generator = generator) -> Tensor:
            return torch.randn(*shape, generator=generator)

        rates = -torch.arange(1.0, STATES + 1).repeat(width, 1)
        given = (
            drawn(STEPS, width),
            F.softplus(drawn(STEPS, width) - 3),
            rates,
            drawn(STEPS, STATES),
            drawn(STEPS, STATES),
            torch.ones(width),
        )
        for gradient in (False, True):
            runs: dict[str, Callable[..., Tensor]] = {
                OURS: selective_scan,
                PLAIN: lambda *some: scanned_by_steps(*some, count=1),
                "mambapy": lambda *some: scanned_by_pairs(*some, count=1),
            }
            made = {name: scanned(run, given, gradient) for name, run in runs.items()}
            exact = scanned(runs[PLAIN], tuple(part.double() for part in given), gradient)
            yield Case(
                op="selective scan",
                graph=f"{STEPS:,} steps, {STATES} states",
                channels=width,
                direction="forward and backward" if gradient else "forward",
                truth=exact,
                contestants=[
                    Contestant(OURS, made[OURS]),
                    Contestant(PLAIN, made[PLAIN]),
                    needs("mambapy", "mambapy", made["mambapy"]),
                ],
            )


def scanned(
    run: Callable[..., Tensor], given: tuple[Tensor, ...], gradient: bool
) -> Callable[[], tuple[Tensor, ...]]:
    """A scan, and the gradient of everything that goes in."""

    def measured() -> tuple[Tensor, ...]:
        some = [part.detach().requires_grad_(gradient) for part in given]
        out = run(*some)
        if not gradient:
            return (out,)
        return (out.detach(), *torch.autograd.grad(out.square().sum(), some))

    return measured


def patch_cases(root: Path | None) -> Iterator[Case]:
    """Patches of a batch, and a step on them."""
    for name, count, layers in PATCHES:
        graphs = load_tu(name, root)[:count]
        torch.manual_seed(0)
        net = GraphMLPMixer(graphs[0].num_node_features, 128, 2, layers, pool="mean")
        plain, extract = Patched(plainly(net)), ExtractPatches(net.num_patches)

        def ours(graphs: Any = graphs, extract: Any = extract) -> Any:
            return extract(Batch.from_data_list(graphs))

        def published(graphs: Any = graphs, num_patches: int = net.num_patches) -> Any:
            return Batch.from_data_list([plain_patches(data, num_patches) for data in graphs])

        graph = f"{name}, {count} graphs"
        yield Case(
            op="patches by METIS",
            graph=graph,
            channels=0,
            direction="anew",
            truth=lambda make=published: (make().copied_index.double(),),
            # the nodes of all patches in turn
            contestants=[
                Contestant(OURS, lambda make=ours: (make().patch_node_index,)),
                Contestant(PLAIN, lambda make=published: (make().copied_index,)),
            ],
        )
        for direction in ("step", "patches anew and step"):
            once = direction == "step"
            makers = tuple(kept(make) if once else make for make in (ours, published))
            yield mixer_case(net, plain, makers, f"{graph}, {layers} layers", direction)


def kept(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that returns what another one returns now."""
    made = make()
    return lambda: made


def mixer_case(
    net: Any, plain: Any, makers: tuple[Callable[[], Any], ...], graph: str, direction: str
) -> Case:
    """A step on patches that are there or made anew."""
    make, make_plain = makers
    batch, same = make(), make_plain()
    tokens = torch.randn(same.num_graphs, net.num_patches, net.hidden_channels)
    held = torch.ones(tokens.shape[:2], dtype=torch.bool)

    def ours(net: Any, batch: Any) -> Tensor:
        out: Tensor = net(
            batch.x.to(net.lin.weight.dtype),
            batch.edge_index,
            batch=batch.batch,
            batch_size=batch.num_graphs,
            patch_node_index=batch.patch_node_index,
            patch_number=batch.patch_number,
        )
        return F.cross_entropy(out, batch.y)

    def theirs(plain: Any, batch: Any) -> Tensor:
        return F.cross_entropy(plain(batch), batch.y)

    # a ReLU in thousands of rows turns in float32, and gradients with it
    exact = copy.deepcopy(net).double(), copy.deepcopy(plain).double()
    agree(
        step_of(exact[0], lambda: ours(exact[0], batch))(),
        step_of(exact[1], lambda: theirs(exact[1], same.clone().apply(doubled)))(),
    )
    losses = lambda: ours(net, make()), lambda: theirs(plain, make_plain())
    published, mix = step_of(plain, losses[1]), plain.source.mix
    return Case(
        op="Graph MLP-Mixer",
        graph=graph,
        channels=net.hidden_channels,
        direction=direction,
        truth=lambda: (published()[0].double(),),
        contestants=[
            *ours_and_plain((net, losses[0]), (plain, losses[1]), checked=1),
            floor_of(plain, lambda: mix(tokens, same.shared, held).square().mean()),
        ],
        note="Floor of Graph MLP-Mixer: the mixer behind the patches alone.",
    )


def doubled(part: Tensor) -> Tensor:
    """Return float64 of numbers, and others as they are."""
    return part.double() if part.is_floating_point() else part


def agree(found: tuple[Tensor, ...], truth: tuple[Tensor, ...]) -> None:
    """Compare losses and gradients in float64."""
    scale = max(float(part.abs().max()) for part in truth)
    off = max(float((a - b).abs().max()) for a, b in zip(found, truth, strict=True)) / scale
    if not off < TOLERANCE:
        raise RuntimeError(f"Graph MLP-Mixer: off by {off}")


def grown(size: int) -> dict[str, Any]:
    """How far the resident set grows in a step on as many pairs as there are nodes."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = NCN(16, 32)
    edges = random_graph(size, 5 * size)
    x, pairs = torch.randn(size, 16), torch.randint(size, (2, size))
    net(x[:10], edges[:, :0], pairs[:, :1] * 0).sum().backward()  # what is loaded once
    peak = PeakMemory()
    net(x, edges, pairs).sum().backward()
    return {"nodes": size, "pairs": size, "edges": edges.size(1), "peak_bytes": peak.read()}


def page(results: dict[str, Any]) -> str:
    """Return the results as a page."""
    machine = results["machine"]
    text = [
        "# Message passing beside the published ways",
        "",
        "Made by `python -m benchmarks.message_passing`; its head says what is measured, and",
        "`benchmarks/plain_forms.py` is what the published ways are. Float32; processor time,",
        "medians of runs in turns, and in the last column the fastest of each. x: times as long as",
        "graphpoly. Results and gradients agree with those of the plain form. A floor is no peer",
        "but a part of the plain form's step: were all else free, that would take its x divided by",
        "the floor's times as long.",
        "",
        f"- {processor(machine)}, load {machine['load_average']} at the start, one thread",
        f"- {machine['date']}, commit {machine['commit']}, torch {machine['versions']['torch']}",
        "",
        "| | beside | graphpoly, ms | the other, ms | x | fastest, x |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for case in results["cases"]:
        mine, *others = case["contestants"]
        for row in others:
            start = f"| {title(case)} | {row['name']} "
            if None in (mine["ms"], row["ms"]):
                text.append(f"{start}| {mine['note']} | {row['note']} | | |")
                continue
            text.append(
                f"{start}| {mine['ms']:.3g} | {row['ms']:.3g} | {row['ms'] / mine['ms']:.2f} | "
                f"{row['fastest_ms'] / mine['fastest_ms']:.2f} |"
            )
    floors = dict.fromkeys(case["note"] for case in results["cases"] if case["note"])
    text += ["", " ".join(floors)]
    text += [
        "",
        "## Memory of a step of NCN",
        "",
        "How far the resident set grows, beside one number for each pair and node.",
        "",
        "| nodes | pairs | edges | MB | pairs x nodes, MB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for row in results["memory"]:
        product = 4 * row["nodes"] * row["pairs"] / 1e6
        peak = "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:.0f}"
        sizes = " | ".join(f"{row[name]:,}" for name in ("nodes", "pairs", "edges"))
        text.append(f"| {sizes} | {peak} | {product:,.0f} |")
    return "\n".join(text) + "\n"


def main() -> None:
    """Run all, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=None, help="folder that holds the datasets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each contestant")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {"machine": describe_machine(), "cases": [], "memory": []}
    for size in MEMORY:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            results["memory"].append(pool.apply(grown, (size,)))

    def raced(cases: Iterator[Case]) -> None:
        for case in cases:
            found = race(case, seconds=options.seconds, most=1000, clock=processor_time)
            results["cases"].append(found)

    raced(link_cases(options.root))
    raced(scan_cases())
    for count in (5, 20):
        results["cases"].append(egnn.case(count, 100, "processor", options.seconds))
    raced(patch_cases(options.root))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "message_passing.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "message_passing.md").write_text(page(results))
    print(page(results))


if __name__ == "__main__":
    main()
