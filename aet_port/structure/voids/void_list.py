"""The voids of a sample: largest empty spheres, and the fraction of space outside its atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.records import plain
from aet_port.structure.neighbours import check_atoms, periodic_images
from aet_port.structure.voids.clearance import Surroundings, held
from aet_port.structure.voids.outside import SampleSpace, sample_space
from aet_port.structure.voronoi.triangulation import Triangulation

SAMPLES = 200_000  # places at which the space outside the atoms is looked for
SAME = 1e-5  # angstrom: centres, and radii, that differ by rounding only
REACH = 3.0  # angstrom, about the distance of the nearest atom from places in a sample
EVEN = 1.22074408460575947536 ** -np.arange(1.0, 4.0)  # steps of an even sequence in space
LISTED = 10  # largest voids in a summary


@dataclass(frozen=True, repr=False)
class Voids(Shown):
    """Largest empty spheres of a sample, by falling radius (to 1e-5 angstrom).

    Attributes
    ----------
    measured_to
        ``"centres"`` or ``"surfaces"`` of the atoms.
    centres
        Shape (m, 3), angstrom; in a periodic box inside the cell.
    radii
        Shape (m,), angstrom.
    touching
        Shape (n_atoms,): radius of the largest empty sphere that touches each atom, angstrom, those
        included that were merged into larger ones; NaN for atoms that none touches.
    free_fraction
        Fraction of the volume of the sample that is outside all atoms, which are taken as spheres
        with covalent radii; NaN if a species is unknown.
    free_error
        Its standard error, from the number of places that were looked at.

    Examples
    --------
    >>> import aet_port as aet
    >>> from ase.build import bulk
    >>> found = aet.structure.find_voids(bulk("Cu", "fcc", 3.6, cubic=True), probe=4.0)
    >>> found  # the octahedral holes
    <Voids: voids 4, measured to centres, largest 1.8 angstrom, free space 18.4 %>
    """

    measured_to: str
    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    touching: NDArray[np.float64]
    free_fraction: float
    free_error: float

    def _facts(self) -> dict[str, object]:
        largest = "none" if not len(self) else angstrom(round(float(self.radii[0]), 6))
        free = self.free_fraction
        return {
            "voids": len(self),
            "measured to": self.measured_to,
            "largest": largest,
            "free space": "unknown" if np.isnan(free) else f"{100 * free:.3g} %",
        }

    def __len__(self) -> int:
        return len(self.radii)

    def summary(self) -> dict[str, Any]:
        """Numbers for a table or JSON, None for what is not known."""
        return {
            "measured_to": self.measured_to,
            "voids": len(self),
            "largest": [round(radius, 6) for radius in self.radii[:LISTED].tolist()],
            "mean_radius": plain(float(self.radii.mean())) if len(self) else None,
            "free_fraction": plain(self.free_fraction),
            "free_error": plain(self.free_error),
        }


@checked
def find_voids(
    atoms: AtomicModel | ase.Atoms,
    probe: float,
    measured_to: str = "centres",
    *,
    overlapping: bool = False,
    triangulation: Triangulation | None = None,
) -> Voids:
    """Largest empty spheres between the atoms.

    A void is a sphere that holds no atom and would have to shrink in whatever direction it is
    moved: a local maximum of the distance from the atoms. These are the circumspheres of the
    Delaunay tetrahedra that hold their own centre; or, measured to the surfaces of atoms of unlike
    radii, the spheres that touch four of these. Of spheres that overlap, the largest is kept first,
    and then each next one whose centre lies outside all kept before. Among equal spheres, as in
    perfect crystals, the lowest centre along x, y and z comes first.

    Of a particle or film only what a probe coming from outside can't reach belongs to the sample
    (:func:`aet_port.structure.voids.outside.sample_space`); closed cavities do, whatever their
    size.

    Parameters
    ----------
    atoms
        A particle or film, or a periodic box of any size.
    probe
        Radius of the probe, angstrom; 1.1 cut-offs in :func:`aet_port.structure.analysis.analyze`.
    measured_to
        Radii end at the ``"centres"`` of the atoms, or at their ``"surfaces"``: covalent radii
        (B. Cordero et al., Dalton Transactions 2832 (2008), as ASE has them).
    overlapping
        Keep all spheres.
    triangulation
        Of these atoms, if known and they have no periodic directions.

    Raises
    ------
    InputError
        For unusable atoms or probe, or surfaces of atoms of unknown species.

    References
    ----------
    M. G. Alinchenko et al., "Morphology of voids in molecular systems. A Voronoi-Delaunay
    analysis", Journal of Physical Chemistry B 108, 19056 (2004).

    Notes
    -----
    MATLAB: none; the reference has no voids

    Examples
    --------
    Tetrahedral and octahedral holes of an fcc crystal:

    >>> from ase.build import bulk
    >>> holes = find_voids(bulk("Cu", "fcc", 4.0), probe=4.0, overlapping=True)
    >>> holes.radii.round(4).tolist()
    [2.0, 1.7321, 1.7321]
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, least=1 if atoms.pbc.all() else 5, solid=True)
    if not (np.isfinite(probe) and probe > 0):
        raise InputError("probe", f"{probe!r}", "a length above zero, in angstrom")
    check_measured_to(atoms, measured_to)
    radii = _radii(atoms)
    space = sample_space(atoms, probe, triangulation)
    sizes = radii if measured_to == "surfaces" else np.zeros(len(atoms))
    centres, free = _spheres(space, sizes)
    sphere, point = _touched(space, sizes, centres, free)
    start = np.searchsorted(sphere, np.arange(len(free) + 1))
    caught = held(centres, space.points[point], start)
    centres, free = centres[caught], free[caught]
    touching = np.full(len(atoms), -np.inf)
    sphere, point = sphere[caught[sphere]], point[caught[sphere]]
    np.maximum.at(touching, space.atom[point], free[(np.cumsum(caught) - 1)[sphere]])
    touching[np.isinf(touching)] = np.nan
    kept = np.arange(len(free)) if overlapping else _apart(space, centres, free)
    fraction, error = _free(atoms, space, radii)
    places = atoms.copy()[:0]
    places += ase.Atoms(np.zeros(len(kept)), positions=centres[kept])
    if atoms.pbc.any():
        places.wrap(eps=SAME)
    return Voids(measured_to, places.positions, free[kept], touching, fraction, error)


