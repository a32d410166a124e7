"""The battery for transforms fails where one breaks a promise, and says which."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from graphpoly.rewiring import FoSR
from graphpoly.testing import check_transform, transform_properties


class Silent(FoSR):
    def __repr__(self):
        return f"Silent(num_edges={self.num_edges})"


class InPlace(FoSR):
    def forward(self, data):
        data.edge_weight.mul_(2)
        return super().forward(data)


class Terse(FoSR):
    def forward(self, data):
        if isinstance(data, HeteroData):
            raise TypeError("not this one")
        return super().forward(data)


class Drawing(FoSR):
    def forward(self, data):
        data.x = data.x + torch.rand(())
        return super().forward(data)


class Centring(FoSR):
    """Looks at all graphs of a batch together."""

    def forward(self, data):
        data.x = data.x - data.x.mean(0)
        return super().forward(data)


class Relabelling(FoSR):
    def forward(self, data):
        data.y = data.y + 1
        return super().forward(data)


class Dividing(FoSR):
    def forward(self, data):
        data.degree = 1 / torch.bincount(data.edge_index[0], minlength=data.num_nodes)
        return super().forward(data)


class Forgetting(FoSR):
    """Leaves a batch with the slices that it had."""

    @staticmethod
    def _remember_slices(*_):
        pass


class OneWay(FoSR):
    def _apply(self, data, *args):
        super()._apply(data, *args)
        if data.num_edges and not isinstance(data, Batch):
            data.edge_index[:, -1] = data.edge_index[:, -1].flip(0)


class Looping(FoSR):
    def _apply(self, data, *args):
        super()._apply(data, *args)
        data.edge_index = torch.where(data.edge_index == 1, 0, data.edge_index)


class Miscounting(FoSR):
    def forward(self, data):
        data = super().forward(data)
        data.rewired = data.rewired.flip(1)
        return data


class Shuffling(FoSR):
    def forward(self, data):
        data = super().forward(data)
        data.edge_attr = data.edge_attr.flip(0)
        return data


class Unweighing(FoSR):
    def forward(self, data):
        data = super().forward(data)
        data.edge_weight = torch.ones_like(data.edge_weight)
        return data


class Obliging(FoSR):
    """Takes directed graphs unasked."""

    def _rewired(self, data):
        asked, self.symmetrize = self.symmetrize, True
        try:
            return super()._rewired(data)
        finally:
            self.symmetrize = asked


class Mixing(FoSR):
    def _types(self, data, changes):
        return torch.zeros(changes.added.size(1), dtype=torch.int64)


class Clamping(FoSR):
    def forward(self, data):
        if hasattr(data, "edge_index"):
            data.edge_index = data.edge_index.clamp(0, data.num_nodes - 1)
        return super().forward(data)


BROKEN = [
    ("repr", Silent, "does not show power_steps=None"),
    ("input", InPlace, "edge_weight differs"),
    ("hetero_data", Terse, "HeteroData is not named"),
    ("repeatable", Drawing, "torch's generator was used"),
    ("batch", Centring, "the batch: x differs"),
    ("nodes", Relabelling, "y is another"),
    ("nodes", Dividing, "degree is not finite"),
    ("unbatch", Forgetting, "out of the batch"),
    ("edges", OneWay, "not undirected"),
    ("edges", Looping, "is there 3 times"),
    ("counts", Miscounting, "for [["),
    ("attributes", Shuffling, "is on edge"),
    ("attributes", Unweighing, "the weight of"),
    ("directed", Obliging, "a directed graph was taken without a word"),
    ("types", Mixing, "types that clash were added without a word"),
    ("indices", Clamping, "an edge to node -1 of 5 was taken without a word"),
]


@pytest.mark.parametrize(("name", "cls", "words"), BROKEN)
def test_broken(name, cls, words):
    with pytest.raises(AssertionError) as caught:
        check_transform(cls(2), only=[name])
    assert words in str(caught.value)
    assert f"{cls.__name__} breaks {name}" in str(caught.value)


def test_each_property_can_fail():
    assert [name for name in transform_properties() if name not in {b[0] for b in BROKEN}] == []


def test_torch_draws_what_it_would_have_drawn():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    check_transform(lambda: FoSR(2))
    assert torch.equal(torch.rand(4), expected)


def test_names():
    with pytest.raises(ValueError, match="did you mean 'repeatable'"):
        check_transform(FoSR(2), only=["repeatabl"])
    left = [name for name in transform_properties() if name != "repr"]
    assert check_transform(Silent(2), exclude=["repr"]) == left
