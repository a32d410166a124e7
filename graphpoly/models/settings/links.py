"""Settings of networks for links: NCN, NCNC."""

from __future__ import annotations

from dataclasses import dataclass

from graphpoly.models.ncn import ENCODERS, HEADS, NCN
from graphpoly.models.ncnc import NCNC
from graphpoly.models.settings.base import ModelSettings, configure
from graphpoly.settings import bounded

__all__ = ["NCNCSettings", "NCNSettings"]


@configure("NCN")
@dataclass(frozen=True, kw_only=True)
class NCNSettings(ModelSettings):
    """Hyperparameters of NCN.

    Attributes:
        hidden_channels: Width.
        num_layers: Products with the graph.
        encoder: Products with norms, with linear maps between them, too, or pure products.
        jk: Combine the steps of the encoder with learned weights.
        in_dropout: Of the features.
        gnn_dropout: Behind each product; before the first of pure ones.
        tail_dropout: Behind the last of pure products.
        edge_dropout: Share of the neighbours that a step does not sum over.
        dropout: Inside the perceptrons of the score.
        head: Perceptrons of two layers, or the published ones, which refine states first.
        score_layers: Hidden layers of the last perceptron.
        lr_predictor: Learning rate of the score.
    """

    cls = NCN
    levels = ("pairs of nodes",)
    withheld = ("out_channels",)
    whole_batches = True

    hidden_channels: int = bounded(256, low=1)
    num_layers: int = bounded(1, low=1)
    encoder: str = bounded("propagation", choices=ENCODERS)
    jk: bool = True
    in_dropout: float = bounded(0.5, low=0, high=1)
    gnn_dropout: float = bounded(0.1, low=0, high=1)
    tail_dropout: float = bounded(0.0, low=0, high=1)
    edge_dropout: float = bounded(0.0, low=0, high=1)
    dropout: float = bounded(0.1, low=0, high=1)
    head: str = bounded("plain", choices=HEADS)
    score_layers: int = bounded(1, low=1)
    lr: float = bounded(5e-3, low=0)
    lr_predictor: float = bounded(3e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)


@configure("NCNC")
@dataclass(frozen=True, kw_only=True)
class NCNCSettings(NCNSettings):
    """Hyperparameters of NCNC.

    Attributes:
        alpha: Weight of what is completed.
        prior: How likely a pair is a link before anything is known of it.
        scale: Of a score, before it becomes a probability.
        offset: Taken off a score before that.
    """

    cls = NCNC

    alpha: float = bounded(1.0, low=0)
    prior: float = bounded(0.75, low=0, high=1)
    scale: float = bounded(4.3, low=0)
    offset: float = 2.8
