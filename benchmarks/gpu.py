"""The CUDA kernels beside their peers, in one run: ``python -m benchmarks.gpu``.

Before anything is timed, its result (and gradient) is compared with the definition in float64.
Times are those between two CUDA events, contestants take turns, medians are reported. The bound is
the compulsory traffic (each input read once, each output written once) over the bandwidth of a copy
measured in the same run. Writes ``gpu.json`` and ``gpu.md``. ``--device cpu`` only shows that this
program works: it writes ``gpu-dry-run.*``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import report
from benchmarks.filters import CHECKED, ORDER, chebyshev
from benchmarks.graphs import SIZES, Graph, power_law
from benchmarks.measure import Case, Contestant, describe_machine, race, wall_clock
from benchmarks.peers import CarefulPolynomial, Propagate, quiet, recurrence_on
from graphpoly.ops import backends, gat_attention, polynomial, spmm, to_csr
from graphpoly.ops.attention_operator import attention_reference
from graphpoly.ops.polynomial import polynomial_reference
from graphpoly.ops.spmm import spmm_max_reference, spmm_reference

Run = Callable[..., Tensor]
HEADS, WIDTH = 8, 16


class Operators:
    """One graph on the device, in the form that each contestant wants."""

    def __init__(self, graph: Graph, device: str) -> None:
        self.name, self.num_nodes, self.device = graph.name, graph.num_nodes, device
        self.edge_index, self.edge_weight = graph.edge_index.to(device), graph.weight.to(device)
        self.adj = to_csr(self.edge_index, self.edge_weight, graph.num_nodes, transposed=True)
        rowptr, col, weight = self.adj.rowptr, self.adj.col, self.adj.weight
        assert weight is not None
        assert self.adj.transposed is not None
        self.weight, self.rows = weight, self.adj.rows().long()
        shape = (graph.num_nodes, graph.num_nodes)
        self.csr32, self.csr64 = (
            quiet(lambda t=t: torch.sparse_csr_tensor(rowptr.to(t), col.to(t), weight, shape))
            for t in (torch.int32, torch.int64)
        )
        colptr, row, tperm = self.adj.transposed
        self.csr32_t = quiet(
            lambda: torch.sparse_csr_tensor(colptr, row, weight[tperm.long()], shape)
        )
        index = torch.stack([self.rows, col.long()])
        self.coo = torch.sparse_coo_tensor(index, weight, shape, is_coalesced=True)

    @property
    def structure_bytes(self) -> int:
        """One pass over pointers, columns and weights."""
        return 4 * (self.num_nodes + 1) + 8 * self.adj.num_entries

    def draw(self, *shape: int, seed: int = 1) -> Tensor:
        """Normal numbers, the same on every device."""
        generator = torch.Generator("cpu").manual_seed(seed)
        return torch.randn(*shape, generator=generator).to(self.device)


def products(o: Operators, reduce: str) -> dict[str, Run | str]:
    """Name -> the product as a differentiable function of x, or why it is not there."""
    aggregate = Propagate(aggr={"sum": "add"}.get(reduce, reduce))
    found: dict[str, Run | str] = {"graphpoly": lambda x: spmm(o.adj, x, reduce)}
    if reduce == "sum":
        found["torch.sparse CSR int32"] = lambda x: o.csr32 @ x
        found["torch.sparse CSR int64"] = lambda x: o.csr64 @ x
        found["torch.sparse COO"] = lambda x: torch.sparse.mm(o.coo, x)
        found["torch.compile of index_add"] = compiled(o, lambda x: index_add(o, x))
    found["PyG propagate"] = lambda x: aggregate(x, o.edge_index, o.edge_weight)
    found["torch_scatter.segment_csr"] = segment_csr(o, reduce)
    return found


def index_add(o: Operators, x: Tensor) -> Tensor:
    message = o.weight.unsqueeze(-1) * x[o.adj.col]
    return x.new_zeros(x.shape).index_add(0, o.rows, message)


def compiled(o: Operators, run: Run) -> Run | str:
    if o.device == "cpu":
        return "timed on CUDA only"
    return torch.compile(run, dynamic=False)


def segment_csr(o: Operators, reduce: str) -> Run | str:
    try:
        package = importlib.import_module("torch_scatter")
    except (ImportError, OSError) as error:
        return f"not installed ({type(error).__name__})"
    rowptr, col, weight = o.adj.rowptr.long(), o.adj.col.long(), o.weight.view(-1, 1)
    return lambda x: package.segment_csr(weight * x[col], rowptr, reduce=reduce)


def aggregation(o: Operators, reduce: str, channels: int) -> Iterator[Case]:
    x, grad = o.draw(o.num_nodes, channels), o.draw(o.num_nodes, channels, seed=2)

    def definition(x: Tensor) -> Tensor:
        arguments = (o.adj.rowptr, o.adj.col, o.weight.double(), x)
        if reduce == "max":
            return spmm_max_reference(*arguments)[0]
        return spmm_reference(*arguments, mean=reduce == "mean")

    streamed = o.structure_bytes + 2 * x.numel() * 4
    yield from both(
        o, f"spmm {reduce}", channels, products(o, reduce), [x], grad, definition, streamed
    )


def filters(o: Operators) -> dict[str, Run | str]:
    propagate = Propagate(aggr="add")
    return {
        "graphpoly": lambda x, t, r: polynomial(o.adj, x, t, r),
        "recurrence on torch.sparse CSR int32": lambda x, t, r: recurrence_on(
            lambda p: o.csr32 @ p, x, t, r
        ),
        "careful, in place, torch.sparse CSR int32": lambda x, t, r: CarefulPolynomial.apply(
            o.csr32, o.csr32_t, x, t, r
        ),
        "torch.compile of the recurrence on index_add": compiled(
            o, lambda x, t, r: recurrence_on(lambda p: index_add(o, p), x, t, r)
        ),
        "recurrence on PyG propagate": lambda x, t, r: recurrence_on(
            lambda p: propagate(p, o.edge_index, o.edge_weight), x, t, r
        ),
    }


def polynomial_filter(o: Operators, channels: int) -> Iterator[Case]:
    x, grad = o.draw(o.num_nodes, channels), o.draw(o.num_nodes, channels, seed=2)
    theta, recurrence = (t.to(o.device) for t in chebyshev(ORDER, channels))
    runs: dict[str, Run | str] = {
        name: run if isinstance(run, str) else lambda x, t, run=run: run(x, t, recurrence)
        for name, run in filters(o).items()
    }

    def definition(x: Tensor, theta: Tensor) -> Tensor:
        head = recurrence[..., :CHECKED].double()
        return polynomial_reference(o.adj.rowptr, o.adj.col, o.weight.double(), x, theta, head)

    # a step reads p_{k-1} and p_{k-2}, reads and writes z, writes p_k
    streamed = ORDER * (o.structure_bytes + 5 * x.numel() * 4)
    yield from both(
        o, "polynomial", channels, runs, [x, theta], grad, definition, streamed, order=ORDER
    )


def attention(o: Operators) -> Iterator[Case]:
    """GAT's aggregation; peers make and keep what belongs to entries and heads."""
    from torch_geometric.utils import scatter, softmax

    value, grad = (o.draw(o.num_nodes, HEADS, WIDTH, seed=seed) for seed in (1, 2))
    to, of = (o.draw(o.num_nodes, HEADS, seed=seed) for seed in (3, 4))

    def pyg(value: Tensor) -> Tensor:
        source, target = o.edge_index
        score = torch.nn.functional.leaky_relu(of[source] + to[target], 0.2)
        weight = softmax(score, target, num_nodes=o.num_nodes)
        return scatter(weight.unsqueeze(-1) * value[source], target, dim_size=o.num_nodes)

    def definition(value: Tensor) -> Tensor:
        pair = (to.double().unsqueeze(-1), of.double().unsqueeze(-1))
        nothing = (None,) * 6
        return attention_reference(
            o.adj.rowptr, o.adj.col, *pair, value, *nothing, True, 1.0, 0.2, 0.0
        )[0]

    runs: dict[str, Run | str] = {
        "graphpoly": lambda value: gat_attention(o.adj, value, alpha_src=of, alpha_dst=to),
        "PyG softmax and scatter": pyg,
        "torch.compile of PyG softmax and scatter": compiled(o, pyg),
    }
    streamed = o.structure_bytes + 2 * value.numel() * 4 + 2 * to.numel() * 4
    yield from both(o, "gat attention", HEADS * WIDTH, runs, [value], grad, definition, streamed)


