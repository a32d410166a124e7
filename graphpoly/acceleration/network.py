"""Networks around accelerated layers: their dropout is a function, or their layers one operator."""

from __future__ import annotations

import copyreg
import functools
from abc import ABCMeta
from typing import Any, ClassVar

import torch
from torch import jit, nn
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.nn.models import GAT, GCN, GIN, GraphSAGE
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphpoly.acceleration.accelerated import Accelerated
from graphpoly.acceleration.at_once import at_once
from graphpoly.acceleration.conv_network import plan_gcn, plan_sage, run_gcn, run_sage
from graphpoly.acceleration.drops import dropping
from graphpoly.acceleration.gat_network import plan_gat, run_gat
from graphpoly.acceleration.gin_network import plan_gin, run_gin

__all__ = ["AcceleratedNetwork", "accelerated_network"]

_AT_ONCE: dict[Any, Any] = {
    GAT: functools.partial(at_once, plan=plan_gat, run=run_gat),
    GCN: functools.partial(at_once, plan=plan_gcn, run=run_gcn, weighted=True),
    GIN: functools.partial(at_once, plan=plan_gin, run=run_gin),
    GraphSAGE: functools.partial(at_once, plan=plan_sage, run=run_sage),
}
# a BasicGNN drops by a module; those above have a way of their own
_LEFT_ALONE = (Accelerated, MessagePassing, BasicGNN, jit.ScriptModule)


class AcceleratedNetwork:
    """Mixed in before the class of a network; what ``forward`` drops by a function is one pass.

    The module keeps its state and its class's name. Copies and pickles name the original class, so
    that one made within a function is no worse off than before.
    """

    original: ClassVar[type[nn.Module]]

    def __init_subclass__(cls) -> None:
        """Keep the original's own from running: a list of networks would get one more."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        made: Any = super().__reduce_ex__(max(protocol, 2))
        if made[0] is not copyreg.__newobj__:  # type: ignore[attr-defined]
            return made
        return (_again, (self.original, *made[1][1:]), *made[2:])

    def __prepare_scriptable__(self) -> Any:
        """Refuse ``torch.jit.script``, which asks each module for its scriptable form."""
        raise TypeError(
            f"torch.jit.script: {type(self).__name__} is accelerated, and TorchScript reads plain "
            "modules only; call graphpoly.acceleration.restore(model) first"
        )


def accelerated_network(kind: Any) -> type | None:
    """Return the class that a network is given in place of ``kind``, or None where it keeps it."""
    left_alone = issubclass(kind, (AcceleratedNetwork, *_LEFT_ALONE))
    if (left_alone and kind not in _AT_ONCE) or type(kind) not in (type, ABCMeta):
        return None
    if kind.__module__.partition(".")[0] == "torch" or kind.forward is nn.Module.forward:
        return None
    for known in kind.__subclasses__():
        if known.__dict__.get("original") is kind:
            return known

    forward = _AT_ONCE.get(kind, _dropping)(kind)
    own = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    own |= {"original": kind, "forward": forward}
    return type(kind)(kind.__name__, (AcceleratedNetwork, kind), own)


def _dropping(kind: Any) -> Any:
    @functools.wraps(kind.forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.training or not torch.is_grad_enabled():
            return kind.forward(self, *args, **kwargs)
        with dropping():
            return kind.forward(self, *args, **kwargs)

    return forward


def _again(original: Any, *args: Any) -> Any:
    kind = accelerated_network(original) or original
    return kind.__new__(kind, *args)
