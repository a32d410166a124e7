"""The compiled kernels: where they come from, and that they are the same function as the reference.

What is decided once in a process (whether they are loaded, and for which instruction set) is tested
in a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from graphpoly.ops import _extension, to_csr
from graphpoly.ops.coo_to_csr import (
    coo_to_csr_reference,
    transpose,
    transposed_rows_reference,
)
from graphpoly.ops.library import SCHEMAS
from graphpoly.ops.polynomial import polynomial_moments_reference
from graphpoly.ops.sddmm import sddmm_reference
from graphpoly.ops.spmm import _max_grad_reference, spmm_max_reference, spmm_reference
from tests.children import outputs_of
from tests.conftest import DEVICE
from tests.ops.graphs import SHAPES, random_csr

pytestmark = pytest.mark.cpu
NONE = (None, None, None)
WIDTHS = (0, 1, 3, 7, 16, 33, 100, 130)  # about every register and tile
kernels = pytest.mark.skipif(
    not _extension.status()["available"], reason=f"no kernels: {_extension.status()['reason']}"
)
ops = torch.ops.graphpoly


def child(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


LEFT_OUT = """
import json, torch
from graphpoly.ops import backends, spmm, to_csr
adj = to_csr(torch.tensor([[0, 1, 2], [1, 1, 0]]), num_nodes=3)
out = spmm(adj, torch.tensor([[1.0], [2.0], [4.0]])).flatten().tolist()
print(json.dumps([backends()["cpp"], out]))
"""


def test_the_kernels_can_be_left_out():
    status, out = json.loads(child(LEFT_OUT, GRAPHPOLY_BACKEND="reference"))
    assert status["available"] is False
    assert status["reason"] == "GRAPHPOLY_BACKEND=reference"
    assert out == [4.0, 3.0, 0.0]


def test_the_other_switch_leaves_them_out_too(monkeypatch):
    monkeypatch.delenv("GRAPHPOLY_BACKEND", raising=False)
    monkeypatch.setenv("GRAPHPOLY_DISABLE_EXT", "1")
    assert _extension._load()["reason"] == "GRAPHPOLY_DISABLE_EXT is set"


def test_status_is_complete_and_names_no_folder():
    status = _extension.status()
    assert set(status) == {"available", "reason", "path", "torch", "compiler", "flags", "simd"}
    assert status["available"] == (status["reason"] == "")
    assert status["path"] is None or "/" not in status["path"]
    status["available"] = "edited"
    assert _extension.status()["available"] != "edited"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "not built"),
        ({"_C.json": '{"built": false, "reason": "no C++ compiler"}'}, "no C++ compiler"),
        ({"_C.json": "[cut short"}, "not built"),
        (
            {"_C.abi3.so": "no library", "_C.json": '{"torch": "2.11.0"}'},
            "does not load (built with",
        ),
    ],
)
def test_a_missing_or_broken_library_is_a_reason_and_no_error(tmp_path, monkeypatch, files, reason):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(_extension, "_PACKAGE", tmp_path)
    monkeypatch.delenv("GRAPHPOLY_BACKEND", raising=False)
    monkeypatch.delenv("GRAPHPOLY_DISABLE_EXT", raising=False)
    status = _extension._load()
    assert status["available"] is False
    assert reason in status["reason"]


MISSING = """
import sys, torch, graphpoly, graphpoly.layers, graphpoly.ops
print("imported", file=sys.stderr, flush=True)
adj = graphpoly.ops.to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
for _ in range(2):
    graphpoly.ops.spmm(adj, torch.ones(2, 1))
