"""Says what CUDA work would run on, or fails with the reason: ``python -m benchmarks.device``."""

from __future__ import annotations

import importlib
import sys

NEEDED = ("torch", "torch_geometric", "triton", "numpy", "scipy", "pytest", "xdist")


def main() -> int:
    versions = []
    for name in NEEDED:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            print(f"a CUDA run needs {name} in {sys.executable}: {error}")
            return 2
        versions.append(f"{name} {getattr(module, '__version__', '?')}")
    import torch

    from graphpoly.ops import backends

    kernels = backends()["triton"]
    if not kernels["available"]:
        print(f"the CUDA kernels cannot run here: {kernels['reason']}")
        return 2
    print(f"{torch.cuda.get_device_name()}; {', '.join(versions)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
