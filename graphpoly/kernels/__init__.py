"""Kernels of infinitely wide networks on graphs and their nodes, and what learns with them."""

from graphpoly.kernels.arc_cosine import arc_cosine
from graphpoly.kernels.folds import FoldScores, svm_folds
from graphpoly.kernels.gntk import GNTK
from graphpoly.kernels.node_gntk import NodeGNTK
from graphpoly.kernels.nystrom import draw_landmarks, nystrom
from graphpoly.kernels.unfoldings import Unfoldings, unfold

__all__ = [
    "GNTK",
    "FoldScores",
    "NodeGNTK",
    "Unfoldings",
    "arc_cosine",
    "draw_landmarks",
    "nystrom",
    "svm_folds",
    "unfold",
]
