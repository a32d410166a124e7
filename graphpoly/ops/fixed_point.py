r"""The point that a map leaves where it is, for each graph of a batch, and its implicit gradient.

With :math:`g(z) = f(z) - z`, a step of Picard's iteration is :math:`z + \beta\, g(z)`. Anderson's
(type II) combines the last m changes :math:`\Delta z, \Delta g` so that the residual, were the map
linear, would be smallest:

.. math::
    z' = z + \beta g - \sum_j \gamma_j (\Delta z_j + \beta \Delta g_j), \qquad
    \gamma = \arg\min_\gamma \left\| g - \sum_j \gamma_j \Delta g_j \right\|^2
    + \lambda \sum_j \gamma_j^2 \|\Delta g_j\|^2

Each graph has residual, coefficients and end of its own, from sums over its rows; all graphs take
their steps together.

The gradient stores no iteration. With J the Jacobian of f at the fixed point and
:math:`\bar z` the gradient that comes in,

.. math::
    u = J^\top u + \bar z, \qquad
    \bar\theta = \left(\frac{\partial f}{\partial \theta}\right)^\top u:

another fixed point, of a linear map, found by the same iteration.

Sources: Anderson. Iterative procedures for nonlinear integral equations. J. ACM 12, 1965. Walker,
Ni. Anderson acceleration for fixed-point iterations. SINUM 49, 2011. Bai, Kolter, Koltun. Deep
equilibrium models. NeurIPS 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from graphpoly.errors import ConvergenceError, unknown
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.entry import affordable, as_size, check_device, check_held, check_unmapped
from graphpoly.ops.pool import pool

__all__ = ["FixedPoint", "fixed_point"]

_TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-6}
_LAMBDA = 4.0  # in roundings: what the columns of the least squares are told apart by

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class FixedPoint:
    """What :func:`fixed_point` found.

    Attributes:
        value: The fixed point, of the shape of the start.
        residual: Norm of the last ``f(z) - z`` of each graph, ``[B]``.
        iterations: Evaluations of the map until each graph was done, ``[B]``, int64.
        rate: Mean factor from one residual to the next of each graph, ``[B]``, 0 where there was
            one only. Of Picard's iteration it is the contraction constant along the way.
    """

    value: Tensor
    residual: Tensor
    iterations: Tensor
    rate: Tensor


class _Rule(NamedTuple):
    solver: str
    tolerance: float
    max_iterations: int
    window: int
    mixing: float


# the number of steps is in the values: a compiled graph goes on after it
@torch.compiler.disable(recursive=True)
def fixed_point(
    function: Map,
    start: Tensor,
    *,
    solver: str = "anderson",
    tolerance: float | None = None,
    gradient_tolerance: float | None = None,
    max_iterations: int = 1000,
    window: int = 5,
    mixing: float = 1.0,
    batch: Tensor | None = None,
    batch_size: int | None = None,
) -> FixedPoint:
    r"""Return z with :math:`f(z) = z`, and with the gradient of what f is made of.

    A graph is done where :math:`\|f(z) - z\| \le \mathrm{tolerance}\, \|f(z)\|`, norms over its
    rows, or where the residual has fallen to a rounding of the first one. If f contracts by
    :math:`\rho`, the error is at most :math:`\rho / (1 - \rho)` residuals.

    Args:
        function: f, from ``[N, ...]`` to the same shape and type. No row may depend on one of
            another graph, and two evaluations at one point must agree: no dropout. It runs outside
            of autocast.
        start: Where to begin, ``[N, ...]``; it has no gradient.
        solver: ``"anderson"``, or ``"picard"``, which arrives wherever f contracts.
        tolerance: Default 1e-12 for float64, 1e-6 for float32, and 1e-2 for half precisions.
        gradient_tolerance: Of the iteration in the backward pass; default ``tolerance``.
        max_iterations: Evaluations of f before it is given up.
        window: Number m of changes that Anderson's iteration looks back at.
        mixing: :math:`\beta`, above 0 and up to 1. Less than 1 lets maps that do not expand, such
            as reflections, converge.
        batch: Graph of each row, ``[N]``, in any order; default one graph.
        batch_size: Number of graphs B, if known.

    Returns:
        The value, last step included, with residuals and numbers of iterations.

    Raises:
        ConvergenceError: If a graph is not done after ``max_iterations``, or is no longer finite;
            the message has the measured contraction constant. Likewise in the backward pass.
        NotImplementedError: If f has a derivative in forward mode.
        RuntimeError: If the gradient is differentiated again.
        TypeError: If ``start`` is not floating-point, or f returns another type.
        ValueError: If ``solver`` is unknown, an option is out of range or shapes do not fit.

    Complexity: one evaluation of f an iteration and, for Anderson, O(m N F) beside it;
    O(m N F) memory. The backward pass takes a product with the Jacobian an iteration, and keeps
    one evaluation of f for it, no matter how many the forward pass took.

    >>> import torch
    >>> from graphpoly.ops import fixed_point
    >>> b = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    >>> found = fixed_point(lambda z: z / 2 + b, torch.zeros(1).double())
    >>> slope, = torch.autograd.grad(found.value, b)
    >>> round(found.value.item(), 9), round(slope.item(), 9)  # z = 2 b
    (2.0, 2.0)
    """
    rule = _rule(solver, tolerance, max_iterations, window, mixing, start)
    adjoint_rule = (
        rule
        if gradient_tolerance is None
        else rule._replace(tolerance=_positive("gradient_tolerance", gradient_tolerance))
    )
    if batch is not None:
        check_held("batch", batch)
        check_unmapped("batch", batch)
        check_device("batch", batch, start.device)
    graphs = _Graphs(batch, count_graphs(batch, batch_size, start.size(0)))
    state = start.detach()
    f = _checked(function, state)
    with torch.autocast(start.device.type, enabled=False):
        image = f(state)
        if forward_ad.unpack_dual(image).tangent is not None:
            raise NotImplementedError("fixed_point: has no derivative in forward mode (jvp)")
        if image.requires_grad and torch._C._are_functorch_transforms_active():
            raise NotImplementedError(
                "fixed_point: has no derivative within torch.func; backward() and "
                "torch.autograd.grad are accepted"
            )
        wanted, image = image.requires_grad, image.detach()
        found, state = _iterate(f, state, image, graphs, rule, "fixed_point")
        if not wanted:
            return found
        with torch.enable_grad():
            state = state.requires_grad_()
            image = f(state)
    solve = _Adjoint(graphs, adjoint_rule)
    return FixedPoint(
        _Implicit.apply(image, state, solve), found.residual, found.iterations, found.rate
    )


def _rule(
    solver: str,
    tolerance: float | None,
    max_iterations: int,
    window: int,
    mixing: float,
    start: Tensor,
) -> _Rule:
    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    if not isinstance(start, Tensor) or start.dim() == 0:
        raise ValueError("start: expected a tensor [N, ...]")
    check_held("start", start)
    if not start.is_floating_point():
        raise TypeError(f"start: got dtype {start.dtype}, a floating-point dtype is accepted")
    if not 0 < mixing <= 1:
        raise ValueError(f"mixing: got {mixing}, expected a number above 0 and up to 1")
    if tolerance is None:
        tolerance = _TOLERANCES.get(start.dtype, 1e-2)
    return _Rule(
        solver,
        _positive("tolerance", tolerance),
        as_size("max_iterations", max_iterations, least=1),
        min(as_size("window", window, least=1), max_iterations),
        mixing,
    )


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: got {value}, expected a positive number")
    return value


def _checked(function: Map, like: Tensor) -> Map:
    def f(z: Tensor) -> Tensor:
        image = function(z)
        if image.shape != like.shape:
            raise ValueError(
                f"function: got shape {tuple(image.shape)} from {tuple(like.shape)}, expected the "
                "same"
            )
        if image.dtype != like.dtype:
            raise TypeError(f"function: got {image.dtype} from {like.dtype}, expected the same")
        return image

    return f


class _Graphs:
    """Sums over the rows of each graph, and what each graph gives to its rows."""

    def __init__(self, batch: Tensor | None, size: int) -> None:
        self.batch = batch
        self.size = size

    def sum(self, rows: Tensor) -> Tensor:
        """``[N, ...]`` to ``[B, ...]``."""
        if self.batch is None:
            return rows.sum(0, keepdim=True)
        return pool(rows, self.batch, batch_size=self.size)

    def norm(self, x: Tensor) -> Tensor:
        """``[N, F]`` to ``[B]``, float64, in which no gradient is so small that its square is 0."""
        rows = torch.linalg.vector_norm(x, dim=1, dtype=torch.float64)
        return self.sum(rows.square()).sqrt()

    def spread(self, value: Tensor) -> Tensor:
        """``[B, ...]`` to ``[N, ...]``, or what broadcasts to it."""
        return value if self.batch is None else value[self.batch]


@torch.no_grad()
def _iterate(
    f: Map, start: Tensor, image: Tensor, graphs: _Graphs, rule: _Rule, what: str
) -> tuple[FixedPoint, Tensor]:
    """Return what was found, and the point whose image it is; ``image`` is that of the start."""
    rows, shape = start.size(0), start.shape
    columns = math.prod(shape[1:])
    z, fz = start.reshape(rows, columns), image.reshape(rows, columns)
    told = f"batch_size, window: got {graphs.size} and {rule.window}"
    steps = affordable(told, SOLVERS[rule.solver], z, graphs, rule)
    first = residual = affordable(told, graphs.norm, fz - z)
    active = torch.ones_like(first, dtype=torch.bool)
    iterations = torch.ones_like(first, dtype=torch.int64)
    least = torch.finfo(z.dtype).eps * first
    for number in range(1, rule.max_iterations + 1):
        size, latest = graphs.norm(fz), graphs.norm(fz - z)
        going = active & (size + latest).isfinite()
        residual = torch.where(going, latest, residual)
        iterations = torch.where(going, number, iterations)
        done = going & (residual <= torch.maximum(rule.tolerance * size, least))
        active, going = active & ~done, going & ~done
        if number == rule.max_iterations or not bool(going.any()):
            break
        z = torch.where(graphs.spread(going.unsqueeze(-1)), steps.next(z, fz), z)
        fz = f(z.view(shape)).detach().reshape(rows, columns)
    ratio = residual / torch.where(first > 0, first, 1)
    rate = torch.where(iterations > 1, ratio ** (1 / (iterations - 1).clamp(min=1)), 0)
    if bool(active.any()):
        raise _not_converged(what, active, going, residual, iterations, rate, rule)
    return FixedPoint(fz.view(shape), residual, iterations, rate), z.view(shape)


def _not_converged(
    what: str,
    active: Tensor,
    going: Tensor,
    residual: Tensor,
    iterations: Tensor,
    rate: Tensor,
    rule: _Rule,
) -> ConvergenceError:
    constant = float(rate[active].max())
    if not bool(residual[active].isfinite().all()):
        advice = "the map is not finite at the start"
    elif constant < 1 and bool(going[active].all()):
        advice = "raise max_iterations or tolerance"
    else:
        advice = "the map does not contract"
    return ConvergenceError(
        f"{what}: {int(active.sum())} of {active.numel()} graphs have not converged to "
        f"{rule.tolerance:g} after {int(iterations[active].max())} iterations (residual "
        f"{float(residual[active].max()):.1e}, contraction constant {constant:.4g}); {advice}"
    )


class _Picard:
    def __init__(self, like: Tensor, graphs: _Graphs, rule: _Rule) -> None:
        self.mixing = rule.mixing

    def next(self, z: Tensor, fz: Tensor) -> Tensor:
        """Return the next point."""
        return fz if self.mixing == 1 else torch.lerp(z, fz, self.mixing)


class _Anderson:
    """The last changes of points and residuals, ``[m, N, F]``, and the products of the latter."""

    def __init__(self, like: Tensor, graphs: _Graphs, rule: _Rule) -> None:
        self.graphs = graphs
        self.mixing = rule.mixing
        self.window = rule.window
        self.moves = like.new_zeros(rule.window, *like.shape)  # Δz + β Δg
        self.changes = torch.zeros_like(self.moves)  # Δg
        self.products = like.new_zeros(graphs.size, rule.window, rule.window, dtype=torch.float64)
        self.least = _LAMBDA * torch.finfo(like.dtype).eps
        self.count = 0
        self.before: tuple[Tensor, Tensor] | None = None

    def next(self, z: Tensor, fz: Tensor) -> Tensor:
        """Return the next point."""
        g = fz - z
        step = z + self.mixing * g
        if self.before is None:
            self.before = z, g
            return step
        place = self.count % self.window
        self.count += 1
        torch.sub(g, self.before[1], out=self.changes[place])
        torch.add(z - self.before[0], self.changes[place], alpha=self.mixing, out=self.moves[place])
        self.before = z, g
        products = self._products(self.changes[place])
        self.products[:, place] = products
        self.products[:, :, place] = products
        weight = self._weights(self._products(g)).to(z.dtype)
        if self.graphs.batch is None:
            return step - torch.einsum("m,mnf->nf", weight[0], self.moves)
        return step - torch.einsum("nm,mnf->nf", self.graphs.spread(weight), self.moves)

    def _products(self, g: Tensor) -> Tensor:
        """Inner products with all changes, ``[B, m]``."""
        return self.graphs.sum(torch.einsum("nf,mnf->nm", g, self.changes)).double()

    def _weights(self, right: Tensor) -> Tensor:
        """The regularised least squares, its columns brought to length 1."""
        square = self.products.diagonal(dim1=1, dim2=2)
        scale = torch.where(square > 0, square, 1).rsqrt()
        system = scale.unsqueeze(2) * self.products * scale.unsqueeze(1)
        system.diagonal(dim1=1, dim2=2).add_(self.least)
        return scale * torch.linalg.solve_ex(system, scale * right)[0]


SOLVERS: dict[str, type[_Anderson] | type[_Picard]] = {"anderson": _Anderson, "picard": _Picard}


class _Adjoint(NamedTuple):
    graphs: _Graphs
    rule: _Rule

    def __call__(self, image: Tensor, state: Tensor, grad: Tensor) -> Tensor:
        """Return u."""

        def step(u: Tensor) -> Tensor:
            (product,) = torch.autograd.grad(
                image, state, u, retain_graph=True, materialize_grads=True
            )
            return grad + product

        what = "fixed_point, gradient"
        with torch.autocast(grad.device.type, enabled=False):
            found, _ = _iterate(step, grad, step(grad), self.graphs, self.rule, what)
        return found.value


class _Implicit(torch.autograd.Function):
    """The image of the fixed point, whose gradient is that of the fixed point."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, state: Tensor, solve: _Adjoint) -> Tensor:
        ctx.solve = solve
        ctx.save_for_backward(image, state)
        return image.clone()  # the caller may write into it

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        image, state = ctx.saved_tensors
        u = ctx.solve(image, state, grad.detach())
        if torch.is_grad_enabled():
            u = _Once.apply(u, image, grad)
        return u, None, None


class _Once(torch.autograd.Function):
    """The same, not to be differentiated in what it was made of."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, image: Tensor, grad: Tensor) -> Tensor:
        return u.view_as(u)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError("fixed_point: the implicit gradient cannot be differentiated again")
