from __future__ import annotations

import pytest
import torch

from graphpoly.training.ranking import hits, link_score, mrr


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


def test_auc_counts_a_tie_as_half() -> None:
    assert link_score("auc", torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])) == 0.875


def test_names() -> None:
    one = torch.ones(1)
    assert link_score("hits@7", one, torch.zeros(9)) == 1.0
    for wrong in ("hits@0", "hits", "hits@x", "rr"):
        with pytest.raises(ValueError, match="unknown metric"):
            link_score(wrong, one, one)
