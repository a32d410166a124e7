from __future__ import annotations

import pytest

# minutes of tracing: its walk is unrolled step by step
LONG = {"test_layer[SCRaWlConv-compile]", "test_layer[SCRaWlConv-export]"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name in LONG:
            item.add_marker(pytest.mark.slow)
