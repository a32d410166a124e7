"""The runner of other libraries' suites, on suites of one file each."""

import sys

import pytest

from benchmarks import peer_suites

SCATTER = """
import torch
import torch_scatter
from torch_scatter.testing import line

def test_sum():
    assert torch_scatter.scatter_sum(torch.ones(3), line()).tolist() == [2, 1]

def test_that_fails():
    assert torch_scatter.scatter_sum(torch.ones(3), line()).tolist() == [0, 0]
"""
PYG = """
import pytest
import torch
from torch_geometric.nn import GCNConv

def test_gcn():
    conv = GCNConv(2, 2)
    x, pairs = torch.ones(3, 2), torch.tensor([[0, 1], [1, 2]])
    assert str(conv) == "GCNConv(2, 2)"
    conv(x, pairs)
    conv(x, pairs, torch.ones(2))
    conv.aggr_module.register_forward_hook(lambda *_: None)
    conv(x, pairs)

def test_skipped():
    pytest.skip("not here")
"""


@pytest.fixture
def suites(tmp_path):
    scatter = tmp_path / "a_scatter"
    for folder in (scatter / "test", scatter / "torch_scatter"):
        folder.mkdir(parents=True)
    (scatter / "test" / "test_scatter.py").write_text(SCATTER)
    (scatter / "torch_scatter" / "testing.py").write_text(
        "import torch\n\n\ndef line():\n    return torch.tensor([0, 0, 1])\n"
    )
    conv = tmp_path / "a_geometric" / "test" / "nn" / "conv"
    conv.mkdir(parents=True)
    (conv / "test_gcn_conv.py").write_text(PYG)
    return tmp_path


@pytest.mark.slow
def test_the_page_holds_what_was_counted(suites, tmp_path, monkeypatch):
    out = tmp_path / "page.md"
    arguments = ["peer_suites", "--suites", str(suites), "--out", str(out), "--timeout", "120"]
    monkeypatch.setattr(sys, "argv", arguments)
    peer_suites.main()
    text = out.read_text()
    assert "| torch-scatter | all | 1 | 1 | 0 |" in text
    assert "| PyG | accelerated layers, `test_basic_gnn` | 1 | 0 | 1 |" in text
    assert "test_that_fails` (1): `" in text
    assert "| GCNConv | 3 | 1 | |" in text
    assert "| | | 1 | hooks: some see aggr_module, which would not be called |" in text


def test_no_suites_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["peer_suites", "--suites", str(tmp_path)])
    with pytest.raises(SystemExit, match="SUITES=FOLDER"):
        peer_suites.main()
