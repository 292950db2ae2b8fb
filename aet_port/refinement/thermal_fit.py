"""Heights H and B' of the species by bounded least squares, without a pixel-by-parameter array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.parallel import map_threads
from aet_port.core.progress import progress_bar
from aet_port.refinement.projections import image_scale, relative_error
from aet_port.refinement.projector import Floats, Projector
from aet_port.refinement.thermal import Setting, ThermalFit, by_species, setting_of

AT_BOUND = 1e-6  # fraction of the range between the bounds


@checked
def fit_thermal(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    types: ArrayLike,
    heights: ArrayLike,
    b_factors: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    names: Sequence[str] | None = None,
    tolerance: float = 1e-12,
    max_evaluations: int = 100,
    show_progress: bool = False,
) -> ThermalFit:
    """Least-squares fit of height ratios and ``B'`` by species, with the scale eliminated.

    Minimises ``sum (k P(H, B') - I)^2`` with ``k = sum P I / sum P^2`` and ``H`` of the first
    species fixed at 1, by bounded Gauss-Newton steps with analytic derivatives. Residual and
    derivatives are reduced to their inner products image by image, so that no array of pixels
    times parameters is stored.

    Parameters
    ----------
    projector, images
        Projector and images (n_projections, nx, ny) of the series.
    positions
        Shape (n_atoms, 3), angstrom.
    types
        Index of each atom's species, shape (n_atoms,).
    heights, b_factors
        Initial values by species; heights are relative to the first, and all values are clipped to
        the bounds.
    lower, upper
        Bounds, shape (2, n_species): height ratios, ``B'`` in square angstrom. Parameters with
        equal bounds are fixed.
    names
        Names of the species, for warnings.
    tolerance
        Relative tolerance of the squared residual, the parameters and the gradient.
    max_evaluations
        Largest number of evaluations of the residual and its derivatives.
    show_progress
        Whether to report progress on standard error, relative to ``max_evaluations``.

    Returns
    -------
    Heights times ``k``, with warnings for species that end at a bound and if the fit did not
    converge.

    Raises
    ------
    InputError
        For arguments of other shapes, bounds out of order, or atoms outside the images.

    Notes
    -----
    MATLAB: 5_Position_refinement/Main_position_refinement.m (lsqcurvefit of Cal_Bproj_2type2)
    """
    given = setting_of(projector, images, positions, types, names)
    projector.check_inside(given.positions)
    n = len(given.names)
    start = np.stack([by_species("heights", heights, n), by_species("b_factors", b_factors, n)])
    low, high = (np.asarray(bound, dtype=np.float64) for bound in (lower, upper))
    for name, bound in (("lower", low), ("upper", high)):
        if bound.shape != (2, n):
            raise InputError(name, f"shape {bound.shape}", f"shape (2, {n}): height ratios, B'")
    if not ((low <= high).all() and (low > 0).all() and np.isfinite(high).all()):
        raise InputError("bounds", f"{low.tolist()} to {high.tolist()}", "0 < lower <= upper")
    if not (start > 0).all():
        raise InputError("heights, b_factors", f"{start.tolist()}", "numbers above zero")
    start[0] /= start[0, 0]
    free = low < high
    free[0, 0] = False
    values = np.clip(start, low, high)
    values[0, 0] = 1.0
    last: list[tuple[bytes, Floats]] = []

    def reduced(x: Floats) -> Floats:
        """Square factor of derivatives and residual, with the residual in the last column."""
        if not last or last[0][0] != x.tobytes():
            values[free] = x
            last[:] = [(x.tobytes(), _factor(_inner_products(projector, given, values, free)))]
            report.advance()
        return last[0][1]

    settled = True
    if free.any():
        with progress_bar("fit of H and B'", max_evaluations, show_progress) as report:
            found = least_squares(
                lambda x: reduced(x)[:, -1],
                values[free],
                jac=lambda x: reduced(x)[:, :-1],
                bounds=(low[free], high[free]),
                x_scale="jac",
                method="dogbox",
                ftol=tolerance,
                xtol=tolerance,
                gtol=tolerance,
                max_nfev=max_evaluations,
            )
        values[free], settled = found.x, bool(found.success)
    notes: list[str] = []
    if not settled:
        notes.append(f"the fit of H and B' did not converge in {max_evaluations} evaluations")
    reach = AT_BOUND * (high - low)
    for row, quantity in enumerate(("height ratio", "B'")):
        for k in np.flatnonzero(free[row]):
            for side, bound in (("lower", low[row, k]), ("upper", high[row, k])):
                if abs(values[row, k] - bound) <= reach[row, k]:
                    notes.append(
                        f"the {quantity} of {given.names[k]} is at its {side} bound, {bound:g}"
                    )
    projections = projector.images(positions, values[0][given.types], values[1][given.types])
    factor = image_scale(projections, images)
    projections *= factor
    error = relative_error(projections, images)
    return ThermalFit(factor * values[0], values[1].copy(), np.array([error]), tuple(notes))


def _inner_products(
    projector: Projector, given: Setting, values: Floats, free: NDArray[np.bool_]
) -> Floats:
    """Gram matrix of the derivatives with respect to the free parameters, then the residual."""
    n = len(given.names)
    groups = [given.positions[given.types == k] for k in range(n)]
    decays = projector.decays(values[1])

    def products(number: int) -> Floats:
        # Rows: projection of each species at height 1, its derivative by b, the image.
        rows = np.zeros((2 * n + 1, *projector.shape))
        for k, group in enumerate(groups):
            rows[k], rows[n + k] = projector.layers(group, decays[k], number)
        rows[-1] = given.images[number]
        flat = rows.reshape(len(rows), -1)
        return flat @ flat.T

    gram = np.zeros((2 * n + 1, 2 * n + 1))
    for part in map_threads(products, range(len(projector)), projector.threads):
        gram += part
    # Everything is a combination of those rows: the projection, its derivatives, the image.
    heights, b_factors = values
    by_parameter = np.zeros((2, n, 2 * n + 1))
    for k in range(n):
        by_parameter[0, k, k] = 1.0
        by_parameter[1, k, n + k] = -heights[k] * decays[k] / b_factors[k]
    slopes = by_parameter[free]
    projection = np.concatenate([heights, np.zeros(n + 1)])
    image = np.zeros(2 * n + 1)
    image[-1] = 1.0
    square, product = projection @ gram @ projection, projection @ gram @ image
    if not square > 0:
        raise InputError("heights", f"{heights.tolist()}", "atoms that show in the images")
    k = product / square
    k_slopes = (slopes @ gram @ image - 2 * k * (slopes @ gram @ projection)) / square
    columns = np.vstack([k * slopes + k_slopes[:, None] * projection, k * projection - image])
    return columns @ gram @ columns.T


def _factor(gram: Floats) -> Floats:
    """A square matrix ``F`` with ``F^T F = gram``, even if ``gram`` does not have full rank."""
    size = np.sqrt(np.maximum(np.diag(gram), 0))
    size = np.where(size > 0, size, 1)
    strengths, vectors = np.linalg.eigh(gram / np.outer(size, size))
    return np.sqrt(np.maximum(strengths, 0))[:, None] * vectors.T * size
