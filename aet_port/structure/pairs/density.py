"""Mass density: of each atom's Voronoi cell, and smoothed on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.constants import atomic_mass
from scipy.fft import irfftn, next_fast_len, rfftn

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom, average, times
from aet_port.core.errors import InputError

GRAMS_PER_CC = atomic_mass * 1e27  # of one atomic mass unit per cubic angstrom
VOXEL, SIGMA = 1.0, 3.0  # angstrom
WIDTHS = 4.0  # standard deviations after which a Gaussian counts as zero
NARROWEST = 2.0  # voxels: standard deviation that a grid can still hold
MOST_VOXELS = 20_000_000  # half a gigabyte with all that is needed at a time
FILLED = 0.5  # where less of the (smoothed) volume belongs to atoms, there is no sample
_SPREAD, _REACH = 1.0, 6  # voxels: Gaussian that carries an atom to the grid, and how far


@dataclass(frozen=True, repr=False)
class DensityMap(Shown):
    """Mass density on a grid.

    Attributes
    ----------
    values
        Shape (nx, ny, nz), g/cm^3; NaN outside of the sample.
    origin
        Shape (3,): position of the first voxel's centre, angstrom.
    axes
        Shape (3, 3): steps from a voxel to the next along each dimension, one per row, angstrom;
        along periodic directions a whole number of steps is the cell vector.
    sigma
        Standard deviation of the Gaussian, angstrom.
    """

    values: NDArray[np.float64]
    origin: NDArray[np.float64]
    axes: NDArray[np.float64]
    sigma: float

    plot = methods.plot_density_map
    """Plot one slice: :func:`aet_port.figures.images.plot_density_map`."""

    def _facts(self) -> dict[str, object]:
        return {
            "voxels": times(self.values.shape),
            "mean": average(self.values, "g/cm^3"),
            "sigma": angstrom(self.sigma),
        }


@checked
def atom_density(atoms: AtomicModel | ase.Atoms, volumes: ArrayLike) -> NDArray[np.float64]:
    """Mass of each atom over the volume of its Voronoi cell, shape (n,), g/cm^3.

    NaN where the volume is NaN (open cells) and for ASE's unknown species ``X``, unless the atoms
    were given masses.

    Parameters
    ----------
    volumes
        Shape (n,), cubic angstrom (:attr:`aet_port.structure.voronoi.analysis.Voronoi.volume`).

    Raises
    ------
    InputError
        If there is not one volume above zero (or NaN) for each atom.

    Paper: Fig. 3 of Yuan et al., Nature Materials 21, 95 (2022)
    """
    atoms = as_atoms(atoms)
    return _masses(atoms) / _volumes(atoms, volumes) * GRAMS_PER_CC


def density_gain(
    atoms: AtomicModel | ase.Atoms,
    volumes: ArrayLike,
    packed: NDArray[np.bool_],
    among: NDArray[np.bool_],
) -> float:
    """How much denser some atoms are packed than the sample: density over mean density, minus 1.

    Both densities are sums of masses over sums of volumes. The film paper gives such a gain for
    polytetrahedral packing (3 to 7 %) and describes the map of the density
    (:func:`aet_port.structure.interpolated_density`), but not over what its means are taken.

    Parameters
    ----------
    volumes
        Shape (n,), cubic angstrom; atoms with NaN are left out.
    packed
        Shape (n,): atoms in the packing, such as those of bipyramids.
    among
        Shape (n,): atoms that are counted at all, such as the disordered ones below the surface.

    Returns
    -------
    NaN if no atom with a volume is packed.

    Raises
    ------
    InputError
        For arrays of other shapes or types, or unusable volumes.

    Paper: Fig. 3 of Yuan et al., Nature Materials 21, 95 (2022)
    """
    atoms = as_atoms(atoms)
    masses, volumes = _masses(atoms), _volumes(atoms, volumes)
    for name, mask in (("packed", packed), ("among", among)):
        if mask.dtype != np.bool_ or mask.shape != (len(atoms),):
            raise InputError(
                name, f"{mask.dtype} of shape {mask.shape}", f"{len(atoms)} booleans, one per atom"
            )
    counted = among & np.isfinite(masses) & np.isfinite(volumes)
    inside = counted & packed
    if not inside.any():
        return float("nan")
    mean = masses[counted].sum() / volumes[counted].sum()
    return float(masses[inside].sum() / volumes[inside].sum() / mean - 1)


@checked
def density_map(
    atoms: AtomicModel | ase.Atoms,
    volumes: ArrayLike,
    *,
    voxel_size: float = VOXEL,
    sigma: float = SIGMA,
) -> DensityMap:
    """Mass density smoothed by a Gaussian, on a grid.

    With G a Gaussian of standard deviation ``sigma``, m the masses and V the Voronoi volumes, the
    value at x is ``sum_i m_i G(x - r_i) / sum_i V_i G(x - r_i)``. The denominator, the fraction of
    the surroundings that belongs to atoms, is one inside the sample, and prevents a dilute surface;
    where it is below one half the value is NaN. Atoms whose density is NaN (open cells) are left
    out. The film paper's own map is that of
    :func:`aet_port.structure.interpolated_density`.

    Parameters
    ----------
    volumes
        Shape (n,), cubic angstrom; NaN leaves an atom out.
    voxel_size
        Angstrom, at most; periodic directions get a whole number of voxels.
    sigma
        Angstrom, at least two voxels.

    Raises
    ------
    InputError
        For lengths out of range, a grid of more than 20 million voxels, or no atom with a density.

    Paper: Fig. 3 and Supplementary Fig. 10 of Yuan et al., Nature Materials 21, 95 (2022)
    """
    atoms = as_atoms(atoms)
    masses, volumes = _masses(atoms), _volumes(atoms, volumes)
    used = np.isfinite(masses) & np.isfinite(volumes)
    if not used.any():
        raise InputError("volumes", "no atom with both a mass and a volume", "at least one")
    for name, value in (("voxel_size", voxel_size), ("sigma", sigma)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(name, f"{value!r}", "a length above zero, in angstrom")
    if sigma < NARROWEST * voxel_size:
        raise InputError(
            "sigma",
            f"{sigma:g} angstrom on voxels of {voxel_size:g}",
            f"at least {NARROWEST:g} voxels; make the voxels smaller",
        )
    axes, origin, shape, fast, places = map_grid(atoms, used, voxel_size, sigma)
    # The smoothing not yet done by the distribution to the grid, by frequency.
    reciprocal = 2 * np.pi * np.linalg.inv(axes).T
    x, y, z = np.fft.fftfreq(fast[0]), np.fft.fftfreq(fast[1]), np.fft.rfftfreq(fast[2])
    gauss = _remaining(x, y, z, reciprocal, sigma)
    fields = []
    for weight in (masses, volumes):
        field = np.zeros(fast)
        _deposit(places, weight[used], field)
        waves_of_field = rfftn(field, overwrite_x=True)
        waves_of_field *= gauss
        smooth = irfftn(waves_of_field, s=fast, overwrite_x=True)
        fields.append(smooth[tuple(slice(m) for m in shape)] / abs(np.linalg.det(axes)))
    mass, filled = fields
    values = np.full(shape, np.nan)
    inside = filled >= FILLED
    values[inside] = mass[inside] / filled[inside] * GRAMS_PER_CC
    return DensityMap(values, origin, axes, float(sigma))


def _masses(atoms: ase.Atoms) -> NDArray[np.float64]:
    masses = np.asarray(atoms.get_masses(), dtype=np.float64)
    if not atoms.has("masses"):
        masses = np.where(atoms.numbers == 0, np.nan, masses)
    return masses


def _volumes(atoms: ase.Atoms, volumes: ArrayLike) -> NDArray[np.float64]:
    volumes = np.asarray(volumes, dtype=np.float64)
    if volumes.shape != (len(atoms),):
        raise InputError(
            "volumes", f"shape {volumes.shape}", f"shape ({len(atoms)},), one for each atom"
        )
    if (volumes <= 0).any() or np.isinf(volumes).any():
        raise InputError("volumes", "zero, negative or infinite ones", "volumes above zero, or NaN")
    return volumes


def map_grid(
    atoms: ase.Atoms, used: NDArray[np.bool_], voxel_size: float, sigma: float
) -> tuple[NDArray, NDArray, tuple[int, ...], tuple[int, ...], NDArray]:
    """Axes, origin, shape, shape for the transform, and the atoms in voxels from the origin.

    Parameters
    ----------
    used
        Shape (n,): atoms around which the grid lies.
    voxel_size, sigma
        Of the voxels, at most, and of the Gaussian that must have ended at its faces, angstrom.
    """
    pbc = atoms.pbc
    directions = np.asarray(atoms.cell.complete()) if pbc.any() else np.eye(3)
    lengths = np.linalg.norm(directions, axis=1)
    steps = np.where(pbc, np.ceil(lengths / voxel_size - 1e-9), lengths / voxel_size)
    axes = directions / steps[:, None]
    places = atoms.positions[used] @ np.linalg.inv(axes)
    # Wide enough that a Gaussian has ended at right angles to each face.
    margin = np.ceil(WIDTHS * sigma * np.linalg.norm(np.linalg.inv(axes), axis=0))
    first = np.where(pbc, 0, np.floor(places.min(axis=0)) - margin)
    last = np.where(pbc, steps - 1, np.ceil(places.max(axis=0)) + margin)
    shape = tuple(int(m) for m in last - first + 1)
    if np.prod(shape, dtype=np.float64) > MOST_VOXELS:
        raise InputError(
            "voxel_size",
            f"{voxel_size:g} angstrom, a grid of {shape[0]} x {shape[1]} x {shape[2]} voxels",
            f"a size that gives at most {MOST_VOXELS} voxels",
        )
    fast = tuple(m if p else next_fast_len(m) for m, p in zip(shape, pbc, strict=True))
    return axes, first @ axes, shape, fast, places - first


@njit(cache=True)
def _remaining(x, y, z, reciprocal, sigma):  # type: ignore[no-untyped-def]
    """Fourier transform of the Gaussian over that of the one that carried the atoms."""
    result = np.empty((len(x), len(y), len(z)))
    for i in range(len(x)):
        for j in range(len(y)):
            for k in range(len(z)):
                square = 0.0
                for c in range(3):
                    wave = (
                        x[i] * reciprocal[0, c] + y[j] * reciprocal[1, c] + z[k] * reciprocal[2, c]
                    )
                    square += wave * wave
                carried = x[i] * x[i] + y[j] * y[j] + z[k] * z[k]
                carried *= (2 * np.pi * _SPREAD) ** 2
                result[i, j, k] = np.exp((carried - sigma * sigma * square) / 2)
    return result


@njit(cache=True)
def _deposit(places, weight, field):  # type: ignore[no-untyped-def]
    """Add a Gaussian of one voxel for each atom; the grid is periodic."""
    factor = np.empty((3, 2 * _REACH + 1))
    row = np.empty((3, 2 * _REACH + 1), dtype=np.int64)
    for a in range(len(places)):
        for c in range(3):
            middle = int(np.floor(places[a, c] + 0.5))
            for k in range(2 * _REACH + 1):
                voxel = middle + k - _REACH
                away = (places[a, c] - voxel) / _SPREAD
                factor[c, k] = np.exp(-away * away / 2) / (np.sqrt(2 * np.pi) * _SPREAD)
                row[c, k] = voxel % field.shape[c]
        for i in range(2 * _REACH + 1):
            for j in range(2 * _REACH + 1):
                share = weight[a] * factor[0, i] * factor[1, j]
                for k in range(2 * _REACH + 1):
                    field[row[0, i], row[1, j], row[2, k]] += share * factor[2, k]
