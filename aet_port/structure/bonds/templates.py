"""Structure type and strain of each atom: OVITO's template matching and common neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.core.records import plain
from aet_port.structure.neighbours import check_atoms
from aet_port.structure.settings import DEFAULTS

# In OVITO's numbering, so that a column of numbers has the same meaning there.
STRUCTURES = (
    *("other", "fcc", "hcp", "bcc", "icosahedral", "sc"),
    *("cubic diamond", "hexagonal diamond"),
)
CNA_STRUCTURES = STRUCTURES[:5]
LATTICES = tuple(name for name in STRUCTURES if name not in ("other", "icosahedral"))
NOT_ASKED = (
    "structure types were not asked for (aet analyze --templates, or templates = true in "
    "[analyze]; needs OVITO, extra ovito)"
)
LEAST_MATCHED = 10  # atoms of a structure whose mean spacing may stand for the unstrained one
COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
_ROWS, _COLUMNS = (0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)  # of these components


@dataclass(frozen=True, repr=False)
class StructureTypes(Shown):
    """Crystal structure around each atom.

    Attributes
    ----------
    ptm
        Shape (n,): structure by polyhedral template matching, a place in :data:`STRUCTURES`; 0
        where no template fits within ``max_rmsd``.
    rmsd
        Shape (n,): root-mean-square deviation from the best template, in nearest-neighbour
        distances; NaN where none could be compared.
    spacing
        Shape (n,): nearest-neighbour distance of the template scaled to the atom's surroundings,
        angstrom; NaN outside the structures.
    orientation
        Shape (n, 4): rotation from the template to the sample as a quaternion (x, y, z, w), one of
        those that the symmetry of the lattice makes equal; NaN outside the structures.
    strain
        Shape (n, 6): Green-Lagrangian strain along the axes of the sample, components xx, yy, zz,
        xy, xz, yz, against the unstrained lattice; NaN outside the lattices.
    cna
        Shape (n,): structure by adaptive common-neighbour analysis, a place in the first five of
        :data:`STRUCTURES`; it knows no sc and no diamond.
    unstrained
        Nearest-neighbour distance of the unstrained lattice by structure, angstrom.
    max_rmsd
        Largest deviation accepted.
    reasons
        By structure, why no strain is stated.
    """

    ptm: NDArray[np.int64]
    rmsd: NDArray[np.float64]
    spacing: NDArray[np.float64]
    orientation: NDArray[np.float64]
    strain: NDArray[np.float64]
    cna: NDArray[np.int64]
    unstrained: dict[str, float]
    max_rmsd: float
    reasons: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ptm)

    def _facts(self) -> dict[str, object]:
        shares = self.fractions()["ptm"].items()
        found = " ".join(f"{name} {100 * share:.3g} %" for name, share in shares if share)
        return {"atoms": len(self), "template matching": found}

    @property
    def strain_volume(self) -> NDArray[np.float64]:
        """Volumetric strain, shape (n,): a third of the trace of the strain, as in OVITO."""
        return np.asarray(self.strain[:, :3].mean(axis=1))

    @property
    def strain_shear(self) -> NDArray[np.float64]:
        """Shear strain, shape (n,): von Mises' invariant of the strain, as in OVITO."""
        xx, yy, zz, xy, xz, yz = self.strain.T
        apart = (xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2
        return np.asarray(np.sqrt(xy**2 + xz**2 + yz**2 + apart / 6))

    def counts(self) -> dict[str, dict[str, int]]:
        """Atoms of each structure, by method (``"ptm"``, ``"cna"``) and structure."""
        pairs = (("ptm", self.ptm, STRUCTURES), ("cna", self.cna, CNA_STRUCTURES))
        return {
            method: dict(
                zip(names, np.bincount(values, minlength=len(names)).tolist(), strict=True)
            )
            for method, values, names in pairs
        }

    def fractions(self) -> dict[str, dict[str, float]]:
        """Fraction of the atoms in each structure, by method and structure."""
        return {
            method: {name: number / len(self) for name, number in counts.items()}
            for method, counts in self.counts().items()
        }

    def summary(self) -> dict[str, Any]:
        """Fractions, and mean and scatter of the strain of each lattice, as plain values."""
        strains = {}
        for name, spacing in self.unstrained.items():
            of = self.ptm == STRUCTURES.index(name)
            volume, shear = self.strain_volume[of], self.strain_shear[of]
            strains[name] = {
                "atoms": int(of.sum()),
                "unstrained_spacing": plain(spacing),
                "strain_volume": plain(float(volume.mean())),
                "strain_volume_sd": plain(float(volume.std())),
                "strain_shear": plain(float(shear.mean())),
            }
        return {**self.fractions(), "strain": strains, "reasons": dict(self.reasons)}


@checked
def structure_types(
    atoms: AtomicModel | ase.Atoms,
    *,
    max_rmsd: float = DEFAULTS.template_rmsd,
    spacing: float | None = DEFAULTS.lattice_spacing,
) -> StructureTypes:
    """Structure type, orientation and strain of each atom, through OVITO.

    Polyhedral template matching compares the nearest neighbours of an atom with those in fcc, hcp,
    bcc, icosahedral, sc, cubic and hexagonal diamond order, and gives the deformation gradient F
    that turns the ideal template, at the nearest-neighbour distance d of the unstrained lattice,
    into the atom's surroundings. The strain is ``E = (F F^T - 1) / 2``: the Green-Lagrangian strain
    ``(F^T F - 1) / 2`` turned from the axes of the crystal to those of the sample. A crystal
    stretched by a small e along x has E_xx = e. Common-neighbour analysis is the adaptive one.

    Parameters
    ----------
    atoms
        A particle or film, or a simulation box, positions in angstrom.
    max_rmsd
        Largest root-mean-square deviation from a template, in nearest-neighbour distances.
    spacing
        d of the unstrained lattice, angstrom: a / sqrt(2) in fcc, a in hcp and sc, a sqrt(3) / 2 in
        bcc, a sqrt(3) / 4 in diamond. Unless given, the mean of the atoms of each structure, of
        which there must be at least 10; the strain is then that against the mean crystal.

    Raises
    ------
    InputError
        For unusable atoms, deviation or spacing.
    MissingDependencyError
        If OVITO is not installed (extra ``ovito``).

    Notes
    -----
    MATLAB: none

    References
    ----------
    P. M. Larsen, S. Schmidt, J. Schiotz, "Robust structural identification via polyhedral template
    matching", Modelling Simul. Mater. Sci. Eng. 24, 055007 (2016); A. Stukowski, "Structure
    identification methods for atomistic simulations of crystalline materials", ibid. 20, 045021
    (2012).

    Examples
    --------
    >>> from ase.build import bulk
    >>> import aet_port as aet
    >>> crystal = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(4)
    >>> try:
    ...     print(aet.structure.structure_types(crystal).fractions()["ptm"]["bcc"])
    ... except aet.MissingDependencyError:
    ...     print(1.0)
    1.0
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    for name, value in (("max_rmsd", max_rmsd), ("spacing", spacing)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(name, f"{value!r}", "a number above zero")
    found = _matched(atoms, max_rmsd)
    ptm = found["Structure Type"].astype(np.int64)
    distance = found["Interatomic Distance"]
    compared, matched = distance > 0, ptm > 0
    unstrained, reasons = _unstrained(ptm, distance, spacing)
    reference = np.full(len(atoms), np.nan)
    for name, length in unstrained.items():
        reference[ptm == STRUCTURES.index(name)] = length
    # OVITO stores matrices by columns, and scales each template to the atom's surroundings.
    gradient = found["Elastic Deformation Gradient"].reshape(-1, 3, 3).transpose(0, 2, 1)
    gradient = gradient * (distance / reference)[:, None, None]
    strain = (gradient @ gradient.transpose(0, 2, 1) - np.eye(3)) / 2
    return StructureTypes(
        ptm=ptm,
        rmsd=np.where(compared, found["RMSD"], np.nan),
        spacing=np.where(matched, distance, np.nan),
        orientation=np.where(matched[:, None], found["Orientation"], np.nan),
        strain=strain[:, _ROWS, _COLUMNS],
        cna=found["cna"].astype(np.int64),
        unstrained=unstrained,
        max_rmsd=float(max_rmsd),
        reasons=reasons,
    )


def types_or_reason(
    atoms: ase.Atoms,
    max_rmsd: float,
    spacing: float | None,
    known: tuple[StructureTypes | None, Mapping[str, Any]] = (None, {}),
) -> tuple[StructureTypes | None, dict[str, Any]]:
    """Structure types for an analysis, and the parameters behind them.

    Parameters
    ----------
    known
        Types of the same atoms and the parameters of their analysis; taken if these are the same.

    Returns
    -------
    None where OVITO is not installed; ``templates_reason`` among the parameters then says so.

    Raises
    ------
    InputError
        For unusable atoms, deviation or spacing.

    Notes
    -----
    MATLAB: none
    """
    parameters: dict[str, Any] = {"template_rmsd": float(max_rmsd)}
    if spacing is not None:
        parameters["lattice_spacing"] = float(spacing)
    types, others = known
    names = ("template_rmsd", "lattice_spacing")
    if types is not None and all(others.get(name) == parameters.get(name) for name in names):
        return types, parameters
    try:
        return structure_types(atoms, max_rmsd=max_rmsd, spacing=spacing), parameters
    except MissingDependencyError as error:
        return None, parameters | {"templates_reason": str(error)}


def _matched(atoms: ase.Atoms, max_rmsd: float) -> dict[str, NDArray[Any]]:
    """Properties of the particles that OVITO's modifiers write."""
    try:
        from ovito.data import DataCollection
        from ovito.modifiers import (
            CommonNeighborAnalysisModifier,
            PolyhedralTemplateMatchingModifier,
        )
    except ImportError as error:
        feature = "Template matching and common-neighbour analysis (OVITO)"
        raise MissingDependencyError(feature, "ovito") from error
    data = DataCollection()
    if atoms.pbc.any():
        cell = np.zeros((3, 4))
        cell[:, :3] = np.asarray(atoms.cell.complete()).T
        a, b, c = atoms.pbc
        data.create_cell(cell, pbc=(bool(a), bool(b), bool(c)))
    data.create_particles(count=len(atoms)).create_property("Position", data=atoms.positions)
    matching = PolyhedralTemplateMatchingModifier(
        rmsd_cutoff=max_rmsd,
        output_rmsd=True,
        output_interatomic_distance=True,
        output_orientation=True,
        output_deformation_gradient=True,
    )
    # All of volumes; graphene, OVITO's eighth, is a sheet.
    for kind in range(1, len(STRUCTURES)):
        matching.structures[kind].enabled = True
    data.apply(matching)
    names = (
        *("Structure Type", "RMSD", "Interatomic Distance", "Orientation"),
        "Elastic Deformation Gradient",
    )
    found = {name: np.array(data.particles[name]) for name in names}
    mode = CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff
    data.apply(CommonNeighborAnalysisModifier(mode=mode))
    return found | {"cna": np.array(data.particles["Structure Type"])}


def _unstrained(
    ptm: NDArray[np.int64], distance: NDArray[np.float64], given: float | None
) -> tuple[dict[str, float], dict[str, str]]:
    """Spacing of each lattice that occurs, and why it is not known."""
    lengths, reasons = {}, {}
    for name in LATTICES:
        of = ptm == STRUCTURES.index(name)
        number = int(of.sum())
        if number and given is not None:
            lengths[name] = float(given)
        elif number >= LEAST_MATCHED:
            lengths[name] = float(distance[of].mean())
        elif number:
            reasons[f"strain of {name}"] = (
                f"{number} atoms, fewer than {LEAST_MATCHED}, and no spacing of the unstrained"
                " lattice given (--lattice-spacing)"
            )
    return lengths, reasons
