"""What every accelerated layer shares: when it may run, and what it aggregates with."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, TypeGuard
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import aggr
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphpoly.acceleration.drops import apart
from graphpoly.acceleration.operators import (
    gcn_operator,
    is_adjacency,
    is_pairs,
    operator,
    uncovered_graph,
)
from graphpoly.ops import CSR, LinearOperator, spmm
from graphpoly.ops.hooks import is_hooked
from graphpoly.ops.linear_operator import operator_product

__all__ = [
    "Accelerated",
    "AcceleratedNeighbors",
    "AcceleratedNormalized",
    "aggregate",
    "decline",
    "declined_calls",
    "given_sizes",
    "promoted",
    "readable",
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
# how often a module ran PyG's code, and why; beside the modules, which stay as PyG made them
_DECLINED: WeakKeyDictionary[Any, Counter[str]] = WeakKeyDictionary()


class Accelerated:
    """Mixed in before a PyG layer; the class that a module is given in place of its own.

    The module keeps its parameters, its attributes and its place in the model, and its class keeps
    the name of the original, which is what PyG and others print. Whatever the kernels do not cover
    runs the layer's own ``forward``, which is decided at each call.
    """

    original: ClassVar[type]

    # attributes of every PyG layer
    aggr_module: Any
    explain: bool | None
    fuse: bool
    node_dim: int
    training: bool

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "original" in cls.__dict__:
            cls.__name__ = cls.original.__name__  # pickle looks for __qualname__, which stays
        if "forward" in cls.__dict__:
            cls.forward = apart(cls.__dict__["forward"])  # type: ignore[attr-defined]

    def __prepare_scriptable__(self) -> Any:
        """Refuse ``torch.jit.script``, which asks each module for its scriptable form."""
        raise TypeError(
            f"torch.jit.script: {type(self).__name__} is accelerated, and TorchScript reads plain "
            "layers only; call graphpoly.acceleration.restore(model) first"
        )

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

    def _declined(self, reason: str) -> Any:
        """Note that this call runs PyG's code, and why; return None."""
        if not torch.compiler.is_compiling():
            decline(self, reason)
        return None

    def _ready(self, *features: Any, static: bool = False) -> bool:
        """Whether the kernels may serve this call, as far as layer and features are concerned.

        Args:
            features: ``[N, F]`` each.
            static: Accept ``[..., N, F]``, too: many signals on one graph.
        """
        reason = self._refusal(features, static)
        if reason is not None:
            self._declined(reason)
        return reason is None

    def _refusal(self, features: tuple[Any, ...], static: bool) -> str | None:
        reason = self._own_refusal()
        if reason is not None:
            return reason
        for feature in features:
            if not isinstance(feature, Tensor):
                return f"x: got {type(feature).__name__}, a tensor is accelerated"
            if feature.dim() != 2 and not (static and feature.dim() > 2 and self.node_dim == -2):
                return f"x: got {feature.dim()} axes, 2 are accelerated"
            if not feature.is_floating_point():
                return f"x: got dtype {feature.dtype}, floating-point ones are accelerated"
            if feature.device.type not in _DEVICES:
                return f"x: got device {feature.device.type}, cpu and cuda are accelerated"
        return None if torch.compiler.is_compiling() else _transformed()

    def _own_refusal(self) -> str | None:
        """Say what of the layer itself keeps the kernels from it, whatever features it is given."""
        if self.explain:
            return "explain: an explainer reads the message of each edge"
        reason = self.uncovered(self)
        if reason is not None:
            return reason
        if is_hooked(self.aggr_module):
            return "hooks: some see aggr_module, which would not be called"
        return None if torch.compiler.is_compiling() else _watched(self)

    def _by_products(
        self, op: LinearOperator, x: Any, edge_weight: Tensor | None
    ) -> LinearOperator:
        """Return the operator that stands in place of a graph, if this call can be served by it."""
        reason = self._refusal((x,), static=False)
        if reason is None and edge_weight is not None:
            reason = "edge_weight: got some beside an operator, which has its own"
        if reason is None and x.size(0) != op.num_rows:
            reason = f"x: got {x.size(0)} rows, the operator has {op.num_rows}"
        if reason is not None:
            raise ValueError(reason)
        return op

    def _set_jittable_templates(self, raise_on_error: bool = False) -> None:
        # PyG writes generated methods into the class when a module is unpickled: the original's
        accelerated = type(self)
        self.__class__ = accelerated.original
        try:
            self._set_jittable_templates(raise_on_error)
        finally:
            self.__class__ = accelerated


def decline(part: Any, reason: str) -> None:
    """Note that a call of a layer, or an epoch of a loader, runs PyG's code."""
    _DECLINED.setdefault(part, Counter())[reason] += 1


def declined_calls(module: Any) -> dict[str, int]:
    """Return how often ``module`` ran PyG's code since it was made, by reason."""
    return dict(_DECLINED.get(module, {}))


