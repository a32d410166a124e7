"""The rows of NCN and NCNC hold what the published program is called with."""

from __future__ import annotations

import pytest

from graphpoly import registry

# the flags of the published commands, and what they are here
NAMES = {
    "xdp": "in_dropout",
    "gnndp": "gnn_dropout",
    "tdp": "tail_dropout",
    "preedp": "edge_dropout",
    "predp": "dropout",
    "gnnlr": "lr",
    "prelr": "lr_predictor",
    "hiddim": "hidden_channels",
    "mplayers": "num_layers",
    "pt": "prior",
    "probscale": "scale",
    "proboffset": "offset",
    "alpha": "alpha",
    "batch_size": "batch_size",
    "epochs": "epochs",
    "runs": "num_splits",
}
BOTH = "hiddim 256 mplayers 1 epochs 100 runs 10 pt 0.75"
COMMANDS = {
    "cora": "xdp 0.7 tdp 0.3 preedp 0.4 predp 0.05 gnndp 0.05 probscale 4.3 proboffset 2.8 "
    "alpha 1.0 gnnlr 0.0043 prelr 0.0024 batch_size 1152",
    "citeseer": "xdp 0.4 tdp 0.0 preedp 0.0 predp 0.55 gnndp 0.75 probscale 6.5 proboffset 4.4 "
    "alpha 0.4 gnnlr 0.0085 prelr 0.0078 batch_size 384",
}
TWO_LAYERS = ("citeseer",)  # --twolayerlin


@pytest.mark.parametrize("dataset", COMMANDS)
@pytest.mark.parametrize("family", ["ncn", "ncnc"])
def test_rows_hold_the_published_arguments(family, dataset):
    recipe = registry.get("recipe", f"{family}/{dataset}").obj
    words = f"{COMMANDS[dataset]} {BOTH}".split()
    held = {**vars(recipe.protocol), **vars(recipe.settings)}
    for flag, value in zip(words[::2], words[1::2], strict=True):
        name = NAMES[flag]
        if name in ("prior", "scale", "offset", "alpha") and family == "ncn":
            assert name not in held
        else:
            assert held[name] == float(value), name
    assert (held["encoder"], held["jk"]) == ("pure", True)  # --model puregcn --jk
    assert held["head"] == "refined"  # --use_xlin --tailact
    assert recipe.settings.whole_batches  # the published program takes no others
    assert held["score_layers"] == (2 if dataset in TWO_LAYERS else 1)
