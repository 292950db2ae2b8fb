"""Which traced peaks are atoms: two classes by intensity, and the support of the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.data import Volume
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.tracing.intensities import histogram, positions_table, sphere_values, two_gaussians
from aet_port.tracing.patching import merge_close
from aet_port.tracing.settings import SELECT, Rule, SelectSettings
from aet_port.tracing.support import erode

NON_ATOM, ATOM = 1, 2
QUIRK_EROSION = 10  # voxels by which the Ta script shrinks its support


@dataclass(frozen=True, repr=False)
class AtomSelection(Shown):
    """Result of :func:`remove_non_atoms`.

    Attributes
    ----------
    candidates
        Shape (n, 3): peaks left after border removal and merging, 0-based voxel coordinates.
    labels
        Shape (n,), int8: 2 atom, 1 non-atom, by intensity alone.
    is_atom
        Shape (n,): the final choice, by labels and support.
    intensities
        Shape (n,): sum of the linearly interpolated values in the wide sphere.
    gaussians
        The six parameters of the two Gaussians fitted to the histogram of the intensities.
    """

    candidates: NDArray[np.float64]
    labels: NDArray[np.int8]
    is_atom: NDArray[np.bool_]
    intensities: NDArray[np.float64]
    gaussians: NDArray[np.float64]

    def _facts(self) -> dict[str, object]:
        return {"candidates": len(self.candidates), "atoms": int(self.is_atom.sum())}

    @property
    def atoms(self) -> NDArray[np.float64]:
        """Positions of the atoms, shape (m, 3), 0-based voxel coordinates."""
        return self.candidates[self.is_atom]


def inside_volume(positions: ArrayLike, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Whether each position (n, 3), 0-based, lies in ``[0, n - 2]`` along each axis of ``shape``.

    MATLAB: 4_Atom_tracing/Main_remove_non_atom_peak_*.m (1-based: from 1 to ``size - 1``)
    """
    table = positions_table("positions", positions)
    return np.all((table >= 0) & (table <= np.array(shape) - 2), axis=1)


def two_classes(
    values: NDArray[np.float64],
    sums: NDArray[np.float64],
    gaussians: ArrayLike,
    reference_quirks: bool = False,
    max_iterations: int = 500,
) -> tuple[NDArray[np.int8], int]:
    """Label each peak by whether it is closer to the mean atom or to zero, a non-atom (L1 norm).

    The first means are those of the peaks whose sum lies within a tenth of a width of the centre
    of each Gaussian; from the second round on the non-atom class is fixed at zero.

    Parameters
    ----------
    values
        Shape (n, m): values around each peak.
    sums
        Shape (n,): the intensities to which the Gaussians were fitted.
    gaussians
        A1, c1, w1, A2, c2, w2, see :func:`two_gaussians`.
    reference_quirks
        The reference divides the distances of a peak by the sum of its values; if that is negative,
        the order is reversed and an empty position becomes an atom. A Gaussian without peaks near
        its centre starts its class at zero, which may leave no atoms at all; by default the peak
        nearest to the centre always counts, and the second class is the brighter one.
    max_iterations
        Largest number of rounds.

    Returns
    -------
    Labels (n,), 1 non-atom, 2 atom, and the number of rounds.

    Raises
    ------
    InputError
        If shapes do not match or labels still change after ``max_iterations``.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_remove_non_atom_peak_Ta_film.m,
    Main_remove_non_atom_peak_Pd1_nanoparticle.m
    """
    p = np.asarray(gaussians, dtype=np.float64).ravel()
    if values.ndim != 2 or sums.shape != (len(values),) or p.shape != (6,):
        raise InputError(
            "values",
            f"shapes {values.shape}, {sums.shape}, {p.shape}",
            "(n, m), (n,) and six parameters",
        )
    if p[1] > p[4] and not reference_quirks:
        p = np.roll(p, 3)
    means = np.zeros((2, values.shape[1]))
    for k in (0, 1):
        gap = np.abs(sums - p[3 * k + 1])
        near = gap < p[3 * k + 2] / 10
        if not reference_quirks:
            near[np.argmin(gap)] = True
        if near.any():
            means[k] = values[near].mean(axis=0)
    turned = values.sum(axis=1) < 0 if reference_quirks else np.zeros(len(values), bool)
    labels = np.ones(len(values), np.int8)
    for number in range(1, max_iterations + 1):
        nearer = _nearer_atom(values, means)
        new = np.where((nearer < 0) != (turned & (nearer != 0)), ATOM, NON_ATOM).astype(np.int8)
        means[:] = 0
        if (new == ATOM).any():
            means[1] = values[new == ATOM].mean(axis=0)
        if np.array_equal(new, labels):
            return labels, number
        labels = new
    raise InputError(
        "values",
        f"labels that still change after {max_iterations} rounds",
        "two classes that converge",
    )


