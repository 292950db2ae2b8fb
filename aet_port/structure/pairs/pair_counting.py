"""Counting pairs of atoms by distance and by the groups that they belong to."""

from __future__ import annotations

from collections.abc import Sequence

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.structure.cubes import cell_list
from aet_port.structure.neighbours import Images, check_atoms, check_cutoff, periodic_images

STEP = 0.1  # angstrom
MOST_GROUPS = 100
BLOCKS = 64  # number of tasks, independent of the number of threads
HISTOGRAMS = 8_000_000  # counters in all blocks together, 64 MB
ON_EDGE = 1e-9  # steps below an edge that are rounding: distances of a crystal may lie on one
QUIRK_SHIFT = 0.01  # steps, by which the reference's bins are shifted


def group_labels(
    atoms: ase.Atoms, groups: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Sorted labels, and for each atom the number of its own, shape (n,).

    Parameters
    ----------
    groups
        A label (text or whole number) per atom; the chemical symbols unless given.

    Raises
    ------
    InputError
        For labels that are not one per atom, more than 100 different ones, or (without labels)
        atoms of unknown species.
    """
    if groups is None:
        if (atoms.numbers == 0).any():
            raise InputError(
                "atoms: species",
                f"{int((atoms.numbers == 0).sum())} atoms of unknown species",
                "chemical symbols, or labels given as groups",
            )
        labels = np.asarray(atoms.get_chemical_symbols())
    else:
        labels = np.asarray(groups)
    if labels.shape != (len(atoms),) or labels.dtype.kind not in "Uiu":
        raise InputError(
            "groups",
            f"an array {labels.shape} of {labels.dtype}",
            f"{len(atoms)} labels, all text or all whole numbers",
        )
    names, group = np.unique(labels, return_inverse=True)
    if len(names) > MOST_GROUPS:
        raise InputError("groups", f"{len(names)} different labels", f"at most {MOST_GROUPS}")
    return tuple(str(name) for name in names), group.astype(np.int64)


def reference_frame(atoms: ase.Atoms) -> ase.Atoms:
    """The same atoms where the reference puts them: least coordinates 1, in single precision.

    MATLAB: 7_Data_analysis_sro/Main_1_pdf_and_boo_calculation_all_atoms.m (``submodel``)
    """
    single = atoms.positions.astype(np.float32)
    result = atoms.copy()
    result.positions = single - single.min(axis=0) + np.float32(1)
    return result


def group_pair_counts(
    atoms: AtomicModel | ase.Atoms,
    groups: Sequence[str] | Sequence[int] | NDArray[np.generic] | None,
    r_max: float,
    step: float = STEP,
    *,
    reference_quirks: bool = False,
    least: int = 5,
) -> NDArray[np.int64]:
    """Ordered pairs of atoms by group and distance.

    Bin ``k`` of entry (a, b) counts the pairs of an atom of group a and another one of group b with
    ``k step <= d < (k + 1) step``.

    Parameters
    ----------
    groups
        See :func:`group_labels`, whose order the groups have.
    r_max
        Angstrom, less than half the height of a periodic cell.
    step
        Width of a bin, angstrom.
    reference_quirks
        Count as the reference does: after :func:`reference_frame`, in one bin more, at bin
        ``ceil(d / step + 0.01) - 1`` if ``d < r_max``, each atom paired with itself too.
    least
        Smallest number of atoms accepted.

    Returns
    -------
    Shape (groups, groups, bins): ``round(r_max / step)`` bins.

    Raises
    ------
    InputError
        For unusable atoms, labels, range or step, or a cell that is too small.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/Main_1_pdf_and_boo_calculation_all_atoms.m and
    Main_2_pdf_calculation_amorphous_region.m (``ppdf_arr``). Deviates: see ``reference_quirks``;
    the order of the axes.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, least)
    labels, group = group_labels(atoms, groups)
    check_step(step, r_max)
    if reference_quirks:
        atoms = reference_frame(atoms)
    images = _half_of(atoms, periodic_images(atoms, check_cutoff(atoms, r_max, "r_max")))
    # Small cells: the searched volume is close to the sphere's, yet rows of cells stay full.
    cells = cell_list(images.positions, r_max / 4, r_max)
    home = cells.order < len(atoms)
    order = np.concatenate([cells.order[home], cells.order[~home]])
    before = np.concatenate([[0], np.cumsum(home)])[cells.start]
    bins = round(r_max / step) + int(reference_quirks)
    n = len(labels)
    xs, ys, zs = np.ascontiguousarray(images.positions[order].T)
    places = (cells.places[order[: len(atoms)]] - cells.origin) / cells.size
    counts = _count_groups(
        xs,
        ys,
        zs,
        np.ascontiguousarray(places.T),
        group[images.atom[order]],
        n,
        cells.size,
        cells.shape,
        before,
        len(atoms) + cells.start - before,
        float(r_max),
        float(step),
        bins,
        QUIRK_SHIFT if reference_quirks else -1.0,
        int(np.clip(HISTOGRAMS // (n * n * bins), 1, BLOCKS)),
    ).reshape(n, n, bins)
    # Each pair was found once, from one of its ends.
    counts = counts + counts.transpose(1, 0, 2)
    if reference_quirks:
        counts[np.arange(n), np.arange(n), 0] += np.bincount(group)
    return counts


def pair_counts(
    atoms: AtomicModel | ase.Atoms, r_max: float, step: float = STEP
) -> NDArray[np.int64]:
    """Pairs of atoms by distance: bin ``k`` counts ``k step <= d < (k + 1) step``, each pair once.

    Parameters
    ----------
    r_max
        Angstrom, less than half the height of a periodic cell.
    step
        Width of a bin, angstrom.

    Raises
    ------
    InputError
        For unusable atoms, range or step, or a cell that is too small.
    """
    atoms = as_atoms(atoms)
    alike = np.zeros(len(atoms), dtype=np.int64)
    return group_pair_counts(atoms, alike, r_max, step)[0, 0] // 2


def check_step(step: float, r_max: float) -> None:
    """Check that the range is a length and the step a length below it.

    Raises
    ------
    InputError
        If not; the error names the wrong one.
    """
    if not (np.isfinite(r_max) and r_max > 0):
        raise InputError("r_max", f"{r_max!r}", "a length above zero, in angstrom")
    if not (np.isfinite(step) and 0 < step < r_max):
        raise InputError(
            "step", f"{step!r}", f"a length between 0 and r_max = {r_max:g}, in angstrom"
        )


def _half_of(atoms: ase.Atoms, images: Images) -> Images:
    """The atoms, and the images moved forwards: a pair with one moved back is seen from there."""
    if not atoms.pbc.any():
        return images
    away = images.positions - images.positions[images.atom]
    x, y, z = np.rint(np.linalg.solve(np.asarray(atoms.cell.complete()).T, away.T))
    keep = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z >= 0))))
    return Images(images.positions[keep], images.atom[keep])


