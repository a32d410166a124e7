"""Pages of measurements say what their files say, and nothing else."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from benchmarks import (
    citation,
    disk,
    examples,
    extrapolation,
    fidelity,
    gcorn,
    gntk,
    gntk_folds,
    halo,
    hard_functions,
    history,
    lignn,
    loader,
    message_passing,
    molecules,
    privacy,
    random_features,
    rewiring,
    rewiring_gain,
    sampling,
    sensitivity,
    twins,
)

MEASURED = [
    *(citation, disk, examples, extrapolation, fidelity, gcorn, gntk),
    *(gntk_folds, halo, hard_functions, history, lignn, loader, message_passing),
    *(molecules, privacy, random_features, rewiring, rewiring_gain, sampling, sensitivity, twins),
]

OTHERS = [  # the same on other processors: what they have, and whose they are
    *(("avx2", "avx2", made) for made in (examples, loader, message_passing, molecules)),
    *(("intel", "avx512", made) for made in (loader, message_passing, molecules)),
]


@pytest.mark.parametrize("made", MEASURED, ids=lambda made: made.__name__)
def test_the_committed_page_is_that_of_the_committed_file(made: ModuleType) -> None:
    path = made.RESULTS / f"{made.__name__.rpartition('.')[2]}.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    assert made.page(results) == path.with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("folder", "simd", "made"), OTHERS)
def test_the_same_of_other_processors(folder: str, simd: str, made: ModuleType) -> None:
    path = made.RESULTS / folder / f"{made.__name__.rpartition('.')[2]}.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    assert made.page(results) == path.with_suffix(".md").read_text(encoding="utf-8")
    assert results["machine"]["kernels"]["simd"] == simd
    assert ("Intel" in results["machine"]["cpu"]) == (folder == "intel")
