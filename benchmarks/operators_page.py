"""The page of layers, aggregations, models, kernels and transforms, made from the registry.

python -m benchmarks.operators_page     # writes docs/operators.md
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "operators.md"

HEAD = """\
# Layers, aggregations, models, kernels, transforms

Made by `graphpoly list --markdown` from the registry. Each layer passes the compliance battery
(`graphpoly.testing.check_layer`) with the exceptions that its class declares, each aggregation its
own (`graphpoly.testing.check_aggregation`). Each example can be called with
`(torch.randn(n, 8), edge_index)`, or with what its docstring says.
"""


# one process for all, in which nothing but the package has entered anything
LISTS = """
import sys
from graphpoly.cli.app import app
for kind in ("layers", "aggregations", "models", "kernels", "transforms"):
    print(f"\\n## {kind.capitalize()}\\n", flush=True)
    app(["list", kind, "--markdown"], standalone_mode=False)
"""


def render() -> str:
    """Return the page."""
    command = [sys.executable, "-c", LISTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return HEAD + done.stdout


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PAGE.parents[1])}")
