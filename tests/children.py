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
    code, environment = json.loads(line)
    os.environ.update(environment)
    out, err, failed = io.StringIO(), io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            exec(code, {"__name__": "__main__"})
    except BaseException:
        failed = traceback.format_exc()
    print(json.dumps([out.getvalue(), err.getvalue(), failed]), flush=True)
    os._exit(0)
"""


def run(code: str, *flags: str) -> str:
    """Run code in a new interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run_warm(code: str, **environment: str) -> str:
    """Run code where torch and PyG are in memory, and nothing of ours; return what it prints."""
    return outputs_of(code, **environment)[0].strip()


def outputs_of(code: str, **environment: str) -> tuple[str, str]:
    """Return what :func:`run_warm` does, and what goes to standard error."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([code, environment]) + "\n")
    server.stdin.flush()
    out, err, failed = json.loads(server.stdout.readline())
    assert not failed, failed
    return out, err


@functools.cache
def _server() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
