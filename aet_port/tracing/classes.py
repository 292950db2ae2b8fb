"""Steps of the classification: which peaks are atoms, and histograms by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.tracing.boxes import box_offsets
from aet_port.tracing.clustering import Start, kmeans
from aet_port.tracing.gaussian_fit import fit_gaussian_3d
from aet_port.tracing.intensities import BINS, histogram


def sphere_in_box(steps: int) -> NDArray[np.bool_]:
    """Columns of a cube's values that belong to its inscribed ball, see :func:`box_offsets`."""
    return (box_offsets(steps, sphere=False) ** 2).sum(axis=1) <= (steps + 0.5) ** 2


def atom_or_not(
    cubes: ArrayLike,
    mean_cube: ArrayLike,
    sphere: bool = True,
    background: float | None = None,
    reference_quirks: bool = False,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], float]:
    """Whether each peak is closer to the mean atom than to the empty background (L1 distance).

    Parameters
    ----------
    cubes
        Shape (n, m): values of each peak in the order of ``box_offsets(steps, sphere=False)``.
    mean_cube
        Shape (m,): the mean of peaks that are certainly atoms.
    sphere
        Whether to leave the corners out of the distances.
    background
        Value of empty space; unless given, the constant of a Gaussian fitted to the mean atom.
    reference_quirks
        As coded: the angles of the fit, in degrees, are limited to +-pi, and without ``sphere`` the
        distances are taken over the first row of voxels only.

    Returns
    -------
    Whether each peak is an atom (n,), its distances to background and mean atom (2, n), and the
    background.

    Raises
    ------
    InputError
        If the values do not form cubes or are not finite.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/initial_class_L1norm.m::initial_class_L1norm
    """
    values = np.asarray(cubes, dtype=np.float64)
    mean = np.asarray(mean_cube, dtype=np.float64).ravel()
    steps = (round(mean.size ** (1 / 3)) - 1) // 2
    offsets = box_offsets(steps, sphere=False)
    if values.ndim != 2 or values.shape[1] != mean.size or len(offsets) != mean.size:
        found = f"shapes {values.shape} and {mean.shape}"
        raise InputError("cubes", found, "(n, m) and (m,), with m the cube of an odd number")
    if background is None:
        background = _background(mean, offsets, reference_quirks) if steps > 0 else 0.0
    used = sphere_in_box(steps) if sphere else np.ones(mean.size, bool)
    if reference_quirks and not sphere:
        used[2 * steps + 1 :] = False
    distances = np.stack(
        [
            np.abs(values[:, used] - background).sum(axis=1),
            np.abs(values[:, used] - mean[used]).sum(axis=1),
        ]
    )
    return distances[0] > distances[1], distances, background


def _background(mean: NDArray[np.float64], offsets: NDArray[np.int64], quirks: bool) -> float:
    top = max(float(mean.max()), 0.0)
    lower = [-np.pi, 0, -np.pi] if quirks else [-np.inf] * 3
    upper = [np.pi] * 3 if quirks else [np.inf] * 3
    fit = fit_gaussian_3d(
        [0, top, 0, 0, 0, 0.5, 0.5, 0.5, 0, 0, 0],
        offsets.T,
        mean,
        lower=[0, 0, -2, -2, -2, 0, 0, 0, *lower],
        upper=[np.inf, np.inf, 2, 2, 2, np.inf, np.inf, np.inf, *upper],
    )
    return fit.background


