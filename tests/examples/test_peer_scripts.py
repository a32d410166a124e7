"""PyG's own example scripts learn with the import of their loaders swapped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = os.environ.get("PYG_EXAMPLES")
# Arguments of a script, what it prints at the end, and what has to be above which number.
CASES = [
    ("reddit.py", "", r"Test: ([\d.]+)", 0.8),
    ("graph_sage_unsup.py", "", r"Test: ([\d.]+)", 0.6),
    ("hierarchical_sampling.py", "", r"(One) epoch training with Hier", None),
    ("graph_saint.py", "", r"Test: ([\d.]+)", 0.8),
    ("graph_saint.py", "--use_normalization", r"Test: ([\d.]+)", 0.8),
    ("cluster_gcn_reddit.py", "", r"test: ([\d.]+)", 0.7),
    ("ogbn_train.py", "--model sage --epochs 5 --num_workers 2", r"Test Accuracy: ([\d.]+)", 80),
    ("hetero/to_hetero_mag.py", "", r"Val: ([\d.]+)", 0.8),
    ("hetero/to_hetero_mag.py", "--use_hgt_loader", r"Val: ([\d.]+)", 0.8),
    ("hetero/temporal_link_pred.py", "", r"Test RMSE: ([\d.]+)", -1.9),
    ("hetero/hierarchical_sage.py", "", r"Val: ([\d.]+)", 0.7),
    ("hetero/bipartite_sage_unsup.py", "", r"Test: ([\d.]+)", 0.8),
]


@pytest.mark.slow
@pytest.mark.skipif(FOLDER is None, reason="PYG_EXAMPLES names no checkout of PyG's examples")
@pytest.mark.parametrize(("script", "arguments", "said", "least"), CASES)
def test_a_script_learns(script: str, arguments: str, said: str, least: float | None) -> None:
    command = [sys.executable, "-m", "tests.examples.peer_script", str(Path(FOLDER or "", script))]
    done = subprocess.run(
        [*command, *arguments.split()], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = re.findall(said, done.stdout)
    assert found, done.stdout[-500:]
    if least is not None:
        value = float(found[-1])
        assert value >= least if least > 0 else value <= -least
