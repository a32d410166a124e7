#!/usr/bin/env bash
# PyTorch 2.13.0, torch.library.custom_op with a gradient from register_autograd, in forward mode.
#
# Expected: the derivative, or an error: an autograd.Function without jvp, and a transform that a custom operator
#   cannot follow (torch.func.grad, jacrev), are refused in words.
# Real: torch.func.jvp, jacfwd and forward_ad give 0, without a word, for whatever goes through the operator, though
#   its gradient is registered and right in reverse. What takes another way to the result is added as it should be, so
#   that the sum looks like a derivative. No page of custom_op or register_autograd mentions forward mode.
# Why it matters: sparse kernels come as custom operators. Directional derivatives, sensitivities of a node to an input
#   feature, Laplacians of a potential or of a network that is trained on them by jacfwd lose the message passing and
#   keep the residual path. Compare with torch.autograd.functional.jvp, which runs in reverse.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import Tensor, func
from torch.autograd import forward_ad

edges = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])


def plain(x: Tensor) -> Tensor:
    return torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])


@torch.library.custom_op("finding::neighbours", mutates_args=())
def neighbours(x: Tensor) -> Tensor:
    return plain(x)


class Function(torch.autograd.Function):
    """The same in the older way, which has no jvp either."""

    @staticmethod
    def forward(x):
        return plain(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad):
        return torch.zeros_like(grad).index_add(0, edges[0], grad[edges[1]])


neighbours.register_fake(torch.empty_like)
neighbours.register_autograd(Function.backward)
for words in (torch.library.custom_op.__doc__, torch.library.register_autograd.__doc__):
    assert "jvp" not in words and "orward-mode" not in words and "forward mode" not in words, "changed: the words"


def dual(f, x, ahead):
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(f(forward_ad.make_dual(x, ahead))).tangent
        return torch.zeros_like(x) if tangent is None else tangent


modes = {
    "torch.func.jvp": lambda f, x, ahead: func.jvp(f, (x,), (ahead,))[1],
    "torch.func.jacfwd": lambda f, x, ahead: torch.einsum("ijkl,kl->ij", func.jacfwd(f)(x), ahead),
    "forward_ad": dual,
    "in reverse": lambda f, x, ahead: torch.autograd.functional.jvp(f, x, ahead)[1],
}
torch.manual_seed(0)
x, ahead = torch.randn(2, 4, 3, dtype=torch.float64).unbind()
for mode, of in modes.items():
    right = of(lambda z: z + plain(z.sin()), x, ahead)
    found = of(lambda z: z + neighbours(z.sin()), x, ahead)
    assert torch.allclose(right, ahead + plain(x.cos() * ahead)), "changed: the control"
    print(f"{mode}: {right[0].tolist()}, through the operator {found[0].tolist()}")
    if mode == "in reverse":
        assert torch.allclose(found, right), "changed: the registered gradient"
    elif not torch.equal(found, ahead):
        raise SystemExit("changed: the operator has a tangent")
for refused in (
    lambda: func.jvp(Function.apply, (x,), (ahead,)),
    lambda: func.grad(lambda z: neighbours(z).sum())(x),
):
    try:
        refused()
    except (RuntimeError, NotImplementedError) as error:
        print(f"refused: {str(error)[:70]}")
    else:
        raise SystemExit("changed: what is refused")
print("as described: the derivative is that of the rest alone")
PYTHON