def classes_and_non_atoms(
    cubes: ArrayLike,
    n_types: int,
    norm: int = 2,
    start: Start = "optimal",
    seed: int = 0,
    reference_quirks: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Assign species by k-means after non-atoms have been identified.

    The sums over the ball are divided by k-means into ``n_types + 1`` classes. The darkest class is
    provisionally non-atoms; the next is the lightest species, with whose mean every peak is
    compared (:func:`atom_or_not`). The atoms are then divided by k-means into ``n_types`` species.

    Parameters
    ----------
    cubes
        Shape (n, m): values of each peak in the order of ``box_offsets(steps, sphere=False)``.
    n_types
        Number of species.
    norm, start, seed
        As in :func:`aet_port.tracing.clustering.kmeans`.
    reference_quirks
        See :func:`atom_or_not`.

    Returns
    -------
    Types (n,), counted from 1 for the lightest species, 0 for non-atoms; and which peaks are atoms.

    Raises
    ------
    InputError
        If there are fewer distinct intensities than classes, before or after the check.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/initial_class_kmean.m::initial_class_kmean
    """
    values = np.asarray(cubes, dtype=np.float64)
    steps = (round(values.shape[1] ** (1 / 3)) - 1) // 2
    sums = values[:, sphere_in_box(steps)].sum(axis=1)
    rough = kmeans(sums, n_types + 1, norm, start, seed).labels
    lightest = values[rough == 1].mean(axis=0)
    is_atom, _, _ = atom_or_not(values, lightest, reference_quirks=reference_quirks)
    types = np.zeros(len(values), np.int64)
    types[is_atom] = kmeans(sums[is_atom], n_types, norm, start, seed).labels + 1
    return types, is_atom


def lightest_split(
    sums: ArrayLike, n_types: int, norm: int = 2, start: Start = "optimal", seed: int = 0
) -> NDArray[np.bool_]:
    """Which peaks are atoms: all but the darker half of the darkest of ``n_types`` classes.

    The sums are divided by k-means into ``n_types`` classes, then the darkest class into two.

    Parameters
    ----------
    sums
        Shape (n,): intensities.
    n_types, norm, start, seed
        As in :func:`aet_port.tracing.clustering.kmeans`.

    Raises
    ------
    InputError
        If there are fewer distinct intensities than classes.

    Notes
    -----
    MATLAB: CoPdPt_Classification_Kmean_dose1p7e4.m and CoPdPt_Classification_Kmean_dose5p6e4.m in
    10_Multislice_AET_simulations/5_simulation_with_noise, first two steps
    """
    table = np.asarray(sums, dtype=np.float64)
    labels = kmeans(table, n_types, norm, start, seed).labels
    is_atom = labels > 0
    is_atom[labels == 0] = kmeans(table[labels == 0], 2, norm, start, seed).labels == 1
    return is_atom


@dataclass(frozen=True)
class ClassHistogram:
    """Histogram of intensities for all atoms and, in the same bins, for each class.

    Parameters
    ----------
    centres
        Shape (bins,).
    total
        Shape (bins,): all atoms.
    counts
        Shape (k, bins): atoms of types 1 to k.
    """

    centres: NDArray[np.float64]
    total: NDArray[np.int64]
    counts: NDArray[np.int64]


def class_histogram(
    intensities: ArrayLike, types: ArrayLike, n_types: int, bins: int = BINS
) -> ClassHistogram:
    """Histogram of the intensities of all atoms and of each class over their whole range.

    Parameters
    ----------
    intensities, types
        Shape (n,); types other than 1 to ``n_types`` count only in the total.

    Raises
    ------
    InputError
        For shapes that do not match or no atoms.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/plot_class_hist.m::plot_class_hist (peak_info). Its
    intensities are sums over :func:`aet_port.tracing.boxes.voxel_boxes`.
    """
    sums = np.asarray(intensities, dtype=np.float64).ravel()
    kinds = np.asarray(types).ravel()
    if kinds.shape != sums.shape:
        raise InputError("types", f"{kinds.size} for {sums.size} intensities", "one for each")
    total, centres = histogram(sums, bins)
    edges = (centres[1:] + centres[:-1]) / 2
    place = np.searchsorted(edges, sums, side="left")
    counts = [np.bincount(place[kinds == t], minlength=bins) for t in range(1, n_types + 1)]
    return ClassHistogram(centres, total, np.array(counts).reshape(n_types, bins))


def class_posteriors(
    intensities: ArrayLike, types: ArrayLike, n_types: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Probability of each species given an intensity, from a Gaussian fitted to each class.

    ``p(k | x) = w_k N(x; m_k, s_k) / sum_j w_j N(x; m_j, s_j)``: ``m_k`` and ``s_k`` are mean and
    standard deviation of the intensities of class k, ``w_k`` its fraction of the atoms. A class
    without spread (a single atom, for example) takes the pooled spread of all classes. The
    posterior measures the overlap of the classes over the whole sample: an atom that is distinct
    among its neighbours, but not over the whole sample, has a low posterior.

    Parameters
    ----------
    intensities, types
        Shape (n,); types 1 to ``n_types``, each with an atom.

    Returns
    -------
    Posteriors (n, k), means (k,), standard deviations (k,).

    Notes
    -----
    MATLAB: none
    """
    x = np.asarray(intensities, dtype=np.float64)
    kinds = np.asarray(types)
    groups = [x[kinds == t] for t in range(1, n_types + 1)]
    means = np.array([g.mean() for g in groups])
    widths = np.array([g.std() for g in groups])
    within = float(np.sqrt(((x - means[kinds - 1]) ** 2).mean()))
    if within == 0:
        return np.eye(n_types)[kinds - 1], means, widths
    used = np.where(widths > 1e-9 * within, widths, within)
    share = np.array([len(g) for g in groups]) / len(x)
    log = np.log(share / used) - 0.5 * ((x[:, None] - means) / used) ** 2
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True), means, widths
