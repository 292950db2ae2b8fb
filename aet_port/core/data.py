"""The nouns of the pipeline: tilt series, volumes and atomic models, checked once when made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.core.geometry import centre


def _finite(name: str, array: NDArray) -> NDArray:
    good = np.isfinite(array)
    if not good.all():
        where = tuple(int(i) for i in np.argwhere(~good)[0])
        raise InputError(
            name,
            f"{(~good).sum()} NaN or infinite values, the first at index {where}",
            "finite numbers only",
        )
    return array


def _positive_length(name: str, value: float) -> float:
    if not (isinstance(value, (int, float, np.number)) and np.isfinite(value) and value > 0):
        raise InputError(name, f"{value!r}", "a length above zero, in angstrom")
    return float(value)


@dataclass(frozen=True)
class TiltSeries:
    """Projections of one object and the orientation of each.

    Parameters
    ----------
    images
        Shape (n_projections, nx, ny), x first, y the tilt axis of a single-axis series; kept in
        single precision unless given as double.
    angles
        Shape (n_projections, 3): Euler angles phi, theta, psi in degrees; a vector of length
        n_projections is taken as theta. The precision given (single or double) is kept, because
        the reference rounds its rotations with it.
    pixel_size
        Angstrom.
    name
        Where the series came from; errors name it.

    Raises
    ------
    InputError
        For wrong shapes, NaN, no images, images without any signal, mismatching numbers of
        images and angles, or a pixel size that is not above zero.
    """

    images: NDArray
    angles: NDArray
    pixel_size: float
    name: str = "tilt series"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        images = np.asarray(self.images)
        if images.ndim != 3 or min(images.shape) == 0:
            raise InputError(
                f"{self.name}: images",
                f"shape {images.shape}",
                "shape (n_projections, nx, ny), nothing empty",
            )
        if images.dtype != np.float64:
            images = images.astype(np.float32, copy=False)
        _finite(f"{self.name}: images", images)
        dark = np.flatnonzero(~images.any(axis=(1, 2)))
        if dark.size:
            raise InputError(
                f"{self.name}: images",
                f"only zeros in image {int(dark[0])} ({dark.size} such images)",
                "a signal in every image; leave empty ones out",
            )
        angles = np.asarray(self.angles)
        if angles.dtype != np.float32:
            angles = angles.astype(np.float64)
        if angles.ndim == 1 or (angles.ndim == 2 and angles.shape[1] == 1 and len(images) != 1):
            theta = angles.reshape(-1)
            angles = np.stack([np.zeros_like(theta), theta, np.zeros_like(theta)], axis=1)
        if angles.ndim != 2 or angles.shape[1] != 3:
            hint = (
                "transpose it"
                if angles.ndim == 2 and angles.shape[0] in (1, 3)
                else "one row (phi, theta, psi) per image"
            )
            raise InputError(
                f"{self.name}: angles",
                f"shape {angles.shape}",
                f"shape ({len(images)}, 3), in degrees; {hint}",
            )
        if len(angles) != len(images):
            raise InputError(
                f"{self.name}: angles",
                f"{len(angles)} rows for {len(images)} images",
                "one row (phi, theta, psi) per image",
            )
        _finite(f"{self.name}: angles", angles)
        object.__setattr__(self, "images", np.ascontiguousarray(images))
        object.__setattr__(self, "angles", np.ascontiguousarray(angles))
        object.__setattr__(
            self, "pixel_size", _positive_length(f"{self.name}: pixel_size", self.pixel_size)
        )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def detector(self) -> tuple[int, int]:
        """Pixels of one image along x and y."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def single_axis(self) -> bool:
        """Whether every tilt is a pure rotation about y (phi = psi = 0)."""
        return not self.angles[:, [0, 2]].any()


