"""The table of speed in the README, made from the result files.

python -m benchmarks.readme_block     # rewrites what stands between the marks
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.report import fastest, own_row, title

ROOT = Path(__file__).parents[1]
PATH = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
_BEGIN, _END = "<!-- speed, by benchmarks.readme_block -->", "<!-- end of speed -->"
# what most scripts spend their time with, and where it is least
_CASES = (
    "spmm sum, arxiv, F=64, forward+backward",
    "polynomial, arxiv, F=64, K=10, forward+backward",
    "attention aggregation, 8 heads, arxiv, F=128, forward+backward",
    "four aggregations at once, arxiv, F=64, forward+backward",
    "epoch of GCN, 2 layers, arxiv, F=128, forward+backward",
)


def block() -> str:
    """Return the table with its marks."""
    read = ("ops", "citation", "loader", "molecules")
    operators, citation, loader, molecules = map(_read, read)
    rows = ["| | ms | through PyG | fastest other | |", "|---|---:|---:|---:|---|"]
    found = {title(case): case for case in operators["cases"]}
    for name in _CASES:
        ours = own_row(found[name])["ms"]
        pyg, other = fastest(found[name], "PyG"), fastest(found[name], "")
        cells = [f"{peer['ms'] / ours:.1f}x" if peer else "" for peer in (pyg, other)]
        rows.append(f"| {name} | {ours:.3g} | {' | '.join(cells)} | {_link('ops')} |")
    for name, row in citation["pyg"].items():
        rows.append(_line(f"epoch of {name} on Cora", row["ours"], row["PyG"], "citation"))
    for row in loader["rows"]:
        if row["batch"] in (32, 512):
            what = f"a batch of {row['batch']} molecules from the loader"
            rows.append(_line(what, row["graphpoly ms"], row["PyG ms"], "loader"))
    for row in molecules["rows"]:
        if row["graphs"] == 128:
            what = f"training step of {row['network']}, 128 molecules"
            rows.append(_line(what, row["graphpoly"], row["PyG"], "molecules"))
    return "\n".join([_BEGIN, "", *rows, "", _END])


def render() -> str:
    """Return the README with the table as it is now."""
    page = PATH.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    return before + block() + rest.partition(_END)[2]


def _read(name: str) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return held


def _line(what: str, ours: float, theirs: float, page: str) -> str:
    return f"| {what} | {ours:.3g} | {theirs / ours:.1f}x | | {_link(page)} |"


def _link(page: str) -> str:
    return f"[{page}.md](benchmarks/results/{page}.md)"


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
    print(f"wrote {PATH.relative_to(ROOT)}")
