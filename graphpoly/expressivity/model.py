"""Everything that can be said of a model without training it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from graphpoly.devices import on_cpu
from graphpoly.expressivity.counting import CountError, counting_errors
from graphpoly.expressivity.invariance import Violation, violations
from graphpoly.expressivity.ladder import (
    RUNGS,
    Bracket,
    Family,
    Separation,
    bracket,
    ladder_families,
    separations,
)
from graphpoly.expressivity.polynomial_degree import (
    Determined,
    determined_polynomials,
    exact_degree,
)
from graphpoly.expressivity.probe import Probe
from graphpoly.expressivity.sensitivity import Influence, dead_gradients, hop_reach, influence

__all__ = ["ModelReport", "analyze_model"]

_HOPS = 32


@dataclass(frozen=True)
class ModelReport:
    """What was measured of a model.

    Attributes:
        model: Its name.
        declared: What it says of itself, or an empty string.
        level: Whether its rows are graphs or nodes.
        num_parameters: Number of parameters.
        weights: How many random weights; 1 for a model that was given with its own.
        trained: Whether it was.
        seed: Of everything.
        families: The graphs.
        separations: What it makes of them, family by family.
        bracket: Where it stands.
        polynomials: Which equivariant polynomials its outputs determine.
        counts: How well patterns are counted.
        hops: How far a node hears; None where no part of the model has rows of nodes.
        hops_tried: Length of the path that this was measured on.
        influence: How loudly, on several graphs.
        violations: What its answers depend on and should not.
        dead: Share of parameters without gradient.
        dead_names: Parameters wholly without.
        further: What others measured of it, such as BREC, under a title each: a table with a row
            of names first.
    """

    model: str
    declared: str
    level: str
    num_parameters: int
    weights: int
    trained: bool
    seed: int
    families: list[Family]
    separations: list[Separation]
    bracket: Bracket
    polynomials: list[Determined]
    counts: list[CountError]
    hops: int | None
    hops_tried: int
    influence: list[Influence]
    violations: list[Violation]
    dead: float
    dead_names: list[str]
    further: Mapping[str, Sequence[Sequence[Any]]]

    @property
    def invariant(self) -> bool:
        """Whether its answers are those of graphs."""
        return not any(each.violated for each in self.violations)

    def describe(self) -> str:
        """Say the most important thing in a sentence."""
        broken = [each.what for each in self.violations if each.violated]
        if broken:
            return f"depends on the {' and the '.join(broken)}: no function of graphs"
        return self.bracket.describe()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        rows = []
        for family, each in zip(self.families, self.separations, strict=True):
            row: dict[str, Any] = {
                "name": family.name,
                "title": family.title,
                "first_separated_by": RUNGS[family.needs],
                "pairs": len(family.pairs),
            }
            for dtype in each.gap:
                row[dtype] = {
                    "separated": int(each.separated(dtype).sum()),
                    "share_of_weights": float(each.apart(dtype).double().mean()),
                    "smallest_gap": float(each.gap[dtype].amax(0).min()),
                    "largest_noise": float(each.noise[dtype].max()),
                }
            rows.append(row)
        plain = ("model", "declared", "level", "num_parameters", "weights", "trained", "seed")
        return {
            **{name: getattr(self, name) for name in plain},
            "summary": self.describe(),
            "bracket": asdict(self.bracket),
            "families": rows,
            "polynomials": [asdict(each) for each in self.polynomials],
            "polynomial_degree": {
                place: exact_degree(self.polynomials, place) for place in ("graph", "node")
            },
            "counts": [asdict(each) for each in self.counts],
            "hops": self.hops,
            "hops_tried": self.hops_tried,
            "influence": [
                {
                    "graph": each.graph,
                    "layers": each.layers,
                    "norms": each.norms.tolist(),
                    "averaging": each.averaging.tolist(),
                }
                for each in self.influence
            ],
            "violations": [{**asdict(each), "violated": each.violated} for each in self.violations],
            "dead_gradients": {"share": self.dead, "names": self.dead_names},
            "further": {title: [list(row) for row in rows] for title, rows in self.further.items()},
        }


@on_cpu()
def analyze_model(
    model: Any,
    *,
    name: str | None = None,
    declared: str = "",
    in_channels: int | None = None,
    weights: int = 5,
    graphs: int = 240,
    seed: int = 0,
    families: Sequence[Family] | None = None,
    further: Mapping[str, Sequence[Sequence[Any]]] | None = None,
    progress: Callable[[str], Any] | None = None,
) -> ModelReport:
    """Measure where a model stands, what it counts, how far it hears and whether it is sound.

    Args:
        model: See :class:`Probe`: a factory, or a module whose weights are taken as they are.
        name: What it is called.
        declared: What it says of its own strength.
        in_channels: Size of its features, where no submodule tells.
        weights: How many random weights.
        graphs: How many graphs patterns are counted on.
        seed: Of everything that is drawn.
        families: Graphs to tell apart; by default :func:`ladder_families`.
        further: Tables to carry along, see :class:`ModelReport`.
        progress: Told what is being done.

    Complexity: some thousand runs of the model on graphs of up to 63 nodes, in both precisions:
    seconds to a minute for a small model.

    >>> import torch
    >>> from torch_geometric.nn import GIN
    >>> report = analyze_model(lambda: GIN(2, 8, 2, 4), weights=2, graphs=40)
    >>> report.describe()
    'at least 2 rounds of 1-WL, at most 1-WL on these families'
    >>> report.hops
    2
    """
    probe = Probe(model, name=name, in_channels=in_channels, seed=seed)
    families = ladder_families() if families is None else list(families)
    shared: dict[str, Any] = {"weights": weights, "seed": seed}
    found = separations(probe, families, progress=progress, **shared)
    if progress is not None:
        progress("invariance and reach")
    broken = violations(probe, **shared)
    if progress is not None:
        progress("polynomials")
    polynomials = determined_polynomials(probe, graphs=graphs, **shared)
    hops = hop_reach(probe, weights=weights, hops=_HOPS)
    heard: list[Influence] = []
    if hops is not None:
        heard = influence(probe, layers=hops, weights=weights, progress=progress)
    dead, dead_names = dead_gradients(probe, **shared)
    module = probe.draw(0, probe.dtypes[0])
    parameters = list(module.parameters()) if isinstance(module, nn.Module) else []
    return ModelReport(
        model=probe.name,
        declared=declared,
        level=probe.level,
        num_parameters=sum(parameter.numel() for parameter in parameters),
        weights=probe.draws(weights),
        trained=probe.trained,
        seed=seed,
        families=list(families),
        separations=found,
        bracket=bracket(families, found),
        polynomials=polynomials,
        counts=counting_errors(probe, count=graphs, seed=seed, progress=progress),
        hops=hops,
        hops_tried=_HOPS,
        influence=heard,
        violations=broken,
        dead=dead,
        dead_names=dead_names,
        further=dict(further or {}),
    )
