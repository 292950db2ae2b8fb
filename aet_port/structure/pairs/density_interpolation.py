"""Mass density interpolated between the atoms and smoothed, as the film paper describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfftn, rfftn
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.core.memory import check_memory
from aet_port.io.volumes import write_volume
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.neighbours import periodic_images
from aet_port.structure.pairs.density import DensityMap, atom_density, map_grid
from aet_port.structure.settings import DENSITY_DEFAULTS

SUFFIXES = (".mrc", ".npz")
BYTES = 90.0  # of memory for a voxel
NARROWEST = 1.0  # voxels: least standard deviation of the Gaussian
LEAST = 4  # atoms that make a tetrahedron, and one more
_CUBIC = 1e-6  # by which the sides of a cubic voxel may differ


@checked
def interpolated_density(
    atoms: AtomicModel | ase.Atoms,
    volumes: ArrayLike,
    first_shell: float,
    *,
    voxel_size: float = DENSITY_DEFAULTS.density_voxel,
    interpolation: Literal["linear", "nearest"] = DENSITY_DEFAULTS.density_interpolation,
) -> DensityMap:
    """Mass density between the atoms: of each Voronoi cell, interpolated on a grid, smoothed.

    The density of an atom is its mass over the volume of its Voronoi cell from which no small face
    was taken away. These values are interpolated on a grid and convolved with a Gaussian whose
    standard deviation is the distance of the first shell (film paper, Methods). With M the voxels
    of the sample and G the Gaussian, the value in a voxel of M is ::

        sum_M G(x - y) rho(y) / sum_M G(x - y),

    so that the map does not fade towards the surface. M is made of the voxels whose nearest atom
    has a density and lies within ``first_shell``. The paper states neither the kind of the
    interpolation nor what happens at the surface.

    Parameters
    ----------
    atoms
        Positions in angstrom; the cell is used along its periodic directions. Masses are those of
        the species (ASE), unless the atoms were given others.
    volumes
        Shape (n,): Voronoi volumes, cubic angstrom
        (:attr:`aet_port.structure.voronoi.analysis.Voronoi.volume`). Atoms with NaN are left out;
        those of the surface, whose cells reach far into the vacuum, should be.
    first_shell
        Distance of the first shell, which is the standard deviation of the Gaussian, angstrom.
    voxel_size
        Angstrom, at most; periodic directions get a whole number of voxels.
    interpolation
        ``"linear"``, within the Delaunay tetrahedra between the atoms, or ``"nearest"``: the
        density of the cell in which a voxel lies, whose integral before the smoothing is the mass.

    Returns
    -------
    The map, g/cm^3, NaN outside of the sample.

    Raises
    ------
    InputError
        For lengths out of range, a grid of more than 20 million voxels, or no atom with a density.

    Notes
    -----
    MATLAB: none; the papers' code for it is not public

    References
    ----------
    Y. Yuan et al., "Three-dimensional atomic packing in amorphous solids with liquid-like
    structure", Nature Materials 21, 95 (2022), Methods, Fig. 3, Supplementary Fig. 10.

    Examples
    --------
    >>> from ase.build import bulk
    >>> import aet_port as aet
    >>> atoms = bulk("Cu", "fcc", a=3.615, cubic=True).repeat(3)
    >>> cells = aet.structure.voronoi_analysis(atoms)
    >>> found = aet.structure.interpolated_density(atoms, cells.volume, 2.556)
    >>> f"{found.values.min():.3f} to {found.values.max():.3f} g/cm^3"
    '8.935 to 8.935 g/cm^3'
    """
    atoms = as_atoms(atoms)
    density = atom_density(atoms, volumes)
    used = np.isfinite(density)
    if not used.any():
        raise InputError("volumes", "no atom with both a mass and a volume", "at least one")
    for name, value in (("density_sigma", first_shell), ("density_voxel", voxel_size)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(name, f"{value!r}", "a length above zero, in angstrom")
    if first_shell < NARROWEST * voxel_size:
        expected = f"at least {NARROWEST:g} voxel; make the voxels smaller"
        raise InputError(
            "density_sigma", f"{first_shell:g} angstrom on voxels of {voxel_size:g}", expected
        )
    if interpolation not in ("linear", "nearest"):
        raise InputError("density_interpolation", repr(interpolation), "linear or nearest")
    axes, origin, shape, fast, _ = map_grid(atoms, used, voxel_size, first_shell)
    check_memory("density_voxel", BYTES * float(np.prod(fast)), "larger voxels (--density-voxel)")
    images = periodic_images(atoms, 2 * first_shell)
    of_images = density[images.atom]
    known = np.isfinite(of_images)
    tree = cKDTree(images.positions)
    between = None
    if interpolation == "linear" and known.sum() > LEAST:
        between = LinearNDInterpolator(images.positions[known], of_images[known])
    field, inside = np.zeros(fast), np.zeros(fast)
    across = np.stack(np.meshgrid(*map(np.arange, shape[1:]), indexing="ij"), axis=-1)
    for i in range(shape[0]):  # a layer at a time, to need little memory
        places = _into_cell(origin + i * axes[0] + across.reshape(-1, 2) @ axes[1:], atoms)
        _, nearest = tree.query(places, distance_upper_bound=first_shell)
        values = np.append(of_images, np.nan)[nearest]  # the last one: no atom so near
        chosen = np.isfinite(values)
        if between is not None and chosen.any():
            linear = between(places[chosen])
            # Between the outermost atoms and the edge of the sample there is no tetrahedron.
            values[chosen] = np.where(np.isfinite(linear), linear, values[chosen])
        layer = (i, slice(shape[1]), slice(shape[2]))
        field[layer] = np.where(chosen, values, 0.0).reshape(shape[1:])
        inside[layer] = chosen.reshape(shape[1:])
    gauss = _gaussian(fast, axes, first_shell)
    smooth, share = (irfftn(rfftn(one) * gauss, s=fast) for one in (field, inside))
    result = np.full(fast, np.nan)
    sample = inside > 0
    result[sample] = smooth[sample] / share[sample]
    whole = result[tuple(slice(m) for m in shape)]
    first, last = _ends(np.isfinite(whole), atoms.pbc)
    cut = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    return DensityMap(whole[cut].copy(), origin + first @ axes, axes, float(first_shell))


@checked
def write_density_map(path: str | Path, found: DensityMap) -> Path:
    """Write a map of the density.

    Parameters
    ----------
    path
        .mrc, 0 outside of the sample, for cubic voxels only; or .npz with the arrays ``density``
        (g/cm^3, NaN outside), ``origin`` (3,) and ``axes`` (3, 3), the steps from voxel to voxel
        (angstrom).
    found
        The map.

    Returns
    -------
    The file.

    Raises
    ------
    InputError
        For another suffix, or .mrc and voxels that aren't cubes.
    OutputError
        If the file can't be written.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(60, "Ta")
    >>> cells = aet.structure.voronoi_analysis(model)
    >>> found = aet.structure.interpolated_density(model, cells.volume, 4.1)
    >>> aet.structure.write_density_map("density.mrc", found).name
    'density.mrc'
    """
    check_target(path, SUFFIXES)
    file = Path(path)
    if file.suffix.lower() == ".npz":
        whole: dict[str, Any] = {
            "density": found.values.astype(np.float32), "origin": found.origin, "axes": found.axes
        }  # fmt: skip

        def save(partial: Path) -> None:
            with open(partial, "wb") as handle:  # by name, NumPy would add a suffix
                np.savez_compressed(handle, **whole)

        return write_whole(file, save)
    side = float(found.axes[0, 0])
    if not np.allclose(found.axes, side * np.eye(3), rtol=0, atol=_CUBIC * side):
        raise InputError(str(file), "voxels of this cell, which aren't cubes", "a name in .npz")
    values = np.nan_to_num(found.values, nan=0.0).astype(np.float32)
    return write_volume(file, Volume(values, side, found.origin, name="density"))


def _into_cell(places: NDArray[np.float64], atoms: ase.Atoms) -> NDArray[np.float64]:
    """The same places in the (reduced) cell around which the images lie."""
    if not atoms.pbc.any():
        return places
    cell = reduced_cell(atoms)
    turns = np.floor(places @ np.linalg.inv(cell))
    moved: NDArray[np.float64] = places - np.where(atoms.pbc, turns, 0.0) @ cell
    return moved


def _gaussian(
    shape: tuple[int, ...], axes: NDArray[np.float64], sigma: float
) -> NDArray[np.float64]:
    """Fourier transform of the Gaussian for :func:`scipy.fft.rfftn`."""
    waves = 2 * np.pi * np.linalg.inv(axes).T
    metric = waves @ waves.T
    x, y, z = np.ix_(np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), np.fft.rfftfreq(shape[2]))
    square = metric[0, 0] * x * x + metric[1, 1] * y * y + metric[2, 2] * z * z
    square = square + 2 * (metric[0, 1] * x * y + metric[0, 2] * x * z + metric[1, 2] * y * z)
    result: NDArray[np.float64] = np.exp(-sigma * sigma / 2 * square)
    return result


def _ends(
    inside: NDArray[np.bool_], pbc: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First voxels, and those after the last, of the sample; whole along periodic directions."""
    first, last = np.zeros(3, dtype=np.int64), np.array(inside.shape)
    for axis in np.flatnonzero(~pbc):
        filled = np.flatnonzero(inside.any(axis=tuple(k for k in range(3) if k != axis)))
        first[axis], last[axis] = filled[0], filled[-1] + 1
    return first, last
