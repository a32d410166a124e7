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

TWICE = [examples, loader, message_passing, molecules]  # on a processor without AVX-512, too


@pytest.mark.parametrize("made", MEASURED, ids=lambda made: made.__name__)
def test_the_committed_page_is_that_of_the_committed_file(made: ModuleType) -> None:
    path = made.RESULTS / f"{made.__name__.rpartition('.')[2]}.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    assert made.page(results) == path.with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize("made", TWICE, ids=lambda made: made.__name__)
def test_the_same_of_a_processor_without_avx_512(made: ModuleType) -> None:
    path = made.RESULTS / "avx2" / f"{made.__name__.rpartition('.')[2]}.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    assert made.page(results) == path.with_suffix(".md").read_text(encoding="utf-8")
    assert results["machine"]["kernels"]["simd"] == "avx2"