print(graphpoly.__file__)
"""


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "not built"),
        ({"_C.json": '{"built": false, "reason": "no C++ compiler"}'}, "no C++ compiler"),
        ({"_C.abi3.so": "no library", "_C.json": '{"torch": "2.11.0"}'}, "does not load"),
    ],
)
def test_the_first_use_without_kernels_says_so_once(tmp_path, files, reason):
    package = tmp_path / "graphpoly"
    ours = Path(_extension.__file__).parents[1]
    ignore = shutil.ignore_patterns("_C*", "__pycache__", "csrc")
    shutil.copytree(ours, package, ignore=ignore)
    for name, text in files.items():
        (package / name).write_text(text)

    def run(backend=""):
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{MISSING}"
        out, err = outputs_of(code, GRAPHPOLY_BACKEND=backend)
        assert out.strip() == str(package / "__init__.py")
        before, _, after = err.partition("imported\n")
        assert "graphpoly" not in before
        return after

    (line,) = run().splitlines()
    assert line.startswith("graphpoly runs on plain PyTorch, several times slower")
    assert reason in line
    assert "pip install --no-build-isolation" in line
    assert run(backend="reference") == ""


# dense algebra of LAPACK's, or made of operators that are compiled
NOT_COMPILED = {
    "column_space",
    "common_neighbors_backward",
    "connection",
    "matrix_root",
    "resolvent_solve",
    "sylvester",
}


@kernels
@pytest.mark.parametrize("name", SCHEMAS)
def test_the_dispatcher_finds_the_kernel(name):
    # a library that was built before the operator was written would leave it to the reference
    found = torch._C._dispatch_has_kernel_for_dispatch_key(f"graphpoly::{name}", "CPU")
    assert found == (name not in NOT_COMPILED)


def same(found, expected, dtype):
    """Equal but for the order of a few hundred additions, on the scale of the largest value."""
    scale = max(float(expected.abs().nan_to_num().max()), 1.0) if expected.numel() else 1.0
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    torch.testing.assert_close(
        found, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True
    )


@kernels
@pytest.mark.parametrize("index", [torch.int32, torch.int64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_kernels_are_the_reference(shape, dtype, index):
    for width in WIDTHS:
        for weighted in (True, False):
            _compare(shape, dtype, index, width, weighted)


def _compare(shape, dtype, index, width, weighted):
    adj = random_csr(shape, dtype=dtype, weighted=weighted)
    rowptr, col = adj.rowptr.to(index), adj.col.to(index)
    rows, cols, _ = shape
    x = torch.randn(width, cols, dtype=dtype).T  # strided, as after a transposition
    head = (rowptr, col, adj.weight, x)
    for mean in (False, True):
        found = ops.spmm_sum(*head, *NONE, mean)
        same(found, spmm_reference(*head, mean=mean), dtype)
    coarse = (2 * x).round()  # ties
    if coarse.numel():
        coarse[0, 0] = torch.nan
    grad = torch.randn(rows, width, dtype=dtype)
    back = transpose(rowptr, col, cols)
    for largest in (True, False):
        out, arg = ops.spmm_max(*head[:3], coarse, *NONE, largest)
        expected, entry = spmm_max_reference(*head[:3], coarse, largest=largest)
        same(out, expected, dtype)
        assert arg.dtype == index
        assert torch.equal(arg, entry)
        back_arguments = (*back, adj.weight, grad, arg)
        same(ops.spmm_max_backward(*back_arguments), _max_grad_reference(*back_arguments), dtype)
    same(ops.sddmm(rowptr, col, grad, x, *NONE), sddmm_reference(rowptr, col, grad, x), dtype)
    if rows == cols:
        for order in (0, 1, 4):
            theta = torch.randn(order + 1, 1, dtype=dtype).expand(-1, width)
            recurrence = torch.rand(3, order, width, dtype=dtype) + 1
            arguments = (*head, theta, recurrence, grad)
            found = ops.polynomial_moments(*arguments, *NONE)
            for ours, theirs in zip(found, polynomial_moments_reference(*arguments), strict=True):
                same(ours, theirs, dtype)
            assert torch.equal(ops.polynomial(*arguments[:-1], *NONE), found[0])


@kernels
@pytest.mark.parametrize("index", [torch.int32, torch.int64])
@pytest.mark.parametrize("order", ["random", "sorted"])
@pytest.mark.parametrize(("size", "entries"), [(1, 5), (7, 0), (900, 300), (500, 60_000)])
def test_sorting_is_stable_and_exact(size, entries, order, index):
    row, col = torch.randint(0, size, (2, entries)).to(index)
    if order == "sorted":
        row = row.sort().values
    found = ops.coo_to_csr(row, col, size, size)
    for ours, theirs in zip(found, coo_to_csr_reference(row, col, size, size), strict=True):
        assert ours.dtype == index
        assert torch.equal(ours, theirs)
    turned = ops.transposed_rows(*found[:2], size)
    for ours, theirs in zip(turned, transposed_rows_reference(*found[:2], size), strict=True):
        assert ours.dtype == index
        assert torch.equal(ours, theirs)


@kernels
@pytest.mark.parametrize("bad", [-1, 3])
def test_an_index_out_of_range_never_reaches_memory(bad):
    good = torch.tensor([0, 1, 2])
    wrong = torch.tensor([0, bad, 2])
    with pytest.raises((RuntimeError, ValueError), match=r"row index lies outside \[0, 3\)"):
        ops.coo_to_csr(wrong, good, 3, 3)
    with pytest.raises((RuntimeError, ValueError), match=r"col index lies outside \[0, 3\)"):
        ops.coo_to_csr(good, wrong, 3, 3)


@kernels
def test_arguments_that_do_not_fit_are_refused():
    rowptr, col = torch.tensor([0, 1, 2]), torch.tensor([0, 1])
    x = torch.randn(2, 3)
    with pytest.raises(RuntimeError, match="rowptr and col differ in dtype"):
        ops.spmm_sum(rowptr, col.int(), None, x, *NONE, False)
    with pytest.raises(RuntimeError, match="weight: expected the dtype of the features"):
        ops.spmm_sum(rowptr, col, torch.ones(2, dtype=torch.float64), x, *NONE, False)
    with pytest.raises(RuntimeError, match="float32 and float64 are accepted"):
        ops.spmm_sum(rowptr, col, None, x.half(), *NONE, False)
    with pytest.raises(RuntimeError, match=r"rowptr: got 0 to 2, expected 0 to 1"):
        ops.spmm_sum(rowptr, col[:1], None, x, *NONE, False)
    with pytest.raises(RuntimeError, match=r"theta: expected shape \[K\+1, 3\]"):
        ops.polynomial(rowptr, col, None, x, torch.ones(2, 1), torch.ones(3, 1, 3), *NONE)


def _everything():
    """Results of all operators on a graph that is large enough to be shared between threads."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    size, entries, width = 3000, 40_000, 48
    pairs = (torch.rand(2, entries, generator=generator) ** 2 * size).long()
    weight = torch.rand(entries, generator=generator) / 14
    adj = to_csr(pairs, weight, size, transposed=True)
    head = (adj.rowptr, adj.col, adj.weight)
    x = torch.randn(size, width, generator=generator)
    y = torch.randn(size, width, generator=generator)
    theta = torch.randn(5, width, generator=generator)
    recurrence = torch.rand(3, 4, width, generator=generator) + 0.5
    best, arg = ops.spmm_max(*head, x, *NONE, True)
    return [
        *head,
        *adj.transposed,
        ops.spmm_sum(*head, x, *NONE, False),
        best,
        arg,
        ops.spmm_max_backward(*adj.transposed, adj.weight, y, arg),
        ops.sddmm(*head[:2], x, y, *NONE),
        *ops.polynomial_moments(*head, x, theta, recurrence, y, *NONE),
    ]


