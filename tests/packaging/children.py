"""Python code in processes of its own: new ones, and copies of one that has read torch and PyG."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys

import pytest

WARM = """
import contextlib, io, json, os, sys, traceback
import torch, torch_geometric.datasets, torch_geometric.nn
assert "graphpoly" not in sys.modules
for line in sys.stdin:
    if os.fork():
        os.wait()
        continue
    said, failed = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(said):
            exec(json.loads(line), {"__name__": "__main__"})
    except BaseException:
        failed = traceback.format_exc()
    print(json.dumps([said.getvalue(), failed]), flush=True)
    os._exit(0)
"""


def run(code: str, *flags: str) -> str:
    """Run code in a new interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run_warm(code: str) -> str:
    """Run code where torch and PyG are in memory, and nothing of ours; return what it prints."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(code) + "\n")
    server.stdin.flush()
    said, failed = json.loads(server.stdout.readline())
    assert not failed, failed
    return str(said).strip()


@functools.cache
def _server() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
