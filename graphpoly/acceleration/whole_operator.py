"""The operator of a whole graph that all layers of a model share, so that it may come in parts."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.utils._trim_to_layer import TrimToLayer

from graphpoly.acceleration.accelerated import REDUCTIONS, AcceleratedNormalized
from graphpoly.acceleration.dense import Perceptron
from graphpoly.acceleration.dropout import AcceleratedDropout
from graphpoly.acceleration.gcn_conv import AcceleratedGCNConv
from graphpoly.acceleration.gin_conv import AcceleratedGINConv
from graphpoly.acceleration.graph_conv import AcceleratedGraphConv
from graphpoly.acceleration.network import AcceleratedNetwork
from graphpoly.acceleration.operators import gcn_operator, operator, uncovered_graph
from graphpoly.acceleration.sage_conv import AcceleratedSAGEConv
from graphpoly.acceleration.sg_conv import AcceleratedSGConv
from graphpoly.ops import CSR

__all__ = ["undivided", "whole_operator"]

_NORMALIZED = (AcceleratedGCNConv, AcceleratedSGConv)
_NEIGHBORS = (AcceleratedGINConv, AcceleratedGraphConv, AcceleratedSAGEConv)
# what does to a node the same whatever the others are; a BatchNorm1d asks F.batch_norm, which
# graphpoly.distributed answers for the nodes of all processes
_BY_NODE = {
    *(nn.Linear, nn.Identity, nn.BatchNorm1d, nn.Sequential, nn.ModuleList),
    *(nn.Dropout, AcceleratedDropout, Perceptron, TrimToLayer, *REDUCTIONS),
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid),
    *(pyg.Linear, pyg.BatchNorm, pyg.MLP, pyg.JumpingKnowledge),
    *(pyg.GCN, pyg.GraphSAGE, pyg.GIN),
}


def undivided(model: nn.Module) -> str:
    """Say what in a model cannot work on a part of the nodes, or nothing.

    Its convolutions have to be accelerated ones that sum or take means, all of them over the same
    operator. What lies between them has to treat each node by itself, which is known of some
    modules of PyTorch's and PyG's.
    """
    operators = set()
    for name, module in model.named_modules():
        if isinstance(module, MessagePassing):
            known = type(module) in (*_NORMALIZED, *_NEIGHBORS) and not module.uncovered(module)
            if known and REDUCTIONS[type(module.aggr_module)] in ("sum", "mean"):
                operators.add(_key(module))
                continue
        kind = module.original if isinstance(module, AcceleratedNetwork) else type(module)
        if kind in _BY_NODE:
            continue
        return f"{name}: {type(module).__name__}" if name else type(module).__name__
    if len(operators) != 1:
        return f"{type(model).__name__}: convolutions over {len(operators)} operators"
    return ""


def whole_operator(
    model: nn.Module, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None
) -> CSR:
    """Return the operator that all convolutions of a model multiply by.

    They take a :class:`graphpoly.ops.LinearOperator` of it in place of ``edge_index``, such as a
    :class:`graphpoly.distributed.PartitionedGraph`.

    Args:
        model: One of which :func:`undivided` says nothing.
        x: Whose rows and dtype count, ``[N, ...]``.
        edge_index: The graph.
        edge_weight: ``[E]``; not read by layers that take no weights.

    Raises:
        ValueError: If the graph is not one that accelerated layers take.
    """
    conv: Any = next(each for each in model.modules() if isinstance(each, MessagePassing))
    if not isinstance(conv, AcceleratedNormalized | AcceleratedGraphConv):
        edge_weight = None
    if isinstance(conv, AcceleratedNormalized) and getattr(conv, "normalize", True):
        adj = gcn_operator(
            edge_index,
            edge_weight,
            x.size(0),
            dtype=x.dtype,
            improved=getattr(conv, "improved", False),
            add_self_loops=conv.add_self_loops,
        )
    else:
        adj = operator(edge_index, edge_weight, x.size(0), x.size(0))
    if adj is None:
        raise ValueError(uncovered_graph(edge_index, edge_weight))
    if REDUCTIONS[type(conv.aggr_module)] == "sum":
        return adj
    share = (1 / adj.rowptr.diff().to(x.dtype)).repeat_interleave(adj.rowptr.diff().long())
    return adj.with_weight(share if adj.weight is None else share * adj.weight)


def _key(conv: Any) -> tuple[Any, ...]:
    if isinstance(conv, AcceleratedNormalized):
        named = ("normalize", "improved", "add_self_loops")
        return ("gcn_norm", *(getattr(conv, name, None) for name in named))
    return REDUCTIONS[type(conv.aggr_module)], isinstance(conv, AcceleratedGraphConv)
