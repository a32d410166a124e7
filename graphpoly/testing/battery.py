"""One battery for every layer: run it whole, or one property at a time under pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch

from graphpoly.errors import unknown
from graphpoly.testing import checks
from graphpoly.testing.properties import Property, table
from graphpoly.testing.report import (
    EXCLUDED,
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    ComplianceError,
    Report,
    Result,
)
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, Violation

__all__ = ["check_layer", "check_subject", "parametrize_with_checks", "properties"]

assert checks.__all__  # importing the checks fills the table of properties

Exclusions = Mapping[str, str] | Iterable[str]


def properties() -> dict[str, str]:
    """Return the name of each property of the battery and what it promises, in one sentence.

    >>> properties()["edge_order"]
    'The order in which the edges are given does not change the output.'
    """
    return {name: entry.sentence for name, entry in table().items()}


def check_layer(
    layer_or_factory: Any,
    *,
    exclude: Exclusions = (),
    only: Iterable[str] | None = None,
    in_channels: int | None = None,
    edge_dim: int | None = None,
    seed: int = 0,
) -> Report:
    """Run the battery over one layer.

    Args:
        layer_or_factory: Any ``MessagePassing`` convolution (or module with the same forward), a
            function without arguments that makes one, or a registry entry. A factory is better
            than an instance: some properties look at how the layer is made.
        exclude: Properties that are not run, as ``{name: reason}`` or names alone. What the layer
            declares in ``compliance_exceptions`` is left out likewise.
        only: Properties to run; default all.
        in_channels: Size of the input features, where the layer does not tell.
        edge_dim: Size of ``edge_attr``, where forward needs it and the layer does not tell.
        seed: Seeds parameters, graphs and features. torch's global generator is left as it was.

    Returns:
        What became of each property, exclusions and their reasons included.

    Raises:
        ComplianceError: If a property fails; the message names each one, what was compared and
            by how much it differs.
        ValueError: If a name is not a property, or inputs cannot be made for the layer.

    Example:
        >>> from torch_geometric.nn import GraphConv
        >>> report = check_layer(lambda: GraphConv(8, 4), only=["edge_order", "batch"])
        >>> print(report)
        GraphConv: 2 of 2 properties hold
          edge_order  passed
          batch       passed
    """
    subject = Subject(layer_or_factory, in_channels=in_channels, edge_dim=edge_dim, seed=seed)
    return check_subject(subject, table(), exclude=exclude, only=only)


def check_subject(
    subject: Subject,
    listed: Mapping[str, Property],
    *,
    exclude: Exclusions = (),
    only: Iterable[str] | None = None,
) -> Report:
    """Ask a subject for the listed properties; see :func:`check_layer`."""
    reasons = _reasons(subject, exclude, listed)
    results = []
    for entry in _chosen(only, listed):
        if entry.name in reasons:
            results.append(Result(entry.name, entry.sentence, EXCLUDED, reasons[entry.name]))
        else:
            results.append(_run(entry, subject))
    report = Report(subject.name, tuple(results))
    errors = [result.error for result in results if result.error is not None]
    if errors:
        raise ComplianceError(report) from errors[0]
    return report


def parametrize_with_checks(
    layers: Iterable[Any],
    *,
    exclude: Mapping[str, Mapping[str, str]] | None = None,
    only: Iterable[str] | None = None,
) -> Any:
    """Make one pytest test of each property of each layer.

    Args:
        layers: What :func:`check_layer` takes, any number of them.
        exclude: ``{layer: {property: reason}}``, the layer by the name of its class or entry.
        only: Properties to run; default all.

    Returns:
        A decorator for a test that takes ``check`` and calls it. A property that says nothing
        about the layer is skipped with its reason. An excluded one is expected to fail: should it
        hold after all, the test fails, so that no exclusion outlives its cause.

    Example:
        >>> from graphpoly.registry import entries
        >>> @parametrize_with_checks(entries("layer"))
        ... def test_layer(check):
        ...     check()
    """
    import pytest

    reasons = dict(exclude or {})
    names = None if only is None else list(only)
    parameters = []
    held = []
    for layer in layers:
        subject = Subject(layer)
        held.append(subject.name)
        excluded = _reasons(subject, reasons.get(subject.name, {}), table())
        for entry in _chosen(names, table()):
            marks = []
            if entry.name in excluded:
                reason = excluded[entry.name]
                marks = [pytest.mark.xfail(reason=reason, strict=True, raises=ComplianceError)]
            check = partial(_check_one, entry, layer)
            parameters.append(pytest.param(check, id=f"{subject.name}-{entry.name}", marks=marks))
    for name in reasons:
        if name not in held:
            raise unknown("layer", name, held)
    return pytest.mark.parametrize("check", parameters)


def _check_one(entry: Property, layer: Any) -> None:
    subject = Subject(layer)
    result = _run(entry, subject)
    if result.status == FAILED:
        raise ComplianceError(Report(subject.name, (result,))) from result.error
    if result.status == NOT_APPLICABLE:
        import pytest

        pytest.skip(result.detail)


def _run(entry: Property, subject: Subject) -> Result:
    result: Callable[..., Result] = partial(Result, entry.name, entry.sentence)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            entry.check(subject)
    except NotApplicable as reason:
        return result(NOT_APPLICABLE, str(reason))
    except Violation as violation:
        return result(FAILED, str(violation), violation)
    except Exception as error:  # whatever a layer raises is what the report has to say about it
        lines = str(error).strip().splitlines() or ["no message"]
        return result(FAILED, f"raised {type(error).__name__}: {lines[0]}", error)
    return result(PASSED)


def _chosen(only: Iterable[str] | None, listed: Mapping[str, Property]) -> list[Property]:
    names = list(listed) if only is None else list(only)
    _known(names, listed)
    return [entry for name, entry in listed.items() if name in names]


def _reasons(
    subject: Subject, exclude: Exclusions, listed: Mapping[str, Property]
) -> dict[str, str]:
    """Join what the layer declares with what the caller excludes; the caller's words win."""
    if isinstance(exclude, str):
        raise TypeError(f"exclude: got the text {exclude!r}, expected a list or a mapping")
    given = exclude if isinstance(exclude, Mapping) else dict.fromkeys(exclude, "by the caller")
    reasons = {**subject.exceptions, **given}
    _known(reasons, listed)
    return reasons


def _known(names: Iterable[str], listed: Mapping[str, Property]) -> None:
    for name in names:
        if name not in listed:
            raise unknown("property", name, listed)
