"""The results as a page that a person can read."""

from __future__ import annotations

from typing import Any

__all__ = ["OURS", "all_correct", "line", "markdown", "memory", "table", "title"]

OURS = "graphpoly"


def _ours(case: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in case["contestants"] if row["name"] == OURS)


def all_correct(results: dict[str, Any]) -> bool:
    """Whether graphpoly passed its check everywhere; a peer that fails is only listed."""
    return all(_ours(case)["ms"] is not None for case in results["cases"])


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
    ours = _ours(case)["ms"]
    if ours is None:
        return f"{title(case)}: graphpoly FAILED: {_ours(case)['note']}"
    peers = [
        f"{row['name']} x{row['ms'] / ours:.1f}"
        for row in case["contestants"]
        if row["ms"] is not None and row["name"] != OURS
    ]
    return f"{title(case)}: {ours:.3g} ms | " + " | ".join(peers)


def markdown(results: dict[str, Any]) -> str:
    """The whole report."""
    machine = results["machine"]
    kernels = machine["kernels"]
    state = f"C++, {kernels['simd']}" if kernels["available"] else kernels["reason"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    text = [
        "# Operators and their peers",
        "",
        "Made by `python -m benchmarks.ops`. Medians of runs taken in turns, float32; x: times as",
        "long as graphpoly. Each result and gradient was compared with the definition in float64",
        "first; error: largest deviation over the largest value. Conversions and sorting are made",
        "ready for everybody and not timed, save in `to_csr`, which is about nothing else.",
        "",
        f"- {machine['cpu']} ({', '.join(machine['cpu_flags'])}), {machine['cpus']} CPUs, "
        f"{machine['threads']} threads, load {machine['load_average']} at the start",
        f"- Python {machine['python']}, {versions}; kernels: {state}",
        f"- {machine['date']}, commit {machine['commit']}",
    ]
    if machine["load_average"] > 0.5:
        text += [
            "",
            f"**The machine was busy (load {machine['load_average']} at the start).** "
            "Medians suffer from it, small cases most; compare the best times.",
        ]
    for case in results["cases"]:
        text += ["", f"## {title(case)}", "", *table(case)]
        bound = _bound(case, results["probes"])
        if bound is not None:
            text += ["", bound]
    return "\n".join([*text, "", *memory(results["memory"])]) + "\n"


def table(case: dict[str, Any]) -> list[str]:
    """The contestants, the fastest first."""
    ours = _ours(case)["ms"]
    best = _ours(case).get("fastest_ms")
    rows = ["| | ms | x | best ms | x | runs | error |", "|---|---:|---:|---:|---:|---:|---:|"]
    for row in sorted(case["contestants"], key=lambda row: row["ms"] or float("inf")):
        error = "" if row["error"] is None else f"{row['error']:.0e}"
        if row["ms"] is None:
            rows.append(f"| {row['name']}: {row['note']} | | | | | | {error} |")
        else:
            cells = [row["name"]]
            for value, unit in ((row["ms"], ours), (row["fastest_ms"], best)):
                cells += [f"{value:.3g}", f"{value / unit:.2f}" if unit else ""]
            rows.append("| " + " | ".join([*cells, str(row["runs"]), error]) + " |")
    return rows


def _bound(case: dict[str, Any], probes: dict[str, Any]) -> str | None:
    """What the probes say the machine allows; None where nothing is gathered."""
    rates = probes[case["graph"]].get(str(case["channels"]))
    ours = _ours(case)["ms"]
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
