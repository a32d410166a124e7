import gc

import pytest

from graphpoly import registry
from graphpoly.errors import unknown


def test_rooms_fill_it():
    names = {entry.name for entry in registry.entries("layer")}
    assert {"FavardConv", "OptBasisConv"} <= names
    assert {"favard", "optimal"} <= {entry.name for entry in registry.entries("basis")}
    for entry in registry.entries():
        assert entry.paper
        assert entry.kind in registry.KINDS


@pytest.mark.parametrize("entry", registry.entries("layer"), ids=lambda entry: entry.name)
def test_examples_are_instances_of_what_they_stand_for(entry):
    assert isinstance(entry.example(), entry.obj)
    assert entry.example() is not entry.example()


def test_of_many_names_that_are_known_thirty_are_told():
    names = [f"{place:03}" for place in range(45)]
    for known, end in ((names[:30], "028, 029"), (names, "028, 029 and 15 more")):
        with pytest.raises(ValueError, match=f"unknown what 'zzz'; known: 000, .*{end}$"):
            raise unknown("what", "zzz", known)


def test_unknown_names_get_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'FavardConv'"):
        registry.get("layer", "FavradConv")
    with pytest.raises(ValueError, match="unknown kind 'layers'; did you mean 'layer'"):
        registry.entries("layers")


def test_a_name_is_taken_once():
    def FavardConv():
        """Another thing under a name that is taken."""

    with pytest.raises(ValueError, match="registered already"):
        registry.register("layer", paper="none")(FavardConv)


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_is_collected_as_before_once_all_rooms_are_there(collecting):
    before = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        registry.load_all()
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()
