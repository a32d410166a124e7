"""What every aggregation owes to PyG's layers and to those who read graphs out with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import SimpleConv

from graphpoly.testing.battery import Exclusions, check_subject
from graphpoly.testing.properties import Property, beside, enter_into
from graphpoly.testing.report import Report
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, Violation, expect, expect_close

__all__ = ["aggregation_properties", "check_aggregation"]

_OWN: dict[str, Property] = {}

# What is asked of layers, and of an aggregation as the layer that aggregates neighbours with it.
_AS_A_LAYER = (
    "repr",
    "output",
    "float64",
    "gradcheck",
    "used_parameters",
    "degenerate_graphs",
    "autocast",
    "edge_order",
    "node_permutation",
    "batch",
    "eval_determinism",
    "train_seed",
    "reset_parameters",
    "state_dict",
    "safetensors",
    "copies",
    "stateless_forward",
    "compile",
)


def _listed() -> dict[str, Property]:
    return beside(_OWN, _AS_A_LAYER)


def aggregation_properties() -> dict[str, str]:
    """Return the name of each property and what it promises.

    Those that speak of edges and nodes are asked of the layer that aggregates neighbours: elements
    are edges, and groups are the nodes that they lead to.

    >>> aggregation_properties()["empty_groups"]
    'A group without elements is what no elements at all give, and finite.'
    """
    return {name: entry.sentence for name, entry in _listed().items()}


def check_aggregation(
    aggregation: Any,
    *,
    exclude: Exclusions = (),
    only: Iterable[str] | None = None,
    channels: int | None = None,
    seed: int = 0,
) -> Report:
    """Run the battery for aggregations over one of them.

    Args:
        aggregation: A :class:`~torch_geometric.nn.aggr.Aggregation`, a function without arguments
            that makes one, or a registry entry.
        exclude: Properties that are not run, as ``{name: reason}`` or names alone. What the class
            declares in ``compliance_exceptions`` is left out likewise.
        only: Properties to run; default all of :func:`aggregation_properties`.
        channels: Size of the features; default what the aggregation calls ``channels``, or 8.
        seed: Seeds parameters and features. torch's global generator is left as it was.

    Returns:
        What became of each property.

    Raises:
        ComplianceError: If a property fails; the message names each one and by how much it differs.
        ValueError: If a name is not a property.

    Example:
        >>> from torch_geometric.nn import MeanAggregation
        >>> print(check_aggregation(MeanAggregation, only=["empty_groups", "edge_order"]))
        MeanAggregation: 2 of 2 properties hold
          empty_groups  passed
          edge_order    passed
    """
    subject = _Neighbors(aggregation, in_channels=channels, seed=seed)
    return check_subject(subject, _listed(), exclude=exclude, only=only)


class _Neighbors(Subject):
    """An aggregation, called as the layer that aggregates the neighbours of each node with it."""

    def __init__(self, aggregation: Any, *, in_channels: int | None, seed: int) -> None:
        super().__init__(aggregation, in_channels=in_channels or 8, seed=seed)
        if in_channels is None:
            with torch.random.fork_rng(devices=[]):
                held = getattr(self._make(), "channels", None)
            self.in_channels = held if isinstance(held, int) and held > 1 else self.in_channels

    def _signature(self, layer: nn.Module, edge_dim: int | None) -> tuple[set[str], int | None]:
        return set(), None

    def outputs(self, layer: Any, data: Data, **changed: Any) -> Tensor:
        x = changed.pop("x", data.x)
        source, target = data.edge_index
        elements = x.index_select(0, source)
        if not elements.requires_grad:  # or sums of what has no parameters had no backward pass
            elements.requires_grad_(torch.is_grad_enabled())
        out: Tensor = layer(elements, target, dim_size=int(data.num_nodes))
        return out


# the group of each element, in no order: 4, 1, 0, 3, 2 and 0 elements
_GROUP = (3, 0, 4, 0, 1, 3, 0, 4, 3, 0)
_GROUPS = 6


def _elements(subject: Subject, *shape: int) -> tuple[Tensor, Tensor]:
    """Features ``[..., 10, C]`` and the group of each element."""
    generator = torch.Generator("cpu").manual_seed(subject.seed)
    shape = (*shape, len(_GROUP), subject.in_channels)
    x = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")
    index = torch.tensor(_GROUP)
    return x.to(index.device), index


@enter_into(
    _OWN, "Elements in the order of their groups give the same by index, by ptr and by both."
)
def _check_index_and_ptr(subject: Subject) -> None:
    aggregation = subject.layer(dtype=torch.float64)
    x, index = _elements(subject)
    index, order = index.sort(stable=True)
    x = x[order]
    ptr = torch.searchsorted(index, torch.arange(_GROUPS + 1))
    expected = aggregation(x, index, dim_size=_GROUPS)
    try:
        by_ptr = aggregation(x, ptr=ptr)
    except NotImplementedError as error:
        raise NotApplicable(f"ptr alone is refused: {error}") from error
    expect_close(by_ptr, expected, "by ptr and by index")
    both = aggregation(x, index, ptr=ptr, dim_size=_GROUPS)
    expect_close(both, expected, "by both and by index")


@enter_into(_OWN, "A group gives what its elements give alone, without any index.")
def _check_group_alone(subject: Subject) -> None:
    aggregation = subject.layer(dtype=torch.float64)
    x, index = _elements(subject)
    together = aggregation(x, index, dim_size=_GROUPS)
    for group in index.unique().tolist():
        alone = aggregation(x[index == group])
        expect_close(together[group : group + 1], alone, f"group {group} among others and alone")


@enter_into(_OWN, "A group without elements is what no elements at all give, and finite.")
def _check_empty_groups(subject: Subject) -> None:
    aggregation = subject.layer(dtype=torch.float64)
    x, index = _elements(subject)
    nothing = aggregation(x[:0], index[:0], dim_size=2)
    expect(nothing.isfinite().all(), "the rows of no elements at all are not finite")
    out = aggregation(x, index, dim_size=_GROUPS)
    expect(out.size(0) == _GROUPS, f"dim_size={_GROUPS} gives {out.size(0)} rows")
    expect_close(out[[2, 5]], nothing, "groups without elements and no elements at all")
    expect_close(aggregation(x, index), out[:-1], "without dim_size and the groups up to the last")


@enter_into(
    _OWN,
    "Each slice of x [B, N, C] gives what it gives alone, or x is refused in words that say so.",
)
def _check_axes(subject: Subject) -> None:
    aggregation = subject.layer(dtype=torch.float64)
    x, index = _elements(subject, 3)
    expected = [aggregation(each, index, dim_size=_GROUPS) for each in x]
    for dim, turned in ((-2, x), (1, x), (0, x.movedim(1, 0))):
        axis = 0 if dim == 0 else 1
        try:
            out = aggregation(turned.contiguous(), index, dim_size=_GROUPS, dim=dim)
        except (ValueError, NotImplementedError) as error:
            expect("dimension" in str(error), f"x [3, N, C], dim={dim}: refused with {error}")
            continue
        expect_close(out.movedim(axis, 1), torch.stack(expected), f"dim={dim}: 3 slices and each")


@enter_into(_OWN, "A dim_size that leaves a group out raises a ValueError.")
def _check_dim_size(subject: Subject) -> None:
    aggregation = subject.layer(dtype=torch.float64)
    x, index = _elements(subject)
    try:
        aggregation(x, index, dim_size=4)
    except ValueError:
        return
    raise Violation("a group outside of dim_size was taken without a word")


@enter_into(_OWN, "What is computed stays on the device of x.")
def _check_device(subject: Subject) -> None:
    aggregation = subject.layer().to("meta")
    x, index = (each.to("meta") for each in _elements(subject))
    try:
        out = aggregation(x.float(), index, dim_size=_GROUPS)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        first = str(error).strip().splitlines()[0]
        raise Violation(f"with everything on the meta device: {first}") from error
    expect(out.device == x.device, f"the output is on {out.device}, x is on {x.device}")


@enter_into(
    _OWN, "Values and gradients are finite from features of 1e-12 to 1e12, and where some are zero."
)
def _check_magnitudes(subject: Subject) -> None:
    aggregation = subject.layer()
    for size in (1e-12, 1.0, 1e12):
        x, index = _elements(subject)
        x = size * x.float()
        x[::3] = 0
        x.requires_grad_()
        aggregation.zero_grad()
        out = aggregation(x, index, dim_size=_GROUPS)
        expect(out.isfinite().all(), f"features of {size:g}: the output is not finite")
        out.sum().backward()
        gradients = {"x": x.grad, **{name: p.grad for name, p in aggregation.named_parameters()}}
        for name, gradient in gradients.items():
            finite = gradient is None or gradient.isfinite().all()
            expect(finite, f"features of {size:g}: the gradient of {name} is not finite")


@enter_into(_OWN, "x and index are left as they were.")
def _check_inputs(subject: Subject) -> None:
    aggregation = subject.layer(train=True)
    x, index = _elements(subject)
    given, groups = x.float(), index.clone()
    aggregation(given, groups, dim_size=_GROUPS)
    expect(torch.equal(given, x.float()), "x changed in place")
    expect(torch.equal(groups, index), "index changed in place")


@enter_into(_OWN, "As aggr= of a PyG layer it aggregates the messages to each node.")
def _check_as_aggr(subject: Subject) -> None:
    aggregation = subject.layer(dtype=torch.float64)
    conv = SimpleConv(aggr=aggregation)
    for name in ("directed", "erdos_renyi", "no_edges"):
        data = subject.graph(name)
        expected = subject.call(aggregation, data)
        expect_close(conv(data.x, data.edge_index), expected, f"{name}: in a layer and called")