@kernels
def test_results_do_not_depend_on_the_number_of_threads():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = _everything()
        for threads in (2, 3, 5):
            torch.set_num_threads(threads)
            for found, once in zip(_everything(), expected, strict=True):
                assert torch.equal(found, once)
    finally:
        torch.set_num_threads(before)


@kernels
@pytest.mark.parametrize("simd", ["generic", "avx2"])
def test_a_lower_instruction_set_passes_the_same_comparison(simd):
    """The other code paths of the same library, on the widths where they differ most."""
    if _extension.status()["simd"] == simd:
        pytest.skip("the instruction set that all tests run with")
    if f"-DGRAPHPOLY_NO_{simd.upper()}" in _extension.status()["flags"]:
        pytest.skip("kernels built for this processor alone, which has a wider instruction set")
    code = (
        "import torch; from graphpoly.ops import _extension\n"
        "from tests.ops.test_extension import _compare, WIDTHS\n"
        "for width in WIDTHS:\n"
        "    _compare((50, 50, 400), torch.float32, torch.int32, width, True)\n"
        "    _compare((50, 50, 400), torch.float64, torch.int64, width, False)\n"
        "print(_extension.status()['simd'])"
    )
    order = ["generic", "avx2", "avx512"]
    expected = min(simd, _extension.status()["simd"], key=order.index)
    assert child(code, GRAPHPOLY_SIMD=simd) == expected
