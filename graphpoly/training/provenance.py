"""Where a result comes from: the command, the code, the machine, and what it took of it."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import graphpoly
from graphpoly.distributed import size
from graphpoly.versions import versions

__all__ = ["Provenance", "commit_of", "cpu_name"]


class Provenance:
    """The processes that worked on a run, one after the other.

    Args:
        processes: Those before this one, from a checkpoint.
    """

    def __init__(self, processes: Sequence[Mapping[str, Any]] = ()) -> None:
        self._before = [dict(each) for each in processes]
        self._device: torch.device | None = None

    def begin(self, device: torch.device) -> None:
        """Enter this process, which computes on ``device``."""
        self._device = device

    def processes(self) -> list[dict[str, Any]]:
        """Return what is known of each process, in plain values.

        ``peak_bytes`` is the largest resident set of the whole process so far and
        ``peak_device_bytes`` the most that tensors have held of its GPU; None where the system does
        not tell, or there is no GPU. ``world_size`` counts the processes that trained together, of
        which the first speaks for all.
        """
        if self._device is None:
            return self._before
        cuda = self._device.type == "cuda"
        now = {
            "command": _command(),
            "commit": commit_of(Path(graphpoly.__file__).parent),
            "cpu": cpu_name(),
            "gpu": torch.cuda.get_device_name(self._device) if cuda else None,
            "threads": torch.get_num_threads(),
            "world_size": size(),
            "peak_bytes": _peak_bytes(),
            "peak_device_bytes": torch.cuda.max_memory_allocated(self._device) if cuda else None,
            "versions": versions(),
        }
        return [*self._before, now]


@cache
def cpu_name() -> str:
    """Return what the processor calls itself."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


@cache
def commit_of(folder: Path, *paths: str) -> str | None:
    """Return the commit that a folder of a git checkout is at; None where it is in none.

    Args:
        folder: Its files have to be in the checkout: a package that is installed somewhere below
            another project is of no commit.
        *paths: What counts as a change, as git's pathspecs; default the folder.

    Returns:
        Twelve digits, and ``"+changes"`` where files differ from them.
    """

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", *(paths or (".",)))
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "")


def _command() -> str:
    """Return what was typed, without the folder of the program; of torchrun, what it started."""
    program = Path(sys.argv[0])
    ours = program.parts[-2:] in (("cli", "app.py"), ("graphpoly", "__main__.py"))
    words = ["graphpoly" if ours else program.name, *sys.argv[1:]]
    if size() > 1 and dist.is_torchelastic_launched():
        each = int(os.environ["LOCAL_WORLD_SIZE"])
        machines = [] if each == size() else ["--nnodes", str(size() // each)]
        started = ["-m", *words] if ours else words
        words = ["torchrun", *machines, "--nproc-per-node", str(each), *started]
    return shlex.join(words)


def _peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # only POSIX counts it
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