def both(
    o: Operators,
    op: str,
    channels: int,
    runs: dict[str, Run | str],
    inputs: list[Tensor],
    grad: Tensor,
    definition: Run,
    streamed: int,
    order: int | None = None,
) -> Iterator[Case]:
    """Forward, then forward and backward; the truth is that of the first channels."""

    def truth(backward: bool) -> tuple[Tensor, ...]:
        head = [t[..., :CHECKED].double().requires_grad_(backward) for t in inputs]
        out = definition(*head)
        if not backward:
            return (out,)
        return out.detach(), *torch.autograd.grad(out, head, grad[..., :CHECKED].double())

    for backward in (False, True):
        yield Case(
            op,
            o.name,
            channels,
            "forward+backward" if backward else "forward",
            lambda backward=backward: truth(backward),
            [
                contestant(name, run, inputs, grad if backward else None)
                for name, run in runs.items()
            ],
            order=order,
            streamed=streamed * (1 + backward),
        )


def contestant(name: str, run: Run | str, inputs: list[Tensor], grad: Tensor | None) -> Contestant:
    if isinstance(run, str):
        return Contestant(name, skip=run)

    def forward() -> tuple[Tensor, ...]:
        with torch.no_grad():
            return (run(*inputs),)

    def and_backward() -> tuple[Tensor, ...]:
        leaves = [t.detach().requires_grad_() for t in inputs]
        out = run(*leaves)
        return out, *torch.autograd.grad(out, leaves, grad)

    return Contestant(name, forward if grad is None else and_backward)


