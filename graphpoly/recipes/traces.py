"""Networks that follow classical algorithms, by the largest message or by all of them in order."""

from __future__ import annotations

from graphpoly.models.settings import AlgorithmSettings
from graphpoly.recipes.recipe import Protocol, Study

_NOTES = (
    "the published problems come from the CLRS benchmark; here from generators of our own, with "
    "other edge probabilities and lengths, 32 graphs in the test for each problem",
    "published places of nodes are drawn at random, and pointers of sorting are made permutations; "
    "here they are not",
)
for _family, _paper, _arxiv, _aggregation in (
    ("triplet-gmpnn", "Ibarz et al. A Generalist Neural Algorithmic Learner. LoG 2022",
     "2209.11142", "max"),
    ("rnar", "Xu, Veličković. Recurrent Aggregators in Neural Algorithmic Reasoning. 2024",
     "2409.07154", "lstm"),
):  # fmt: skip
    for _name in ("bfs", "bellman-ford", "prim", "minimum", "insertion-sort", "quickselect"):
        Study(
            family=_family,
            model="AlgorithmNet",
            protocol=Protocol(
                num_splits=3, epochs=312, patience=None, grad_clip=1.0, watch_train=False
            ),
            paper=_paper,
            arxiv=_arxiv,
            source=f"{_paper}, abstract, which does not say of how many runs it is the mean",
            title=_family.upper(),
            notes=_NOTES,
        ).row(
            _name,
            87.0 if (_family, _name) == ("rnar", "quickselect") else None,
            None,
            AlgorithmSettings(aggregation=_aggregation),
        )
