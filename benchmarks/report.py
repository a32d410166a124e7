"""The results as a page that a person can read."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "OURS",
    "all_correct",
    "fastest",
    "line",
    "markdown",
    "memory",
    "merge",
    "own_row",
    "plot",
    "processor",
    "summary",
    "table",
    "title",
]

OURS = "graphpoly"


def own_row(case: dict[str, Any]) -> dict[str, Any]:
    """Return the row of graphpoly."""
    return next(row for row in case["contestants"] if row["name"] == OURS)


def all_correct(results: dict[str, Any]) -> bool:
    """Whether graphpoly passed its check everywhere; a peer that fails is only listed."""
    return all(own_row(case)["ms"] is not None for case in results["cases"])


def processor(machine: dict[str, Any]) -> str:
    """The processor, and which of its instructions the kernels took."""
    return f"{machine['cpu']} ({machine['kernels']['simd']})"


def title(case: dict[str, Any]) -> str:
    """What was measured."""
    parts = [case["op"], case["graph"]]
    if case["channels"]:
        parts.append(f"F={case['channels']}")
    if case["order"]:
        parts.append(f"K={case['order']}")
    return ", ".join([*parts, case["direction"]])


def line(case: dict[str, Any]) -> str:
    """One case in one line: our time, and how many times longer each peer takes."""
    ours = own_row(case)["ms"]
    if ours is None:
        return f"{title(case)}: graphpoly FAILED: {own_row(case)['note']}"
    peers = [
        f"{row['name']} x{row['ms'] / ours:.1f}"
        for row in case["contestants"]
        if row["ms"] is not None and row["name"] != OURS
    ]
    return f"{title(case)}: {ours:.3g} ms | " + " | ".join(peers)


def merge(
    before: dict[str, Any] | None,
    fresh: dict[str, Any],
    families: Sequence[str],
    sizes: Sequence[str],
) -> dict[str, Any]:
    """Put what was measured now in place of what was measured of the same before."""
    if before is None:
        return fresh
    measured = {(case["family"], case["graph"]) for case in fresh["cases"]}
    kept = [
        case
        for case in before["cases"]
        if case.get("family") in families and (case["family"], case["graph"]) not in measured
    ]
    places = {name: place for place, name in enumerate(families)}
    cases = sorted(
        [*kept, *fresh["cases"]],  # stable: within a family as they were measured
        key=lambda case: (sizes.index(case["graph"]), places[case["family"]]),
    )
    return {**before, **fresh, "cases": cases}


def markdown(results: dict[str, Any]) -> str:
    """The whole report."""
    machine = results["machine"]
    kernels = machine["kernels"]
    state = f"C++, {kernels['simd']}" if kernels["available"] else kernels["reason"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    text = [
        "# Operators and their peers",
        "",
        "Made by `graphpoly bench`. Medians of runs taken in turns, after as many unmeasured runs",
        "of the same, float32; x: times as long as graphpoly. Each result and gradient was",
        "compared with the definition in float64 first; error: largest deviation over the largest",
        "value. Conversions and sorting are made ready for everybody and not timed, save in",
        "`to_csr`, which is about nothing else. MB: how far the resident set grew in the first",
        "run, the result included.",
        "",
        "Compiled: the same under `torch.compile`, for these shapes. Not here: DGL, whose newest",
        "release for Linux on PyPI, 2.1.0, has binaries for torch 2.0 to 2.2 alone; iSpLib and",
        "pyg-lib, which are on no index; scikit-network, which multiplies by scipy's products.",
        "",
        f"- {machine['cpu']} ({', '.join(machine['cpu_flags'])}), {machine['cpus']} CPUs",
        f"- Python {machine['python']}, {versions}; kernels: {state}",
        "",
        "## Summary",
        "",
        *summary(results),
    ]
    for case in results["cases"]:
        text += ["", f"## {title(case)}", "", *table(case)]
        notes = [case.get("note") or "", _bound(case, case.get("probes", {})) or "", _when(case)]
        text += ["", " ".join(note for note in notes if note)]
    if "memory" in results:
        text += ["", *memory(results["memory"])]
    return "\n".join(text) + "\n"


def _when(case: dict[str, Any]) -> str:
    run = case.get("run")
    if run is None:
        return ""
    clock = run.get("clock", "wall")
    threads = f"{run['threads']} thread" + "s" * (run["threads"] != 1)
    busy = clock == "wall" and run["load_average"] > run["threads"]
    return (
        f"{run['date']}, commit {run['commit']}, {threads}, {clock} time, load "
        f"{run['load_average']} at the start"
        + (" (**busy: compare the best times**)." if busy else ".")
    )


def summary(results: dict[str, Any]) -> list[str]:
    """One line for each case: our time, the fastest peer, the fastest way through PyG's layers."""
    rows = ["| | graphpoly ms | fastest peer | x | PyG | x |", "|---|---:|---|---:|---|---:|"]
    for case in results["cases"]:
        ours = own_row(case)["ms"]
        if ours is None:
            rows.append(f"| {title(case)} | FAILED | | | | |")
            continue
        cells = [title(case), f"{ours:.3g}"]
        for named in ("", "PyG"):
            peer = fastest(case, named)
            cells += [peer["name"], f"{peer['ms'] / ours:.2f}"] if peer else ["", ""]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def fastest(case: dict[str, Any], named: str) -> dict[str, Any] | None:
    """Return the fastest peer with a word in its name, or with any; None if there is none."""
    peers = [
        row
        for row in case["contestants"]
        if row["ms"] is not None
        and not row["name"].startswith(OURS)
        and named in row["name"]
        and not (named and "EdgeIndex.matmul" in row["name"])
    ]
    return min(peers, key=lambda row: float(row["ms"])) if peers else None


