#!/usr/bin/env bash
# Triton 3.7.1 and 3.9.0, TRITON_INTERPRET=1: float32 stored as bfloat16, or cast to it.
#
# Expected: the nearest bfloat16, ties to even, as the compiled kernel (cvt.rn) and PyTorch's own conversion give it:
#   the interpreter is there to find out what a kernel computes.
# Real: it cuts the lower bits off. Half of all values are one step too small in size, none is too large, and
#   fp_downcast_rounding="rtne" in the cast, which asks for the nearest, changes nothing. float16 is rounded.
# Why it matters: the error has one sign. Sums that are kept in bfloat16, a recurrence of a polynomial filter say, drift
#   in the interpreter by many times what they do on a device, so that a test of a right kernel fails, or a tolerance is
#   widened that then hides a wrong one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cat > "$folder/casts.py" <<'PYTHON'
import torch
import triton
import triton.language as tl


@triton.jit
def stored(x, y, SIZE: tl.constexpr):
    place = tl.arange(0, SIZE)
    tl.store(y + place, tl.load(x + place))


@triton.jit
def rounded(x, y, SIZE: tl.constexpr):
    place = tl.arange(0, SIZE)
    tl.store(y + place, tl.load(x + place).to(tl.bfloat16, fp_downcast_rounding="rtne"))


@triton.jit
def halved(x, y, SIZE: tl.constexpr):
    place = tl.arange(0, SIZE)
    tl.store(y + place, tl.load(x + place).to(tl.float16))


@triton.jit
def walk(x, y, STEPS: tl.constexpr, SIZE: tl.constexpr):
    place = tl.arange(0, SIZE)
    value = tl.load(x + place)
    for _ in range(STEPS):
        value = (value * 1.01).to(tl.bfloat16).to(tl.float32)
    tl.store(y + place, value)


print("Triton", triton.__version__)
torch.manual_seed(0)
x, size = torch.randn(4096), 4096
half = torch.empty(size, dtype=torch.float16)
halved[(1,)](x, half, size)
assert torch.equal(half, x.half()), "changed: the control, float16"
print("float16: the nearest, as PyTorch has it")
found = torch.empty(size, dtype=torch.bfloat16)
stored[(1,)](x, found, size)
wrong, larger = found != x.bfloat16(), found.float().abs() > x.abs()
print(f"bfloat16: {wrong.float().mean():.1%} are not the nearest, {int(larger.sum())} of {size} are larger in size than what was given")
cut = (x.view(torch.int32) >> 16 << 16).view(torch.float32)
assert torch.equal(found.float(), cut), "changed: what a store does"
assert 0.4 < float(wrong.float().mean()) < 0.6 and not larger.any(), "changed: how many"
rounded[(1,)](x, found, size)
print(f"with rtne asked for: {(found != x.bfloat16()).float().mean():.1%} are not the nearest")
assert torch.equal(found.float(), cut), "changed: what rtne does"
start = torch.rand(size) + 1
end, nearest = torch.empty(size), start
walk[(1,)](start, end, 20, size)
for _ in range(20):
    nearest = (nearest * 1.01).bfloat16().float()
drift, usual = float((end / start).mean() - 1), float((nearest / start).mean() - 1)
print(f"20 steps of 1.01 in bfloat16 change a value by {drift:+.2%}; rounded to the nearest {usual:+.2%}; exactly {1.01**20 - 1:+.2%}")
assert drift < usual - 0.03, "changed: the drift"
PYTHON
for version in 3.7.1 3.9.0; do
  "$folder/venv/bin/pip" install --quiet "triton==$version" 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
  TRITON_INTERPRET=1 "$folder/venv/bin/python" -W ignore "$folder/casts.py"
done
echo "as described: the interpreter cuts where a device rounds"
