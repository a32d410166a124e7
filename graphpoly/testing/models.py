"""What every network owes to those who train it, save it and give it graphs of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from graphpoly.pretrained import Pretrained, from_pretrained
from graphpoly.testing.battery import Exclusions, check_subject
from graphpoly.testing.networks import Network, network
from graphpoly.testing.properties import Property, beside, enter_into, table
from graphpoly.testing.report import Report
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, Violation, expect, expect_close

__all__ = ["check_model", "model_properties"]

_OWN: dict[str, Property] = {}

# What is asked of layers, and of a network whatever its rows belong to.
_AS_A_LAYER = (
    "repr",
    "message_passing_arguments",
    "constructor_errors",
    "feature_errors",
    "third_argument",
    "output",
    "float64",
    "gradcheck",
    "edge_weight",
    "adjacency_forms",
    "sparse_weights",
    "sparse_gradients",
    "autocast",
    "node_permutation",
    "edge_order",
    "batch",
    "num_hops",
    "used_parameters",
    "degenerate_graphs",
    "eval_determinism",
    "train_seed",
    "reset_parameters",
    "state_dict",
    "safetensors",
    "copies",
    "stateless_forward",
    "untouched_inputs",
)


def _listed() -> dict[str, Property]:
    return beside(_OWN, _AS_A_LAYER)


def model_properties() -> dict[str, str]:
    """Return the name of each property and what it promises.

    Those that speak of nodes and rows are asked of what the rows of a network belong to: nodes,
    graphs, pairs of nodes or steps.

    >>> model_properties()["pretrained"]
    'What save_pretrained() writes, from_pretrained() makes again.'
    """
    return {name: entry.sentence for name, entry in _listed().items()}


def check_model(
    model: Any,
    *,
    exclude: Exclusions = (),
    only: Iterable[str] | None = None,
    in_channels: int | None = None,
    edge_dim: int | None = None,
    seed: int = 0,
) -> Report:
    """Run the battery for networks over one of them.

    Args:
        model: A network whose forward takes x and edge_index, a function without arguments that
            makes one, or a registry entry. It gives a row for each node or for each graph (one
            where there is no ``batch``). Beside what layers take, forward may read ``pairs``
            ``[2, P]`` and give a row for each; ``pointer`` and ``length``, with a row for each
            step, as :class:`~graphpoly.models.PointerNetwork`; or ``steps`` and ``start``, as
            :class:`~graphpoly.models.AlgorithmNet`.
        exclude: Properties that are not run, as ``{name: reason}`` or names alone. What the class
            declares in ``compliance_exceptions`` is left out likewise.
        only: Properties to run; default all of :func:`model_properties`.
        in_channels: Size of the input features, where the network does not tell.
        edge_dim: Size of ``edge_attr``, where forward needs it and the network does not tell.
        seed: Seeds parameters, graphs and features. torch's global generator is left as it was.

    Returns:
        What became of each property.

    Raises:
        ComplianceError: If a property fails; the message names each one and by how much it differs.
        ValueError: If a name is not a property, or inputs cannot be made for the network.

    Example:
        >>> from graphpoly.models import EGNN
        >>> print(check_model(lambda: EGNN(8, 4, 2, pool="add"), only=["output", "batch_index"]))
        EGNN: 2 of 2 properties hold
          batch_index  passed
          output       passed
    """
    subject = network(model, in_channels=in_channels, edge_dim=edge_dim, seed=seed)
    listed = _listed()
    # a class may declare what is asked of layers alone
    declared = subject.exceptions.items()
    subject.exceptions = {k: why for k, why in declared if k in listed or k not in table()}
    return check_subject(subject, listed, exclude=exclude, only=only)


@enter_into(
    _OWN,
    "A batch of int32 is one of int64, and where graphs are read out what is no batch is refused "
    "by name.",
)
def _check_batch_index(subject: Network) -> None:
    subject.needs("batch")
    layer = subject.layer(dtype=torch.float64)
    batch = Batch.from_data_list([subject.graph(name) for name in ("star", "path")])
    index = batch.batch
    expected = subject.call(layer, batch)
    out = subject.call(layer, batch, batch=index.int())
    expect_close(out, expected, "a batch of int32 and one of int64")
    if not subject.reads_graphs:
        return
    for what, wrong in (
        ("short", index[1:]),
        ("below 0", index - 1),
        ("of floating-point numbers", index.double()),
        ("a matrix", index.unsqueeze(1)),
    ):
        _expect_refused(subject, layer, batch, what, wrong)


def _expect_refused(
    subject: Subject, layer: nn.Module, batch: Data, what: str, wrong: Tensor
) -> None:
    try:
        subject.call(layer, batch, batch=wrong)
    except (TypeError, ValueError) as error:
        expect("batch" in str(error), f"a batch that is {what} is refused with: {error}")
        return
    raise Violation(f"a batch that is {what} was taken without a word")


@enter_into(
    _OWN, "A node that the graph has not, among edges, pairs or pointers, is refused by name."
)
def _check_nodes_outside(subject: Network) -> None:
    layer = subject.layer()
    for key, argument in {"edge_index": "edge_index", **subject.of_nodes}.items():
        for node in (-1, 16):
            data = subject.graph("erdos_renyi", dtype=torch.float32)
            data[key] = data[key].clone()
            data[key].view(-1)[3] = node
            what = f"{argument} that names node {node} of 16"
            try:
                subject.call(layer, data)
            except (IndexError, TypeError, ValueError) as error:
                found = f"{type(error).__name__}: {error}"
                expect(argument in str(error), f"{what} is refused with {found}")
            else:
                raise Violation(f"{what} was taken without a word")


@enter_into(_OWN, "What save_pretrained() writes, from_pretrained() makes again.")
def _check_pretrained(subject: Network) -> None:
    layer: nn.Module = subject.layer()
    if not isinstance(layer, Pretrained):
        raise NotApplicable("the network has no save_pretrained()")
    data = subject.graph("erdos_renyi", dtype=torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        layer.save_pretrained(folder)
        try:
            again = from_pretrained(folder)
        except ValueError as error:
            if "JSON has no form" in str(error):
                raise NotApplicable("an argument of the constructor is no plain value") from error
            raise
    expect_close(subject.call(again, data), subject.call(layer, data), "as saved and before")
