"""What the operators hold for the backward pass: what a gradient reads, and nothing else.

A tensor that is held may not be edited in place before the backward pass, and lives until then.
"""

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from graphpoly.ops import multi_aggregate, spmm
from graphpoly.ops.library import SCHEMAS
from tests.conftest import DEVICE
from tests.ops.graphs import random_csr
from tests.ops.test_library import samples

# (operator, wanted, held): inputs that are held though the gradient does not depend on their values
_SMALL = "a number for each order and channel, read by the one operator that gives both gradients"
_SCORES = "the scores are made again from their inputs, of whichever gradient"
EXCEPTIONS = {
    ("polynomial", "theta", "theta"): _SMALL,
    ("polynomial_moments", "theta", "theta"): _SMALL,
    ("polynomial_moments", "y", "theta"): _SMALL,
    ("lanczos_filter", "theta", "theta"): _SMALL,
    ("attention", "value", "value"): _SCORES,
}


# whose gradients are made together, of everything
TOGETHER = (
    *("attention_backward", "multi_aggregate_backward", "householder_transport_backward"),
    *("head_scores", "head_scores_backward", "gcn_layer_backward"),
    *("gat_layer", "gat_layer_backward", "gin_layer", "gin_layer_backward"),
    *("selective_scan_backward", "perceptron", "perceptron_backward"),
    *("feed_forward", "feed_forward_backward", "edge_message", "edge_message_backward"),
)


def differentiable():
    for name, calls in samples().items():
        if name in TOGETHER:
            continue
        schema = getattr(torch.ops.graphpoly, name).default._schema
        for place, arguments in enumerate(calls):
            for index, argument in enumerate(arguments):
                if isinstance(argument, torch.Tensor) and argument.requires_grad:
                    yield pytest.param(
                        name, place, index, id=f"{name}-{place}-{schema.arguments[index].name}"
                    )


def gradient(operator, arguments, index):
    """The gradient of the input at ``index`` alone, and the storages held for it."""
    held = set()

    def pack(tensor):
        held.add(tensor.untyped_storage().data_ptr())
        return tensor

    inputs = list(arguments)
    inputs[index] = inputs[index].detach().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = operator(*inputs)
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
    outputs = [out for out in outputs if out.requires_grad]
    generator = torch.Generator(DEVICE).manual_seed(0)
    grads = [torch.rand(out.shape, dtype=out.dtype, generator=generator) for out in outputs]
    (found,) = torch.autograd.grad(outputs, inputs[index], grads)
    return found, held


@pytest.mark.parametrize(("name", "place", "index"), list(differentiable()))
def test_nothing_is_held_that_the_gradient_does_not_read(name, place, index):
    torch.manual_seed(0)
    operator = getattr(torch.ops.graphpoly, name).default
    names = [argument.name for argument in operator._schema.arguments]
    arguments = [
        argument.detach() if isinstance(argument, torch.Tensor) else argument
        for argument in samples()[name][place]
    ]
    base, held = gradient(operator, arguments, index)
    for other, argument in enumerate(arguments):
        if not isinstance(argument, torch.Tensor) or not argument.is_floating_point():
            continue
        if (name, names[index], names[other]) in EXCEPTIONS:
            continue
        changed = list(arguments)
        changed[other] = argument * 1.25 + 0.125
        if name in ("resolvent_solve", "matrix_root", "sylvester") and other != index:
            changed[other] = argument * 1.25  # stays symmetric
        moved = not torch.equal(gradient(operator, changed, index)[0], base)
        assert moved or argument.untyped_storage().data_ptr() not in held, (
            f"{name} holds {names[other]} for the gradient of {names[index]}"
        )


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_held_is_read_once(name):
    """Checkpointing computes it again when it is read, and refuses to do so twice."""
    operator = getattr(torch.ops.graphpoly, name).default
    for arguments in samples()[name]:
        leaves = [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]
        outputs = operator(*arguments)
        outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
        wanted = [i for i, out in enumerate(outputs or ()) if out.requires_grad]
        if not leaves or not wanted:
            continue
        again = checkpoint(operator, *arguments, use_reentrant=False)
        again = [again] if isinstance(again, torch.Tensor) else again
        found = [
            torch.autograd.grad(
                [out[i] for i in wanted],
                leaves,
                [torch.ones_like(out[i]) for i in wanted],
                allow_unused=True,
            )
            for out in (outputs, again)
        ]
        torch.testing.assert_close(*found, rtol=0, atol=0)


def test_the_exceptions_are_still_needed():
    named = {(name, index) for name, _, index in (case.values for case in differentiable())}
    for name, wanted, _ in EXCEPTIONS:
        schema = getattr(torch.ops.graphpoly, name).default._schema
        places = [argument.name for argument in schema.arguments]
        assert (name, places.index(wanted)) in named


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min"])
def test_features_may_be_edited_once_they_were_aggregated(reduce):
    """Of features alone, the gradient reads the entries."""
    adj = random_csr((6, 6, 20), weighted=True, transposed=True)
    leaf = torch.randn(6, 3, requires_grad=True)
    features = leaf * 1
    expected = torch.autograd.grad(spmm(adj, features, reduce).sum(), leaf, retain_graph=True)
    out = spmm(adj, features, reduce)
    features.mul_(3)
    out.mul_(1)
    for got, right in zip(torch.autograd.grad(out.sum(), leaf), expected, strict=True):
        torch.testing.assert_close(got, right)


def test_results_may_be_edited_where_the_gradient_reads_the_inputs():
    adj = random_csr((6, 6, 20), weighted=True, transposed=True)
    x = torch.randn(6, 3, requires_grad=True)
    right = torch.autograd.grad(multi_aggregate(adj, x, ["sum", "mean", "max"]).sum(), x)[0]
    out = multi_aggregate(adj, x, ["sum", "mean", "max"])
    out.mul_(2)
    torch.testing.assert_close(torch.autograd.grad(out.sum(), x)[0], 2 * right)
