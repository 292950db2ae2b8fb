"""Whether a glass has crystallised: crystalline fractions of a periodic box by two measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.structure.bonds.nuclei import SURROUNDINGS, crystalline_atoms
from aet_port.structure.bonds.orientational import bond_order
from aet_port.structure.bonds.templates import structure_types
from aet_port.structure.neighbours import check_atoms, heights
from aet_port.structure.settings import DEFAULTS

RMSD = DEFAULTS.template_rmsd  # largest deviation from a template, in nearest-neighbour distances
CRYSTAL = 0.10  # fraction of crystalline atoms above which a box is no glass
LATTICES = ("fcc", "hcp", "bcc")


@dataclass(frozen=True, repr=False)
class Crystallisation(Shown):
    """Crystalline fractions of one box.

    Attributes
    ----------
    templates
        Fraction of atoms whose neighbours match fcc, hcp and bcc (polyhedral template matching of
        OVITO, rmsd up to 0.10); None where OVITO is not installed.
    bond_order
        Fraction of atoms with a normalised bond-orientational order of 0.5 or more. It counts the
        ordered ones of a glass, too, and stands in where the templates were not attempted.

    Examples
    --------
    >>> import md_sim
    >>> md_sim.Crystallisation({"fcc": 0.25, "hcp": 0.125, "bcc": 0.0}, bond_order=0.5)
    <Crystallisation: crystalline 37.5 %, by template matching, fcc 25 %, hcp 12.5 %, bcc 0 %>
    """

    templates: dict[str, float] | None
    bond_order: float

    def _facts(self) -> dict[str, object]:
        shares = {} if self.templates is None else self.templates
        return {
            "crystalline": f"{100 * self.fraction:.4g} %",
            "by": self.measure,
            **{name: f"{100 * share:.4g} %" for name, share in shares.items()},
        }

    @property
    def fraction(self) -> float:
        """Crystalline fraction: by templates, or by bond order where they were not attempted."""
        if self.templates is None:
            return self.bond_order
        return sum(self.templates.values())

    @property
    def measure(self) -> str:
        """What :attr:`fraction` was found by."""
        return "bond order" if self.templates is None else "template matching"

    @property
    def crystallised(self) -> bool:
        """Whether more than a tenth of the atoms are crystalline."""
        return self.fraction > CRYSTAL

    def summary(self) -> dict[str, Any]:
        """For a table or JSON."""
        by_template: dict[str, float] | str = "not attempted: OVITO is not installed"
        if self.templates is not None:
            by_template = {name: round(share, 6) for name, share in self.templates.items()}
        return {"template_matching": by_template, "bond_order": round(self.bond_order, 6)}


@checked
def crystallisation(
    atoms: AtomicModel | ase.Atoms, cutoff: float, rmsd: float = RMSD
) -> Crystallisation:
    """Crystalline fraction of a box by OVITO's template matching and by our own bond order.

    By bond order an atom is crystalline where ``sqrt(Q4^2 + Q6^2)`` is at least half of that of
    a perfect fcc lattice (:func:`aet_port.structure.bonds.orientational.bond_order`).

    Parameters
    ----------
    atoms
        Periodic in all directions.
    cutoff
        First valley of the pair distribution function, angstrom, for the bond order.
    rmsd
        Largest root-mean-square deviation from a template, in nearest-neighbour distances.

    Returns
    -------
    Fractions by both; those by templates are None where OVITO is not installed.

    Raises
    ------
    InputError
        For atoms that are not periodic, or an unusable cut-off or rmsd.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from ase.build import bulk
    >>> import md_sim
    >>> crystal = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(4)
    >>> md_sim.crystallisation(crystal, cutoff=4.1).bond_order
    1.0
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    if not atoms.pbc.all():
        found = f"periodic directions {atoms.pbc.tolist()}"
        raise InputError("atoms", found, "a box periodic in all directions")
    if not (np.isfinite(rmsd) and rmsd > 0):
        raise InputError("rmsd", f"{rmsd!r}", "a number above zero")
    order = bond_order(atoms, cutoff).normalised
    scattered = bool(heights(atoms).min() > 2 * SURROUNDINGS)
    ordered = crystalline_atoms(atoms, order, scattered=scattered)
    return Crystallisation(match_templates(atoms, rmsd), float(ordered.mean()))


def match_templates(atoms: ase.Atoms, rmsd: float = RMSD) -> dict[str, float] | None:
    """Fractions of atoms that OVITO's polyhedral template matching finds in each lattice.

    Parameters
    ----------
    rmsd
        Largest root-mean-square deviation from a template, in nearest-neighbour distances.

    Returns
    -------
    Fraction by lattice: ``"fcc"``, ``"hcp"``, ``"bcc"``. None where OVITO is not installed.
    """
    try:
        found = structure_types(atoms, max_rmsd=rmsd).fractions()["ptm"]
    except MissingDependencyError:  # an extra; the caller says "not attempted"
        return None
    return {name: found[name] for name in LATTICES}


def crystal_warning(found: Crystallisation, name: str) -> str | None:
    """What to say of a box that was meant to be a glass and is a crystal; None of a glass.

    Parameters
    ----------
    name
        Of the box, such as ``"300 K"``.
    """
    if not found.crystallised:
        return None
    return (
        f"{name}: {100 * found.fraction:.1f} % of the atoms are crystalline by {found.measure}; "
        "no glass: cool faster or use another potential"
    )


def refuse_crystal(found: Crystallisation, name: str) -> None:
    """Refuse a box that was meant to be a glass and is a crystal.

    Raises
    ------
    InputError
        If more than a tenth of its atoms are crystalline.
    """
    if found.crystallised:
        share = f"{100 * found.fraction:.1f} % crystalline atoms by {found.measure}"
        expected = f"at most {100 * CRYSTAL:g} %: cool faster or use another potential"
        raise InputError(f"glass {name}", share, expected)
