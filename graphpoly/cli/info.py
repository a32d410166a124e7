"""``graphpoly info``: versions, backends and hardware, for a bug report."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from importlib import metadata
from typing import Annotated, Any

import typer

from graphpoly import __version__
from graphpoly.cli.failures import FAILED, Debug, failing_with

__all__ = ["info"]

_PACKAGES = (
    "numpy",
    "scipy",
    "networkx",
    "ogb",
    "safetensors",
    "typer",
    "rich",
    "torch-scatter",
    "torch-sparse",
    "pyg-lib",
    "triton",
    "tensorboard",
    "matplotlib",
)


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    debug: Debug = False,
) -> None:
    """Print versions, backends (and why one is missing), compiler and GPU."""
    with failing_with(FAILED, debug=debug):
        facts = _facts()
        if as_json:
            typer.echo(json.dumps(facts, indent=2))
            return
        for name in ("graphpoly", "python", "platform", "torch", "torch_geometric", "data_root"):
            typer.echo(f"{name:<16} {facts[name]}")
        typer.echo(f"{'cpu':<16} {facts['cpu']['cores']} cores, {facts['cpu']['threads']} threads")
        typer.echo(f"{'compiler':<16} {_state(facts['compiler'], facts['compiler']['version'])}")
        typer.echo(f"{'gpu':<16} {_state(facts['gpu'], ', '.join(facts['gpu']['devices']))}")
        for name, backend in facts["backends"].items():
            typer.echo(f"{'backend':<16} {name}: {_state(backend, 'available')}")
        for name, version in facts["packages"].items():
            typer.echo(f"{'package':<16} {name}: {version or 'not installed'}")


def _facts() -> dict[str, Any]:
    import torch
    import torch_geometric

    from graphpoly.data import default_root
    from graphpoly.ops import backends

    return {
        "graphpoly": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "data_root": str(default_root()),
        "cpu": {"cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "compiler": _compiler(),
        "gpu": _gpu(torch),
        "backends": backends(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _state(part: dict[str, Any], there: str) -> str:
    return there if part["available"] else f"not available ({part['reason']})"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _gpu(torch: Any) -> dict[str, Any]:
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.cuda.is_available():
        reason = ""
    elif torch.version.cuda is None and torch.version.hip is None:
        reason = "this build of torch has no GPU support"
    else:
        reason = "torch finds no device"
    return {"available": not reason, "reason": reason, "devices": devices}


def _compiler() -> dict[str, Any]:
    """Find the C++ compiler that an installation from source would call."""
    wanted = os.environ.get("CXX")
    candidates = [wanted] if wanted else ["c++", "g++", "clang++"]
    path = next((found for name in candidates if (found := shutil.which(name.split()[0]))), None)
    if path is None:
        reason = f"CXX={wanted} is not there" if wanted else "no c++, g++ or clang++ on the PATH"
        return {"available": False, "reason": reason, "path": None, "version": None}
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = f"{path} --version failed: {type(error).__name__}"
        return {"available": False, "reason": reason, "path": path, "version": None}
    lines = answer.stdout.splitlines()
    return {"available": True, "reason": "", "path": path, "version": lines[0] if lines else path}
