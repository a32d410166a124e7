"""Compiles every kernel for a GPU that need not be there.

``python -m tests.ops.triton.compile_all [float32 float64]``

Triton brings its own assembler, so that machine code for compute capability 9.0 comes out on any
Linux machine. The operators are called on small CPU tensors with a driver that names the target;
launches are replaced by compilation, and results mean nothing. Prints the kernels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

TYPES = {"float32": torch.float32, "float64": torch.float64}


class _Target:
    """As much of a driver as compilation asks for."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def get_current_target(self) -> Any:
        return self.target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def main(names: list[str]) -> None:
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    from graphpoly.ops.triton import KERNELS, blocks, kernel
    from tests.ops.test_library import samples

    compiled = set()

    def compile_only(function: Any, grid: Any) -> Callable[..., None]:
        def launch(*arguments: Any, **options: Any) -> None:
            made = function.run(*arguments, grid=grid, warmup=True, **options)
            assert made.asm["cubin"]
            compiled.add(f"{function.fn.__module__}.{function.fn.__name__}")

        return launch

    driver.set_active(_Target(GPUTarget("cuda", 90, 32)))
    JITFunction.__getitem__ = compile_only
    for name in names:
        for limit in (1024, 8):
            blocks.LONG = limit
            torch.manual_seed(0)
            calls = samples(TYPES[name], index64=limit == 8)
            for operator in KERNELS:
                for call in calls[operator]:
                    kernel(operator)(*(t.detach() if torch.is_tensor(t) else t for t in call))
    sys.stdout.write("\n".join(sorted(compiled)))


if __name__ == "__main__":
    main(sys.argv[1:] or list(TYPES))
