"""The potentials that need no download: made from published parameters, or LAMMPS' own files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from md_sim.eam_forms import EamForm, ravelo_tantalum, zhou
from md_sim.runtime import installed, potentials_folder
from md_sim.setfl import STYLES, PotentialFile, read_potential, write_setfl


@dataclass(frozen=True, repr=False)
class Potential(Shown):
    """A potential of the registry.

    Attributes
    ----------
    name, element, doi
        Its name here, its element, its publication.
    source, licence
        Where the tables come from, and under what terms.
    make
        The analytic functions.
    slowest_glass
        Slowest cooling, K/s, at which it is known to form a glass; None if that was not seen.

    Examples
    --------
    >>> from md_sim.potentials import POTENTIALS
    >>> POTENTIALS["ta-ravelo-2013"]
    <Potential 'ta-ravelo-2013': element Ta, doi 10.1103/PhysRevB.88.134101>
    """

    name: str
    element: str
    doi: str
    source: str
    licence: str
    make: Callable[[], EamForm]
    slowest_glass: float | None = None

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "element": self.element,
            "doi": self.doi,
        }


_MADE = "made here from the published parameters"
_OWN = "BSD-3-Clause, as this package; parameters are facts of the publication"
POTENTIALS = {
    potential.name: potential
    for potential in (
        Potential(
            "ta-ravelo-2013",
            "Ta",
            "10.1103/PhysRevB.88.134101",
            f"model 1, {_MADE}",
            _OWN,
            ravelo_tantalum,
            1e13,
        ),
        *(
            Potential(
                f"{element.lower()}-zhou-2004",
                element,
                "10.1103/PhysRevB.69.144113",
                _MADE,
                _OWN,
                partial(zhou, element),
                rate,
            )
            for element, rate in (("Ta", 5e13), ("Pd", 1e13), ("Cu", None))
        ),
    )
}
DEFAULTS = {"Ta": "ta-ravelo-2013", "Pd": "pd-zhou-2004", "Cu": "cu-zhou-2004"}


@checked
def find_potential(
    element: str, choice: str | None, folder: str | Path
) -> tuple[PotentialFile, Potential | None]:
    """The potential of a run: one of the registry, written to the run's folder, or a file.

    Parameters
    ----------
    element
        Symbol.
    choice
        A name of the registry, the path of a file, the name of a file that comes with LAMMPS
        (:func:`shipped_potentials`), or None for the default of the element.
    folder
        Where a potential of the registry is written.

    Returns
    -------
    The file, and the entry of the registry; None of a file of one's own.

    Raises
    ------
    InputError
        For an element without a default, or a name of the registry of another element.
    DataFileError
        If a file is missing, unusable or lacks the element.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import md_sim
    >>> file, known = md_sim.find_potential("Ta", None, ".")
    >>> file.path.name, file.cutoff, known.name
    ('ta-ravelo-2013.eam.alloy', 5.3, 'ta-ravelo-2013')
    """
    if choice is None and element not in DEFAULTS:
        raise InputError(f"potential of {element}", "none", "a file: --potential FILE")
    name = DEFAULTS[element] if choice is None else choice
    if name not in POTENTIALS:
        return read_potential(potential_path(name), (element,)), None
    known = POTENTIALS[name]
    if known.element != element:
        expected = ", ".join(p.name for p in POTENTIALS.values() if p.element == element)
        raise InputError(f"potential of {element}", repr(name), expected or "a file")
    path = Path(folder) / f"{name}.eam.alloy"
    write_setfl(path, known.make(), f"{name}, doi {known.doi}")
    return read_potential(path, (element,)), known


def shipped_potentials() -> tuple[str, ...]:
    """Names of the EAM files that come with LAMMPS, such as ``CuTa.eam.alloy``; none without it."""
    if not installed():
        return ()
    return tuple(
        sorted(path.name for path in potentials_folder().iterdir() if path.suffix.lower() in STYLES)
    )


def potential_path(choice: str | Path) -> Path:
    """A potential file of one's own, or else one that comes with LAMMPS and has this name."""
    path = Path(choice)
    if path.name == str(choice) and not path.exists() and path.name in shipped_potentials():
        return potentials_folder() / path.name
    return path
