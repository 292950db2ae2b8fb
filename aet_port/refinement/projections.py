"""Linear projections of a model on the scale of measured images, and a volume of its Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.geometry import centre
from aet_port.refinement.gaussian_windows import gaussian_profile, nearest_pixel
from aet_port.refinement.projector import HALF_WIDTH, Floats, Projector, few, form_factor, per_atom

Scale = Literal["least_squares", "sum"]


@checked
def relative_error(projections: NDArray, images: NDArray) -> float:
    """``R_1 = sum |P - I| / sum |I|`` over all pixels of all images."""
    # Image by image, so that the differences stay in the cache.
    pairs = zip(projections, images, strict=True)
    sums = np.sum([(np.abs(p - i).sum(), np.abs(i).sum()) for p, i in pairs], axis=0)
    return float(sums[0] / sums[1])


def image_scale(projections: NDArray, images: NDArray, scale: Scale = "least_squares") -> float:
    """Factor that scales projections to measured images, common to the series.

    ``sum P I / sum P^2`` for ``"least_squares"``, ``sum I / sum P`` for ``"sum"``.

    Raises
    ------
    InputError
        If the projections are empty.
    """
    if scale == "sum":
        above, below = float(np.sum(images)), float(np.sum(projections))
    else:
        above, below = float(np.vdot(projections, images)), float(np.vdot(projections, projections))
    if not np.isfinite(above) or not below > 0:
        raise InputError("projections", f"a sum of {below:g}", "atoms with heights above zero")
    return above / below


class ScaledProjections(NamedTuple):
    """Projections (n, nx, ny) on the scale of the images; ``heights``, ``b_factors`` by species."""

    images: Floats
    heights: Floats
    b_factors: Floats


@checked
def scaled_projections(
    projector: Projector,
    images: NDArray,
    positions: ArrayLike,
    types: NDArray[np.integer],
    heights: ArrayLike,
    b_factors: ArrayLike,
    scale: Scale = "least_squares",
) -> ScaledProjections:
    """Projections with heights relative to the first species, on the scale of the measurement.

    Parameters
    ----------
    projector
        Projector of the series.
    images
        Measured images, shape (n_projections, nx, ny).
    positions
        Shape (n_atoms, 3), angstrom.
    types
        Index of each atom's species, shape (n_atoms,).
    heights, b_factors
        Values by species; their signs are ignored.
    scale
        As in :func:`image_scale`.

    Returns
    -------
    The projections, and heights multiplied by their scale.

    Raises
    ------
    InputError
        As in :meth:`Projector.images` and :func:`image_scale`.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/{Cal_Bproj_2type,Cal_Bproj_2type2}.m, and with
    ``scale="sum"`` Cal_Bproj.m, which only works for one species
    """
    ratios = np.abs(np.asarray(heights, dtype=np.float64))
    b = np.abs(np.asarray(b_factors, dtype=np.float64))
    if not (len(ratios) and ratios[0] > 0):
        raise InputError("heights", f"{heights!r}", "a number above zero for the first species")
    ratios = ratios / ratios[0]
    projections = projector.images(positions, ratios[types], b[types])
    factor = image_scale(projections, images, scale)
    projections *= factor
    return ScaledProjections(projections, factor * ratios, b)


def normalise_sums(images: ArrayLike, value: float) -> NDArray[np.float64]:
    """Scale images (n, nx, ny), or one image (nx, ny), to a sum of ``value`` each.

    Raises
    ------
    InputError
        For an image that sums to zero.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/ImageNorm.m::ImageNorm
    """
    table = np.asarray(images, dtype=np.float64)
    sums = table.sum(axis=(-2, -1), keepdims=True)
    if not sums.all():
        empty = np.flatnonzero(sums.ravel() == 0)
        raise InputError("images", f"a sum of zero in image {empty[0]}", "images with a signal")
    return table * (value / sums)


@checked
def gaussian_volume(
    positions: ArrayLike,
    heights: ArrayLike,
    b_factors: ArrayLike,
    pixel_size: float,
    shape: tuple[int, int, int],
    elements: Sequence[str | int] | None = None,
    half_width: int = HALF_WIDTH,
) -> NDArray[np.float64]:
    """Sum of the atoms' Gaussians in three dimensions, filtered if ``elements`` are given.

    Parameters
    ----------
    positions
        Shape (n_atoms, 3), angstrom, origin on voxel ``n // 2``.
    heights, b_factors
        One number for all atoms or one for each; ``B'`` in square angstrom.
    pixel_size
        Angstrom.
    shape
        Number of voxels along x, y, z.
    elements
        Elements of the mean :func:`form_factor`; negative values of the filtered volume are set to
        zero.
    half_width
        Half width of an atom's window, voxels.

    Raises
    ------
    InputError
        If an atom's window extends beyond the volume.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/HB_fixedfa_recon_all.m::HB_fixedfa_recon_all
    """
    table = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    places = table / pixel_size + np.array([centre(n) for n in shape])
    nearest = np.floor(places + 0.5)
    outside = (nearest < half_width) | (nearest > np.array(shape) - 1 - half_width)
    if outside.any():
        atoms = few(np.flatnonzero(outside.any(axis=1)))
        found = f"atoms (0-based {atoms}) at the edge of the volume or outside"
        raise InputError("positions", found, f"{half_width} voxels inside {shape}")
    height = per_atom("heights", heights, len(table))
    decay = (np.pi * pixel_size) ** 2 / per_atom("b_factors", b_factors, len(table))
    volume = np.zeros(shape)
    _add_blobs(volume, places, height, decay, half_width)
    if elements is None:
        return volume
    factor = fft.ifftshift(form_factor(shape, pixel_size, elements))[..., : shape[2] // 2 + 1]
    return np.maximum(fft.irfftn(fft.rfftn(volume) * factor, s=shape), 0)


@njit(cache=True, nogil=True)
def _add_blobs(volume, places, heights, decays, half):  # type: ignore[no-untyped-def]
    """Add three-dimensional Gaussians at ``places``, in voxels from the first voxel."""
    size = 2 * half + 1
    profiles = np.empty((3, size))
    corner = np.empty(3, dtype=np.int64)
    for k in range(places.shape[0]):
        square = np.exp(-2 * decays[k])
        for axis in range(3):
            nearest = nearest_pixel(places[k, axis])
            corner[axis] = nearest - half
            gaussian_profile(profiles[axis], decays[k], square, nearest - places[k, axis], half)
        for i in range(size):
            for j in range(size):
                factor = heights[k] * profiles[0, i] * profiles[1, j]
                for m in range(size):
                    volume[corner[0] + i, corner[1] + j, corner[2] + m] += factor * profiles[2, m]
