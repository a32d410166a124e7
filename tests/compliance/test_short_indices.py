"""int32 indices say what int64 ones say, in graphs where a product of two overflows, too."""

import pytest
import torch
from torch.utils._pytree import tree_leaves
from torch_geometric.data import Data

from graphpoly.data.links import LinkSplit, link_split
from graphpoly.ops.patches import grow_patches, patch_edges
from graphpoly.rewiring import BORF, LASER, SDRF, ExpanderPropagation, FoSR
from graphpoly.rewiring.learned.pairs import existing_pairs
from graphpoly.robustness.fidelity import _Draws
from graphpoly.testing import assert_close
from graphpoly.training import LinkTask
from tests.compliance.test_hooks import MADE, NETS, subject_of

N = 70_000  # N * N is past 2^32
FIRST = N - 12
KINDS = (torch.int64, torch.int32)
REWIRING = [
    BORF(2, 2, 2),
    ExpanderPropagation(separate=False),
    FoSR(3),
    LASER(2, 0.5),
    SDRF(5, tau=5.0, removal_bound=0.1),
    SDRF(5, symmetrize=True),
]


def edges():
    """Both directions of edges among the last nodes, each once."""
    generator = torch.Generator("cpu").manual_seed(0)
    drawn = torch.randint(FIRST, N, (2, 30), generator=generator, device="cpu")
    drawn = drawn[:, drawn[0] != drawn[1]]
    return torch.cat([drawn, drawn.flip(0)], 1).unique(dim=1)


def rewired(form):
    return lambda index: form(Data(edge_index=index, num_nodes=N)).to_dict()


def one_way(index):
    """A link without its reverse, whose key is that of another one in 32 bits."""
    far = index.new_tensor([[61_357, 22_804], [100, 0]])
    data = SDRF(0, symmetrize=True)(Data(edge_index=far, num_nodes=N))
    return data.edge_index.size(1), data.edge_index


def split(index):
    torch.manual_seed(0)
    found = link_split(Data(edge_index=index, num_nodes=N))
    return found.train, found.val, found.test


def taken_out(index):
    """Which training links the edges of the messages belong to, and what is no non-link."""
    links = link_split(Data(edge_index=edges(), num_nodes=N))
    short = {name: getattr(links, name).to(index.dtype) for name in ("train", "val", "test")}
    given = LinkSplit("own", 0, N, **short, negatives=links.negatives)
    task = LinkTask(Data(x=torch.zeros(N, 1)), given, messages=Data(edge_index=index, num_nodes=N))
    return task._link, task._taken


def patches(index):
    part = torch.zeros(N, dtype=index.dtype)
    part[FIRST + 6 :] = 1
    part[:FIRST] = 2
    grown = grow_patches(index, part, 1)
    node = torch.arange(FIRST, N, dtype=index.dtype)
    return grown, patch_edges(index, node.new_ones(12), node, N)


def draws(index):
    """Numbers of pairs, of which two have one key in 32 bits."""
    far = index.new_tensor([[61_357, 1], [61_457, 14_161]])
    return _Draws(lambda: None, Data(edge_index=torch.cat([index, far], 1), num_nodes=N)).pair


LARGE = {
    **{f"{type(form).__name__}-{i}": rewired(form) for i, form in enumerate(REWIRING)},
    **{f.__name__: f for f in (one_way, split, taken_out, patches, draws)},
    "existing_pairs": lambda index: existing_pairs(index, N),
}


@pytest.mark.cpu
@pytest.mark.parametrize("name", LARGE)
def test_a_large_graph(name):
    expected, found = (tree_leaves(LARGE[name](edges().to(kind))) for kind in KINDS)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(torch.as_tensor(one).double(), torch.as_tensor(other).double())


@pytest.mark.parametrize("name", [*MADE, *NETS])
def test_layers_and_networks(name):
    """Their gradients, too: PyTorch gathers other rows by an expanded index of int32."""
    subject = subject_of(name)
    layer, data = subject.layer(), subject.graph("erdos_renyi", dtype=torch.float32)
    found = []
    for index in (data.edge_index, data.edge_index.int()):
        torch.manual_seed(0)
        layer.zero_grad()
        out = [
            each
            for each in tree_leaves(subject.call(layer, data, edge_index=index))
            if isinstance(each, torch.Tensor)
        ]
        sum(each.square().sum() for each in out if each.requires_grad).backward()
        found.append([*out, *[p.grad.clone() for p in layer.parameters() if p.grad is not None]])
    expected, short = found
    assert len(short) == len(expected)
    for one, other in zip(short, expected, strict=True):
        assert_close(one, other)
