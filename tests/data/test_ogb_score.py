"""OGB's evaluators, called as our metrics are, and our metrics held against them."""

from __future__ import annotations

import math

import pytest
import torch

from graphpoly.data import find_dataset
from graphpoly.data.ogb_score import ogb_score
from graphpoly.training.metrics import METRICS, official
from graphpoly.training.ranking import link_score


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("name", "columns", "classes"),
    [
        ("ogbg-molhiv", 1, 0),
        ("ogbg-moltox21", 12, 0),
        ("ogbg-molpcba", 128, 0),
        ("ogbn-proteins", 112, 0),
        ("ogbg-molesol", 1, 0),
        ("ogbn-arxiv", 1, 40),
        ("ogbg-ppa", 1, 37),
    ],
)
def test_the_same_as_ours(name: str, columns: int, classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    dataset = find_dataset(name)
    if classes:
        truth = torch.randint(classes, (80, 1), generator=generator)
        guess = torch.randn(80, classes, generator=generator)
    else:
        truth = torch.randint(2, (80, columns), generator=generator).float()
        guess = torch.randn(80, columns, generator=generator)
        if name.startswith("ogbg") and columns > 1:
            truth[torch.rand(80, columns, generator=generator) < 0.3] = torch.nan
    scorer = dataset.scorer(dataset.metric)
    assert scorer is not None
    ours = METRICS[dataset.metric].function(truth, guess)
    assert scorer(truth, guess) == pytest.approx(ours, rel=1e-6)
    if classes:  # labels without a column, as a task on nodes has them
        assert scorer(truth.view(-1), guess) == scorer(truth, guess)
    assert dataset.scorer("mae") is None


@pytest.mark.parametrize("name", ["ogbl-collab", "ogbl-ddi", "ogbl-citation2"])
def test_links(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    metric = find_dataset(name).metric
    links = torch.randint(0, 60, (40,), generator=generator).float()
    others = torch.randint(0, 50, (40, 30), generator=generator).float()
    score = ogb_score(name)
    assert score(links, others) == pytest.approx(link_score(metric, links, others), rel=1e-6)
    assert score(links, others[:, :0]) == link_score(metric, links, others[:, :0]) == 1


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("ogbg-molhiv", 1),
        ("ogbg-molpcba", 128),
        ("ogbn-proteins", 112),
        ("ogbg-molesol", 1),
        ("ogbn-arxiv", 40),
        ("ogbg-ppa", 37),
    ],
)
def test_scores_that_are_nan_are_no_result(name: str, columns: int) -> None:
    classes = "arxiv" in name or name == "ogbg-ppa"
    truth = (torch.arange(8) % 2).view(8, 1).expand(8, 1 if classes else columns).clone()
    guess = torch.rand(8, columns)
    score = ogb_score(name)
    assert math.isfinite(score(truth, guess))
    guess[3, 0] = torch.nan
    assert math.isnan(score(truth, guess))
    if name.startswith("ogbg-mol"):  # a score without a label counts nowhere
        truth = truth.float()
        truth[3, 0] = torch.nan
        assert math.isfinite(score(truth, guess))


@pytest.mark.parametrize("name", ["ogbl-collab", "ogbl-ddi", "ogbl-ppa", "ogbl-citation2"])
@pytest.mark.parametrize("side", [0, 1])
def test_links_whose_scores_are_nan_are_no_result(name: str, side: int) -> None:
    given = [torch.rand(5), torch.rand(5, 30)]
    assert math.isfinite(ogb_score(name)(*given))
    given[side].view(-1)[2] = torch.nan
    assert math.isnan(ogb_score(name)(*given))


def test_no_answer_is_one_line() -> None:
    with pytest.raises(ValueError, match=r"ogbg-molhiv: .*ROC-AUC"):
        ogb_score("ogbg-molhiv")(torch.ones(4, 1), torch.rand(4, 1))


def test_official_metrics_keep_name_and_direction() -> None:
    score = ogb_score("ogbg-molesol")
    assert official("rmse", score) == ("rmse", score, False)
    assert official("hits@50", score) == ("hits@50", score, True)
    assert official("rmse", None) == "rmse"
