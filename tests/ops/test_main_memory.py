import pytest
import torch

from graphpoly.layers import PDFConv
from graphpoly.models import PPGN, PDFNet
from graphpoly.ops import main_memory

EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


@pytest.fixture
def machine(monkeypatch):
    """A machine of so many bytes."""

    def of(size):
        monkeypatch.setattr(main_memory, "main_memory", lambda: size)

    return of


def test_the_machine_says_how_much_it_has(tmp_path, monkeypatch):
    whole = main_memory.main_memory()
    if whole is None:
        pytest.skip("this system does not say")
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(main_memory, "_LIMIT", limit)
    assert main_memory.main_memory() >= whole  # no group
    for said, expected in (("4096\n", 4096), ("max\n", None), (str(2**62), None)):
        limit.write_text(said)
        found = main_memory.main_memory()
        assert found == expected if expected else found >= whole


@pytest.mark.cpu
@pytest.mark.parametrize(
    ("network", "needed"),
    [
        # 9 pairs of 4 channels, 4 bytes each: four steps of f, their gradient, the result
        (lambda: PDFConv(2, 4, hops=None), 9 * 4 * 4 * 6),
        (lambda: PDFNet(2, 4, 3, hops=None, norm=True), 9 * 4 * 4 * 8),
        # the matrix, two features, and four arrays of 4 channels in each of three blocks
        (lambda: PPGN(2, 4, 3), 9 * 4 * (1 + 2 + 4 * 3 * 4)),
    ],
)
def test_what_cannot_fit_is_refused_before_it_is_tried(network, needed, machine):
    network, x = network(), torch.randn(3, 2)
    machine(needed)
    network(x, EDGES)
    machine(needed - 1)
    with pytest.raises(ValueError, match=r"9 pairs of nodes.* GiB at least, this machine has"):
        network(x, EDGES)
    with torch.no_grad():
        network(x, EDGES)  # keeps less
    machine(None)
    network(x, EDGES)


def test_other_devices_refuse_by_themselves(machine):
    machine(1)
    main_memory.check_fits(lambda: "this", 2**40, torch.device("cuda"))
    with pytest.raises(ValueError, match=r"^this: takes 1,024.0 GiB at least, this machine has 0"):
        main_memory.check_fits(lambda: "this", 2**40, torch.device("cpu"))