@checked
def select_atoms(
    labels: NDArray[np.int8], positions: ArrayLike, support: NDArray | None, rule: Rule
) -> NDArray[np.bool_]:
    """Which peaks are atoms, from their labels and the support at the nearest voxel.

    ``"labels"``: labelled atom. ``"both"``: labelled atom and inside the support. ``"either"``:
    labelled atom or inside (published for the Pd particles). ``"support"``: inside, regardless of
    the label (published for the Ta film).

    MATLAB: 4_Atom_tracing/Main_remove_non_atom_peak_*.m, last part
    """
    table = positions_table("positions", positions)
    atom = np.asarray(labels) == ATOM
    if rule == "labels":
        return atom
    if rule not in ("both", "either", "support"):
        raise InputError("rule", f"{rule!r}", "'labels', 'both', 'either' or 'support'")
    if support is None:
        raise InputError("support", "none", f"a support for the rule {rule!r}")
    inside = in_support(table, support)
    return {"both": atom & inside, "either": atom | inside, "support": inside}[rule]


def in_support(positions: ArrayLike, support: NDArray) -> NDArray[np.bool_]:
    """Whether the voxel nearest to each position (n, 3) is in the support; False outside."""
    voxels = np.floor(positions_table("positions", positions) + 0.5).astype(np.int64)
    known = ((voxels >= 0) & (voxels < support.shape)).all(axis=1)
    inside = np.zeros(len(voxels), bool)
    inside[known] = np.asarray(support)[tuple(voxels[known].T)] > 0
    return inside


