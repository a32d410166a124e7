r"""Gradients of each node's loss, cut to their thresholds and summed.

The blocks of a batch lie side by side, so that one pass gives the gradient :math:`\delta_i` of the
summed loss at each row i of a linear map's output, and row i belongs to one block. The gradient of
block b's loss in the weight is :math:`\sum_{i \in b} \delta_i a_i^\top` with the input
:math:`a_i`, and in a bias the sum of :math:`\delta_i`. Norms come from products of blocks of equal
size, so that nothing is padded; the clipped sum is one product more,
:math:`\sum_i s_{b(i)} \delta_i a_i^\top`.

Parameters that are no linear map's and no bias that a convolution adds last have no such rule. A
network with others, or one for which the rule is found not to hold, is differentiated block by
block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.nn import Linear as LazyLinear
from torch_geometric.nn import MessagePassing

from graphpoly.privacy.examples import Batch, Examples

__all__ = ["Clipped", "clipped_by_rows", "clipped_one_by_one", "has_rules", "trainable"]

Forward = Callable[[nn.Module, Batch], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]

_MOST = 2**22  # numbers of the products that are held at a time


@dataclass(frozen=True)
class Clipped:
    """What a batch gives.

    Attributes:
        loss: Mean over the nodes.
        norms: ``[B, P]``, length of each node's gradient in each parameter, before it is cut.
        sums: Of each parameter, over the nodes, after that.
    """

    loss: float
    norms: Tensor
    sums: list[Tensor]


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are trained, each once."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def clipped_one_by_one(
    model: nn.Module,
    examples: Examples,
    nodes: Tensor,
    forward: Forward,
    loss: Loss,
    clip: Tensor | None = None,
) -> Clipped:
    """Return norms and clipped sums by the definition: one pass a node.

    Args:
        model: The network.
        examples: The blocks.
        nodes: ``[B]``.
        forward: Gives the rows of the roots.
        loss: Mean over some nodes.
        clip: ``[P]``, greatest length in each parameter; None cuts nothing.
    """
    parameters = trainable(model)
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    norms = sums[0].new_zeros(len(nodes), len(parameters))
    total = 0.0
    for place, node in enumerate(nodes):
        batch = examples(node[None])
        value = loss(forward(model, batch), batch.y)
        found = torch.autograd.grad(value, parameters, allow_unused=True)
        gradients = [
            torch.zeros_like(parameter) if gradient is None else gradient
            for parameter, gradient in zip(parameters, found, strict=True)
        ]
        norms[place] = torch.stack([gradient.norm() for gradient in gradients])
        scales = _scales(norms[place], clip)
        for held, gradient, scale in zip(sums, gradients, scales, strict=True):
            held += scale * gradient
        total += float(value.detach())
    return Clipped(total / max(len(nodes), 1), norms, sums)


def clipped_by_rows(
    model: nn.Module,
    examples: Examples,
    nodes: Tensor,
    forward: Forward,
    loss: Loss,
    clip: Tensor | None = None,
) -> Clipped:
    """Return the same as :func:`clipped_one_by_one` from one pass over all nodes.

    Raises:
        ValueError: If a parameter has no rule, or a linear map reads anything but a row a node.
    """
    parameters = trainable(model)
    if not len(nodes):
        return clipped_one_by_one(model, examples, nodes, forward, loss, clip)
    batch = examples(nodes)
    block = batch.blocks.block
    with _recorded(model) as calls:
        value = loss(forward(model, batch), batch.y)
    outputs = [call.output for call in calls]
    deltas = torch.autograd.grad(len(nodes) * value, outputs, allow_unused=True)
    place = {id(parameter): index for index, parameter in enumerate(parameters)}
    parts: list[list[_Part]] = [[] for _ in parameters]
    for call, delta in zip(calls, deltas, strict=True):
        if delta is None:
            continue
        if delta.dim() != 2 or len(delta) != len(block):
            raise ValueError(f"{type(call.module).__name__}: not a row for each node")
        rows = delta.ne(0).any(1).nonzero().view(-1)  # of many a map, the roots alone
        delta, of = delta[rows], block[rows]
        for parameter, reads in _rules(call.module) or ():
            part = _Part(delta, call.input[rows] if reads else None, of)
            parts[place[id(parameter)]].append(part)
    joined = [_join(several) for several in parts]
    norms = torch.stack(
        [
            value.new_zeros(len(nodes)) if part is None else part.norms(len(nodes))
            for part in joined
        ],
        dim=1,
    )
    scales = _scales(norms, clip)
    sums = [
        torch.zeros_like(parameter) if part is None else part.sum(scales[:, index])
        for index, (parameter, part) in enumerate(zip(parameters, joined, strict=True))
    ]
    return Clipped(float(value.detach()), norms, sums)


def has_rules(model: nn.Module) -> bool:
    """Return whether every parameter has a rule by which :func:`clipped_by_rows` finds it."""
    return all(_rules(module) is not None for module in model.modules())


def _rules(module: nn.Module) -> list[tuple[nn.Parameter, bool]] | None:
    """Return a module's own parameters, and whether each multiplies the input; None if unknown."""
    own = {
        name: parameter
        for name, parameter in module.named_parameters(recurse=False)
        if parameter.requires_grad
    }
    if isinstance(module, nn.Linear | LazyLinear):
        return [(parameter, name == "weight") for name, parameter in own.items()]
    if isinstance(module, MessagePassing) and set(own) <= {"bias"}:
        return [(parameter, False) for parameter in own.values()]
    return None if own else []


