"""Maps of the chemical short-range order: Warren-Cowley parameters smoothed on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.data import Volume
from aet_port.core.display import Shown, angstrom, times
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.io.volumes import write_volume
from aet_port.structure.bonds.local_chemistry import LocalChemistry
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.cubes import cell_list
from aet_port.structure.neighbours import periodic_images
from aet_port.structure.pairs.density import MOST_VOXELS
from aet_port.structure.settings import MAP_DEFAULTS

MAP_SUFFIXES = (".mrc", ".npz")
WIDTHS = 3.0  # standard deviations at which the Gaussian ends
LEAST_CENTRES = 10.0  # effective number of central atoms below which nothing is stated


@dataclass(frozen=True, repr=False)
class ChemicalMap(Shown):
    """Warren-Cowley parameters on a grid of cubic voxels.

    Attributes
    ----------
    names
        The groups, sorted.
    values
        Shape (g, g, nx, ny, nz): alpha_ij of groups i and j; NaN outside the sample and where
        fewer than 10 central atoms of group i count.
    centres
        Shape (g, nx, ny, nz): effective number of central atoms of each group.
    voxel_size
        Angstrom.
    origin
        Shape (3,): position of the first voxel's centre, angstrom.
    sigma
        Standard deviation of the Gaussian, angstrom.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    centres: NDArray[np.float32]
    voxel_size: float
    origin: NDArray[np.float64]
    sigma: float

    plot = methods.plot_chemical_map
    """Plot one slice: :func:`aet_port.figures.images.plot_chemical_map`."""

    def _facts(self) -> dict[str, object]:
        return {
            "groups": " ".join(self.names),
            "voxels": times(self.values.shape[2:]),
            "sigma": angstrom(self.sigma),
        }

    def of(self, pair: str) -> NDArray[np.float32]:
        """Map of one pair, such as ``"Co-Ni"``: surroundings of Co, share of Ni in them.

        Raises
        ------
        InputError
            For another pair.
        """
        known = [f"{a}-{b}" for a, b in product(self.names, repeat=2)]
        if pair not in known:
            raise InputError("pair", repr(pair), f"one of {', '.join(known)}")
        i, j = divmod(known.index(pair), len(self.names))
        return np.asarray(self.values[i, j])


