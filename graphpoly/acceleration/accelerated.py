"""What every accelerated layer shares: when it may run, and what it aggregates with."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import aggr
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphpoly.acceleration.operators import gcn_operator, is_adjacency, is_pairs, operator
from graphpoly.ops import CSR, spmm

__all__ = [
    "Accelerated",
    "AcceleratedNeighbors",
    "AcceleratedNormalized",
    "aggregate",
    "given_sizes",
    "promoted",
]

REDUCTIONS: dict[type, str] = {
    aggr.SumAggregation: "sum",
    aggr.MeanAggregation: "mean",
    aggr.MaxAggregation: "max",
    aggr.MinAggregation: "min",
}
_HOOKS = (
    *(
        f"_{stage}_forward{when}_hooks"
        for stage in ("propagate", "message", "aggregate", "message_and_aggregate")
        for when in ("_pre", "")
    ),
    "_edge_update_forward_pre_hooks",
    "_edge_update_forward_hooks",
)
_STEPS = frozenset({"message", "aggregate", "message_and_aggregate", "update", "edge_update"})
_DEVICES = ("cpu", "cuda")


class Accelerated:
    """Mixed in before a PyG layer; the class that a module is given in place of its own.

    The module keeps its parameters, its attributes and its place in the model. Whatever the kernels
    do not cover runs the layer's own ``forward``, which is decided at each call.
    """

    original: ClassVar[type]

    # attributes of every PyG layer
    aggr_module: Any
    explain: bool | None
    fuse: bool
    training: bool

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if conv.flow != "source_to_target":
            return f"flow={conv.flow!r}: the operators aggregate at the target"
        if conv.decomposed_layers != 1:
            return f"decomposed_layers={conv.decomposed_layers}: features are never split here"
        if conv.node_dim not in (0, -2):
            return f"node_dim={conv.node_dim}: the nodes must be the rows"
        return None

    def _ready(self, *features: Any) -> bool:
        """Whether the kernels may serve this call, as far as layer and features are concerned."""
        if self.explain or self.uncovered(self) is not None:
            return False
        for feature in features:
            if (
                not isinstance(feature, Tensor)
                or feature.dim() != 2
                or not feature.is_floating_point()
                or feature.device.type not in _DEVICES
            ):
                return False
        return torch.compiler.is_compiling() or not (_watched(self) or _transformed())

    def _set_jittable_templates(self, raise_on_error: bool = False) -> None:
        # PyG writes generated methods into the class when a module is unpickled: the original's
        accelerated = type(self)
        self.__class__ = accelerated.original
        try:
            self._set_jittable_templates(raise_on_error)
        finally:
            self.__class__ = accelerated


def _watched(module: Any) -> bool:
    """Whether somebody looks at the messages, or has replaced a step of this one module."""
    own = module.__dict__
    return not _STEPS.isdisjoint(own) or any(own[name] for name in _HOOKS)


def _transformed() -> bool:
    """Whether a trace is recorded, which must not hold what is remembered, or a transform runs."""
    return (
        torch.jit.is_tracing()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
    )


def aggregate(adj: CSR, x: Tensor, reduce: str = "sum") -> Tensor:
    """Return :func:`~graphpoly.ops.spmm` in the type that ``weight * x`` would have."""
    return spmm(adj, promoted(adj, x), reduce)


def promoted(adj: CSR, x: Tensor) -> Tensor:
    """Return ``x`` in the type that ``weight * x`` would have."""
    if adj.weight is None or adj.weight.dtype == x.dtype:
        return x
    return x.to(torch.promote_types(adj.weight.dtype, x.dtype))


class AcceleratedNeighbors(Accelerated):
    """A layer that reduces the features of the neighbours, as they are or weighted."""

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if type(conv.aggr_module) not in REDUCTIONS:
            return f"aggr={conv.aggr!r}: accelerated are sum, mean, max and min"
        return super().uncovered(conv)

    def _reduce(self, adj: CSR, x: Tensor) -> Tensor:
        return aggregate(adj, x, REDUCTIONS[type(self.aggr_module)])

    def _operator(
        self, x: Any, edge_index: Any, edge_weight: Tensor | None, size: Any
    ) -> CSR | None:
        """Return the operator from ``x[0]`` to the targets, or None if the call is uncovered."""
        if not isinstance(x, (tuple, list)) or len(x) != 2 or not self._ready(x[0]):
            return None
        num_sources, num_targets = given_sizes(edge_index, size)
        if num_sources not in (None, x[0].size(0)):
            return None
        if isinstance(x[1], Tensor):
            if num_targets not in (None, x[1].size(0)):
                return None
            num_targets = x[1].size(0)
        if num_targets is None:
            num_targets = x[0].size(0)
        if not self.fuse and not is_pairs(edge_index):
            return None
        return operator(edge_index, edge_weight, x[0].size(0), num_targets)


def given_sizes(edge_index: Any, size: Any) -> tuple[int | None, int | None]:
    """Return (sources, targets) as far as the graph or the call gives them."""
    if isinstance(edge_index, EdgeIndex):
        return edge_index.num_rows, edge_index.num_cols
    if is_adjacency(edge_index):
        return edge_index.size(1), edge_index.size(0)
    return (None, None) if size is None else (size[0], size[1])


class AcceleratedNormalized(Accelerated):
    """A layer that aggregates with PyG's ``gcn_norm``."""

    add_self_loops: bool
    cached: bool
    improved: bool
    normalize: bool

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if REDUCTIONS.get(type(conv.aggr_module)) != "sum":
            return f"aggr={conv.aggr!r}: of the normalised layers only sums are accelerated"
        return super().uncovered(conv)

    def _operator(self, x: Any, edge_index: Any, edge_weight: Tensor | None) -> CSR | None:
        """Return the operator, or None if the call is uncovered."""
        if not self._ready(x):
            return None
        if not is_pairs(edge_index) and not (self.fuse and is_adjacency(edge_index)):
            return None
        num_nodes = x.size(0)
        if not getattr(self, "normalize", True):
            return operator(edge_index, edge_weight, num_nodes, num_nodes)
        improved = getattr(self, "improved", False)
        loops = getattr(self, "add_self_loops", False)
        if hasattr(self, "_cached_edge_index") and (self.cached or self._cached_edge_index):
            # the cache is the original's, too: either may fill it, and the other reads it
            if self._cached_edge_index is None:
                self._cached_edge_index: Any = gcn_norm(
                    edge_index, edge_weight, num_nodes, improved, loops, dtype=x.dtype
                )
            pairs, weight = self._cached_edge_index
            return operator(pairs, weight, num_nodes, num_nodes)
        return gcn_operator(
            edge_index,
            edge_weight,
            num_nodes,
            dtype=x.dtype,
            improved=improved,
            add_self_loops=loops,
        )
