"""An LSTM over groups, on processors of every kind."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from graphpoly.layers import groups
from graphpoly.layers.groups import read_groups, run_lstm
from graphpoly.ops.pool import segments


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
def test_an_lstm_stays_as_it_is_where_a_processor_has_no_half_precision_for_it(
    stored: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_HALVES", {torch.bfloat16: False, torch.float16: False})
    lstm = nn.LSTM(4, 5)
    rows = torch.randn(6, 4).to(stored)
    sizes = torch.tensor([3, 2, 1])
    before = torch.randn(2, 1, 3, 5)
    expected, (hidden, cell) = lstm(PackedSequence(rows.float(), sizes), before.unbind())
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype=dtype):
            given = (PackedSequence(rows, sizes), before.to(stored).float().unbind())
            out, behind = run_lstm(lstm, *given)
            assert torch.is_autocast_enabled("cpu")
        if stored == torch.float32:
            assert torch.equal(out.data, expected.data)
            assert torch.equal(behind[0], hidden)
            assert torch.equal(behind[1], cell)
        out.data.sum().backward()
        assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in lstm.parameters())


def test_groups_are_read_under_autocast_on_this_processor() -> None:
    lstm = nn.LSTM(4, 5)
    rows, adj = torch.randn(7, 4), segments(torch.tensor([0, 2, 2, 0, 3, 2, 0]), 5)
    expected = read_groups(lstm, rows, adj)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = read_groups(lstm, rows, adj)
    for one, other in zip(found, expected, strict=True):
        assert float((one.float() - other).detach().abs().max()) < 0.05


def test_without_autocast_nothing_is_asked_of_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups, "_HALVES", None)
    lstm = nn.LSTM(4, 5)
    x = torch.randn(3, 1, 4)
    assert torch.equal(run_lstm(lstm, x)[0], lstm(x)[0])
