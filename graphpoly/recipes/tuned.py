"""Classic networks as they are tuned, for what the others are held against."""

from __future__ import annotations

from typing import Any

from graphpoly.models.settings import ResidualGNNSettings
from graphpoly.recipes.recipe import Protocol, Study

_STUDY: dict[str, Any] = {"model": "ResidualGNN", "spread": "standard deviation"}
_ALWAYS: dict[str, Any] = {"patience": None, "watch_train": False}
_DEEPER: dict[str, Any] = {"skip": True, "activation": "gelu", "head_layers": 3}
_COSINE: dict[str, Any] = {"schedule": "cosine", "warm_up_epochs": 5, "grad_clip": 1.0}
_NODES: dict[str, Any] = {
    "protocol": Protocol(split="public", num_splits=3, **_ALWAYS),
    "paper": "Luo, Shi, Wu. Classic GNNs are Strong Baselines: Reassessing GNNs for Node "
    "Classification. NeurIPS 2024",
    "arxiv": "2406.08993",
    "runs": 3,
}
_PEPTIDES: dict[str, Any] = {
    "protocol": Protocol(num_splits=4, epochs=250, batch_size=200, **_COSINE, **_ALWAYS),
    "paper": "Tönshoff, Ritzert, Rosenbluth, Grohe. Where Did the Gap Go? Reassessing the "
    "Long-Range Graph Benchmark. TMLR 2024",
    "arxiv": "2309.00367",
    "runs": 4,
    "unit": "",
}
_NOTES: dict[str, tuple[str, ...]] = {
    "questions": ("the published loss is a binary cross-entropy of each of the two classes",),
    "tolokers": ("settings are those published for minesweeper",),
    "Peptides-struct": ("without the encoding by eigenvectors that the published network has",),
}
# data set, epochs, learning rate; layer, mean and deviation, width, layers, dropout, norm, whether
# linear maps stand beside the layers, and whether one comes first
# fmt: off
_ROWS: tuple[tuple[str, int, float, tuple[tuple[Any, ...], ...]], ...] = (
    ("roman-empire", 2500, .001, (
        ("gcn", 91.27, .20, 512, 9, .5, "batch_norm", True, True),
        ("sage", 91.06, .27, 256, 9, .3, "batch_norm", False, True),
        ("gat", 90.63, .14, 512, 10, .3, "batch_norm", True, True))),
    ("amazon-ratings", 2500, .001, (
        ("gcn", 53.80, .60, 512, 4, .5, "batch_norm", True, False),
        ("sage", 55.40, .21, 512, 9, .5, "batch_norm", True, False),
        ("gat", 55.54, .51, 512, 4, .5, "batch_norm", True, False))),
    ("minesweeper", 2000, .01, (
        ("gcn", 97.86, .24, 64, 12, .2, "batch_norm", True, False),
        ("sage", 97.77, .62, 64, 15, .2, "batch_norm", True, False),
        ("gat", 97.73, .73, 64, 15, .2, "batch_norm", True, False))),
    ("questions", 1500, 3e-5, (
        ("gcn", 79.02, .60, 512, 10, .3, None, True, True),
        ("sage", 77.21, 1.28, 512, 6, .2, "layer_norm", False, True),
        ("gat", 77.95, .51, 512, 3, .2, "layer_norm", True, True))),
    ("tolokers", 2000, .01, tuple(
        (conv, None, None, 64, layers, .2, "batch_norm", True, False)
        for conv, layers in (("gcn", 12), ("sage", 15), ("gat", 15)))),
    ("Peptides-func", 250, .001, (("gcn", .6860, .0050, 235, 6, .1, None, False, False),)),
    ("Peptides-struct", 250, .001, (("gcn", .2460, .0007, 235, 6, .1, None, False, False),)),
)
for _data, _epochs, _lr, _each in _ROWS:
    for _conv, _mean, _std, _width, _layers, _drop, _norm, _beside, _first in _each:
        _peptides = _data.startswith("Peptides")
        _set = ResidualGNNSettings(conv=_conv, hidden_channels=_width, num_layers=_layers, lr=_lr,
                                   dropout=_drop, weight_decay=0.0, norm=_norm, residual=_beside,
                                   lin_in=_first, **(_DEEPER if _peptides else {}),
                                   walk_length=20 if _data == "Peptides-func" else None)
        _how = {**_STUDY, **(_PEPTIDES if _peptides else _NODES)}
        _from = f"{_how['paper']}, quoted second-hand"
        Study(family=f"tuned-{_conv}", title=f"Tuned {_conv.upper()}", source=_from, **_how).row(
            _data, _mean, _std, _set, epochs=_epochs,
            notes=_NOTES.get(_data, ()))
# fmt: on
