import pytest
import torch

from graphpoly.layers.cooperative import plot_actions


def as_tensor(ax, getter):
    rows = [[getattr(bar, getter)() for bar in bars] for bars in ax.containers]
    return torch.tensor(rows, dtype=torch.float64)


def test_bars_have_the_heights_of_the_shares():
    pytest.importorskip("matplotlib").use("Agg")
    shares = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.2, 0.0]], dtype=torch.float64)
    ax = plot_actions(shares)
    heights = as_tensor(ax, "get_height")
    bottoms = as_tensor(ax, "get_y")
    torch.testing.assert_close(heights.T, shares)
    torch.testing.assert_close(bottoms.T, shares.cumsum(1) - shares)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["standard", "listen", "broadcast", "isolate"]
    assert plot_actions(shares, ax) is ax


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"shares: got shape \(4,\)"):
        plot_actions(torch.ones(4))
