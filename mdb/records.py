"""What can be said of a model, and what came of depositing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.files import sha256

KINDS = ("experiment", "md_snapshot", "synthetic")
OPTIMIZATION_TYPES = (
    *("experimental", "hybrid", "global", "local", "none", "indeterminate", "other"),
)
LONGEST_FACT = 1_000  # characters of a licence or a DOI
ACTIONS = ("add", "remove", "move", "retype")


@dataclass(frozen=True)
class Provenance:
    """A file that a model was made from: its role, its name, the SHA-256 of its bytes."""

    role: str
    file_name: str
    sha256: str

    @classmethod
    def of(cls, role: str, path: str | Path) -> Provenance:
        """Provenance of a file on disk."""
        return cls(role, Path(path).name, sha256(path))


@dataclass(frozen=True)
class Reconstruction:
    """How the volume that a model was traced in was made.

    Parameters
    ----------
    algorithm
        Such as ``"RESIRE"``.
    parameters
        Anything with a JSON form.
    r_mean
        R factor, mean over projections.
    tilt_series
        The projections; their number, geometry, angles and name are stored, not the images.
    r_global
        R factor over all projections with one scale.
    r_factors
        Shape (n_projections,): R factor of each projection.
    shifts
        Shape (n_projections, 2): shift along x and y that aligned each, angstrom.
    scales
        Shape (n_projections,): factor that scaled each to the others.
    """

    algorithm: str
    parameters: dict[str, Any] = field(default_factory=dict)
    r_mean: float | None = None
    tilt_series: TiltSeries | None = None
    r_global: float | None = None
    r_factors: NDArray[np.float64] | None = None
    shifts: NDArray[np.float64] | None = None
    scales: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class SpeciesFit:
    """What a refinement found for one species: height H, and thermal factor B' in angstrom^2."""

    species: str
    type: int | None = None
    height: float | None = None
    b_factor: float | None = None


@dataclass(frozen=True)
class Edit:
    """A manual change of one atom before the model was deposited.

    Parameters
    ----------
    action
        ``"add"``, ``"remove"``, ``"move"`` or ``"retype"``.
    atom
        Number of the atom before the change; None for an added one.
    species
        Symbol after the change; before it for a removed atom.
    position
        Angstrom, after the change.
    reason, author
        Why, and who.
    """

    action: str
    atom: int | None = None
    species: str | None = None
    position: Sequence[float] | None = None
    reason: str | None = None
    author: str | None = None

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise InputError("edit: action", repr(self.action), f"one of {', '.join(ACTIONS)}")
        if (self.atom is None) != (self.action == "add"):
            raise InputError(
                f"edit: atom of {self.action!r}",
                repr(self.atom),
                "the number of the atom, none for an added one",
            )


@dataclass(frozen=True)
class Snapshot:
    """Where in a run of molecular dynamics a model was taken.

    Parameters
    ----------
    run
        Number of the run in the bank.
    step
        Time step.
    temperature
        That the thermostat held, kelvin.
    time
        Picoseconds.
    """

    run: int
    step: int
    temperature: float
    time: float | None = None


@dataclass(frozen=True)
class Details:
    """What else is known of a model; everything may be left out.

    Parameters
    ----------
    temperature
        Kelvin.
    r1_mean, r1_global
        R factors of the refined model against the projections: their mean, and over all with one
        scale.
    optimization_type
        In the words of OPTIMADE 1.3: ``"experimental"``, ``"hybrid"``, ``"global"``, ``"local"``,
        ``"none"``, ``"indeterminate"`` or ``"other"``.
    licence, doi
        Of the coordinates and of the publication to cite.
    species
        Heights and thermal factors of the species.
    info
        Remarks with a JSON form.

    Raises
    ------
    InputError
        For a value out of its range.
    """

    temperature: float | None = None
    r1_mean: float | None = None
    r1_global: float | None = None
    optimization_type: str | None = None
    licence: str | None = None
    doi: str | None = None
    species: Sequence[SpeciesFit] = ()
    info: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("temperature", "r1_mean", "r1_global"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise InputError(name, repr(value), "a number that is not negative")
        for name in ("licence", "doi"):
            text = getattr(self, name)
            if text is not None and not 0 < len(text) <= LONGEST_FACT:
                expected = f"a text of at most {LONGEST_FACT}"
                raise InputError(name, f"{len(text)} characters", expected)
        fitted = [(fit.species, fit.type) for fit in self.species]
        for fit in fitted:
            if fitted.count(fit) > 1:
                raise InputError("species", f"{fit[0]} of type {fit[1]} twice", "each once")
        kind = self.optimization_type
        if kind is not None and kind not in OPTIMIZATION_TYPES:
            expected = f"one of {', '.join(OPTIMIZATION_TYPES)}"
            raise InputError("optimization_type", repr(kind), expected)

    def facts(self) -> dict[str, float | str]:
        """The single values that are given, by the name of their column."""
        names = ("temperature", "r1_mean", "r1_global", "optimization_type", "licence", "doi")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class Deposit:
    """What a deposit came to.

    Attributes
    ----------
    id
        Model id, such as ``TaXX00001``.
    new
        False if the same model was there already; then nothing of it was stored again.
    analysis
        Number of the analysis, if one was given.
    new_analysis
        False if the same analysis was there already, or none was given.
    """

    id: str
    new: bool
    analysis: int | None = None
    new_analysis: bool = False


@dataclass(frozen=True)
class MdRun:
    """A run of molecular dynamics.

    Parameters
    ----------
    name, sample
        Of the run, and of the system.
    engine
        Program and version.
    potential, potential_sha256, potential_doi
        Interatomic potential: name, hash of its file, publication.
    protocol
        Every setting, with a JSON form.
    n_atoms
        Number of atoms.
    thermo
        Columns ``step`` and any of ``time`` (ps), ``temperature`` (K), ``pressure`` (bar),
        ``potential_energy`` (eV per atom), ``volume`` (angstrom^3 per atom).
    cooling_rate, time_step, glass_transition
        Kelvin per second, femtoseconds, kelvin.
    started, finished
        UTC.
    """

    name: str
    sample: str
    engine: str
    potential: str
    protocol: Mapping[str, Any]
    n_atoms: int
    thermo: pa.Table
    potential_sha256: str | None = None
    potential_doi: str | None = None
    cooling_rate: float | None = None
    time_step: float | None = None
    glass_transition: float | None = None
    started: datetime | None = None
    finished: datetime | None = None
