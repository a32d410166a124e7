"""PyTorch's own wrapper around networks of which a part has no gradient."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from graphpoly.distributed import rank, size
from graphpoly.models import EGNN
from graphpoly.testing.tolerances import assert_close
from tests.processes import together

PAIRS = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 2, 0, 3]])


def moved(remedy: str) -> dict[str, Tensor] | str:
    """Take three steps on the positions of two graphs, each process on one, or one on both."""
    torch.manual_seed(0)
    net: nn.Module = EGNN(3, 8, None, num_layers=2).double()
    if remedy == "frozen":
        net.convs[-1].phi_h.requires_grad_(False)
    x, pos = torch.randn(2, 4, 3).double(), torch.randn(2, 4, 3).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
    alone = size() == 1
    if not alone:
        net = DistributedDataParallel(net, find_unused_parameters=remedy == "found")
    try:
        for _ in range(3):
            optimizer.zero_grad()
            mine = [0, 1] if alone else [rank()]
            losses = [F.mse_loss(net(x[i], PAIRS, pos[i]), pos[i].flip(0)) for i in mine]
            torch.stack(losses).mean().backward()
            optimizer.step()
    except RuntimeError as error:
        return str(error)
    return {name.removeprefix("module."): value for name, value in net.state_dict().items()}


@pytest.mark.parametrize("remedy", ["found", "frozen"])
def test_two_processes_learn_positions_as_one_does(remedy: str, tmp_path: Path) -> None:
    expected = moved("")
    assert isinstance(expected, dict)
    for found in together(moved, 2, tmp_path, remedy):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert_close(found[name], value, kind="accumulated")


def test_without_a_remedy_pytorch_names_the_cause(tmp_path: Path) -> None:
    for found in together(moved, 2, tmp_path, ""):
        assert "find_unused_parameters=True" in found
