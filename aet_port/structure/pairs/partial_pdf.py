"""Pair distribution functions between groups of atoms, in a sample of any outline or in a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TypeGuard

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.neighbours import check_atoms, heights, periodic_images
from aet_port.structure.pairs.pair_counting import (
    STEP,
    check_step,
    group_labels,
    group_pair_counts,
    reference_frame,
)
from aet_port.structure.pairs.shell_surface import shell_shares
from aet_port.structure.pairs.shell_volume import DIRECTIONS, Body, shell_counts, sphere_directions
from aet_port.structure.voronoi.alpha_shapes import AlphaShape, alpha_shape

R_MAX = 20.0  # angstrom, as in both papers
ALPHA = 4.0  # angstrom, radius of the alpha shape in both papers
ALL = ("*", "*")  # the key of the pairs of all atoms
QUIRK_VOLUME = 4 * np.pi * 90**2 * 0.1  # cubic angstrom: a skin of 0.1 on a ball of radius 90


@dataclass(frozen=True, repr=False)
class PartialPdf(Shown):
    """Pair distribution functions between groups of atoms on evenly spaced distances.

    Attributes
    ----------
    r
        Shape (n,): middle of each bin, angstrom.
    g
        For each pair of labels, in the order of ``labels``, the pair distribution, shape (n,), 1
        for a uniform density; ``("*", "*")`` for all atoms. NaN where no part of the shells lies in
        the sample.
    counts
        Shape (groups, groups, n): ordered pairs, the first atom of group a, the second of group b.
    labels
        Of the groups, in the order of ``counts``.
    sizes
        Shape (groups,): atoms in each group.
    density
        Number density of all the atoms in ``volume``, per cubic angstrom.
    volume
        Cubic angstrom.
    shell_fraction
        Shape (n,): fraction of the shells around the atoms inside the sample; 1 in a box.
    """

    r: NDArray[np.float64]
    g: dict[tuple[str, str], NDArray[np.float64]]
    counts: NDArray[np.int64]
    labels: tuple[str, ...]
    sizes: NDArray[np.int64]
    density: float
    volume: float
    shell_fraction: NDArray[np.float64]

    plot = methods.plot_partial_pdf
    """Plot g(r): :func:`aet_port.figures.structure_results.plot_partial_pdf`."""

    def _facts(self) -> dict[str, object]:
        return {
            "groups": " ".join(f"{a} {n}" for a, n in zip(self.labels, self.sizes, strict=True)),
            "bins": len(self.r),
            "r up to": angstrom(self.r.max()),
            "density": f"{self.density:.4g} atoms per cubic angstrom",
        }

    @property
    def step(self) -> float:
        """Width of a bin, angstrom."""
        return float(2 * self.r[0])


@checked
def partial_pair_distribution(
    atoms: AtomicModel | ase.Atoms,
    *,
    groups: Sequence[str] | Sequence[int] | NDArray[np.generic] | None = None,
    r_max: float = R_MAX,
    step: float = STEP,
    shape: Body | None = None,
    alpha: float = ALPHA,
    directions: int | None = None,
    reference_quirks: bool = False,
) -> PartialPdf:
    """Pair and partial pair distribution functions (glass paper, Methods).

    ``g_ab(r) = N_ab(r) V / (V_a(r) N_b)`` with the ordered pairs ``N_ab(r)`` in the shell at r and
    the volume ``V_a(r)`` of these shells, around all atoms of group a, that lies in the sample, of
    volume V (for a and b apart the mean of ``V_a N_b`` and ``V_b N_a``). A box periodic in three
    directions is filled, and its shells are whole. The outline of any other sample is the alpha
    shape of its atoms; the share of the shells inside follows from the solid angles of its surface
    (:func:`~aet_port.structure.pairs.shell_surface.shell_shares`).

    Parameters
    ----------
    groups
        See :func:`~aet_port.structure.pairs.pair_counting.group_labels`.
    r_max
        Angstrom; shortened to half the height of a periodic cell, and in a particle to 1.8 times
        the radius of the sphere with its radius of gyration.
    step
        Width of a bin, angstrom.
    shape
        The outline, unless it is the alpha shape of the atoms themselves. (The reference outlines
        the amorphous atoms of a particle by their own alpha shape, holes of crystal nuclei left
        out.) For part of the atoms of a box give the shape, made with a ``margin`` of ``r_max``.
        With ``reference_quirks`` it lies in the ``reference_frame`` of the
        counts.
    alpha
        Radius of the alpha shape, angstrom.
    directions
        Least number of directions in which the shells are sampled instead, as in the reference
        (10,242 there); 642 for outlines of other kinds. They turn with the principal axes of the
        sample (or with its cell), so that the result does not depend on its orientation.
    reference_quirks
        Count as ``group_pair_counts`` then does, with self
        pairs left out of g only; leave r_max and the directions as they are; add a skin of 0.1
        angstrom on a ball of radius 90 to the volume; take the shells of a group for those of the
        average atom.

    Raises
    ------
    InputError
        For unusable atoms, labels, range, step, alpha, directions or shape.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/Main_1_pdf_and_boo_calculation_all_atoms.m and
    Main_2_pdf_calculation_amorphous_region.m. Deviates: see ``reference_quirks``; partial functions
    are normalised, periodic cells taken.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    labels, group = group_labels(atoms, groups)
    check_step(step, r_max)
    if not reference_quirks:
        r_max = _shorten(atoms, r_max, step)
    counts = group_pair_counts(atoms, groups, r_max, step, reference_quirks=reference_quirks)
    bins = counts.shape[2]
    edges = np.arange(bins + 1) * step
    whole = 4 / 3 * np.pi * (edges[1:] ** 3 - edges[:-1] ** 3)
    sizes = np.bincount(group)
    if reference_quirks:
        atoms = reference_frame(atoms)
    if shape is None and atoms.pbc.all():
        volume = float(atoms.get_volume())
        shells = sizes[:, None] * whole
    else:
        if shape is None:
            shape = alpha_shape(atoms, alpha, margin=r_max if atoms.pbc.any() else 0.0)
        elif isinstance(shape, AlphaShape) and atoms.pbc.any() and shape.margin < r_max:
            raise InputError(
                "shape", f"a margin of {shape.margin:g} angstrom", f"at least r_max = {r_max:g}"
            )
        volume = float(shape.volume)
        centres = periodic_images(atoms, 0.0).positions[: len(atoms)]
        if directions is None and not reference_quirks and _made_of(shape, centres):
            shares = shell_shares(shape, step, bins, group)
        else:
            rays = sphere_directions(DIRECTIONS if directions is None else directions)
            if not reference_quirks:
                rays = rays @ _axes(atoms)
            shares = shell_counts(shape, centres, step, bins, rays, group) / len(rays)
        shells = shares.T * whole
    everything = shells.sum(axis=0)
    fraction = everything / (len(atoms) * whole)
    if reference_quirks:
        volume += QUIRK_VOLUME
        shells = sizes[:, None] / len(atoms) * everything
    g = {ALL: _ratio(counts.sum(axis=(0, 1)), everything * len(atoms) / volume)}
    for a, b in combinations_with_replacement(range(len(labels)), 2):
        ideal = (shells[a] * sizes[b] + shells[b] * sizes[a]) / 2 / volume
        g[labels[a], labels[b]] = _ratio(counts[a, b], ideal)
    if reference_quirks:
        for curve in g.values():
            curve[0] = 0.0
    return PartialPdf(
        (edges[:-1] + edges[1:]) / 2,
        g,
        counts,
        labels,
        sizes,
        len(atoms) / volume,
        volume,
        fraction,
    )


