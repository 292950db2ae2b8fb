"""Errors by how the images disagree, where what the atoms leave unexplained is no white noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.detection.evidence import image_displacements, radial_frequencies
from aet_port.detection.search import Search
from aet_port.detection.state import SearchState

AROUND = 6.0  # angstrom within which atoms share a factor
SPENT = 1.5  # images: each tells two of the three coordinates of a position


def as_images_disagree(search: Search, state: SearchState) -> SearchState:
    """The end of a search with errors as large as the images ask for.

    The covariance of an atom is the inverse Fisher information if the residuals of neighbouring
    pixels are independent. Those of denoised images are not. If the images are independent of each
    other, the displacements ``d_i`` that they ask for, each alone, have the covariance

    ``sum_i (d_i - mean d) (d_i - mean d)^T n / (n - 3/2)``

    whatever the correlations within an image (K.-Y. Liang and S. L. Zeger, Biometrika 73, 13
    (1986)), where ``n`` images of two coordinates each determine three. The ratio of the two
    variances of height, x, y and z, averaged over the atoms within 6 angstrom, multiplies
    the covariance where it exceeds one. What all images have in common, such as a probe that the
    fit does not describe or the blur of a denoising method, is not seen.

    Parameters
    ----------
    search, state
        The search and its end.

    Returns
    -------
    The state with other covariances.

    Notes
    -----
    MATLAB: none
    """
    expected = search.expected(state)
    profile = state.probe.mean(radial_frequencies(search.series.pixel_size), search.symbols)
    stated, moved = image_displacements(
        search.likelihood, state.atoms, state.views, profile, expected, state.faintest
    )
    scales = np.sqrt(excess_variance(state.atoms.positions, stated, moved))
    scaled = state.covariances * scales[:, :, None] * scales[:, None, :]
    return replace(state, covariances=scaled)


def excess_variance(positions: NDArray, stated: NDArray, moved: NDArray) -> NDArray[np.float64]:
    """Variance by disagreement relative to the stated one, at least one.

    Parameters
    ----------
    positions
        Shape (n_atoms, 3), angstrom.
    stated
        Shape (n_atoms, 4, 4): covariances of height and position.
    moved
        Shape (n_atoms, n_images, 4): :func:`~aet_port.detection.evidence.image_displacements`.

    Returns
    -------
    Shape (n_atoms, 4).
    """
    shown = (moved != 0).any(axis=2)
    n = np.maximum(shown.sum(axis=1), 1)[:, None]
    apart = np.where(shown[:, :, None], moved - (moved.sum(axis=1) / n)[:, None], 0)
    variance = np.sum(apart**2, axis=1) * n / np.maximum(n - SPENT, 1)
    ratio = variance / np.diagonal(stated, axis1=1, axis2=2)
    near = cKDTree(positions).query_ball_point(positions, AROUND)
    return np.maximum([ratio[some].mean(axis=0) for some in near], 1.0)
