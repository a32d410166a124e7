"""Graph MLP-Mixer: empty patches leave no trace, and numbers of patches matter."""

from __future__ import annotations

import networkx as nx
import pytest
import torch

from graphpoly.features import ExtractPatches
from graphpoly.models import GraphMLPMixer
from tests.models.test_patch_net import graph_of, network


def test_empty_patches_leave_no_trace():
    """Three nodes in five patches, and in three whose weights are theirs."""
    model = network(GraphMLPMixer, num_patches=5)
    data = ExtractPatches(5, overlap=1)(graph_of(nx.path_graph(3)))
    given = {"patch_node_index": data.patch_node_index, "patch_number": data.patch_number}
    out = model(data.x, data.edge_index, **given)
    held, number = data.patch_number.unique(return_inverse=True)
    smaller = network(GraphMLPMixer, num_patches=3)
    state = model.state_dict()
    for name, value in state.items():
        if "token_mlp.1.weight" in name:
            state[name] = value[:, held]
        elif "token_mlp.4" in name:
            state[name] = value[held]
    smaller.load_state_dict(state)
    few = smaller(data.x, data.edge_index, **{**given, "patch_number": number})
    torch.testing.assert_close(few, out)


def test_numbers_of_patches_matter():
    model = network(GraphMLPMixer)
    data = ExtractPatches(4, method="random")(graph_of(nx.gnm_random_graph(11, 16, seed=2)))
    outs = [
        model(
            data.x,
            data.edge_index,
            patch_node_index=data.patch_node_index,
            patch_number=order[data.patch_number],
        )
        for order in (torch.arange(4), torch.tensor([1, 2, 3, 0]))
    ]
    assert float((outs[0] - outs[1]).abs().max()) > 1e-4


def test_the_mixer_reaches_what_message_passing_does_not():
    """From one end of a path to the other, over four patches with two layers."""
    pytest.importorskip("pymetis", reason="pymetis is not installed")
    data = ExtractPatches(4)(graph_of(nx.path_graph(12)))
    given = {"patch_node_index": data.patch_node_index, "patch_number": data.patch_number}
    data.x.requires_grad_()
    for mixer_layers in (0, 1):
        model = network(GraphMLPMixer, mixer_layers=mixer_layers, pool=None)
        out = model(data.x, data.edge_index, **given)
        (gradient,) = torch.autograd.grad(out[0].sum(), data.x)
        assert gradient[1].any()
        assert bool(gradient[11].any()) == bool(mixer_layers)