@checked
def chemical_map(
    atoms: AtomicModel | ase.Atoms,
    local: LocalChemistry,
    *,
    sigma: float | None = MAP_DEFAULTS.map_sigma,
    voxel_size: float = MAP_DEFAULTS.map_voxel,
) -> ChemicalMap:
    """Local Warren-Cowley parameters on a grid.

    With w a Gaussian of standard deviation ``sigma``, cut off at 3 sigma, n_k the number of
    neighbours of atom k and n_kj those of group j, the value at x is ::

        alpha_ij(x) = 1 - sum_k w(x - r_k) n_kj / (c_j sum_k w(x - r_k) n_k),

    summed over the atoms k of group i: the parameter of the surroundings of x, each bond weighted
    by where its central atom is. For a wide Gaussian it is that of the sample. It is NaN where no
    atom lies within the radius of the neighbours of x, or where the effective number of central
    atoms, ``(sum w)^2 / sum w^2``, is below 10. Then the standard error in a random mixture is
    about ``sqrt((1 - c_j) / (c_j n N))`` with n neighbours and N such atoms.

    Parameters
    ----------
    atoms
        The atoms, positions in angstrom; the cell is used along its periodic directions.
    local
        Their neighbours (:func:`aet_port.structure.local_chemical_order`).
    sigma
        Standard deviation of the Gaussian, angstrom; the radius of the neighbours unless given.
    voxel_size
        Angstrom. The grid fills the box around the atoms, or around the cell along periodic
        directions.

    Raises
    ------
    InputError
        For lengths that aren't above zero, results of other atoms, or more than 20 million voxels.

    Notes
    -----
    MATLAB: none

    References
    ----------
    S. Moniri et al., "Three-dimensional atomic structure and local chemical order of medium- and
    high-entropy nanoalloys", Nature 624, 564 (2023), shows such maps.

    Examples
    --------
    >>> from ase.build import bulk
    >>> import aet_port as aet
    >>> b2 = bulk("CsCl", "cesiumchloride", a=4.1, cubic=True).repeat(4)
    >>> found = aet.structure.local_chemical_order(b2, radius=3.8)
    >>> order = aet.structure.chemical_map(b2, found, voxel_size=4.1)
    >>> order.of("Cs-Cl").shape, float(order.of("Cs-Cl").max())
    ((4, 4, 4), -1.0)
    """
    atoms = as_atoms(atoms)
    if len(local) != len(atoms):
        raise InputError("local", f"that of {len(local)} atoms", f"that of these {len(atoms)}")
    width = local.radius if sigma is None else float(sigma)
    for name, value in (("map_sigma", width), ("map_voxel", voxel_size)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(name, f"{value!r}", "a length above zero, in angstrom")
    reach = max(WIDTHS * width, local.radius)
    images = periodic_images(atoms, reach)
    origin, shape = _grid(atoms, images.positions[: len(atoms)], voxel_size)
    cells = cell_list(images.positions, reach, np.inf)  # searched around voxels
    g = len(local.names)
    values = np.full((g, g, *shape), np.nan, dtype=np.float32)
    centres = np.zeros((g, *shape), dtype=np.float32)
    cell, inverse = np.eye(3), np.zeros((3, 3))
    if atoms.pbc.any():
        cell = reduced_cell(atoms)
        inverse = np.where(atoms.pbc, np.linalg.inv(cell), 0.0)
    _average(
        *(images.positions[cells.order], images.atom[cells.order]),
        *(cells.origin, cells.size, cells.shape, cells.start),
        *(local.group, local.neighbours, local.concentration, local.radius),
        *(width, reach, origin, voxel_size, cell, inverse, values, centres),
    )
    return ChemicalMap(local.names, values, centres, float(voxel_size), origin, width)


@checked
def write_chemical_map(path: str | Path, found: ChemicalMap) -> list[Path]:
    """Write the maps of all pairs, and the numbers of central atoms behind them.

    Parameters
    ----------
    path
        .mrc: one volume for each pair, its name before the suffix (``map.mrc`` gives
        ``map_Co-Ni.mrc``), 0 where nothing is stated, and one for each group with the effective
        number of central atoms (``map_Co_centres.mrc``), which is below 10 there. .npz: an array
        for each pair, NaN where nothing is stated, the arrays ``Co_centres``, ``voxel_size`` and
        ``origin`` (angstrom).
    found
        The maps.

    Returns
    -------
    The files.

    Raises
    ------
    InputError
        For another suffix.
    OutputError
        If a file can't be written.

    Notes
    -----
    MATLAB: none
    """
    check_target(path, MAP_SUFFIXES)
    file = Path(path)
    arrays = {f"{a}-{b}": found.of(f"{a}-{b}") for a, b in product(found.names, repeat=2)}
    arrays |= {f"{a}_centres": found.centres[i] for i, a in enumerate(found.names)}
    if file.suffix.lower() == ".npz":
        whole: dict[str, Any] = {**arrays, "origin": found.origin}
        whole["voxel_size"] = np.array(found.voxel_size)

        def save(partial: Path) -> None:
            with open(partial, "wb") as handle:  # by name, NumPy would add a suffix
                np.savez_compressed(handle, **whole)

        return [write_whole(file, save)]
    return [
        write_volume(
            file.with_name(f"{file.stem}_{name}{file.suffix}"),
            Volume(np.nan_to_num(values, nan=0.0), found.voxel_size, found.origin, name=name),
        )
        for name, values in arrays.items()
    ]


def _grid(
    atoms: ase.Atoms, inside: NDArray[np.float64], voxel_size: float
) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Centre of the first voxel, and numbers of voxels, of the box around atoms and cell."""
    low, high = inside.min(axis=0), inside.max(axis=0)
    if atoms.pbc.any():
        cell = reduced_cell(atoms)
        ends = [[0, 1] if periodic else [0] for periodic in atoms.pbc]
        corners = np.array(list(product(*ends))) @ cell
        if atoms.pbc.all():
            low, high = corners.min(axis=0), corners.max(axis=0)
        else:
            low, high = np.minimum(low, corners.min(axis=0)), np.maximum(high, corners.max(axis=0))
    numbers = np.maximum(np.ceil((high - low) / voxel_size - 1e-9), 1)
    if numbers.prod() > MOST_VOXELS:
        raise InputError(
            "map_voxel",
            f"{voxel_size:g} angstrom, a grid of {' x '.join(f'{n:.0f}' for n in numbers)} voxels",
            f"a size that gives at most {MOST_VOXELS} voxels",
        )
    nx, ny, nz = (int(number) for number in numbers)
    middle = (low + high) / 2
    return middle - (numbers - 1) / 2 * voxel_size, (nx, ny, nz)


@njit(cache=True, parallel=True)
def _average(  # type: ignore[no-untyped-def]
    positions,
    atom,
    first,
    size,
    shape,
    start,
    group,
    neighbours,
    concentration,
    radius,
    sigma,
    reach,
    origin,
    voxel_size,
    cell,
    inverse,
    values,
    centres,
):
    """Fill ``values`` and ``centres``; ``positions`` and ``atom`` are sorted by cell."""
    g = len(concentration)
    ni, nj, nk = centres.shape[1:]
    for i in prange(ni):
        weight, square, bonds = np.empty(g), np.empty(g), np.empty((g, g))
        for j in range(nj):
            for k in range(nk):
                place = origin + voxel_size * np.array([float(i), float(j), float(k)])
                # The images lie around the cell, so the voxel is taken into it.
                for a in range(3):
                    turns = place[0] * inverse[0, a] + place[1] * inverse[1, a]
                    turns = np.floor(turns + place[2] * inverse[2, a])
                    for c in range(3):
                        place[c] -= turns * cell[a, c]
                weight[:], square[:], bonds[:] = 0.0, 0.0, 0.0
                nearest = np.inf
                here = np.floor((place - first) / size)
                low, high = (
                    np.maximum(here - 1, 0.0),
                    np.minimum(here + 2, shape.astype(np.float64)),
                )
                for ax in range(int(low[0]), int(high[0])):
                    for ay in range(int(low[1]), int(high[1])):
                        line = (ax * shape[1] + ay) * shape[2]
                        if high[2] <= low[2]:
                            continue
                        for m in range(start[line + int(low[2])], start[line + int(high[2])]):
                            away = 0.0
                            for c in range(3):
                                away += (positions[m, c] - place[c]) ** 2
                            if away > reach * reach:
                                continue
                            nearest = min(nearest, away)
                            if away > (WIDTHS * sigma) ** 2:
                                continue
                            w = np.exp(-away / (2 * sigma * sigma))
                            of = group[atom[m]]
                            weight[of] += w
                            square[of] += w * w
                            for b in range(g):
                                bonds[of, b] += w * neighbours[atom[m], b]
                for a in range(g):
                    if weight[a] == 0.0:
                        continue
                    counted = weight[a] * weight[a] / square[a]
                    total = bonds[a].sum()
                    if nearest > radius * radius or total == 0.0:
                        continue
                    centres[a, i, j, k] = counted
                    if counted >= LEAST_CENTRES:
                        for b in range(g):
                            values[a, b, i, j, k] = 1 - bonds[a, b] / (total * concentration[b])
