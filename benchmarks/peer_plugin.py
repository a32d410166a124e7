"""A pytest plugin that puts our code under the tests of another library.

Loaded by :mod:`benchmarks.peer_suites`, which says in ``PEER_SUITE`` which library it is.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

CALLS: dict[str, dict[str, Any]] = {}


def _as_torch_scatter(root: Path) -> None:
    from graphpoly.compat import torch_scatter

    sys.modules["torch_scatter"] = torch_scatter
    path = root / "torch_scatter" / "testing.py"
    spec = importlib.util.spec_from_file_location("torch_scatter.testing", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["torch_scatter.testing"] = module


def _accelerated() -> None:
    from graphpoly.acceleration import accelerate
    from graphpoly.acceleration.accelerated import Accelerated
    from graphpoly.acceleration.swap import ACCELERATED

    def made(original: Any) -> None:
        plain = original.__init__

        @functools.wraps(plain)
        def init(self: Any, *arguments: Any, **options: Any) -> None:
            plain(self, *arguments, **options)
            if type(self) is original:
                accelerate(self)

        original.__init__ = init

    def counted(kind: Any) -> None:
        held = CALLS.setdefault(kind.__name__, {"calls": 0, "declined": Counter()})
        plain = kind.forward

        @functools.wraps(plain)
        def forward(self: Any, *arguments: Any, **options: Any) -> Any:
            held["calls"] += 1
            return plain(self, *arguments, **options)

        kind.forward = forward

    noted = Accelerated._declined

    def declined(self: Any, reason: str) -> Any:
        CALLS[type(self).__name__]["declined"][reason] += 1
        return noted(self, reason)

    Accelerated._declined = declined  # type: ignore[method-assign]
    for original, kind in ACCELERATED.items():
        made(original)
        counted(kind)


def pytest_configure() -> None:
    """Put our code in place before a test is imported."""
    if os.environ["PEER_SUITE"] == "scatter":
        _as_torch_scatter(Path(os.environ["PEER_ROOT"]))
    else:
        _accelerated()


def pytest_sessionfinish() -> None:
    """Leave the counts where the runner reads them."""
    Path(os.environ["PEER_CALLS"]).write_text(json.dumps(CALLS))
