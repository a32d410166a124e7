"""The battery over further forms of a registered layer, compilation apart from the rest.

Tracing takes most of the battery's time. The registered form is compiled in every run of the tests,
the others by ``make test-slow``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from graphpoly.testing import properties

STAGES = [
    pytest.param(False, id="eager"),
    pytest.param(True, id="compiled", marks=pytest.mark.slow),
]


def stage(compiled: bool, names: Iterable[str] | None = None) -> list[str]:
    """Properties of one stage: of those that are named, else of all."""
    wanted = properties() if names is None else names
    chosen = [name for name in wanted if (name in ("compile", "export")) == compiled]
    if not chosen:
        pytest.skip("this form is not compiled")
    return chosen
