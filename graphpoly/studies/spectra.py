"""What a trained run's filters look like against the spectrum of its graph."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphpoly import __version__
from graphpoly.data import are_classes
from graphpoly.files import write_atomically
from graphpoly.layers import FEConv, KrylovConv, OperatorConv
from graphpoly.ops import CSR, spectral_density
from graphpoly.pages import figure, html_page, section
from graphpoly.pages.spectrum import Spectrum
from graphpoly.recipes.ad_hoc import recipe_of
from graphpoly.recipes.trained import trained_network

__all__ = ["draw_filters", "filter_spectra"]

_POINTS, _BINS, _ORDER = 401, 80, 300
_CHANNELS, _FEWEST = 60, 8  # drawn on a page, and of each filter on a narrow screen


def filter_spectra(
    run: str | Path, *, root: str | Path | None = None, seed: int | None = None
) -> list[Spectrum]:
    """Evaluate the filters of a finished run.

    Args:
        run: Folder that ``graphpoly train`` wrote: it holds ``results.json``.
        root: Folder that holds the datasets; default the one that the run was trained on.
        seed: Which run of it; default the first.

    Raises:
        ValueError: If the folder holds no results, the recipe has many graphs, or none of its
            models has a filter with a response; if the datasets are no longer where the run was
            trained on them and no ``root`` is given.
        DatasetError: If the dataset cannot be had there.
        CheckpointError: If the weights are missing or altered.

    Cost: one forward pass of each model and ``300`` sparse products with 32 vectors for each
    filter; no eigendecomposition.
    """
    run = Path(run)
    recipe, _ = recipe_of(run)
    spectra = []
    for name in recipe.models:
        model, loaded = trained_network(run, root=root, model=name, seed=seed)
        if loaded.data is None:
            raise ValueError(f"{recipe.name}: a recipe on one graph is needed, this one has many")
        spectra += _spectra_of(name, model, loaded.data)
    if not spectra:
        raise ValueError(f"{recipe.name}: no model of it has a filter with a response")
    return spectra


def draw_filters(
    run: str | Path,
    *,
    root: str | Path | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
) -> Path:
    """Draw :func:`filter_spectra` as one HTML file that needs nothing else.

    Args:
        run, root, seed: As there.
        out: File to write; default ``filters.html`` in ``run``.

    Raises:
        ImportError: If matplotlib is missing; the message names the extra.
    """
    try:
        from graphpoly.pages import figures
    except ImportError as error:
        raise ImportError(f"the page needs {error.name}: pip install 'graphpoly[viz]'") from error
    spectra = filter_spectra(run, root=root, seed=seed)
    recipe, seeds = recipe_of(Path(run))
    chosen = seeds[0] if seed is None else seed
    channels = max(_FEWEST, _CHANNELS // len(spectra))
    page = html_page(
        f"What the trained filters pass on {recipe.data.name}",
        summary=" ".join(spectrum.describe() for spectrum in spectra),
        lead="Above, the response of every channel (faint) and of all of them together (strong: "
        "the root of their mean square, each weighted by the size of what goes into it), relative "
        "to its largest value where there are eigenvalues or labels. Below, the share of the "
        "operator's eigenvalues in each bin and the share of the labels' energy: a useful filter "
        "is high over the green bars.",
        facts=[("recipe", recipe.name), ("seed", str(chosen)), ("filters", str(len(spectra)))],
        sections=[
            section(
                spectrum.model,
                "",
                figure(
                    figures.in_page(figures.filters(spectrum, channels=channels)),
                    f"<code>{html.escape(spectrum.layer)}</code>",
                    narrow=figures.in_page(
                        figures.filters(spectrum, channels=_FEWEST, narrow=True)
                    ),
                ),
            )
            for spectrum in spectra
        ],
        footer="Densities by the kernel polynomial method, smeared over about 0.01; no "
        "eigendecomposition was needed. Labels of all nodes are counted, for this drawing only. "
        "Single channels are in the drawings alone.",
        report={
            "recipe": recipe.name,
            "dataset": recipe.data.name,
            "seed": chosen,
            "filters": [spectrum.to_dict() for spectrum in spectra],
        },
        version=__version__,
    )
    path = Path(run) / "filters.html" if out is None else Path(out)
    write_atomically(path, page)
    return path


@torch.no_grad()
def _spectra_of(name: str, model: nn.Module, data: Data) -> list[Spectrum]:
    """Run the model once and evaluate every filter on what went into it."""
    seen: dict[str, tuple[OperatorConv, tuple[Any, ...]]] = {}
    hooks = [
        layer.register_forward_pre_hook(
            lambda module, args, place=place: seen.update({place: (module, args)})
        )
        for place, layer in model.named_modules()
        if isinstance(layer, OperatorConv)
    ]
    try:
        model.eval()
        model(data.x, data.edge_index)
    finally:
        for hook in hooks:
            hook.remove()
    return [_spectrum(name, place, layer, args, data) for place, (layer, args) in seen.items()]


def _spectrum(
    name: str, place: str, layer: OperatorConv, args: tuple[Any, ...], data: Data
) -> Spectrum:
    x, edge_index = args[:2]
    weight = args[2] if len(args) > 2 else None
    lambdas = torch.linspace(-1, 1, _POINTS, dtype=torch.float64, device=x.device)
    given = (x, edge_index, weight) if isinstance(layer, KrylovConv | FEConv) else ()
    response = layer.response(lambdas, *given)
    size = x.norm(dim=0).double()
    if response.dim() == 3:  # a filter for each pair of channels
        size = size.unsqueeze(-1).expand(-1, response.size(2)).reshape(-1)
        response = response.flatten(1)
    if response.size(1) != size.numel():  # a linear map comes first
        size = torch.ones(response.size(1), dtype=torch.float64, device=x.device)
    adj = layer.operator(x, edge_index, weight)
    edges = torch.linspace(-1, 1, _BINS + 1, dtype=torch.float64, device=x.device)
    return Spectrum(
        model=name,
        layer=f"{place or name}: {layer!r}",
        lambdas=lambdas,
        response=response,
        weight=size,
        edges=edges,
        density=spectral_density(adj, edges, K=_ORDER),
        labels=_label_energy(adj, data.y, edges),
    )


def _label_energy(adj: CSR, y: Tensor, edges: Tensor) -> Tensor:
    """Share of the energy of the centred labels in each bin; unknown ones are as the mean.

    Of one-hot classes, or of columns of numbers, each of which counts alike.
    """
    y = y.reshape(len(y), -1)
    numbers = not are_classes(y)
    known = ~y.isnan() if numbers else y >= 0
    one_hot = torch.nn.functional.one_hot
    signal = (y if numbers else one_hot(y[:, 0].clamp(min=0))).double()
    mean = torch.where(known, signal, 0).sum(0) / known.sum(0).clamp(min=1)
    signal = torch.where(known, signal - mean, 0)
    if numbers:
        signal = signal / signal.norm(dim=0).clamp(min=1e-300)
    scale = signal.numel() ** 0.5 / signal.norm().clamp(min=1e-300)
    return spectral_density(adj, edges, K=_ORDER, vectors=signal * scale)
