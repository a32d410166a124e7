"""Every example of the documentation gives what it gives, whatever torch's default device is."""

from __future__ import annotations

import doctest
import functools
import importlib
import inspect
import pkgutil
import sys
import types

import pytest
import torch

import graphpoly

pytestmark = pytest.mark.cpu  # another default than the device of the examples, whatever that is

ELSEWHERE = torch.device("meta")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# the default device says where networks, bases and the battery are made
MADE_THERE = ("acceleration", "bases", "layers", "models", "rewiring.learned", "testing")
OTHERS = {  # examples that make something there by PyG's means or by what is shown
    "expressivity.pair.wl_certificate": "from_networkx",
    "features.extract_patches.ExtractPatches": "Batch.from_data_list",
    "loader.layerwise.layerwise_inference": "a layer of PyG",
    "ops.pair_blocks.pair_matmul": "pairs of nothing given",
    "ops.pair_blocks.pair_transpose": "pairs of nothing given",
    "ops.simplices.simplicial_complex": "a complex of lists",
}


class _OnCPU(types.ModuleType):
    """``torch`` as an example sees it: what the example itself makes is on the CPU."""

    def __getattr__(self, name):
        held = getattr(torch, name)
        if not inspect.isbuiltin(held):
            return held

        @functools.wraps(held)
        def made(*args, **kwargs):
            with torch.device("cpu"):
                return held(*args, **kwargs)

        return made


def examples():
    for found in pkgutil.walk_packages(graphpoly.__path__, "graphpoly."):
        room = found.name.removeprefix("graphpoly.")
        if room.startswith((*MADE_THERE, "ops.triton", "_C", "__main__")):
            continue
        module = importlib.import_module(found.name)
        for test in doctest.DocTestFinder().find(module, found.name):
            if test.examples and test.name.removeprefix("graphpoly.") not in OTHERS:
                yield test


@pytest.mark.parametrize("test", list(examples()), ids=lambda test: test.name)
def test_example(test):
    test.examples = [each for each in test.examples if each.source != "import torch\n"]
    test.globs = {**test.globs, "torch": _OnCPU("torch")}
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    with ELSEWHERE:
        runner.run(test, out=sys.stdout.write)
    assert not runner.failures