def plot(results: dict[str, Any], path: Path) -> bool:
    """Draw how many times longer the peers take, as SVG; False without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    bars = []
    for case in results["cases"]:
        ours = own_row(case)["ms"]
        peers = [
            row["ms"] / ours
            for row in case["contestants"]
            if ours and row["ms"] is not None and not row["name"].startswith(OURS)
        ]
        if peers:
            bars.append((title(case), peers))
    figure = Figure(figsize=(9, 0.24 * len(bars) + 1.2), layout="constrained")
    axes = figure.subplots()
    for place, (_, peers) in enumerate(reversed(bars)):
        axes.plot([min(peers), max(peers)], [place, place], color="#9db4c8", linewidth=2, zorder=1)
        axes.scatter(peers, [place] * len(peers), s=14, color="#1f5a8a", zorder=2)
    axes.axvline(1, color="#b33", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(bars)), [name for name, _ in reversed(bars)], fontsize=7)
    axes.set_xlabel("time of each peer / time of graphpoly, both in one run", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.margins(y=0.01)
    figure.savefig(path, metadata={"Date": None})
    return True


def table(case: dict[str, Any]) -> list[str]:
    """The contestants, the fastest first."""
    ours = own_row(case)["ms"]
    best = own_row(case).get("fastest_ms")
    rows = [
        "| | ms | x | best ms | x | runs | MB | error |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(case["contestants"], key=lambda row: row["ms"] or float("inf")):
        error = "" if row["error"] is None else f"{row['error']:.0e}"
        if row["ms"] is None:
            rows.append(f"| {row['name']}: {row['note']} | | | | | | | {error} |")
        else:
            cells = [row["name"]]
            for value, unit in ((row["ms"], ours), (row["fastest_ms"], best)):
                cells += [f"{value:.3g}", f"{value / unit:.2f}" if unit else ""]
            peak = row.get("peak_bytes")
            size = "" if peak is None else f"{peak / 1e6:.3g}"
            rows.append("| " + " | ".join([*cells, str(row["runs"]), size, error]) + " |")
    return rows


def _bound(case: dict[str, Any], probes: dict[str, Any]) -> str | None:
    """What the probes say the machine allows; None where nothing is gathered."""
    rates = probes.get(str(case["channels"]))
    ours = own_row(case)["ms"]
    if rates is None or ours is None or not case["gathered_bytes"]:
        return None
    bound = case["gathered_bytes"] / rates["gather"] + case["streamed_bytes"] / rates["stream"]
    achieved = case["gathered_bytes"] / ours / 1e6
    return (
        f"Gathers {case['gathered_bytes'] / 1e9:.3g} GB, {achieved:.3g} GB/s. Probes: "
        f"{rates['gather'] / 1e9:.3g} GB/s for uniformly random rows of this width "
        f"(`embedding_bag`), {rates['stream'] / 1e9:.3g} GB/s for a copy; by them "
        f"{bound * 1e3:.3g} ms, {bound * 1e3 / ours:.0%} of the time taken (above 100%: hubs come "
        "from the cache)."
    )


def memory(found: dict[str, Any]) -> list[str]:
    """Peak memory in blocks of the size of x."""
    orders = list(next(iter(found["peaks"].values())))
    text = [
        f"## Peak memory of a training step, polynomial, {found['graph']}, F={found['channels']}",
        "",
        "Above the graph and the inputs, in blocks of |V| x F "
        f"({found['block_bytes'] / 1e6:.3g} MB each).",
        "",
        "| | " + " | ".join(f"K={order}" for order in orders) + " |",
        "|---|" + "---:|" * len(orders),
    ]
    for name, peaks in found["peaks"].items():
        cells = [
            peak if isinstance(peak, str) else f"{peak / found['block_bytes']:.1f}"
            for peak in peaks.values()
        ]
        text.append(f"| {name} | " + " | ".join(cells) + " |")
    return text