@dataclass(frozen=True)
class _Call:
    module: nn.Module
    input: Tensor
    output: Tensor


@contextmanager
def _recorded(model: nn.Module) -> Iterator[list[_Call]]:
    """Note what goes into each module with parameters, and what comes out."""
    calls: list[_Call] = []

    def note(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        if not isinstance(output, Tensor) or not isinstance(arguments[0], Tensor):
            raise ValueError(f"{type(module).__name__}: not one tensor into another")
        if output.requires_grad:
            calls.append(_Call(module, arguments[0].detach(), output))

    handles = []
    for module in model.modules():
        rules = _rules(module)
        if rules is None:
            raise ValueError(f"{type(module).__name__}: no rule for its parameters")
        if rules:
            handles.append(module.register_forward_hook(note))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class _Part:
    """Gradients of one parameter: of each row the product of two vectors, or the first alone."""

    left: Tensor
    right: Tensor | None
    block: Tensor

    def norms(self, num_blocks: int) -> Tensor:
        """Return the length of each block's sum, ``[B]``."""
        order = torch.argsort(self.block, stable=True)
        counts = torch.bincount(self.block, minlength=num_blocks)
        begin = counts.cumsum(0) - counts
        norms = self.left.new_zeros(num_blocks)
        for size in counts.unique().tolist():
            if not size:
                continue
            of_size = (counts == size).nonzero().view(-1)
            width = self.left.size(1) * (1 if self.right is None else self.right.size(1))
            for some in of_size.split(max(1, _MOST // width)):
                rows = order[begin[some, None] + torch.arange(size, device=some.device)]
                if self.right is None:
                    norms[some] = self.left[rows].sum(1).norm(dim=1)
                elif size == 1:
                    left, right = self.left[rows[:, 0]], self.right[rows[:, 0]]
                    norms[some] = left.norm(dim=1) * right.norm(dim=1)
                else:
                    products = self.left[rows].mT @ self.right[rows]
                    norms[some] = products.flatten(1).norm(dim=1)
        return norms

    def sum(self, scales: Tensor) -> Tensor:
        """Return the sum over all blocks, each times its scale."""
        scaled = self.left * scales[self.block, None]
        return scaled.sum(0) if self.right is None else scaled.mT @ self.right


def _join(parts: Sequence[_Part]) -> _Part | None:
    """Put the rows of several calls of one module, or of shared parameters, together."""
    if len(parts) < 2:
        return parts[0] if parts else None
    rights = [part.right for part in parts if part.right is not None]
    return _Part(
        torch.cat([part.left for part in parts]),
        torch.cat(rights) if rights else None,
        torch.cat([part.block for part in parts]),
    )


def _scales(norms: Tensor, clip: Tensor | None) -> Tensor:
    if clip is None:
        return torch.ones_like(norms)
    return (clip / norms.clamp(min=torch.finfo(norms.dtype).tiny)).clamp(max=1)