def _made_of(shape: Body, centres: NDArray[np.float64]) -> TypeGuard[AlphaShape]:
    """Whether the shape is the alpha shape of these very atoms."""
    return isinstance(shape, AlphaShape) and np.array_equal(shape.points[: shape.n_atoms], centres)


def _shorten(atoms: ase.Atoms, r_max: float, step: float) -> float:
    """The range, or what the cell or the particle allows if that is less, in whole steps."""
    limit = np.inf
    if atoms.pbc.any():
        narrowest = heights(atoms).min()
        # Turned cells differ by rounding, and half a height may be a whole number of steps.
        limit = (np.ceil(narrowest / 2 / step - 1e-9) - 1) * step
        if 2 * limit >= narrowest:  # the quotient was rounded up
            limit -= step
    if not atoms.pbc.any():
        centred = atoms.positions - atoms.positions.mean(axis=0)
        radius = np.sqrt(5 / 3 * (centred**2).sum(axis=1).mean())
        limit = np.floor(1.8 * radius / step) * step
    if limit < 2 * step:
        raise InputError(
            "step", f"{step:g} angstrom", f"a step far below the longest possible range {limit:.3g}"
        )
    return float(min(r_max, limit))


def _axes(atoms: ase.Atoms) -> NDArray[np.float64]:
    """Three unit vectors, as rows, that turn with the sample."""
    if atoms.pbc.any():
        orthogonal, triangle = np.linalg.qr(reduced_cell(atoms).T)
        return (orthogonal * np.sign(np.diag(triangle))).T
    centred = atoms.positions - atoms.positions.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    # An axis has no sign of its own; the side where the sample reaches further decides.
    along = (centred @ axes.T) ** 3
    return axes * np.where(along.sum(axis=0) < 0, -1.0, 1.0)[:, None]


def _ratio(counts: NDArray[np.int64], ideal: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.full(len(counts), np.nan)
    np.divide(counts, ideal, out=result, where=ideal > 0)
    return result
