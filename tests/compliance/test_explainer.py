"""PyG's explainers on whole networks: a mask is that of the edges that the network was given."""

import pytest
import torch
from torch_geometric.explain import Explainer
from torch_geometric.explain.algorithm import GNNExplainer
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import GCNConv

from graphpoly.models import GraphMLPMixer
from graphpoly.registry import entries
from graphpoly.rewiring.learned import PRMPNN, NeuralSnowflake
from graphpoly.testing import assert_close
from graphpoly.testing.subject import Subject
from tests.compliance.test_default_device import ODD, takes

# as many edges of other graphs as there are, which no count tells from those that are explained
FORMS = {
    "GraphMLPMixer(one patch)": lambda: GraphMLPMixer(8, 8, 2, num_patches=1, method="random"),
    "PRMPNN(as many)": lambda: PRMPNN(
        GCNConv(8, 4), 8, num_added=2, num_deleted=2, hidden_channels=8
    ),
    "PRMPNN(both)": lambda: PRMPNN(
        GCNConv(8, 4), 8, num_added=1, hidden_channels=8, with_original=True
    ),
    "NeuralSnowflake(alone)": lambda: NeuralSnowflake(
        GCNConv(8, 4), 8, latent_channels=3, k=4, keep=False
    ),
}
MADE = {e.name: e for e in entries("model") if not takes(e) & {*ODD, "pairs"}} | FORMS
# nothing is sent along the edges that they are given
UNREAD = {"ComparatorNet", "GSPN", "PPGN", "PPGNPlusPlus", "RNIGNN", "SCRaWl"}
UNREAD |= {"NeuralSnowflake(alone)"}


def case(name, dtype):
    subject = Subject(MADE[name])
    return subject, subject.layer(dtype=dtype), subject.graph("grid", dtype=dtype)


@pytest.mark.parametrize("name", MADE)
def test_explains_or_says_why_not(name):
    subject, model, data = case(name, torch.float32)
    before = subject.call(model, data).detach()
    level = "node" if before.size(0) == data.num_nodes else "graph"

    def explain(edges):
        explainer = Explainer(
            model=model,
            algorithm=GNNExplainer(epochs=3),
            explanation_type="model",
            node_mask_type="attributes",
            edge_mask_type=edges,
            model_config={"mode": "regression", "task_level": level, "return_type": "raw"},
        )
        given = {k: data[k] for k in ("edge_attr", "pos", "vel") if k in subject.takes}
        return explainer(data.x, data.edge_index, **given)

    assert explain(None).node_mask.any()
    if name in UNREAD:
        with pytest.raises(ValueError, match="Could not compute gradients for edges"):
            explain("object")
        clear_masks(model)
    else:
        assert explain("object").edge_mask.any()
    assert_close(subject.call(model, data).detach(), before)


@pytest.mark.parametrize("name", [name for name in MADE if name not in UNREAD | {"FEGNN"}])
def test_a_mask_goes_with_its_edges(name):
    subject, model, data = case(name, torch.float64)
    count = data.edge_index.size(1)

    def run(mask=None, order=slice(None)):
        given = {"edge_index": data.edge_index[:, order]}
        for key in {"edge_weight", "edge_attr"} & subject.takes:
            given[key] = data[key][order]
        if mask is not None:
            set_masks(model, mask[order], given["edge_index"], apply_sigmoid=False)
        try:
            return subject.call(model, data, **given).detach()
        finally:
            clear_masks(model)

    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(count, generator=generator)
    mask = torch.rand(count, generator=generator).double()
    assert_close(run(torch.ones(count).double()), run(), kind="accumulated")
    assert_close(run(mask, order), run(mask), kind="accumulated")
    assert not torch.allclose(run(mask), run())