@checked
def remove_non_atoms(
    volume: Volume | NDArray,
    positions: ArrayLike,
    *,
    support: Volume | NDArray | None = None,
    rule: Rule | None = SELECT.rule,
    merge_distance: float = SELECT.merge_distance,
    class_thirds: int = SELECT.class_thirds,
    histogram_thirds: int = SELECT.histogram_thirds,
    reference_quirks: bool = False,
) -> AtomSelection:
    """Distinguish atoms from other peaks by their intensity and the support of the sample.

    Peaks at the border are left out and double peaks merged; the histogram of the intensities is
    fitted by two Gaussians, from which two classes start (film paper, Methods); ``rule`` says
    whether label, support or both decide.

    Parameters
    ----------
    volume
        The reconstruction, or its array of shape (nx, ny, nz).
    positions
        Shape (n, 3): traced peaks, 0-based voxel coordinates.
    support
        Mask of the volume's shape, zero outside the sample, or None.
    rule
        See :func:`select_atoms`; unless given ``"both"`` with a support and ``"labels"`` without.
    merge_distance
        Distance in voxels below which peaks are merged; zero merges none (published for the Pd
        particles).
    class_thirds, histogram_thirds
        Radii, in thirds of a voxel, of the spheres for the classes and for the histogram: 4 and 7
        for the Ta film, 7 and 4 for the Pd particles.
    reference_quirks
        As coded: the quirks of :func:`merge_close` and :func:`two_classes`; the default rule is
        ``"support"``, which ignores the labels; with that rule the support is eroded by a ball of
        ten voxels, which loses real atoms (642 of 3810 of the published initial model).

    Returns
    -------
    The peaks that are atoms, with the labels and intensities behind the choice.

    Raises
    ------
    InputError
        For a support of another shape, no peaks inside the volume, or intensities that cannot
        be fitted.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_remove_non_atom_peak_Ta_film.m,
    Main_remove_non_atom_peak_Pd1_nanoparticle.m, Main_remove_non_atom_peak_Pd2_nanoparticle.m

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> volume = aet.reconstruct(series, iterations=20).volume
    >>> peaks = aet.trace(volume)
    >>> chosen = aet.remove_non_atoms(volume, peaks.accepted)
    >>> len(peaks.accepted) > len(chosen.atoms)
    True
    >>> len(chosen.atoms)
    20
    """
    SelectSettings(
        rule=rule,
        merge_distance=merge_distance,
        class_thirds=class_thirds,
        histogram_thirds=histogram_thirds,
    )
    volume = volume.array if isinstance(volume, Volume) else volume
    support = support.array if isinstance(support, Volume) else support
    table = positions_table("positions", positions)
    if rule is None:
        rule = "labels" if support is None else ("support" if reference_quirks else "both")
    if support is not None and support.shape != volume.shape:
        raise InputError("support", f"shape {support.shape}", f"the volume's, {volume.shape}")
    table = table[inside_volume(table, (volume.shape[0], volume.shape[1], volume.shape[2]))]
    if merge_distance:
        table = merge_close(table, merge_distance, reference_quirks)
    if len(table) == 0:
        raise InputError(
            "positions", "no peak inside the volume", "traced peaks in voxel coordinates"
        )
    sums = sphere_values(volume, table, histogram_thirds, "linear").sum(axis=1)
    values = sphere_values(volume, table, class_thirds, "cubic")
    counts, centres = histogram(sums)
    gaussians = two_gaussians(centres, counts)
    labels, _ = two_classes(values, sums, gaussians, reference_quirks)
    if support is not None and rule == "support" and reference_quirks:
        support = erode(support, QUIRK_EROSION)
    return AtomSelection(table, labels, select_atoms(labels, table, support, rule), sums, gaussians)


def select_by_supports(
    candidates: ArrayLike,
    peaks: ArrayLike,
    tight: NDArray,
    loose: NDArray,
    margin: int = 8,
    same: float = 1e-4,
) -> NDArray[np.intp]:
    """Peaks that are candidates inside the tight support, or that lie inside the loose one.

    Parameters
    ----------
    candidates
        Shape (n, 3): classified atoms, 0-based voxel coordinates; those within ``margin`` voxels
        of the border are ignored.
    peaks
        Shape (m, 3): all traced peaks.
    tight, loose
        Masks of the volume.
    margin
        Width of the border in voxels, the same for all axes and computed from the first, as the
        glass particle's volume is a cube.
    same
        Distance in voxels below which a peak counts as a candidate.

    Returns
    -------
    Indices into ``peaks``.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/Main_polynomial_tracing.m, last part (glass paper). There
    both supports were made of the upsampled volume and read with voxel coordinates of the
    original; the multislice copy (post_initC_MG_multislice.m) tests the tight support twice, which
    passing it as ``loose`` reproduces.
    """
    first, every = positions_table("candidates", candidates), positions_table("peaks", peaks)
    low, high = margin - 1, tight.shape[0] - margin - 1
    first = first[((first > low) & (first < high)).all(axis=1)]
    first = first[in_support(first, tight)]
    known = _is_among(every, first, same)
    return np.flatnonzero(known | in_support(every, loose))


def _is_among(
    points: NDArray[np.float64], table: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    if len(table) == 0:
        return np.zeros(len(points), bool)
    return cKDTree(table).query(points)[0] < radius


@numba.njit(cache=True)
def _nearer_atom(values, means):  # type: ignore[no-untyped-def]
    """L1 distance of each row to the atoms' mean minus that to the non-atoms' mean."""
    result = np.empty(len(values))
    for n in range(len(values)):
        to_none = 0.0
        to_atom = 0.0
        for k in range(values.shape[1]):
            to_none += abs(values[n, k] - means[0, k])
            to_atom += abs(values[n, k] - means[1, k])
        result[n] = to_atom - to_none
    return result
