"""Whatever a layer multiplies by belongs to a module that it calls, where a hook is on it.

Pruning and weight norms of PyTorch make a weight anew in such a hook.
"""

import pytest
import torch
from torch import Tensor
from torch.nn.utils import prune
from torch.utils._pytree import tree_leaves

from graphpoly.layers import FEConv, SheafConv
from graphpoly.models import NCN
from graphpoly.registry import entries
from graphpoly.testing import assert_close
from graphpoly.testing.networks import network
from graphpoly.testing.subject import Subject, joined
from tests.compliance.test_models import FORMS as FURTHER

FORMS = {
    "FEConv(separate)": lambda: FEConv(8, 6, separate=True),
    "SheafConv(strength)": lambda: SheafConv(
        8, 6, stalk_dim=3, reflections=True, edge_strength=True, sparse_learner=True
    ),
    "SheafConv(general)": lambda: SheafConv(8, 6, stalk_dim=3, maps="general"),
}
MADE = {**{entry.name: entry for entry in entries("layer")}, **FORMS}
NETS = {
    **{entry.name: entry for entry in entries("model")},
    "AlgorithmNet(lstm)": FURTHER["AlgorithmNet(lstm)"],
    "NCN(refined)": lambda: NCN(8, 16, head="refined", score_layers=2),
    "PointerNetwork(graph)": FURTHER["PointerNetwork(graph)"],
}
UNCALLED = {"PrecomputedOptBasisGNN": {"filter"}}  # its coefficients meet rows that were stored


def subject_of(name):
    return network(NETS[name]) if name in NETS else Subject(MADE[name])


def case(name):
    subject = subject_of(name)
    layer, data = subject.layer(), subject.graph("erdos_renyi", dtype=torch.float32)
    return layer, lambda: joined(subject.call(layer, data))


@pytest.mark.parametrize("name", [*MADE, *NETS])
def test_every_module_is_called_that_learns(name):
    layer, run = case(name)
    expected, heard = run().detach(), set()
    for place, module in layer.named_modules():
        module.register_forward_hook(lambda *_, place=place: heard.add(place))
    out = run()
    assert_close(out, expected, kind="accumulated")
    out.sum().backward()
    learns = {
        place
        for place, module in layer.named_modules()
        if not isinstance(module, torch.nn.ParameterList)  # which nobody can call
        and any(p.grad is not None and bool(p.grad.any()) for p in module.parameters(recurse=False))
    }
    assert learns - heard == UNCALLED.get(name, set())


@pytest.mark.parametrize("name", MADE)
def test_pruned_maps_learn(name):
    """The weight of a pruned map is that of its parameter at each step."""
    layer, run = case(name)
    pruned = [m for m in layer.modules() if type(m) is torch.nn.Linear]
    for module in pruned:
        prune.random_unstructured(module, "weight", 1)
    optimizer = torch.optim.SGD(layer.parameters(), 0.01)
    for _ in range(2):
        optimizer.zero_grad()
        run().square().sum().backward()
        optimizer.step()
    run()
    for module in pruned:
        assert torch.equal(module.weight, module.weight_orig * module.weight_mask)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("name", [*MADE, *NETS])
def test_what_hooks_have_seen_stays_as_it_was(name):
    """A module's output is that module's; hooks of its gradient refuse those who write into it."""
    layer, run = case(name)
    expected, seen, met = run().detach(), [], set()
    for place, module in layer.named_modules():
        module.register_forward_hook(
            lambda _, given, out, place=place: seen.extend(
                (place, t, t.detach().clone())
                for t in tree_leaves((given, out))
                if isinstance(t, Tensor)
            )
        )
    with torch.no_grad():
        run()
    assert {place for place, now, before in seen if not torch.equal(now, before)} == set()
    for place, module in layer.named_modules():
        module.register_full_backward_hook(lambda *_, place=place: met.add(place))
    out = run()
    assert_close(out, expected, kind="accumulated")
    out.sum().backward()
    assert "" in met
