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
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.files import sha256

KINDS = ("experiment", "md_snapshot", "synthetic")
OPTIMIZATION_TYPES = (
    *("experimental", "hybrid", "global", "local", "none", "indeterminate", "other"),
)
LONGEST_FACT = 1_000  # characters of a licence or a DOI
OUTPUT = "output of "  # begins the role of a file that a stage of a run made
ACTIONS = ("add", "remove", "move", "retype")


@dataclass(frozen=True)
class Provenance:
    """A file that a model was made from.

    Parameters
    ----------
    role
        What it was, such as ``"projections"``.
    file_name
        Its name without folders.
    sha256
        Hash of its bytes, 64 hexadecimal digits.
    verified
        Whether it is the hash that was recorded when a run read or made the file; False if the run
        has no record of it; None for files of no run.

    Examples
    --------
    >>> from pathlib import Path
    >>> import mdb
    >>> _ = Path("angles.txt").write_text("0 30 60")
    >>> mdb.Provenance.of("angles", "angles.txt").sha256[:8]
    '25714ff6'
    """

    role: str
    file_name: str
    sha256: str
    verified: bool | None = None

    @classmethod
    def of(cls, role: str, path: str | Path) -> Provenance:
        """Provenance of a file on disk.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        return cls(role, Path(path).name, sha256(path))


@dataclass(frozen=True, repr=False)
class Reconstruction(Shown):
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

    Examples
    --------
    >>> import numpy as np
    >>> import mdb
    >>> mdb.Reconstruction("RESIRE", {"iterations": 200}, r_mean=0.06, r_factors=np.full(46, 0.06))
    <Reconstruction: algorithm RESIRE, parameters 1 entry, r_mean 0.06, r_factors 46>
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
    """What a refinement found for one species.

    In Fourier space an atom of it is ``H f(q) / f(0) exp(-B' q^2)`` with the electron scattering
    factor f of the species.

    Parameters
    ----------
    species
        Chemical symbol.
    type
        Its number, where the atoms have types.
    height
        H.
    b_factor
        B', angstrom^2.

    Examples
    --------
    >>> import mdb
    >>> mdb.SpeciesFit("Ta", height=1.1, b_factor=5.0)
    SpeciesFit(species='Ta', type=None, height=1.1, b_factor=5.0)
    """

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

    Raises
    ------
    InputError
        For another action, a number of an added atom, or none of another one.

    Examples
    --------
    >>> import mdb
    >>> edit = mdb.Edit("remove", atom=17, species="Ta", reason="in the carbon film")
    >>> edit.atom
    17
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

    Examples
    --------
    >>> import mdb
    >>> mdb.Snapshot(run=1, step=20000, temperature=5200.0, time=40.0)
    Snapshot(run=1, step=20000, temperature=5200.0, time=40.0)
    """

    run: int
    step: int
    temperature: float
    time: float | None = None


@dataclass(frozen=True, repr=False)
class Details(Shown):
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

    Examples
    --------
    >>> import mdb
    >>> mdb.Details(temperature=300.0, r1_mean=0.09, licence="CC-BY-4.0").facts()
    {'temperature': 300.0, 'r1_mean': 0.09, 'licence': 'CC-BY-4.0'}
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
                raise InputError(name, repr(value), "a number of at least 0")
        for name in ("licence", "doi"):
            text = getattr(self, name)
            if text is not None and not 0 < len(text) <= LONGEST_FACT:
                expected = f"at most {LONGEST_FACT} characters"
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
        """The single values that are given, by the name of their column.

        Returns
        -------
        Only those that are not None.
        """
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

    Examples
    --------
    >>> import aet_port as aet
    >>> import mdb
    >>> model = aet.AtomicModel.from_positions([[0, 0, 0], [0, 0, 2.8]], "Ta")
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     first, again = (mdb.deposit(bank, model, kind="synthetic") for _ in range(2))
    >>> first
    Deposit(id='TaXX00001', new=True, analysis=None, new_analysis=False)
    >>> again.id, again.new
    ('TaXX00001', False)
    """

    id: str
    new: bool
    analysis: int | None = None
    new_analysis: bool = False


@dataclass(frozen=True, repr=False)
class MdRun(Shown):
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

    Examples
    --------
    >>> import pyarrow as pa
    >>> import mdb
    >>> mdb.MdRun(
    ...     name="quench",
    ...     sample="Ta",
    ...     engine="LAMMPS",
    ...     potential="ravelo-ta",
    ...     protocol={"cooling_rate": 1e13},
    ...     n_atoms=1024,
    ...     thermo=pa.table({"step": [0, 100], "temperature": [5200.0, 5190.0]}),
    ... )
    <MdRun 'quench': sample Ta, engine LAMMPS, potential ravelo-ta, atoms 1024, steps 2>
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

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "sample": self.sample,
            "engine": self.engine,
            "potential": self.potential,
            "atoms": self.n_atoms,
            "steps": self.thermo.num_rows,
            "cooling rate": None if self.cooling_rate is None else f"{self.cooling_rate:g} K/s",
        }
