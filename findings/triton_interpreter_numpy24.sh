#!/usr/bin/env bash
# Triton 3.6.0, which torch 2.11 brings, beside NumPy 2.4: a loop whose bounds are loaded from memory
# cannot run in the interpreter (TRITON_INTERPRET=1), the documented way to debug a kernel and to test
# it without a GPU.
#
# Expected: the loop runs, as it does with NumPy 2.3 and when compiled. torch 2.11 and Triton 3.6
#           put no upper bound on NumPy, so that a new environment holds the pair.
# Real:     InterpreterError: the interpreter takes int() of an array of shape [1], which NumPy has
#           deprecated since 1.25 and refuses from 2.4 on. Triton 3.7 has it right.
# Matters:  walks over the rows of a sparse matrix have such bounds: every test of such a kernel fails
#           on a machine without a GPU, with a message that names neither package.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
pip=("$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" torch==2.13.0
"${pip[@]}" --no-deps triton==3.6.0

cat > "$place/row_sums.py" <<'PY'
import numpy
import torch
import triton
import triton.language as tl


@triton.jit
def row_sums(rowptr, value, out):
    row = tl.program_id(0)
    total = 0.0
    for entry in range(tl.load(rowptr + row), tl.load(rowptr + row + 1)):
        total += tl.load(value + entry)
    tl.store(out + row, total)


print(f"Triton {triton.__version__}, NumPy {numpy.__version__}")
rowptr, value, out = torch.tensor([0, 2, 3]), torch.tensor([1.0, 2.0, 4.0]), torch.zeros(2)
try:
    row_sums[(2,)](rowptr, value, out)
    print(f"sums {out.tolist()}")
except Exception as error:
    print(f"{type(error).__name__}: {error}".splitlines()[0])
PY

for numpy in 2.3.5 2.4.0; do
    "${pip[@]}" "numpy==$numpy"
    TRITON_INTERPRET=1 "$place/venv/bin/python" "$place/row_sums.py" | tee "$place/$numpy"
done
grep -q 'sums \[3.0, 4.0\]' "$place/2.3.5"
grep -q 'InterpreterError: TypeError.*only 0-dimensional arrays' "$place/2.4.0"
"${pip[@]}" --no-deps triton==3.7.0
TRITON_INTERPRET=1 "$place/venv/bin/python" "$place/row_sums.py" | tee "$place/mended"
grep -q 'sums \[3.0, 4.0\]' "$place/mended"
echo "seen: Triton 3.6.0 cannot interpret such a loop beside NumPy 2.4"
