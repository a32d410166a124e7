from __future__ import annotations

import pytest

# most of what the battery takes: layers whose programs are long, each traced several times over;
# those of their kind that are short are always checked
LONG = {
    "compile": (
        *("ConnectionSheafConv", "FEConv", "MatrixFunctionConv", "PDFConv", "PLaplacianConv"),
        *("GPRConv", "PolynormerConv", "SCRaWlConv", "SheafConv", "UniFilterConv"),
    ),
    "export": ("SCRaWlConv",),
    "gradcheck": ("GraphMambaConv",),
}
NAMES = {f"test_layer[{layer}-{what}]" for what, layers in LONG.items() for layer in layers}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name in NAMES:
            item.add_marker(pytest.mark.slow)
