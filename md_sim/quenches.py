"""Melt-quenches: a folder per run, started, taken up again, and read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.data import atomic_numbers, reference_states
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.core.files import make_folder, sha256, write_whole
from aet_port.core.leftovers import tidy
from aet_port.core.locks import one_at_a_time
from aet_port.core.memory import check_memory
from aet_port.core.records import parsing, read_npz
from md_sim.eam_forms import EamForm
from md_sim.lammps_loop import COLUMNS, SKIN, THERMO, drive, snapshot_name
from md_sim.output_journal import JOURNAL, is_recorded
from md_sim.potentials import DEFAULTS, POTENTIALS, Potential, find_potential
from md_sim.protocol import BYTES, Protocol
from md_sim.quench_settings import (
    RECORD,
    PotentialSettings,
    QuenchSettings,
    is_plain_name,
    read_quench_settings,
)
from md_sim.ranks import drive_ranks
from md_sim.runtime import lammps_version
from md_sim.setfl import PotentialFile, read_potential
from md_sim.transition import GlassTransition, glass_transition


@dataclass(frozen=True, repr=False)
class Snapshot(Shown):
    """Atoms of a quench at one moment.

    Attributes
    ----------
    step, time, temperature
        Time step, picoseconds, and kelvin that the thermostat asked for.
    atoms
        Periodic, with velocities in ``atoms.arrays["velocities"]``, angstrom per picosecond.

    Examples
    --------
    >>> from ase.build import bulk
    >>> import md_sim
    >>> md_sim.Snapshot(5000, 10.0, 5200.0, bulk("Ta", "bcc", a=3.3, cubic=True).repeat(8))
    <Snapshot: step 5000, time 10 ps, temperature 5200 K, atoms 1024>
    """

    step: int
    time: float
    temperature: float
    atoms: ase.Atoms

    def _facts(self) -> dict[str, object]:
        return {
            "step": self.step,
            "time": f"{self.time:g} ps",
            "temperature": f"{self.temperature:g} K",
            "atoms": len(self.atoms),
        }


@dataclass(frozen=True, repr=False)
class Quench(Shown):
    """A finished melt-quench.

    Attributes
    ----------
    folder
        Where it lies.
    protocol
        What it did.
    settings
        Everything it was started with: protocol, potential, versions.
    thermo
        Columns ``step``, ``time`` (ps), ``temperature`` (K), ``pressure`` (bar),
        ``potential_energy`` (eV per atom) and ``volume`` (angstrom^3 per atom).

    Examples
    --------
    >>> import md_sim
    >>> short = md_sim.Protocol(
    ...     "Ta", 4, 3000.0, melt_time=0.02, cooling_rate=2e16, snapshots=2, thermo_every=5
    ... )
    >>> quench = md_sim.run_quench(short, "quench")
    >>> quench
    <Quench 'quench': element Ta, temperatures 3000 to 300 K, cooling rate 2e+16 K/s, steps 78>
    >>> quench.snapshot(quench.protocol.snapshot_steps()[-1])
    <Snapshot: step 78, time 0.156 ps, temperature 300 K, atoms 128>
    """

    folder: Path
    protocol: Protocol
    settings: dict[str, Any]
    thermo: dict[str, NDArray[np.float64]]

    def _facts(self) -> dict[str, object]:
        steps = self.thermo["step"]
        melt, final = self.protocol.melt_temperature, self.protocol.final_temperature
        return {
            "name": self.folder.name,
            "element": self.protocol.element,
            "temperatures": f"{melt:g} to {final:g} K",
            "cooling rate": f"{self.protocol.cooling_rate:g} K/s",
            "steps": int(steps[-1]) if len(steps) else 0,
        }

    def snapshot(self, step: int) -> Snapshot:
        """The snapshot taken at a step.

        Raises
        ------
        DataFileError
            If it is missing, can't be read, or is not what the run wrote.
        """
        path = self.folder / snapshot_name(step)
        is_recorded(self.folder, snapshot_name(step))  # raises for another file
        wanted = "a snapshot of the run"
        names = ("positions", "cell", "velocities", "temperature")
        stored = read_npz(path, *names, expected=wanted)
        with parsing(path, "snapshot", wanted):
            atoms = ase.Atoms(
                [self.protocol.element] * len(stored["positions"]),
                positions=stored["positions"],
                cell=stored["cell"],
                pbc=True,
            )
            atoms.set_array("velocities", stored["velocities"])
            temperature = float(stored["temperature"])
        return Snapshot(step, step * self.protocol.time_step, temperature, atoms)

    def glass_transition(self) -> GlassTransition:
        """Where the volume per atom bends while the quench cools.

        Raises
        ------
        InputError
            If its lines don't cross, or there are too few points yet.
        """
        cooling = self.thermo["step"] > self.protocol.melt_steps
        return glass_transition(self.thermo["temperature"][cooling], self.thermo["volume"][cooling])


@checked
def run_quench(
    protocol: Protocol,
    folder: str | Path,
    *,
    potential: str | None = None,
    ranks: int = 1,
    resume: bool = False,
    show_progress: bool = False,
) -> Quench:
    """Melt a crystal and cool it, or go on where a run was stopped.

    With the same protocol, potential, LAMMPS and one rank, two runs that are not interrupted give
    the same snapshots bit by bit. A run that is taken up goes on from its last restart file with
    the same table of steps and temperatures; trajectories of liquids are chaotic, so its later
    snapshots are equal in a statistical sense only.

    Parameters
    ----------
    protocol
        What to do.
    folder
        Of the run; made if it is not there.
    potential
        Name in :data:`md_sim.potentials.POTENTIALS`, path of a file, or None for the default.
    ranks
        MPI processes.
    resume
        Whether to continue the run that the folder holds.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    The finished run.

    Raises
    ------
    InputError
        For an unusable protocol, a box too small for the potential, a folder with another run.
    DataFileError
        For an unusable potential file.
    MissingDependencyError
        If LAMMPS is not installed.
    SimulationError
        If LAMMPS stops; what was computed stays.

    Notes
    -----
    MATLAB: none; the simulations of the papers are not public

    Examples
    --------
    A few steps of 128 atoms; ``md_sim.preset("ta-quick")`` is a quench worth looking at.

    >>> import md_sim
    >>> short = md_sim.Protocol(
    ...     "Ta", 4, 3000.0, melt_time=0.02, cooling_rate=2e16, snapshots=2, thermo_every=5
    ... )
    >>> quench = md_sim.run_quench(short, "quench")
    >>> quench.thermo["step"][-1] == short.steps
    np.True_
    """
    check_memory("cells", BYTES * protocol.n_atoms("bcc"), "a smaller box (--cells)")
    home = Path(folder).absolute()
    version = lammps_version()
    record = home / "run.json"
    if record.exists():
        if not resume:
            expected = "--resume to continue it, or another folder"
            raise InputError(f"run folder {home}", "a run", expected)
        settings = read_quench_settings(home)
        if settings.protocol != protocol.plain():
            raise InputError(
                f"run folder {home}", "a run with another protocol", "the same protocol"
            )
        _check_potential(home, protocol, settings.potential)
        if not (home / JOURNAL).exists():
            warnings.warn(
                f"run folder {home}: no record says what the run had written; its files are taken "
                "as they are, and recorded from now on",
                stacklevel=2,
            )
    else:
        if resume:
            raise InputError(f"run folder {home}", "no run", "a run to continue, or no --resume")
        if home.exists() and not (home.is_dir() and _unused(home, protocol, potential)):
            raise InputError(f"run folder {home}", "other files", "an empty or a new folder")
        try:
            make_folder(home)
        except OSError as error:
            raise OutputError(home, str(error), "choose another folder") from error
    with one_at_a_time(home):
        if not resume:
            if record.exists():  # another process was quicker
                expected = "--resume to continue it, or another folder"
                raise InputError(f"run folder {home}", "a run", expected)
            _claim(home, protocol, potential, version)
        tidy(home, own=True)
        if ranks == 1:
            drive(home, show_progress)
        else:
            drive_ranks(home, ranks, show_progress)
        return read_quench(home)


@checked
def read_quench(folder: str | Path, finished: bool = True) -> Quench:
    """A run of :func:`run_quench` from its folder.

    Parameters
    ----------
    folder
        Of the run.
    finished
        Whether a run that was interrupted, or is still running, is refused; else it is read as
        far as it has got.

    Returns
    -------
    The run.

    Raises
    ------
    DataFileError
        If it is none, can't be read, or is not finished.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import md_sim
    >>> short = md_sim.Protocol(
    ...     "Ta", 4, 3000.0, melt_time=0.02, cooling_rate=2e16, snapshots=2, thermo_every=5
    ... )
    >>> quench = md_sim.run_quench(short, "quench")
    >>> md_sim.read_quench("quench").protocol == short
    True
    """
    home = Path(folder)
    settings = read_settings(home)
    protocol = Protocol.from_plain(settings["protocol"])
    path = home / THERMO
    is_recorded(home, THERMO)  # raises for another file
    with parsing(path, "table", "the table of a run"):
        lines = path.read_text(encoding="utf-8").split("\n")[1:-1]  # all but a cut last one
        rows = [[float(word) for word in line.split(",")] for line in lines]
        table = np.array(rows).reshape(len(rows), len(COLUMNS))
    last = int(table[-1, 0]) if len(table) else 0
    if finished and last != protocol.steps:
        raise DataFileError(
            path, f"steps up to {last}", f"{protocol.steps}: continue it with --resume"
        )
    return Quench(home, protocol, settings, dict(zip(COLUMNS, table.T, strict=True)))


def _unused(home: Path, protocol: Protocol, potential: str | None) -> bool:
    """Whether a folder holds nothing but what a start that was killed wrote before its record."""
    choice = DEFAULTS.get(protocol.element) if potential is None else potential
    own = f"{choice}.eam.alloy" if choice in POTENTIALS else Path(str(choice)).name
    return all(path.name == own or path.name.startswith(".") for path in home.iterdir())


def _claim(home: Path, protocol: Protocol, potential: str | None, version: str) -> None:
    """Write the potential and what the run is into its folder."""
    file, known = find_potential(protocol.element, potential, home)
    lattice, constant = _ground_state(protocol.element, known)
    _big_enough(protocol, file, constant)
    name = file.path.name
    if known is None:  # the run keeps its own copy
        if not is_plain_name(name):
            raise InputError("potential", repr(name), "a file without quotes in its name")
        data = file.path.read_bytes()
        write_whole(home / name, lambda partial: partial.write_bytes(data))
    facts: dict[str, Any] = {
        "name": name if known is None else known.name,
        "file": name,
        "style": file.style,
        "cutoff": file.cutoff,
        "sha256": sha256(home / name),
        "doi": None if known is None else known.doi,
        "lattice": lattice,
        "lattice_constant": constant,
    }
    stored = PotentialSettings(**facts)
    QuenchSettings(protocol=protocol.plain(), potential=stored, engine=version).write(home)


def _check_potential(home: Path, protocol: Protocol, stored: PotentialSettings) -> None:
    """Refuse a potential, or facts of it, with which the run was not started."""
    path, record = home / stored.file, home / RECORD
    if not path.is_file() or sha256(path) != stored.sha256:
        raise DataFileError(path, "another file", "the potential that the run began with")
    file = read_potential(path, (protocol.element,))
    known = POTENTIALS.get(stored.name)
    if known is not None and known.element != protocol.element:
        raise DataFileError(record, f"name: {stored.name!r}", f"one of {protocol.element}")
    lattice, constant = _ground_state(protocol.element, known)
    _big_enough(protocol, file, constant)
    facts = {"style": file.style, "cutoff": file.cutoff, "lattice": lattice}
    for name, value in (facts | {"lattice_constant": constant}).items():
        if getattr(stored, name) != value:
            found = f"{name}: {getattr(stored, name)!r}"
            raise DataFileError(record, found, f"{value!r}, that of the potential")


def _ground_state(element: str, known: Potential | None) -> tuple[str, float]:
    if known is not None:
        form: EamForm = known.make()
        return form.lattice, form.lattice_constant
    state: dict[str, Any] = reference_states[atomic_numbers[element]] or {}
    lattice = str(state.get("symmetry"))
    if lattice not in ("bcc", "fcc"):
        raise InputError("element", repr(element), "one whose ground state is bcc or fcc")
    return lattice, float(state["a"])


def _big_enough(protocol: Protocol, file: PotentialFile, constant: float) -> None:
    edge, least = protocol.cells * constant, 2 * (file.cutoff + SKIN)
    if edge < least:
        raise InputError(
            "protocol: cells",
            f"{protocol.cells}, a box of {edge:.1f} angstrom",
            f"at least {int(np.ceil(least / constant))}: twice the cut-off of {file.path.name}",
        )


def read_settings(folder: str | Path) -> dict[str, Any]:
    """What a run was started with: protocol, potential, engine.

    Raises
    ------
    DataFileError
        If the folder holds no run, or its record can't be read or has a value that no run is
        started with.
    """
    return read_quench_settings(folder).plain()
