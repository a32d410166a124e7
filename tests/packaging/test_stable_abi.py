"""One library for every torch from 2.11 on: it may ask only for what 2.11 has.

``torch_2_11_symbols.txt`` lists the functions that the stable C headers of torch 2.11.0 declare
and that its ``libtorch_cpu`` exports.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

import graphpoly

OLDEST = Path(__file__).with_name("torch_2_11_symbols.txt")


def test_the_kernels_need_nothing_newer_than_torch_2_11():
    libraries = list(Path(graphpoly.__file__).parent.glob("_C*.so"))
    if not libraries or shutil.which("nm") is None:
        pytest.skip("no compiled kernels, or no nm to read them")
    command = ["nm", "-D", "--undefined-only", str(libraries[0])]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    needed = {line.split()[-1].split("@")[0] for line in lines}
    of_torch = {name for name in needed if name.startswith(("torch_", "aoti_torch_"))}
    assert of_torch
    assert of_torch <= set(OLDEST.read_text().split())
    # and nothing of the C++ interface, which every torch may change
    mangled = {name for name in needed if name.startswith("_Z")}
    assert not [name for name in mangled if any(part in name for part in ("torch", "c10", "2at"))]
