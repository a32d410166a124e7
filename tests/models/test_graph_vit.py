"""Graph ViT: numbers of patches do not matter, and nor do those of nodes given the patches."""

from __future__ import annotations

import networkx as nx
import pytest
import torch

from graphpoly.features import ExtractPatches
from graphpoly.models import GraphViT
from graphpoly.models.patch_mixers import ATTENTIONS
from tests.models.test_patch_net import graph_of, network


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pool", ["mean", None])
def test_numbers_of_patches_do_not_matter(attention, pool):
    model = network(GraphViT, attention=attention, num_patches=6, pool=pool)
    data = ExtractPatches(4, method="random")(graph_of(nx.gnm_random_graph(11, 16, seed=2)))
    outs = [
        model(
            data.x,
            data.edge_index,
            patch_node_index=data.patch_node_index,
            patch_number=order[data.patch_number],
        )
        for order in (torch.arange(6), torch.tensor([5, 2, 0, 3, 4, 1]))
    ]
    torch.testing.assert_close(outs[0], outs[1])


def test_names_of_nodes_do_not_matter_with_a_patch_for_each():
    model = network(GraphViT, num_patches=16, pool=None)
    data = graph_of(nx.gnm_random_graph(11, 16, seed=2))
    order = torch.randperm(11)
    renamed = torch.empty_like(data.x).index_copy(0, order, data.x)
    out = model(renamed, order[data.edge_index])[order]
    torch.testing.assert_close(out, model(data.x, data.edge_index))
