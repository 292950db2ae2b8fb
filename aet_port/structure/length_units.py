"""Whether the coordinates of a model are in angstrom, from its nearest neighbours."""

from __future__ import annotations

import ase
import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.structure.neighbours import heights, periodic_images

SHORT, LONG = 0.7, 1.6  # of the sum of covalent radii: nearest neighbours in any solid
NOBLE = (2, 10, 18, 36, 54, 86)  # elements without bonds, far apart as solids too
UNITS = {0.529177: "bohr", 10.0: "nm", 0.01: "pm"}
LIKE = 0.1  # relative difference up to which a scale is that of a unit
USUAL_CUTOFF = 4.0  # angstrom: of the metallic glasses that lengths in angstrom were chosen for
USUAL_CUTOFFS = (2.0, 6.0)  # angstrom: cut-offs of models in angstrom


@checked
def nearest_neighbour(atoms: AtomicModel | ase.Atoms) -> float:
    """Median distance of an atom to its nearest neighbour, in the unit of the coordinates.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> round(nearest_neighbour(ase.Atoms("Ta3", positions=[[0, 0, 0], [2.8, 0, 0], [9, 0, 0]])), 2)
    2.8
    """
    atoms = as_atoms(atoms)
    n = len(atoms)
    images = periodic_images(atoms, 0.0)
    near = cKDTree(images.positions).query(images.positions[:n], k=2)[0][:, 1]
    if atoms.pbc.any():
        # An image is nearer only within the longest of these distances.
        reach = min(float(heights(atoms).min()), float(near.max()))
        images = periodic_images(atoms, reach)
        near = cKDTree(images.positions).query(images.positions[:n], k=2)[0][:, 1]
    return float(np.median(near[np.isfinite(near)]))


@checked
def scale_remark(atoms: AtomicModel | ase.Atoms) -> str | None:
    """What is wrong with the scale of a model, and which would fit; None if nothing is.

    The median distance of nearest neighbours is compared with the covalent radii of the species:
    from 0.7 times the sum of the two smallest to 1.6 times that of the two largest. Nothing is said
    of noble gases and unknown species.

    Parameters
    ----------
    atoms
        The model.

    Notes
    -----
    MATLAB: none

    References
    ----------
    B. Cordero et al., "Covalent radii revisited", Dalton Transactions 2008, 2832.

    Examples
    --------
    >>> from ase.build import bulk
    >>> crystal = bulk("Pd", "fcc", a=3.89, cubic=True)
    >>> scale_remark(crystal) is None
    True
    >>> crystal.set_cell(crystal.cell / 10, scale_atoms=True)
    >>> scale_remark(crystal).partition("; ")[2]
    'lengths seem to be in nm, a scale of 10.1 would fit (--scale)'
    """
    atoms = as_atoms(atoms)
    numbers: NDArray[np.int64] = np.asarray(atoms.numbers, dtype=np.int64)
    known = np.unique(numbers)
    if len(atoms) < 2 or (known == 0).any() or np.isin(known, NOBLE).any():
        return None
    radii = covalent_radii[numbers]
    low, high = SHORT * 2 * radii.min(), LONG * 2 * radii.max()
    near = nearest_neighbour(atoms)
    if low <= near <= high:
        return None
    scale = 2 * float(radii.mean()) / near
    unit = next((u for f, u in UNITS.items() if abs(scale / f - 1) <= LIKE), None)
    guess = f"in {unit}" if unit else "in voxels or another unit than angstrom"
    names = ", ".join(sorted(set(atoms.get_chemical_symbols())))
    return (
        f"nearest neighbours are {near:.4g} apart, those of {names} {low:.2g} to {high:.2g}"
        f" angstrom; lengths seem to be {guess}, a scale of {scale:.3g} would fit (--scale)"
    )


def size_of_units(cutoff: float) -> float:
    """Factor for lengths that were chosen for models in angstrom; 1 for these.

    Rules such as "13 crystalline atoms within 8 angstrom" mean some neighbour shells, and would
    find no crystal in a model in voxels.

    Parameters
    ----------
    cutoff
        End of the first shell, in the unit of the model.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> size_of_units(3.4), size_of_units(10.0)
    (1.0, 2.5)
    """
    return 1.0 if USUAL_CUTOFFS[0] <= cutoff <= USUAL_CUTOFFS[1] else cutoff / USUAL_CUTOFF
