"""A function in several processes at once: copies of this one, which form a group."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

_SECONDS = 60


def together(function: Callable[..., Any], number: int, folder: Path, *arguments: Any) -> list[Any]:
    """Call a function in each of some processes; return what they return, that of process 0 first.

    Args:
        function: Its value is what ``torch.load`` reads without pickle.
        number: Of processes.
        folder: Empty; they meet in a file of it.
        *arguments: Of the function.
    """
    if not hasattr(os, "fork") or not dist.is_available():
        pytest.skip("this system has no fork, or this torch no process groups")
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=_child, args=(function, number, rank, folder, arguments))
        for rank in range(number)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(_SECONDS)
    late = [child for child in children if child.exitcode is None]
    for child in late:
        child.kill()
    told = [path.read_text() for path in sorted(folder.glob("failed-*"))]
    assert not told, "\n".join(told)
    assert not late, f"{len(late)} of {number} processes did not end"
    return [torch.load(folder / f"returned-{rank}") for rank in range(number)]


def _child(
    function: Callable[..., Any], number: int, rank: int, folder: Path, arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    try:
        dist.init_process_group(
            "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=number
        )
        torch.save(function(*arguments), folder / f"returned-{rank}")
        dist.destroy_process_group()
    except BaseException:
        (folder / f"failed-{rank}").write_text(f"process {rank}: {traceback.format_exc()}")
    os._exit(0)
