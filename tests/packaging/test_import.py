"""What a user pays before anything runs."""

from tests.children import run, run_warm


def test_import_is_light():
    code = "import sys, graphpoly; print('torch' in sys.modules, graphpoly.__version__)"
    assert run(code).startswith("False ")


def test_a_module_is_found_without_the_rooms():
    code = "import sys; from graphpoly import registry; print('torch' in sys.modules)"
    assert run(code) == "False"


def test_every_room_can_be_the_first_that_is_imported():
    import graphpoly

    for room in graphpoly._rooms():
        code = f"import graphpoly.{room} as room; print(room.__name__)"
        assert run_warm(code) == f"graphpoly.{room}"


def test_names_are_found_when_they_are_asked_for():
    names = ["FavardConv", "OptBasisGNN", "ops", "testing"]
    found = [f"graphpoly.{name}.__name__.split('.')[-1]" for name in names]
    assert run_warm(f"import graphpoly; print({', '.join(found)})").split() == names


def test_unknown_name_is_an_attribute_error():
    code = "import graphpoly\ntry: graphpoly.Nothing\nexcept AttributeError as e: print(e)"
    assert "no attribute 'Nothing'" in run_warm(code)


def test_our_modules_raise_no_warning():
    code = (
        "import warnings\n"
        "warnings.simplefilter('error')\n"
        "import graphpoly.layers, graphpoly.models, graphpoly.ops, graphpoly.data\n"
        "import graphpoly.training, graphpoly.testing\n"
        "print('quiet')"
    )
    assert run_warm(code) == "quiet"
