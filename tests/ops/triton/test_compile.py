"""The kernels are Triton, not only something that its interpreter takes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import graphpoly.ops.triton as backend

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow  # a minute of two cores
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kernel_compiles_for_a_gpu(dtype, tmp_path):
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_DEFAULT_FP_FUSION": "1"}
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.ops.triton.compile_all", dtype],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    compiled = set(done.stdout.split())
    folder = Path(backend.__file__).parent
    # a kernel is launched from its own file; helpers are compiled into them
    launched = {
        f"graphpoly.ops.triton.{path.stem}.{name}"
        for path in folder.glob("*.py")
        for name in re.findall(r"^\s+(_[a-z]\w*)\[", path.read_text(), re.MULTILINE)
    }
    assert compiled == launched
