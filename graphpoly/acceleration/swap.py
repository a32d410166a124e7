"""Give the layers of a model the classes that run on our kernels, and take them back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch.utils.data
from torch.nn import Dropout, Module
from torch.optim import Optimizer
from torch_geometric.loader import DataLoader
from torch_geometric.nn.conv import MessagePassing

from graphpoly.acceleration.accelerated import Accelerated, declined_calls
from graphpoly.acceleration.appnp import AcceleratedAPPNP
from graphpoly.acceleration.cheb_conv import AcceleratedChebConv
from graphpoly.acceleration.data_loader import AcceleratedDataLoader, pack, unpack
from graphpoly.acceleration.dropout import AcceleratedDropout
from graphpoly.acceleration.gat_conv import AcceleratedGATConv
from graphpoly.acceleration.gatv2_conv import AcceleratedGATv2Conv
from graphpoly.acceleration.gcn_conv import AcceleratedGCNConv
from graphpoly.acceleration.gin_conv import AcceleratedGINConv
from graphpoly.acceleration.graph_conv import AcceleratedGraphConv
from graphpoly.acceleration.network import AcceleratedNetwork, accelerated_network
from graphpoly.acceleration.optimizer import OnePass, fuse, part
from graphpoly.acceleration.pna_conv import AcceleratedPNAConv
from graphpoly.acceleration.sage_conv import AcceleratedSAGEConv
from graphpoly.acceleration.sg_conv import AcceleratedSGConv
from graphpoly.acceleration.tag_conv import AcceleratedTAGConv
from graphpoly.acceleration.topk_pooling import AcceleratedTopKPooling
from graphpoly.acceleration.transformer_conv import AcceleratedTransformerConv

__all__ = ["Report", "accelerate", "restore"]

ACCELERATED: dict[type, type[Accelerated]] = {
    accelerated.original: accelerated
    for accelerated in (
        AcceleratedAPPNP,
        AcceleratedChebConv,
        AcceleratedGATConv,
        AcceleratedGATv2Conv,
        AcceleratedGCNConv,
        AcceleratedGINConv,
        AcceleratedGraphConv,
        AcceleratedPNAConv,
        AcceleratedSAGEConv,
        AcceleratedSGConv,
        AcceleratedTAGConv,
        AcceleratedTransformerConv,
    )
}
POOLINGS: dict[type, type[Accelerated]] = {AcceleratedTopKPooling.original: AcceleratedTopKPooling}
_OF_EACH_CLASS = ("__dict__", "__weakref__")
# layers that one might look for in vain
_REASONS = {
    "GINEConv": "a ReLU of node and edge features together is needed for each edge",
}

_NO_MODEL = "accelerate returns a report and no model: it changes the model it is given, in place"


@dataclass(frozen=True)
class Report:
    """What :func:`accelerate` found in a model, and in what was given with it.

    Attributes:
        accelerated: Name of each layer, of message passing or pooling, that runs on our kernels,
            and its original class; likewise of ``loader 0`` and ``optimizer 0``, the first given.
        left_alone: Name of each other message-passing layer, loader and optimiser, and why it is as
            it was.
        declined: Name of each accelerated layer that has run PyG's code, and how many of its calls,
            of a loader its epochs, did so, by reason. A report made before the model ran has none.
    """

    accelerated: dict[str, str] = field(default_factory=dict)
    left_alone: dict[str, str] = field(default_factory=dict)
    declined: dict[str, dict[str, int]] = field(default_factory=dict)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(_NO_MODEL)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name!r}: {_NO_MODEL}", name=name, obj=self)

    def __str__(self) -> str:
        rows = []
        for name, kind in self.accelerated.items():
            rows.append((name, kind, "accelerated"))
            for reason, calls in self.declined.get(name, {}).items():
                rows.append((name, kind, f"ran PyG's code (calls: {calls}): {reason}"))
        for name, reason in self.left_alone.items():
            kind, _, why = reason.partition(": ")
            rows.append((name, kind, f"left alone: {why}"))
        if not rows:
            return "no message-passing layers"
        rows = [(name or "(model)", kind, what) for name, kind, what in rows]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        return "\n".join(
            f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {what}" for name, kind, what in rows
        )


def accelerate(model: Module, *others: Any) -> Report:
    """Put our kernels under the layers of ``model`` that they can serve, in place.

    Each such layer is given a subclass of its class. Its parameters, buffers, name, state dict and
    signature stay, and so does the name of its class, which is what it prints; ``isinstance``,
    ``deepcopy`` and ``pickle`` work; a layer, an argument or a mode that is not covered runs PyG's
    own code. Calling this again changes nothing; the report then counts the calls since that ran
    PyG's code, and says why.

    What the model is trained with may be given after it. A ``torch_geometric.loader.DataLoader`` of
    graphs in memory goes on to give the same batches in the same order, gathered from a packed copy
    of its graphs. ``Adam`` and ``AdamW`` update all parameters in one pass, ``fused=True``, which
    changes the rounding of a step, where they were made without a choice between such passes. Where
    parameters, gradients and moments lie in memory in different orders, steps are PyTorch's own.

    Args:
        model: Any module, a single layer among them.
        *others: Loaders and optimisers, one after the other.

    Returns:
        What was accelerated and what was left alone, with the reason; print it for a table.

    Raises:
        TypeError: If the first is no module, or another neither a loader nor an optimiser; nothing
            is changed then.

    Complexity: O(modules); for a loader, time and memory of one copy of its graphs, and at each
        epoch a look at each attribute of a list of graphs, or at those of a dataset of PyG.

    Notes:
        Values agree with PyG's to the rounding of another order of summation, and so do gradients
        but for ties of a maximum or minimum: where several neighbours attain it, the whole gradient
        goes to the first of them in the order of the edges. PyG divides it evenly among them, and
        where the maximum is 0 one share more is lost. ``torch.jit.script`` reads plain layers only:
        :func:`restore` first. ``torch.jit.trace`` records PyG's code. Dropout, of attention, of
        modules of ``torch.nn.Dropout`` and of ``F.dropout``, none of which a report names, draws
        other numbers from the same distribution. ``F.dropout`` is ours where it is called in
        training by the ``forward`` of a network that holds an accelerated layer, in its own thread
        and with gradients; in methods that are called by themselves, under a checkpoint and in a
        compiled or traced program it is PyTorch's. A network that is not one of PyG's basic ones is
        given a subclass of its class for it, as layers are, and no function of PyTorch's is
        replaced. PyG's ``GAT``, ``GCN``, ``GIN`` and ``GraphSAGE`` are given one, too: where their
        layers attend, sum or take means, no epsilon and no edge weight is learned, no graph is
        cached in a layer and nothing stands between them but ReLU, all of them are one operator.
        Features that are mostly 0 and ask for no gradient are multiplied as sparse ones. Operators
        made of an ``edge_index`` are remembered for as long as that tensor lives: keep it, rather
        than make a new one for each epoch. What PyTorch writes into it is noticed, what is written
        through NumPy or ``tensor.data`` is not; so it is with the graphs of a loader, which are
        packed anew at the next epoch. The backward pass may read features that PyG's own layer
        lets go, such as those that ``GINConv`` was given: edited in place before it, as by
        ``x += conv(x)``, they are an error of PyTorch's.

    >>> import torch_geometric.nn as pyg
    >>> report = accelerate(pyg.Sequential("x, e", [(pyg.GCNConv(4, 4), "x, e -> x"),
    ...                                             (pyg.ARMAConv(4, 4), "x, e -> x")]))
    >>> print(report)
    module_0  GCNConv   accelerated
    module_1  ARMAConv  left alone: no kernel for this layer
    """
    if not isinstance(model, Module):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"model: got {got}, expected a torch.nn.Module")
    named = _named(others)
    report = Report()
    for name, module in model.named_modules():
        kind = type(module)
        if kind is Dropout:
            module.__class__ = AcceleratedDropout
        if isinstance(module, Accelerated):
            report.accelerated[name] = kind.original.__name__
            declined = declined_calls(module)
            if declined:
                report.declined[name] = declined
            continue
        accelerated = POOLINGS.get(kind, ACCELERATED.get(kind))
        if accelerated is None and not isinstance(module, MessagePassing):
            continue
        reason = _reason(kind) if accelerated is None else accelerated.uncovered(module)
        if accelerated is None or reason is not None:
            report.left_alone[name] = f"{kind.__name__}: {reason}"
        else:
            module.__class__ = accelerated
            report.accelerated[name] = kind.__name__
    for module in model.modules():
        if any(isinstance(part, Accelerated) for part in module.modules()):
            module.__class__ = accelerated_network(type(module)) or type(module)
    for name, other in named:
        kind = type(other)
        reason = _accelerated(other)
        if reason is not None:
            report.left_alone[name] = f"{kind.__name__}: {reason}"
            continue
        report.accelerated[name] = getattr(kind, "original", kind).__name__
        declined = declined_calls(other)
        if declined:
            report.declined[name] = declined
    return report


def _named(others: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """Each loader and each optimiser, with the name that a report has for it."""
    found: dict[str, list[Any]] = {"loader": [], "optimizer": []}
    for other in others:
        if not isinstance(other, torch.utils.data.DataLoader | Optimizer):
            got = type(other).__name__
            raise TypeError(f"got {got} after the model, expected loaders and optimizers")
        found["optimizer" if isinstance(other, Optimizer) else "loader"].append(other)
    return [(f"{name} {n}", other) for name, some in found.items() for n, other in enumerate(some)]


def _accelerated(other: Any) -> str | None:
    """Accelerate a loader or an optimiser that is not, or say why it is left alone."""
    if isinstance(other, AcceleratedDataLoader):
        return None
    if isinstance(other, Optimizer):
        return fuse(other)
    if type(other) is not DataLoader:
        return _reason(type(other), "not a loader of whole graphs")
    reason = pack(other)
    if reason is None:
        other.__class__ = AcceleratedDataLoader
    return reason


def restore(model: Module, *others: Any) -> list[str]:
    """Give every accelerated layer of ``model`` its own class again, in place.

    Args:
        model: Any module.
        *others: Loaders, whose packed graphs are dropped, and optimisers, which choose again.

    Returns:
        The names of what was restored.
    """
    restored = []
    for name, module in model.named_modules():
        kind: Any = type(module)
        if isinstance(module, Accelerated):
            restored.append(name)
        elif not isinstance(module, AcceleratedDropout | AcceleratedNetwork):
            continue
        module.__class__ = _own_class(kind)
    for name, other in _named(others):
        if isinstance(other, AcceleratedDataLoader):
            unpack(other)
            other.__class__ = DataLoader
        elif isinstance(other, OnePass):
            part(other)
        else:
            continue
        restored.append(name)
    return restored


def _own_class(kind: Any) -> Any:
    """The class that an accelerated one stands for, within what a parametrization made of it."""
    if "original" in kind.__dict__:
        return kind.original
    made = {name: kind.__dict__[name] for name in kind.__dict__ if name not in _OF_EACH_CLASS}
    base, *others = kind.__bases__
    return type(kind)(kind.__name__, (_own_class(base), *others), made)


def _reason(kind: type, otherwise: str = "no kernel for this layer") -> str:
    if kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return "one of ours, which runs on the kernels as it is"
    for base in kind.__mro__[1:]:
        if base in ACCELERATED or base is DataLoader:
            return f"a subclass of {base.__name__}, which may compute something else"
    return _REASONS.get(kind.__name__, otherwise)
