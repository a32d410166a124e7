"""The names that a mistyped one is held against before torch is imported.

python -m benchmarks.names_page     # writes graphpoly/cli/names.json
"""

from __future__ import annotations

import json
from pathlib import Path

from graphpoly.cli.names import PAGE, offered

PATH = Path(__file__).parents[1] / "graphpoly" / "cli" / PAGE


def render() -> str:
    """Return the file."""
    return json.dumps(offered(), indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
    print(f"wrote {PATH.relative_to(PATH.parents[2])}")
