r"""Learning a known filter from images: a regression whose best possible loss is known.

A picture is a signal on the grid of its pixels. Its target is the same signal after multiplying
its spectrum by a response :math:`f(\lambda)`, :math:`\lambda \in [0, 2]` an eigenvalue of
:math:`L = I - D^{-1/2} A D^{-1/2}`. A polynomial filter can come as close as the best polynomial
does, and no closer. The five responses are those of He et al., BernNet, NeurIPS 2021,
arXiv:2106.10994.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import scipy.fft
import scipy.io
import scipy.ndimage
import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.data.files import DatasetError, default_root
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = [
    "IMAGE_RESPONSES",
    "apply_response",
    "grid_graph",
    "image_filter_task",
    "interior_mask",
    "load_images",
    "smooth_images",
]

Array = NDArray[np.float64]
Response = Callable[[Array], Array]

IMAGE_RESPONSES: Mapping[str, Response] = MappingProxyType(
    {
        "low": lambda lam: np.exp(-10.0 * lam**2),
        "high": lambda lam: 1.0 - np.exp(-10.0 * lam**2),
        "band": lambda lam: np.exp(-10.0 * (lam - 1.0) ** 2),
        "rejection": lambda lam: 1.0 - np.exp(-10.0 * (lam - 1.0) ** 2),
        "comb": lambda lam: np.abs(np.sin(np.pi * lam)),
    }
)


@on_cpu()
def grid_graph(height: int, width: int) -> Tensor:
    """Return the 4-neighbour grid, both directions of every edge, sorted: [2, E], int64.

    Pixel (r, c) is node ``r * width + c``.

    >>> grid_graph(1, 3).tolist()
    [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be positive, got {height} and {width}")
    node = torch.arange(height * width).view(height, width)
    right = torch.stack([node[:, :-1].flatten(), node[:, 1:].flatten()])
    down = torch.stack([node[:-1].flatten(), node[1:].flatten()])
    edges = torch.cat([right, down, right.flip(0), down.flip(0)], dim=1)
    return edges[:, (edges[0] * height * width + edges[1]).argsort()]


@on_cpu()
def interior_mask(height: int, width: int, border: int = 2) -> Tensor:
    """Return the mask of the pixels that are ``border`` or more away from the edge: [h * w].

    The task's loss is taken over these: 9,216 of 100 x 100 pixels.
    """
    if border < 0:
        raise ValueError(f"border must not be negative, got {border}")
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[border : max(border, height - border), border : max(border, width - border)] = True
    return mask.flatten()


@on_cpu()
def smooth_images(
    height: int,
    width: int,
    num_images: int = 50,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Data:
    """Make pictures of soft shapes, each scaled to [0, 1], for where no real ones are at hand.

    Each is noise blurred at a scale of its own (1 to 8 pixels) plus a trace of unblurred noise,
    so that every frequency occurs and the low ones dominate, as in photographs.

    Returns:
        ``x`` [h * w, num_images], ``edge_index`` of the grid, and ``mask`` of the interior.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(num_images, height, width, generator=generator, dtype=torch.float64)
    scale = 8.0 ** torch.rand(num_images, generator=generator, dtype=torch.float64)
    grain = torch.randn(num_images, height, width, generator=generator, dtype=torch.float64)
    pictures = np.empty((height * width, num_images))
    for k in range(num_images):
        blurred = scipy.ndimage.gaussian_filter(noise[k].numpy(), float(scale[k]), mode="reflect")
        picture = blurred / max(float(blurred.std()), 1e-12) + 0.05 * grain[k].numpy()
        low, high = picture.min(), picture.max()
        pictures[:, k] = ((picture - low) / max(high - low, 1e-12)).ravel()
    return Data(
        x=torch.from_numpy(pictures).to(dtype),
        edge_index=grid_graph(height, width),
        mask=interior_mask(height, width),
    )


@on_cpu()
def load_images(root: str | Path | None = None, *, dtype: torch.dtype = torch.float32) -> Data:
    """Read the 50 pictures of 100 x 100 pixels that the published numbers are for.

    Args:
        root: Folder that holds ``image_filter/2Dgrid.mat``; by default
            :func:`~graphpoly.data.default_root`. The file is published with BernNet and
            JacobiConv; its pictures are scaled to [0, 1] already and stored one a column.
        dtype: Type of the pictures.

    Returns:
        ``x`` [10000, 50], ``edge_index`` of the grid, and ``mask`` of the interior.

    Raises:
        DatasetError: If the file is absent, cut short, or holds something else.
    """
    path = Path(default_root() if root is None else root).expanduser()
    path = path / "image_filter" / "2Dgrid.mat"
    if not path.is_file():
        raise DatasetError(
            f"image_filter: {path} does not exist; put BernNet's 2Dgrid.mat there, "
            "or use smooth_images(), which needs no file"
        )
    try:
        stored = scipy.io.loadmat(path, variable_names=["F", "mask"])
        pictures = np.asarray(stored["F"], dtype=np.float64)
        mask = torch.from_numpy(np.asarray(stored["mask"]).ravel() != 0)
    except (OSError, EOFError, ValueError, TypeError, KeyError, zlib.error) as error:
        raise DatasetError(
            f"image_filter: {path} is cut short or altered ({error}); put a whole copy there"
        ) from error
    side = math.isqrt(pictures.shape[0])
    if (
        pictures.ndim != 2
        or side * side != pictures.shape[0]
        or mask.numel() != pictures.shape[0]
        or not np.isfinite(pictures).all()
        or pictures.min() < 0.0
        or pictures.max() > 1.0
    ):
        raise DatasetError(
            f"image_filter: {path} holds no square pictures in [0, 1] (F has shape "
            f"{pictures.shape}, mask {mask.numel()} entries); put the published file there"
        )
    return Data(
        x=torch.from_numpy(pictures).to(dtype), edge_index=grid_graph(side, side), mask=mask
    )


def image_filter_task(data: Data, response: str | Response, *, degree: int | None = None) -> Data:
    """Return ``data`` with targets ``y``: its signals ``x`` filtered by ``response``.

    Args:
        data: Signals ``x`` [num_nodes, num_signals] and ``edge_index``; left as it is.
        response: Name in :data:`IMAGE_RESPONSES`, or a function of the eigenvalues.
        degree: See :func:`apply_response`.

    Example:
        >>> task = image_filter_task(smooth_images(8, 8, 2), "low")
        >>> task.y.shape
        torch.Size([64, 2])
    """
    task = Data(**data.to_dict())
    task.y = apply_response(response, data.edge_index, data.x, degree=degree)
    return task


def apply_response(
    response: str | Response,
    edge_index: Tensor,
    signals: Tensor,
    *,
    degree: int | None = None,
) -> Tensor:
    """Multiply the spectrum of signals by a response, without an eigendecomposition.

    The response is interpolated at Chebyshev points of [0, 2] and the interpolant applied by the
    three-term recurrence, in float64.

    Args:
        response: Name in :data:`IMAGE_RESPONSES`, or a function of an array of eigenvalues.
        edge_index: Undirected graph without weights, [2, E]; isolated nodes have eigenvalue 1.
        signals: [num_nodes, num_signals].
        degree: Degree of the interpolant: by default 120, which is exact to rounding for the
            four smooth responses, and 3000 for "comb", whose kinks leave an error below 1e-3.

    Returns:
        Filtered signals, of the shape and type of ``signals``.

    Notes:
        Time O(degree * num_edges * num_signals), memory O(num_nodes * num_signals).
    """
    if isinstance(response, str):
        if response not in IMAGE_RESPONSES:
            raise unknown("response", response, IMAGE_RESPONSES)
        function = IMAGE_RESPONSES[response]
    else:
        function = response
    if degree is None:
        degree = 3000 if response == "comb" else 120
    if degree < 0:
        raise ValueError(f"degree must not be negative, got {degree}")
    if signals.dim() != 2:
        raise ValueError(f"signals must be [num_nodes, num_signals], got {list(signals.shape)}")

    coefficients = _chebyshev_coefficients(function, degree)
    shifted = _shifted_laplacian(edge_index, signals.size(0))
    before = signals.detach().to("cpu", torch.float64).numpy()
    total = coefficients[0] * before
    if degree > 0:
        current = shifted @ before
        total += coefficients[1] * current
        for coefficient in coefficients[2:]:
            before, current = current, 2.0 * (shifted @ current) - before
            total += coefficient * current
    return torch.from_numpy(total).to(signals)


def _chebyshev_coefficients(function: Response, degree: int) -> Array:
    """Interpolate ``t -> function(1 + t)`` on [-1, 1] at the zeros of T_{degree+1}."""
    angle = np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)
    values = np.broadcast_to(np.asarray(function(1.0 + np.cos(angle)), np.float64), angle.shape)
    coefficients: Array = scipy.fft.dct(np.ascontiguousarray(values), type=2) / (degree + 1)
    coefficients[0] /= 2.0
    return coefficients


def _shifted_laplacian(edge_index: Tensor, num_nodes: int) -> scipy.sparse.csr_array:
    """Return L - I = -D^{-1/2} A D^{-1/2}, whose spectrum lies in [-1, 1]."""
    row, col = edge_index.cpu().numpy()
    adjacency = scipy.sparse.csr_array(
        (np.ones(row.size), (row, col)), shape=(num_nodes, num_nodes)
    )
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    scale = np.zeros_like(degree)
    np.divide(1.0, np.sqrt(degree), out=scale, where=degree > 0)
    return scipy.sparse.csr_array(
        (-scale[row] * scale[col], (row, col)), shape=(num_nodes, num_nodes)
    )