def event_clock(run: Callable[[], Any]) -> float:
    """Seconds between two CUDA events around ``run()``."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def copy_bandwidth(device: str, clock: Callable[[Callable[[], Any]], float]) -> float:
    """Bytes per second, read plus written, of a copy of 1 GB (64 MB on the CPU); best of 9."""
    source = torch.ones((256 if device != "cpu" else 16) << 20, device=device)
    target = torch.empty_like(source)
    times = [clock(lambda: target.copy_(source)) for _ in range(10)]
    return 2 * source.numel() * 4 / min(times[1:])


def training_memory(o: Operators, channels: int, orders: list[int]) -> dict[str, Any]:
    """Peak above the inputs of one training step of the filter, in bytes; CUDA only."""
    peaks: dict[str, dict[int, int]] = {}
    for name, run in filters(o).items():
        if isinstance(run, str) or name.startswith("torch.compile"):
            continue
        for order in orders:
            x = o.draw(o.num_nodes, channels).requires_grad_()
            theta, recurrence = (t.to(o.device) for t in chebyshev(order, channels))
            grad = torch.ones_like(x)
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            torch.autograd.grad(run(x, theta.requires_grad_(), recurrence), x, grad)
            torch.cuda.synchronize()
            peak = torch.cuda.max_memory_allocated() - before
            peaks.setdefault(name, {})[order] = peak
    return {"graph": o.name, "channels": channels, "block_bytes": x.numel() * 4, "peaks": peaks}


def describe(device: str) -> dict[str, Any]:
    found = describe_machine() | {"kernels": backends()["triton"]}
    if device == "cpu":
        return found | {"gpu": "none: a dry run on the CPU"}
    triton = importlib.import_module("triton")
    found["versions"] |= {"triton": triton.__version__, "CUDA": torch.version.cuda}
    return found | {"gpu": torch.cuda.get_device_name()}


def markdown(results: dict[str, Any]) -> str:
    machine, bandwidth = results["machine"], results["copy_bytes_per_second"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    kernels = machine["kernels"]
    text = [
        "# The CUDA kernels and their peers",
        "",
        "Made by `python -m benchmarks.gpu`. Medians of runs taken in turns, float32; x: times as",
        "long as graphpoly. Each result and gradient was compared with the definition in float64",
        "first; error: largest deviation over the largest value.",
        "",
        f"- {machine['gpu']}; copy {bandwidth / 1e9:.4g} GB/s",
        f"- Triton kernels: {'in use' if kernels['available'] else kernels['reason']}",
        f"- Python {machine['python']}, {versions}",
        f"- {machine['date']}, commit {machine['commit']}",
    ]
    for case in results["cases"]:
        text += [
            "",
            f"## {report.title(case)}",
            "",
            *report.table(case),
            "",
            bound(case, bandwidth),
        ]
    if "memory" in results:
        text += ["", *report.memory(results["memory"])]
    return "\n".join(text) + "\n"


def bound(case: dict[str, Any], bandwidth: float) -> str:
    """The time that compulsory traffic takes at the speed of a copy, and the part of ours it is."""
    least = case["streamed_bytes"] / bandwidth * 1e3
    ours = next(row["ms"] for row in case["contestants"] if row["name"] == report.OURS)
    share = (
        "graphpoly failed its check" if ours is None else f"{least / ours:.0%} of the time taken"
    )
    return (
        f"Compulsory traffic {case['streamed_bytes'] / 1e9:.3g} GB, {least:.3g} ms at the speed of "
        f"a copy: {share}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--sizes", nargs="+", choices=sorted(SIZES), default=None)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    device, dry = arguments.device, arguments.device == "cpu"
    if not dry and not backends()["triton"]["available"]:
        print(f"benchmarks.gpu: nothing to measure: {backends()['triton']['reason']}")
        return 2
    clock = wall_clock if dry else event_clock
    sizes = arguments.sizes or (["cora"] if dry else ["cora", "arxiv", "products"])
    seconds, most = (0.05, 3) if dry else (2.0, 50)
    results: dict[str, Any] = {
        "machine": describe(device),
        "copy_bytes_per_second": copy_bandwidth(device, clock),
        "cases": [],
    }
    for size in sizes:
        o = Operators(power_law(size), device)
        families = [aggregation(o, "sum", width) for width in (64, 128)]
        families += [aggregation(o, reduce, 64) for reduce in ("mean", "max")]
        families += [polynomial_filter(o, 64), attention(o)]
        for family in families:
            for case in family:
                results["cases"].append(race(case, seconds=seconds, most=most, clock=clock))
                print(report.line(results["cases"][-1]), flush=True)
        if not dry and size == "arxiv":
            results["memory"] = training_memory(o, 64, [10, 30, 100])
    arguments.out.mkdir(parents=True, exist_ok=True)
    stem = "gpu-dry-run" if dry else "gpu"
    (arguments.out / f"{stem}.json").write_text(json.dumps(results, indent=1) + "\n")
    (arguments.out / f"{stem}.md").write_text(markdown(results))
    print(f"wrote {arguments.out / stem}.json and .md")
    return 0 if report.all_correct(results) else 1


if __name__ == "__main__":
    sys.exit(main())
