from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from benchmarks import gntk_folds
from graphpoly.data import stratified_folds
from graphpoly.kernels import FoldScores, svm_folds
from graphpoly.testing import assert_close


def points() -> tuple[torch.Tensor, torch.Tensor]:
    y = torch.arange(60) % 2
    x = torch.randn(60, 2, dtype=torch.float64) + 2.0 * y.unsqueeze(1)
    return x @ x.T + 1, y


def test_scores_are_those_of_a_machine_fitted_by_hand() -> None:
    from sklearn.svm import SVC

    kernel, y = points()
    folds = stratified_folds(y, 5)
    found = svm_folds(kernel, y, folds, C=(0.1, 10.0))
    scaled = (kernel / kernel.diagonal().mean()).numpy()

    def score(penalty: float, fitted: torch.Tensor, asked: torch.Tensor) -> float:
        machine = SVC(kernel="precomputed", C=penalty).fit(scaled[fitted][:, fitted], y[fitted])
        return float(machine.score(scaled[asked][:, fitted], y[asked]))

    for fold, penalty, test in zip(folds, found.C, found.test, strict=True):
        by_val = {c: score(c, fold.train, fold.val) for c in (0.1, 10.0)}
        assert penalty == min(c for c in by_val if by_val[c] == max(by_val.values()))
        assert test == score(penalty, torch.cat([fold.train, fold.val]), fold.test)
    assert found.mean == pytest.approx(sum(found.test) / 5)


def test_labels_of_the_test_graphs_choose_nothing() -> None:
    kernel, y = points()
    fold = stratified_folds(y, 5)[0]
    altered = y.clone()
    altered[fold.test] = 1 - altered[fold.test]
    found, other = (svm_folds(kernel, labels, [fold]) for labels in (y, altered))
    assert other.C == found.C
    assert other.mean == pytest.approx(1 - found.mean)
    assert math.isnan(found.std)


def test_the_scale_of_a_kernel_does_not_matter() -> None:
    kernel, y = points()
    folds = stratified_folds(y, 3)
    assert svm_folds(1024 * kernel, y, folds) == svm_folds(kernel, y, folds)
    assert FoldScores((0.5, 1.0), (1.0, 1.0)).std == pytest.approx(math.sqrt(1 / 8))


def test_mistakes_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, y = points()
    folds = stratified_folds(y, 3)
    with pytest.raises(ValueError, match=r"kernel: got shape \(60, 59\) for 60 graphs"):
        svm_folds(kernel[:, 1:], y, folds)
    with pytest.raises(ValueError, match="C, folds: got none"):
        svm_folds(kernel, y, folds, C=())
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(ImportError, match=r"graphpoly\[kernels\]"):
        svm_folds(kernel, y, folds)


def test_the_published_choice_looks_at_what_it_reports_and_the_nested_one_does_not() -> None:
    test = np.array([[0.5, 0.9], [0.8, 0.7]])
    val = np.array([[0.6, 0.1], [0.6, 0.2]])
    assert gntk_folds.choose(val, test) == (1, [0, 1])  # the first of equals
    _, y = points()
    same = (y[:, None] == y).double().numpy()
    found = gntk_folds.scores(same, y.numpy(), stratified_folds(y, 5))
    assert found.shape == (2, len(gntk_folds.PENALTIES), 5)
    assert (found == 1).all()
    x = torch.eye(2, dtype=torch.float64)
    edge_index = torch.tensor([[0, 1], [1, 0]])
    graphs = [Data(x=rows, edge_index=edge_index) for rows in (x, x[[0, 0]])]
    made = list(gntk_folds.kernels(graphs, gntk_folds.Grid((1,), (1, 2), (50.0, 1.0))))
    assert len(made) == 8
    for setting, kernel in made:
        if setting["normalize"]:
            assert_close(torch.from_numpy(kernel).diagonal(), torch.ones(2, dtype=torch.float64))
        else:
            assert kernel.min() == 1