def check_measured_to(atoms: ase.Atoms, measured_to: str) -> None:
    """Refuse what the radii of voids can't be measured to.

    Raises
    ------
    InputError
        For neither centres nor surfaces, or for surfaces of atoms of unknown species.
    """
    if measured_to not in ("centres", "surfaces"):
        raise InputError("voids", repr(measured_to), "'centres' or 'surfaces'")
    unknown = int(np.isnan(_radii(atoms)).sum())
    if measured_to == "surfaces" and unknown:
        found = f"the surfaces of {unknown} atoms of unknown species"
        expected = "atoms with species (--species), or --voids centres"
        raise InputError("voids", found, expected)


def _radii(atoms: ase.Atoms) -> NDArray[np.float64]:
    """Covalent radii, NaN of unknown species."""
    return np.where(atoms.numbers > 0, covalent_radii[atoms.numbers], np.nan)


def _spheres(
    space: SampleSpace, sizes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres and radii of the spheres that can't grow, each once, largest first."""
    used = space.inside & space.at_home(space.centre, slack=0.25)
    surroundings = Surroundings(space.points, sizes[space.atom], space.counted, REACH)
    centres, free = surroundings.tangent_spheres(space.rows[used])
    found = (free > 0) & space.at_home(centres)
    centres, free = centres[found], free[found]
    if not space.pbc.all() and len(np.unique(sizes)) > 1:
        inside = space.holds(centres, surroundings.clearance(centres)[1])
        centres, free = centres[inside], free[inside]
    if space.pbc.any():
        part = np.linalg.solve(space.cell.T, centres.T).T
        part[:, space.pbc] -= np.floor(part[:, space.pbc] + 1e-6)
        centres = part @ space.cell
    order = np.lexsort((*np.rint(centres.T[::-1] / SAME), -np.rint(free / SAME)))
    centres, free = centres[order], free[order]
    first = np.ones(len(free), dtype=bool)
    if len(free):
        pairs = cKDTree(centres).query_pairs(10 * SAME, output_type="ndarray")
        first[pairs[:, 1]] = False
    return centres[first], free[first]


def _apart(
    space: SampleSpace, centres: NDArray[np.float64], free: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Spheres, largest first, whose centre lies in none that was kept before."""
    if not len(free):
        return np.zeros(0, dtype=np.int64)
    some = ase.Atoms(np.zeros(len(free)), positions=centres, cell=space.cell, pbc=space.pbc)
    images = periodic_images(some, float(free[0]))
    inside = cKDTree(images.positions).query_ball_point(centres, free - SAME)
    alive = np.ones(len(free), dtype=bool)
    for k, members in enumerate(inside):
        if alive[k]:
            alive[images.atom[members]] = False
            alive[k] = True
    return np.flatnonzero(alive)


def _touched(
    space: SampleSpace,
    sizes: NDArray[np.float64],
    centres: NDArray[np.float64],
    free: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a sphere, ascending, and a point that it touches, each of shape (k,)."""
    if not len(free):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    far = free + float(sizes.max()) + SAME
    near = cKDTree(space.points).query_ball_point(centres, far)
    sphere = np.repeat(np.arange(len(free)), [len(one) for one in near])
    point = np.concatenate([np.array(one, dtype=np.int64) for one in near])
    gap = np.linalg.norm(space.points[point] - centres[sphere], axis=1)
    touches = gap - sizes[space.atom[point]] <= free[sphere] + SAME
    return sphere[touches], point[touches]


def _free(atoms: ase.Atoms, space: SampleSpace, radii: NDArray[np.float64]) -> tuple[float, float]:
    """Fraction of the sample outside its atoms, and the standard error of it."""
    if np.isnan(radii).any() or not space.inside.any():
        return float("nan"), float("nan")
    # The sequence of Roberts, which fills a box evenly.
    places = np.outer(np.arange(1, SAMPLES + 1), EVEN) % 1.0
    part = np.linalg.solve(space.cell.T, space.points[space.rows[space.inside]].reshape(-1, 3).T).T
    low = np.where(space.pbc, 0.0, part.min(axis=0))
    wide = np.where(space.pbc, 1.0, np.ptp(part, axis=0))
    places = (low + places * wide) @ space.cell
    free, near = Surroundings(space.points, radii[space.atom], space.counted, REACH).clearance(
        places
    )
    inside = space.holds(places, near)
    number = int(inside.sum())
    if not number:
        return float("nan"), float("nan")
    share = float((free[inside] > 0).mean())
    return share, float(np.sqrt(share * (1 - share) / number))
