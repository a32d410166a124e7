"""What tests of accelerated layers share."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

import graphpoly.ops._extension as _extension


@pytest.fixture
def sooner() -> Iterator[None]:
    """Let what is recognised be told apart where there are no kernels, too."""
    with mock.patch.dict(_extension.load(), simd="avx2"):
        yield