def _watched(module: Any) -> str | None:
    """Say who looks at the messages, or what replaces a step of this one module."""
    own = module.__dict__
    if not _STEPS.isdisjoint(own):
        return f"{min(_STEPS & own.keys())}: replaced on this layer"
    if any(map(own.__getitem__, _HOOKS)):
        name = next(name for name in _HOOKS if own[name])
        return f"hooks: {name.strip('_')}"
    return None


def _transformed() -> str | None:
    """Say which trace is recorded, which must not hold what is remembered, or transform runs."""
    if torch.jit.is_tracing():
        return "torch.jit.trace: a trace must not hold what is remembered of one graph"
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "torch.func: a transform runs"
    if torch.autograd.forward_ad._current_level >= 0:
        return "forward-mode differentiation"
    return None


def aggregate(adj: CSR | LinearOperator, x: Tensor, reduce: str = "sum") -> Tensor:
    """Return :func:`~graphpoly.ops.spmm` in the type that ``weight * x`` would have.

    ``x`` is ``[..., N, F]``. An operator that is known by its products reduces as it was made to.
    """
    if isinstance(adj, LinearOperator):
        return operator_product(adj, x)
    if x.dim() == 2:
        return spmm(adj, promoted(adj, x), reduce)
    return spmm(adj, promoted(adj, x).movedim(-2, 0), reduce).movedim(0, -2)


def promoted(adj: CSR | LinearOperator, x: Tensor) -> Tensor:
    """Return ``x`` in the type that ``weight * x`` would have."""
    if isinstance(adj, LinearOperator) or adj.weight is None or adj.weight.dtype == x.dtype:
        return x
    return x.to(torch.promote_types(adj.weight.dtype, x.dtype))


def readable(x: Tensor) -> Tensor:
    """Return ``x``, or a copy that gradients may read where it was made in inference mode.

    For layers of which PyG's own reads nothing but sums of it.
    """
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return x
    return x.clone() if x.is_inference() else x


class AcceleratedNeighbors(Accelerated):
    """A layer that reduces the features of the neighbours, as they are or weighted."""

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if type(conv.aggr_module) not in REDUCTIONS:
            return f"aggr={conv.aggr!r}: accelerated are sum, mean, max and min"
        return super().uncovered(conv)

    def _reduce(self, adj: CSR | LinearOperator, x: Tensor) -> Tensor:
        return aggregate(adj, x, REDUCTIONS[type(self.aggr_module)])

    def _adds(self, adj: CSR | LinearOperator) -> TypeGuard[CSR]:
        """Whether a linear map of the features may as well come before the reduction.

        Not where several processes reduce together: features that are sparse in one of them may be
        dense in another, and all must send the same channels.
        """
        return isinstance(adj, CSR) and REDUCTIONS[type(self.aggr_module)] in ("sum", "mean")

    def _operator(
        self, x: Any, edge_index: Any, edge_weight: Tensor | None, size: Any
    ) -> CSR | LinearOperator | None:
        """Return the operator from ``x[0]`` to the targets, or None if the call is uncovered."""
        if isinstance(edge_index, LinearOperator):
            return self._by_products(edge_index, x[0], edge_weight)
        if not isinstance(x, (tuple, list)) or len(x) != 2:
            return self._declined(f"x: got {type(x).__name__}, a tensor or a pair is accelerated")
        if not self._ready(x[0], static=True):
            return None
        found = x[0].size(-2)
        num_sources, num_targets = given_sizes(edge_index, size)
        if num_sources not in (None, found):
            return self._declined(f"size: {num_sources} sources, x has {found}")
        if isinstance(x[1], Tensor):
            if x[1].dim() != x[0].dim():
                return self._declined(f"x: got {x[0].dim()} and {x[1].dim()} axes")
            if num_targets not in (None, x[1].size(-2)):
                return self._declined(f"size: {num_targets} targets, x has {x[1].size(-2)}")
            num_targets = x[1].size(-2)
        if num_targets is None:
            num_targets = found
        if not self.fuse and not is_pairs(edge_index):
            return self._declined("fuse=False: a sparse matrix is taken apart")
        adj = operator(edge_index, edge_weight, found, num_targets)
        return adj or self._declined(uncovered_graph(edge_index, edge_weight))


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

    def _operator(
        self, x: Any, edge_index: Any, edge_weight: Tensor | None
    ) -> CSR | LinearOperator | None:
        """Return the operator, or None if the call is uncovered."""
        if isinstance(edge_index, LinearOperator):
            return self._by_products(edge_index, x, edge_weight)
        if not self._ready(x, static=True):
            return None
        if not self.fuse and is_adjacency(edge_index):
            return self._declined("fuse=False: a sparse matrix is taken apart")
        adj = None
        if is_pairs(edge_index) or is_adjacency(edge_index):
            adj = self._normalized(x, edge_index, edge_weight)
        return adj or self._declined(uncovered_graph(edge_index, edge_weight))

    def _normalized(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None) -> CSR | None:
        num_nodes = x.size(-2)
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
