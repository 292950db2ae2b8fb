"""Atoms with their species: the end of the pipeline and the beginning of the analyses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import real_array
from aet_port.core.data import all_finite
from aet_port.core.display import Shown
from aet_port.core.errors import InputError, shown
from aet_port.core.extents import check_extent

_SYMBOLS = frozenset(chemical_symbols)


@dataclass(frozen=True, repr=False)
class AtomicModel(Shown):
    """Atoms with positions, species and per-atom properties: a checked ``ase.Atoms``.

    Parameters
    ----------
    atoms
        Positions in angstrom with the origin on the rotation centre of the tilt series; periodic
        only for a simulation box. Per-atom properties are in ``atoms.arrays``.
    name
        Origin of the model, used in errors.
    metadata
        Dictionary with further information on the model.

    Raises
    ------
    InputError
        For no atoms, or positions that are not finite or beyond
        :data:`aet_port.core.extents.FAR`.

    Notes
    -----
    MATLAB: none; the papers' code keeps positions (3, n_atoms) and types (1, n_atoms) in two
    variables

    Examples
    --------
    >>> import aet_port as aet
    >>> model = aet.AtomicModel.from_positions([[0, 0, 0], [0, 0, 2.8]], ["Ta", "Pd"], name="pair")
    >>> model
    <AtomicModel 'pair': atoms 2, species Pd 1 Ta 1, extent 0 x 0 x 2.8 angstrom>
    >>> float(model.atoms.get_distance(0, 1))
    2.8
    """

    atoms: ase.Atoms
    name: str = "model"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.atoms, ase.Atoms):
            raise InputError(f"{self.name}: atoms", shown(self.atoms), "ase.Atoms")
        if len(self.atoms) == 0:
            raise InputError(self.name, "no atoms", "at least one atom")
        all_finite(f"{self.name}: positions", self.atoms.positions)
        cell = self.atoms.cell if self.atoms.pbc.any() else None
        check_extent(self.atoms.positions, f"{self.name}: positions", cell)

    @classmethod
    def from_positions(
        cls,
        positions: ArrayLike,
        species: str | Sequence[str],
        name: str = "model",
        **arrays: ArrayLike,
    ) -> AtomicModel:
        """Make a model from positions (n, 3) in angstrom and one symbol, or one per atom."""
        table = real_array(f"{name}: positions", positions).astype(np.float64, copy=False)
        if table.ndim != 2 or table.shape[1] != 3:
            hint = "; transpose it" if table.ndim == 2 and table.shape[0] == 3 else ""
            raise InputError(
                f"{name}: positions",
                f"shape {table.shape}",
                f"shape (n_atoms, 3) in angstrom{hint}",
            )
        if not isinstance(species, (str, Sequence, np.ndarray)):
            raise InputError(f"{name}: species", shown(species), "one symbol, or one per atom")
        symbols = [species] * len(table) if isinstance(species, str) else list(species)
        if len(symbols) != len(table):
            raise InputError(
                f"{name}: species",
                f"{len(symbols)} symbols for {len(table)} atoms",
                "one symbol, or one per atom",
            )
        unknown = [one for one in symbols if one not in _SYMBOLS]
        if unknown:
            raise InputError(
                f"{name}: species", shown(min(map(str, unknown))), "a chemical symbol such as 'Ta'"
            )
        atoms = ase.Atoms(symbols, positions=table)
        for key, value in arrays.items():
            array = np.asarray(value)
            if array.shape[:1] != (len(table),) or array.dtype.hasobject:
                found = f"{array.dtype} of shape {array.shape}"
                raise InputError(
                    f"{name}: {key}", found, f"one value for each of {len(table)} atoms"
                )
            atoms.set_array(key, array)
        return cls(atoms, name=name)

    analyze = methods.analyze
    """Analyse the structure of this model: :func:`aet_port.analyze`."""
    plot = methods.plot_model
    """Plot the atoms: :func:`aet_port.figures.images.plot_model`."""

    def __len__(self) -> int:
        return len(self.atoms)

    def _facts(self) -> dict[str, object]:
        kinds = self.species
        facts: dict[str, object] = {
            "name": self.name,
            "atoms": len(self),
            "species": " ".join(f"{kind} {kinds.count(kind)}" for kind in sorted(set(kinds))),
        }
        if self.atoms.pbc.any():
            lengths = " x ".join(f"{length:.4g}" for length in self.atoms.cell.lengths())
            periodic = "".join(axis for axis, on in zip("xyz", self.atoms.pbc, strict=True) if on)
            return {**facts, "cell": f"{lengths} angstrom", "periodic": periodic}
        extent = " x ".join(f"{length:.4g}" for length in np.ptp(self.positions, axis=0))
        return {**facts, "extent": f"{extent} angstrom"}

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions in angstrom, shape (n_atoms, 3)."""
        return self.atoms.positions

    @property
    def species(self) -> list[str]:
        """Chemical symbol of each atom."""
        return self.atoms.get_chemical_symbols()


def as_atoms(atoms: AtomicModel | ase.Atoms, name: str = "atoms") -> ase.Atoms:
    """Return the ``ase.Atoms`` of a model, or ``ase.Atoms`` unchanged.

    Parameters
    ----------
    atoms
        Argument of a public function.
    name
        Name of that argument, for errors.

    Raises
    ------
    InputError
        For any other type.

    Examples
    --------
    >>> model = AtomicModel.from_positions([[0, 0, 0]], "Ta")
    >>> as_atoms(model) is model.atoms, as_atoms(model.atoms) is model.atoms
    (True, True)
    """
    if isinstance(atoms, AtomicModel):
        return atoms.atoms
    if isinstance(atoms, ase.Atoms):
        return atoms
    raise InputError(name, f"a {type(atoms).__name__}", "an AtomicModel or ase.Atoms")


def as_model(atoms: AtomicModel | ase.Atoms, name: str = "model") -> AtomicModel:
    """Return a model unchanged, or make one from ``ase.Atoms``.

    Parameters
    ----------
    atoms
        Argument of a public function.
    name
        Name of that argument, for errors, and of a model made here.

    Raises
    ------
    InputError
        For any other type, no atoms, or positions that are not finite.

    Examples
    --------
    >>> as_model(ase.Atoms("TaPd", [[0, 0, 0], [0, 0, 2.8]])).species
    ['Ta', 'Pd']
    """
    return atoms if isinstance(atoms, AtomicModel) else AtomicModel(as_atoms(atoms, name), name)
