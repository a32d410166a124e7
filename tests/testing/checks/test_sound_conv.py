from graphpoly.testing import check_layer, properties
from tests.testing.checks.sound_conv import SoundConv, SoundPointConv


def test_the_layer_that_the_broken_ones_derive_from_keeps_every_promise():
    report = check_layer(lambda: SoundConv(8, 4))
    assert report.passed == [name for name in properties() if name != "equivariance"]


def test_so_does_the_one_among_positions():
    report = check_layer(lambda: SoundPointConv(8, 4))
    several = ["hetero_conv"]  # which has no place for more than one output
    assert report.passed == [name for name in properties() if name not in several]