@dataclass(frozen=True)
class Volume:
    """A scalar field on a regular grid.

    Parameters
    ----------
    array
        Shape (nx, ny, nz), all finite.
    voxel_size
        Angstrom.
    origin
        Position of voxel (0, 0, 0) in angstrom, shape (3,); unless given, the rotation centre
        (voxel n // 2) lies at zero.
    name
        Where the volume came from; errors name it.
    """

    array: NDArray
    voxel_size: float
    origin: NDArray[np.float64] | None = None
    name: str = "volume"

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.ndim != 3 or min(array.shape) == 0:
            raise InputError(self.name, f"shape {array.shape}", "shape (nx, ny, nz), nothing empty")
        if not np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float32)
        _finite(self.name, array)
        size = _positive_length(f"{self.name}: voxel_size", self.voxel_size)
        if self.origin is None:
            origin = np.array([-centre(n) * size for n in array.shape])
        else:
            origin = _finite(
                f"{self.name}: origin", np.asarray(self.origin, dtype=np.float64).reshape(-1)
            )
            if origin.shape != (3,):
                raise InputError(
                    f"{self.name}: origin", f"shape {origin.shape}", "three numbers in angstrom"
                )
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "voxel_size", size)
        object.__setattr__(self, "origin", origin)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        nx, ny, nz = self.array.shape
        return nx, ny, nz

    def to_positions(self, voxels: ArrayLike) -> NDArray[np.float64]:
        """Positions (n, 3) in angstrom of 0-based voxel coordinates (n, 3)."""
        return np.asarray(voxels, dtype=np.float64) * self.voxel_size + np.asarray(self.origin)

    def to_voxels(self, positions: ArrayLike) -> NDArray[np.float64]:
        """0-based voxel coordinates (n, 3) of positions (n, 3) in angstrom."""
        return (np.asarray(positions, dtype=np.float64) - np.asarray(self.origin)) / self.voxel_size


@dataclass(frozen=True)
class AtomicModel:
    """Atoms with positions, species and per-atom properties: a checked ``ase.Atoms``.

    Parameters
    ----------
    atoms
        Positions in angstrom with the origin on the rotation centre of the tilt series; periodic
        only if it is a simulation box. Per-atom properties live in ``atoms.arrays``.
    name
        Where the model came from; errors name it.
    """

    atoms: ase.Atoms
    name: str = "model"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.atoms) == 0:
            raise InputError(self.name, "no atoms", "at least one atom")
        _finite(f"{self.name}: positions", self.atoms.positions)

    @classmethod
    def from_positions(
        cls,
        positions: ArrayLike,
        species: str | Sequence[str],
        name: str = "model",
        **arrays: ArrayLike,
    ) -> AtomicModel:
        """Model from positions (n, 3) in angstrom and one symbol for all or a symbol each."""
        table = np.asarray(positions, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != 3:
            hint = "; transpose it" if table.ndim == 2 and table.shape[0] == 3 else ""
            raise InputError(
                f"{name}: positions",
                f"shape {table.shape}",
                f"shape (n_atoms, 3) in angstrom{hint}",
            )
        symbols = [species] * len(table) if isinstance(species, str) else list(species)
        if len(symbols) != len(table):
            raise InputError(
                f"{name}: species",
                f"{len(symbols)} symbols for {len(table)} atoms",
                "one symbol, or one per atom",
            )
        unknown = sorted(set(symbols) - set(chemical_symbols))
        if unknown:
            raise InputError(
                f"{name}: species", f"{unknown[0]!r}", "a chemical symbol such as 'Ta'"
            )
        atoms = ase.Atoms(symbols, positions=table)
        for key, value in arrays.items():
            atoms.set_array(key, np.asarray(value))
        return cls(atoms, name=name)

    def __len__(self) -> int:
        return len(self.atoms)

    @property
    def positions(self) -> NDArray[np.float64]:
        """Shape (n_atoms, 3), angstrom."""
        return self.atoms.positions

    @property
    def species(self) -> list[str]:
        """Chemical symbol of each atom."""
        return self.atoms.get_chemical_symbols()
