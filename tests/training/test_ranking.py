from __future__ import annotations

import math

import pytest
import torch

from graphpoly.training.ranking import LINK_METRICS, hits, link_score, mrr


def scores(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Few values, so that there are many ties."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(0, 6, size, generator=generator).float() for size in ((9,), (9, 12)))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("K", [1, 3, 20, 50])
def test_hits_are_those_of_ogb(seed: int, K: int) -> None:
    from graphpoly.data import ogb_evaluator

    ogb_evaluator("ogbl-collab")  # imports ogb without its search for updates
    from ogb.linkproppred import Evaluator

    evaluator = Evaluator("ogbl-collab")
    evaluator.K = K
    positive, negative = scores(seed)
    expected = evaluator.eval({"y_pred_pos": positive, "y_pred_neg": negative.flatten()})
    assert hits(positive, negative.flatten(), K) == pytest.approx(expected[f"hits@{K}"])


@pytest.mark.parametrize("seed", range(20))
def test_mrr_is_that_of_ogb(seed: int) -> None:
    from graphpoly.data import ogb_evaluator

    ogb_evaluator("ogbl-citation2")
    from ogb.linkproppred import Evaluator

    positive, negative = scores(seed)
    given = {"y_pred_pos": positive, "y_pred_neg": negative}
    expected = Evaluator("ogbl-citation2").eval(given)["mrr_list"].double().mean()
    assert mrr(positive, negative) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_shared_negatives_are_as_if_every_link_had_them(seed: int) -> None:
    positive, negative = scores(seed)
    shared = negative[0]
    assert mrr(positive, shared) == pytest.approx(mrr(positive, shared.expand(9, 12)))


@pytest.mark.parametrize("seed", range(3))
def test_a_column_of_links_is_a_row_of_them(seed: int) -> None:
    positive, negative = scores(seed)
    for name, others in (("mrr", negative), ("mrr", negative[0]), ("hits@3", negative[0])):
        expected = link_score(name, positive, others)
        assert link_score(name, positive.unsqueeze(1), others) == expected


@pytest.mark.parametrize("shape", [(8, 12), (9, 12, 1), (1, 12), ()])
def test_non_links_that_fit_no_link_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"negative: got \[.*\], expected \[M\] or \[9, M\]"):
        mrr(scores(0)[0], torch.ones(shape))


@pytest.mark.parametrize("metric", LINK_METRICS)
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("share", [False, True])
def test_of_scores_that_are_nan_the_metric_is_nan(metric: str, side: int, share: bool) -> None:
    """No comparison with NaN is true, and the best rank would look like a result."""
    given = list(scores(0))
    if share:
        given[1] = given[1][0]
    given[side][-1] = math.nan
    assert math.isnan(link_score(metric, *given))


def test_ranks_begin_at_one() -> None:
    for K in (0, -1):
        with pytest.raises(ValueError, match=f"K: got {K}, expected at least 1"):
            hits(torch.ones(2), torch.zeros(3), K)


def test_auc_counts_a_tie_as_half() -> None:
    assert link_score("auc", torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])) == 0.875


def test_names() -> None:
    one = torch.ones(1)
    assert link_score("hits@7", one, torch.zeros(9)) == 1.0
    for wrong in ("hits@0", "hits", "hits@x", "rr"):
        with pytest.raises(ValueError, match="unknown metric"):
            link_score(wrong, one, one)
