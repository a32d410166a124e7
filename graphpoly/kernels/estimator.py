"""What scikit-learn asks of a step that turns graphs into a kernel."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor
from torch_geometric.data import Batch, Data
from typing_extensions import Self

from graphpoly.errors import unknown

__all__ = ["Graphs", "KernelEstimator"]

Graphs: TypeAlias = Sequence[Data] | Batch


class KernelEstimator:
    """A kernel of graphs as a transformer: fitted on graphs, it gives the kernel with those.

    A subclass stores the arguments of its constructor under their names and is called with one list
    of graphs or two.
    """

    graphs_: Graphs

    def __call__(self, graphs: Graphs, others: Graphs | None = None) -> Tensor:
        """Return the kernel of all graphs, or of some with others, float64 ``[G, H]``."""
        raise NotImplementedError

    def fit(self, graphs: Graphs, y: Any = None) -> Self:
        """Remember the graphs that are the columns; nothing else is fitted."""
        self.graphs_ = graphs
        return self

    def transform(self, graphs: Graphs) -> np.ndarray:
        """Return the kernel of graphs with those of :meth:`fit`, ``[G, H]``.

        Raises:
            ValueError: If nothing was fitted.
        """
        if not self.__sklearn_is_fitted__():
            raise ValueError(f"{type(self).__name__}: call fit before transform")
        return self(graphs, None if graphs is self.graphs_ else self.graphs_).numpy()

    def fit_transform(self, graphs: Graphs, y: Any = None) -> np.ndarray:
        """Return the kernel of the graphs with each other, ``[G, G]``, and remember them."""
        return self.fit(graphs).transform(graphs)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor; what was fitted stays.

        Raises:
            ValueError: If there is no such argument.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise unknown(f"argument of {type(self).__name__}", name, known)
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "graphs_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False),
        )

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"
