"""Random node features on graphs that a network without them cannot tell apart."""

from __future__ import annotations

from graphpoly.models.settings import RNISettings
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = (
    "Abboud, Ceylan, Grohe, Lukasiewicz. The Surprising Power of Graph Neural Networks with Random "
    "Node Initialization. IJCAI 2021"
)
_CHOSEN = (
    "the epoch is chosen on a tenth of its own, and measured on another; the published figure is "
    "that of the last of 500 epochs, over ten folds"
)

_STUDY = Study(
    family="rni",
    model="RNIGNN",
    protocol=Protocol(split="blocks", epochs=500, patience=None, batch_size=20, watch_train=False),
    paper=_PAPER,
    arxiv="2010.01179",
    source=f"{_PAPER}, quoted second-hand",
    spread="standard deviation",
    title="GNN with random features",
    notes=(_CHOSEN,),
)

_STUDY.row("EXP", 98.0, 1.9, RNISettings(ratio=1.0))
_STUDY.row("EXP", 50.0, None, RNISettings(ratio=0.0), name="exp-without")
_STUDY.row("CEXP", None, None, RNISettings(ratio=0.5))
_STUDY.row("CEXP", None, None, RNISettings(ratio=0.0), name="cexp-without")
