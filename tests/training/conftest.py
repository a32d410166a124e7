"""Every test here may be stopped with Ctrl-C."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _interruptible(interruptible: None) -> None:
    pass
