"""The battery for aggregations fails where one breaks a promise, and says which."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import Parameter
from torch_geometric.nn import Aggregation, MedianAggregation, SumAggregation

from graphpoly.testing import ComplianceError, aggregation_properties, check_aggregation


class SoundAggregation(Aggregation):
    """A sum, times a factor that is learned."""

    def __init__(self, channels=4):
        super().__init__()
        self.channels = channels
        self.factor = Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self):
        torch.nn.init.uniform_(self.factor, 0.5, 1.5)

    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        return self.factor * self.reduce(x, index, ptr, dim_size, dim, reduce="sum")

    def __repr__(self):
        return f"{type(self).__name__}({self.channels})"


class SilentAggregation(SoundAggregation):
    def __repr__(self):
        return f"{type(self).__name__}()"


class UnsortedPtrAggregation(SoundAggregation):
    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        if ptr is not None:
            ptr = ptr.clone()
            ptr[1] = ptr[2]
            index = None
        return super().forward(x, index, ptr, dim_size, dim)


class CentredAggregation(SoundAggregation):
    """Looks beyond the group."""

    def forward(self, x, *args, **kwargs):
        return super().forward(x - x.mean(), *args, **kwargs)


class FilledAggregation(SoundAggregation):
    """Calls the extreme of nothing infinite."""

    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        out = super().forward(x, index, ptr, dim_size, dim)
        return torch.where(out == 0, torch.inf, out)


class CutAggregation(SoundAggregation):
    """Stops at the last group that has an element."""

    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        if index is not None and index.numel():
            dim_size = int(index.max()) + 1
        return super().forward(x, index, ptr, dim_size, dim)


class MixingAggregation(SoundAggregation):
    """Takes the slices of a tensor for one."""

    def forward(self, x, *args, **kwargs):
        return super().forward(x + x.mean(0) if x.dim() == 3 else x, *args, **kwargs)


class ClampingAggregation(SoundAggregation):
    """Puts what has no group into the last."""

    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        if index is not None:
            index = index.clamp(max=max(dim_size - 1, 0))
        return super().forward(x, index, ptr, dim_size, dim)


class HostAggregation(SoundAggregation):
    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        out = super().forward(x, index, ptr, dim_size, dim)
        return out + torch.zeros(out.shape, dtype=out.dtype)


class RootAggregation(SoundAggregation):
    """The derivative of a root at zero is infinite."""

    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        return super().forward(x.abs().sqrt(), index, ptr, dim_size, dim)


class InPlaceAggregation(SoundAggregation):
    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        if not x.requires_grad:
            x.abs_()
        return super().forward(x.abs(), index, ptr, dim_size, dim)


class NoAggregation(nn.Module):
    """Looks like one, and no layer takes it."""

    def forward(self, x, index, dim_size):
        return x.new_zeros(dim_size, x.size(1)).index_add(0, index, x)


class SingleAggregation(SoundAggregation):
    def forward(self, x, *args, **kwargs):
        return super().forward(x, *args, **kwargs).float()


class DetachedAggregation(SoundAggregation):
    def forward(self, x, *args, **kwargs):
        return super().forward(x.detach(), *args, **kwargs) + 0 * super().forward(
            x, *args, **kwargs
        )


class UnusedAggregation(SoundAggregation):
    def __init__(self, channels=4):
        super().__init__(channels)
        self.spare = Parameter(torch.ones(1))

    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs) + 0 * self.spare


class FirstAggregation(SoundAggregation):
    """Counts the element that comes first twice."""

    def forward(self, x, *args, **kwargs):
        x = torch.cat([2 * x[:1], x[1:]])
        return super().forward(x, *args, **kwargs)


class NumberedAggregation(SoundAggregation):
    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        out = super().forward(x, index, ptr, dim_size, dim)
        return out * (1 + torch.arange(out.size(0)).unsqueeze(1))


class RandomAggregation(SoundAggregation):
    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        return out * torch.rand_like(out)


class GeneratorAggregation(SoundAggregation):
    """Draws from a generator that no seed reaches."""

    generator = torch.Generator("cpu")

    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        noise = torch.rand(out.shape, generator=self.generator, device="cpu").to(out)
        return out * noise if self.training else out


class ForgetfulAggregation(SoundAggregation):
    def reset_parameters(self):
        if not getattr(self, "ready", False):
            super().reset_parameters()
        self.ready = True


class HiddenStateAggregation(SoundAggregation):
    def __init__(self, channels=4):
        super().__init__(channels)
        self.shift = torch.rand(channels)

    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs) * self.shift


class AliasAggregation(SoundAggregation):
    def __init__(self, channels=4):
        super().__init__(channels)
        self.register_buffer("alias", self.factor.detach())


class UnpicklableAggregation(SoundAggregation):
    def __init__(self, channels=4):
        super().__init__(channels)
        self.activation = lambda value: value


class CountingAggregation(SoundAggregation):
    calls = 0

    def forward(self, *args, **kwargs):
        self.calls += 1
        return super().forward(*args, **kwargs)


class LoopingAggregation(SoundAggregation):
    """A pass for each group, read off the data."""

    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        if index is not None and index.numel() and int(index.min()) < 0:
            x = -x
        return super().forward(x, index, ptr, dim_size, dim)


class NarrowAggregation(SoundAggregation):
    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs)[:, : 1 + torch.randint(2, ()).item()]


class CoarseAggregation(SoundAggregation):
    """Half precision is too little for what it adds and takes away again."""

    def forward(self, x, *args, **kwargs):
        if torch.is_autocast_enabled("cpu"):
            x = ((x + 100).bfloat16() - 100).to(x.dtype)
        return super().forward(x, *args, **kwargs)


BROKEN = {
    "index_and_ptr": (UnsortedPtrAggregation, "by ptr and by index"),
    "group_alone": (CentredAggregation, "group 0 among others and alone"),
    "empty_groups": (FilledAggregation, "not finite"),
    "axes": (MixingAggregation, "dim=-2: 3 slices and each"),
    "dim_size": (ClampingAggregation, "without a word"),
    "device": (HostAggregation, "meta"),
    "magnitudes": (RootAggregation, "features of 1e-12: the gradient of x"),
    "inputs": (InPlaceAggregation, "x changed in place"),
    "as_aggr": (NoAggregation, "raised"),
    "repr": (SilentAggregation, "channels=4"),
    "output": (NarrowAggregation, "shape"),
    "float64": (SingleAggregation, "torch.float32 from float64"),
    "gradcheck": (DetachedAggregation, "gradient of directed: x"),
    "used_parameters": (UnusedAggregation, "spare"),
    "degenerate_graphs": (RootAggregation, "star with zero x: the gradient of x"),
    "autocast": (CoarseAggregation, "autocast and float32"),
    "edge_order": (FirstAggregation, "shuffled edges"),
    "node_permutation": (NumberedAggregation, "renamed nodes"),
    "batch": (CentredAggregation, "in a batch and alone"),
    "eval_determinism": (RandomAggregation, "two calls in eval()"),
    "train_seed": (GeneratorAggregation, "twice with the same seed"),
    "reset_parameters": (ForgetfulAggregation, "factor"),
    "state_dict": (HiddenStateAggregation, "after load_state_dict"),
    "safetensors": (AliasAggregation, "share memory"),
    "copies": (UnpicklableAggregation, "pickle"),
    "stateless_forward": (CountingAggregation, "changed calls"),
    "compile": (LoopingAggregation, "compilation raised"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name):
    cls, words = BROKEN[name]
    with pytest.raises(ComplianceError) as caught:
        check_aggregation(cls, only=[name])
    assert f"{cls.__name__} breaks 1 of 1 property\n- {name}: " in str(caught.value)
    assert words in caught.value.report.failed[name]


def test_each_property_can_fail():
    assert list(BROKEN) == list(aggregation_properties())


def test_rows_of_dim_size_are_counted():
    with pytest.raises(ComplianceError, match="dim_size=6 gives 5 rows"):
        check_aggregation(CutAggregation, only=["empty_groups"])


def test_the_one_that_the_broken_differ_from_is_sound():
    report = check_aggregation(SoundAggregation)
    assert report.passed == list(aggregation_properties())


def test_what_reads_no_ptr_is_told_apart():
    report = check_aggregation(MedianAggregation, only=["index_and_ptr", "group_alone"])
    assert report.passed == ["group_alone"]
    assert "ptr alone is refused" in report.not_applicable["index_and_ptr"]


def test_names_and_channels():
    with pytest.raises(ValueError, match="did you mean 'empty_groups'"):
        check_aggregation(SumAggregation, only=["empty_group"])
    with pytest.raises(ComplianceError, match="must match the size"):
        check_aggregation(SoundAggregation, only=["output"], channels=3)
    excluded = check_aggregation(
        FilledAggregation, only=["empty_groups"], exclude={"empty_groups": "infinite"}
    )
    assert excluded.excluded == {"empty_groups": "infinite"}
