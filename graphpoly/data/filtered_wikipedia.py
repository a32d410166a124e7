"""Chameleon and Squirrel without their duplicate nodes."""

from __future__ import annotations

from torch_geometric.data import InMemoryDataset
from torch_geometric.datasets import HeterophilousGraphDataset

__all__ = ["FilteredWikipedia"]

_NAMES = ("chameleon_filtered", "squirrel_filtered")


class FilteredWikipedia(HeterophilousGraphDataset):
    """The filtered graphs of `A Critical Look at the Evaluation of GNNs under Heterophily
    <https://arxiv.org/abs/2302.11640>`_ (Platonov et al., ICLR 2023).

    More than half of the nodes of Chameleon and Squirrel repeat another node, across train and
    test. These are the graphs without them, with the authors' ten splits; they lie beside those
    that PyG's class knows, in the same form.

    Args:
        root: Folder of the datasets; the raw file is ``<name>.npz`` there.
        name: ``"chameleon_filtered"`` or ``"squirrel_filtered"``.
    """

    def __init__(self, root: str, name: str) -> None:
        if name not in _NAMES:
            raise ValueError(f"name: got {name!r}, expected one of {_NAMES}")
        self.name = name
        # past the parent's own __init__, which knows its five names only
        InMemoryDataset.__init__(self, root)
        self.load(self.processed_paths[0])

    @property
    def raw_dir(self) -> str:
        """Folder of the raw files."""
        return str(self.root)
