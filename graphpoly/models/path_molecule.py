"""PathNN behind OGB's embeddings of atoms and bonds."""

from __future__ import annotations

from torch import Tensor

from graphpoly.models.molecule_gnn import encoders
from graphpoly.models.path_nn import PathNN
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["PathMolecule"]


@register(
    "baseline",
    paper="Michel, Nikolentzos, Lutzeyer, Vazirgiannis. Path Neural Networks: Expressive and "
    "Accurate Graph Neural Networks. ICML 2023",
    arxiv="2306.05955",
    example=lambda: PathMolecule(16, 1),
    tags={"expressivity": "beyond 1-WL with all shortest or simple paths"},
)
class PathMolecule(Pretrained):
    """PathNN on molecules of OGB.

    Args:
        hidden_channels: Size of the embeddings and of the states.
        out_channels: Number of tasks.
        K: Length of the longest paths.
        paths: ``"single"``, ``"shortest"`` or ``"simple"``.
        readout: ``"sum"`` or ``"mean"`` over the atoms.
        reduce: ``"sum"`` or ``"mean"`` over the paths of an atom.
        dropout: At the LSTM's inputs and in the head.
    """

    def __init__(
        self,
        hidden_channels: int,
        out_channels: int,
        K: int = 2,
        *,
        paths: str = "shortest",
        readout: str = "mean",
        reduce: str = "sum",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.atoms = encoders().AtomEncoder(hidden_channels)
        self.bonds = encoders().BondEncoder(hidden_channels)
        self.paths = PathNN(
            hidden_channels,
            hidden_channels,
            out_channels,
            K,
            paths=paths,
            edge_dim=hidden_channels,
            update="mlp",
            encode=False,
            readout=readout,
            reduce=reduce,
            dropout=dropout,
        )

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> Tensor:
        """Return one row of logits for each graph; arguments as for OGB's own baselines."""
        out: Tensor = self.paths(self.atoms(x), edge_index, self.bonds(edge_attr), batch)
        return out
