"""When the kernels are there, when they are not, and that nobody pays for them before."""

import inspect
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import graphpoly.ops.triton as backend
from graphpoly.ops import backends, spmm
from graphpoly.ops.library import SCHEMAS
from tests.children import run_warm
from tests.conftest import DEVICE
from tests.ops.triton.compare import GRAPHS, operator

LISTS_KERNELS = """
import json, sys
import graphpoly.ops
print(json.dumps([name for name in sys.modules if name.startswith("graphpoly.ops.triton.")]))
"""


def child(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def has_cuda_kernel(name: str) -> bool:
    return torch._C._dispatch_has_kernel_for_dispatch_key(f"graphpoly::{name}", "CUDA")


def test_importing_graphpoly_imports_no_kernel():
    assert json.loads(run_warm(LISTS_KERNELS)) == []


@pytest.mark.parametrize("name", backend.KERNELS)
def test_kernels_are_called_like_their_operators(name):
    schema = getattr(torch.ops.graphpoly, name).default._schema
    parameters = inspect.signature(backend.kernel(name)).parameters
    if "arguments" in parameters:
        return
    assert list(parameters) == [argument.name for argument in schema.arguments]
    assert name in SCHEMAS


@pytest.mark.cpu
def test_reasons(monkeypatch):
    def reason():
        return backends()["triton"]["reason"]

    monkeypatch.delenv("GRAPHPOLY_BACKEND", raising=False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert reason() == "this PyTorch is built without CUDA"
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert reason() == "no CUDA device"
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "triton", None)
        assert reason().startswith("triton is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert backends()["triton"] == {"available": True, "reason": ""}
    monkeypatch.setenv("GRAPHPOLY_BACKEND", "reference")
    assert reason() == "GRAPHPOLY_BACKEND=reference"


@pytest.mark.cpu
def test_the_cuda_key_is_taken_where_pytorch_knows_cuda(monkeypatch):
    if torch.version.cuda is not None:  # then it was taken at import, GPU or not
        assert all(map(has_cuda_kernel, backend.KERNELS))
        return
    monkeypatch.setattr(backend, "_REGISTERED", {})
    monkeypatch.delenv("GRAPHPOLY_BACKEND", raising=False)
    monkeypatch.setattr(torch.version, "cuda", None)
    backend.load()
    assert not any(map(has_cuda_kernel, backend.KERNELS))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    backend.load()
    try:
        assert all(map(has_cuda_kernel, backend.KERNELS))
    finally:
        backend._REGISTERED["CUDA"]._destroy()
    assert not any(map(has_cuda_kernel, backend.KERNELS))


@pytest.mark.cpu
def test_operators_go_through_the_kernels_within_the_context_only(monkeypatch):
    from graphpoly.ops.triton import spmm_sum as module

    calls = []
    original = module.spmm_sum
    monkeypatch.setattr(module, "spmm_sum", lambda *a: (calls.append(1), original(*a))[1])
    adj = operator(GRAPHS["one"])
    x = torch.ones(1, 1, dtype=torch.float64)
    with backend.interpreted():
        inside = spmm(adj, x)
    assert len(calls) == 1
    # the fixture of this folder has the kernels registered still: a child has not
    assert torch.equal(inside, spmm(adj, x))
    code = "import torch, graphpoly.ops as ops, sys\n"
    code += "adj = ops.to_csr(torch.tensor([[0], [0]]), num_nodes=1)\n"
    code += "ops.spmm(adj, torch.ones(1, 1))\n"
    code += "print('graphpoly.ops.triton.spmm_sum' in sys.modules)"
    assert run_warm(code) == "False"
    assert child(code, GRAPHPOLY_TRITON_INTERPRET="1", TRITON_INTERPRET="1").strip() == "True"


@pytest.mark.cpu
def test_the_interpreter_must_be_asked_for_in_time(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(RuntimeError, match="TRITON_INTERPRET=1"), backend.interpreted():
        pass


@pytest.mark.gpu
def test_on_cuda_the_kernels_are_registered():
    assert DEVICE == "cuda"
    assert all(map(has_cuda_kernel, backend.KERNELS))


@pytest.mark.parametrize(
    ("triton", "numpy", "works"),
    [
        ("3.6.0", "2.4.0", False),
        ("3.5.1", "2.10.1", False),
        ("3.6.0", "2.3.5", True),
        ("3.7.0", "2.4.6", True),
        ("3.10.0+git1", "2.4.0rc1", True),
    ],
)
def test_versions_that_the_interpreter_cannot_run_beside(monkeypatch, triton, numpy, works):
    held = {"triton": triton, "numpy": numpy}
    modules = {name: SimpleNamespace(__version__=version) for name, version in held.items()}
    monkeypatch.setattr(backend.importlib, "import_module", modules.__getitem__)
    fault = backend.interpreter_fault()
    assert (not fault) is works
    assert works or (triton in fault and numpy in fault)


@pytest.mark.cpu
def test_a_context_within_another_leaves_it_standing():
    outer = backend._REGISTERED["CPU"]
    with backend.interpreted():
        assert backend._REGISTERED["CPU"] is outer
    assert backend._REGISTERED["CPU"] is outer
