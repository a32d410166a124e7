"""PyG's own machinery around a layer: explainers and heterogeneous graphs."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import HeteroConv, MessagePassing

from graphpoly.testing.checks.contract import refusal
from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject, joined
from graphpoly.testing.violations import NotApplicable, expect, expect_close

__all__: list[str] = []

_BESIDE_X = ("edge_weight", "edge_attr", "pos", "vel")


class _Model(nn.Module):
    """The layer as a whole model: an explainer looks for convolutions inside of one."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, edge_index: Tensor, **kwargs: Any) -> Tensor:
        return joined(self.layer(x, edge_index, **kwargs))


@prop(
    "explainer",
    "GNNExplainer learns an edge mask through the layer and leaves the layer as it was.",
)
def check_explainer(subject: Subject) -> None:
    layer = subject.layer()
    if not any(isinstance(module, MessagePassing) for module in layer.modules()):
        raise NotApplicable("there is no MessagePassing module to explain")
    data = subject.graph("grid", dtype=torch.float32)
    expected = subject.call(layer, data).detach()
    explainer = Explainer(
        model=_Model(layer).eval(),
        algorithm=GNNExplainer(epochs=3),
        explanation_type="model",
        node_mask_type="attributes",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "node", "return_type": "raw"},
    )
    given = {k: data[k] for k in _BESIDE_X if k in subject.takes and k in data}
    mask = explainer(data.x, data.edge_index, **given).edge_mask
    expect(mask is not None, "the explanation has no edge mask")
    expect(mask.size(0) == data.edge_index.size(1), f"the edge mask has {mask.size(0)} entries")
    expect(mask.isfinite().all(), "the edge mask is not finite")
    reached = int((mask > 0).sum())  # edges without a gradient are masked out
    expect(
        reached == mask.numel(),
        f"only {reached} of {mask.numel()} edges have a gradient in the edge mask",
    )
    after = subject.call(layer, data).detach()
    expect_close(after, expected, "the output after and before explaining")


@prop(
    "hetero_conv",
    "HeteroConv adds up the layer's outputs over relations, and between node types it runs or is "
    "refused in words that say so.",
)
def check_hetero_conv(subject: Subject) -> None:
    first, second = subject.layer(), subject.layer(seed=subject.seed + 1)
    a, b = (subject.graph("erdos_renyi", dtype=torch.float32, seed=seed) for seed in (0, 1))
    if not isinstance(subject.outputs(first, a), Tensor):
        raise NotApplicable("HeteroConv adds up layers that return one tensor each")
    near, far = ("paper", "near", "paper"), ("paper", "far", "paper")
    hetero = HeteroConv({near: first, far: second}, aggr="sum").eval()
    out = hetero({"paper": a.x}, {near: a.edge_index, far: b.edge_index}, **_dicts(near, a, far, b))
    expected = subject.call(first, a) + subject.call(second, b, x=a.x)
    expect_close(out["paper"], expected, "HeteroConv over two relations and the sum of both layers")

    across = ("author", "writes", "paper")
    data = subject.graph("directed", dtype=torch.float32)
    edge_index = data.edge_index.clone()
    edge_index[1] %= 3
    features = {"author": data.x, "paper": data.x[:3]}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="There exist node types")
            bipartite = HeteroConv({across: subject.layer()}, aggr="sum").eval()
            out = bipartite(features, {across: edge_index}, **_dicts(across, data))
    except Exception as error:
        expect(refusal(error), f"authors to papers: unclear {type(error).__name__}: {error}")
        return
    rows = out["paper"].size(0)
    expect(rows == 3, f"authors to papers: {rows} rows for 3 papers")


def _dicts(*pairs: Any) -> dict[str, dict[Any, Tensor]]:
    """Return edge_weight_dict and its like as HeteroConv takes them."""
    found: dict[str, dict[Any, Tensor]] = {}
    for relation, data in zip(pairs[::2], pairs[1::2], strict=True):
        for key in _BESIDE_X:
            if key in data:
                found.setdefault(f"{key}_dict", {})[relation] = data[key]
    return found
