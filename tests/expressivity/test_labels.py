from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import torch

from graphpoly.expressivity.labels import label_values
from graphpoly.ops import label_names

# labels of one row are equal, those of different rows are not
KINDS = [
    [1, 1.0, True, np.int64(1), np.float32(1), Fraction(1)],
    [0, 0.0, -0.0, False],
    [0.5, np.float64(0.5), Fraction(1, 2)],
    ["1", np.str_("1")],
    ["1.0"],
    ["True"],
    [""],
    ["None"],
    [None],
    [(1, 2)],
    [2**60],
    [2**60 + 1],
    [int(1e300), 1e300],
    [10**300],
    [10**400],
    [-(10**400)],
    [math.inf],
    [-math.inf],
    [math.nan, np.nan, -math.nan],
]


def test_equal_labels_and_no_others_are_equal() -> None:
    flat = [(number, label) for number, row in enumerate(KINDS) for label in row]
    found = label_values([label for _, label in flat])
    assert found is not None
    assert found.dtype == torch.float64
    assert bool(found.isfinite().all())
    names = label_names(found).tolist()
    for (i, (a, _)), (j, (b, _)) in itertools.product(enumerate(flat), repeat=2):
        assert (names[i] == names[j]) == (found[i] == found[j]) == (a == b), (flat[i], flat[j])


def test_a_label_does_not_depend_on_its_column() -> None:
    alone = [label_values([label, 7]) for row in KINDS for label in row]
    mixed = label_values([label for row in KINDS for label in row])
    assert mixed is not None
    assert [float(each[0]) for each in alone if each is not None] == mixed.tolist()


def test_no_label_at_all() -> None:
    assert label_values([None, None]) is None
    assert label_values([]) is None