@njit(cache=True, error_model="numpy", inline="always")
def _count_run(  # type: ignore[no-untyped-def]
    xs, ys, zs, group, first, last, x, y, z, offset, r_max, step, bins, shift, place, counts
):
    """Count the pairs of the atom at (x, y, z) and the atoms ``first`` to ``last - 1``."""
    # Two loops: the first, without branches that depend on the atoms, uses wide registers.
    for m in range(last - first):
        dx, dy, dz = xs[first + m] - x, ys[first + m] - y, zs[first + m] - z
        distance = np.sqrt(dx * dx + dy * dy + dz * dz)
        if shift < 0:
            place[m] = np.int32(distance / step + ON_EDGE)
        elif distance < r_max:
            place[m] = np.int32(np.ceil(distance / step + shift)) - 1
        else:
            place[m] = bins
    for m in range(last - first):
        if place[m] < bins:
            counts[(offset + group[first + m]) * bins + place[m]] += 1


@njit(cache=True, parallel=True, error_model="numpy")
def _count_groups(  # type: ignore[no-untyped-def]
    xs,
    ys,
    zs,
    places,
    group,
    n_groups,
    size,
    shape,
    homes,
    images,
    r_max,
    step,
    bins,
    shift,
    blocks,
):
    """Histogram of the pairs of a home atom with a later home atom or with an image.

    The index of a pair is (group of the first, group of the second, bin). Home atoms, sorted by
    cell, come before images, sorted by cell; ``homes`` and ``images`` say where each cell starts,
    ``places`` (3, n) in which cell, and where in it, each home atom is.
    A ``shift`` of zero or more asks for the reference's bins.
    """
    counts = np.zeros((blocks, n_groups * n_groups * bins), dtype=np.int64)
    n_cells = shape[0] * shape[1] * shape[2]
    longest = 0
    for row in range(0, n_cells, shape[2]):
        longest = max(longest, homes[row + shape[2]] - homes[row])
        longest = max(longest, images[row + shape[2]] - images[row])
    for block in prange(blocks):
        mine = counts[block]
        place = np.empty(longest, dtype=np.int32)
        for cell in range(block, n_cells, blocks):
            for i in range(homes[cell], homes[cell + 1]):
                x, y, z = xs[i], ys[i], zs[i]
                offset = group[i] * n_groups
                # In cells from the origin, as the range; a hair more for rounding.
                u, v, w = places[0, i], places[1, i], places[2, i]
                far = r_max / size * (1 + 1e-9) + 1e-9
                for ax in range(max(int(u - far), 0), min(int(u + far) + 1, shape[0])):
                    gap = max(ax - u, u - ax - 1, 0.0)
                    across = np.sqrt(max(far * far - gap * gap, 0.0))
                    for ay in range(max(int(v - across), 0), min(int(v + across) + 1, shape[1])):
                        gap = max(ay - v, v - ay - 1, 0.0)
                        along = np.sqrt(max(across * across - gap * gap, 0.0))
                        # Cells along z follow each other in memory.
                        row = (ax * shape[1] + ay) * shape[2]
                        low = row + max(int(w - along), 0)
                        high = row + min(int(w + along) + 1, shape[2])
                        for kind in range(2):
                            start = homes if kind == 0 else images
                            first = max(start[low], i + 1)
                            _count_run(
                                xs,
                                ys,
                                zs,
                                group,
                                first,
                                start[high],
                                x,
                                y,
                                z,
                                offset,
                                r_max,
                                step,
                                bins,
                                shift,
                                place,
                                mine,
                            )
    return counts.sum(axis=0)
