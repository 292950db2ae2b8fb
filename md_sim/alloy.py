"""A glass of an alloy: a random solid solution, melted and cooled with LAMMPS."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.data import atomic_masses, atomic_numbers

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError, shown
from aet_port.core.files import sha256, write_whole
from aet_port.core.memory import check_memory
from aet_port.core.progress import progress_bar
from aet_port.core.records import read_record
from aet_port.io import read_model, write_model
from md_sim.lammps_loop import DAMPING, SKIN, quoted
from md_sim.output_journal import is_recorded, note
from md_sim.potentials import potential_path
from md_sim.protocol import (
    BYTES,
    PICOSECOND,
    check_bounds,
    check_cooling,
    check_length,
    is_element,
    steps_of,
)
from md_sim.runtime import lammps, lammps_version, potentials_folder
from md_sim.setfl import PotentialFile, read_potential

GLASS, RECORD = "glass.extxyz", "alloy.json"
CUZR = "CuZr_mm.eam.fs"  # Mendelev et al., Philos. Mag. 89, 967 (2009); comes with LAMMPS
_SITES = 4  # of a cell of the fcc lattice
_PIECE = 500  # steps between two reports


@dataclass(frozen=True)
class AlloyProtocol:
    """Two species at random on an fcc lattice, melted, held, and cooled at zero pressure.

    Attributes
    ----------
    species
        Symbols of the two.
    share
        Fraction of the atoms that are of the first.
    cells
        Unit cells of four atoms along each edge of the cubic box.
    lattice_constant
        Of the lattice that is melted, angstrom.
    melt_temperature, final_temperature
        Kelvin.
    melt_time
        Picoseconds at the melt temperature before cooling.
    cooling_rate
        Kelvin per second.
    time_step
        Picoseconds.
    seed
        Of the places of the species and the first velocities.

    Raises
    ------
    InputError
        For a setting out of its range.

    Examples
    --------
    >>> import md_sim
    >>> md_sim.AlloyProtocol(("Cu", "Zr"), share=0.65, cells=10).n_atoms
    4000
    """

    species: tuple[str, str] = ("Cu", "Zr")
    share: float = 0.65
    cells: int = 10
    lattice_constant: float = 4.0
    melt_temperature: float = 2000.0
    final_temperature: float = 300.0
    melt_time: float = 20.0
    cooling_rate: float = 5e13
    time_step: float = 0.002
    seed: int = 1

    def __post_init__(self) -> None:
        two = isinstance(self.species, (tuple, list)) and len(self.species) == 2
        if not (two and all(map(is_element, self.species)) and len(set(self.species)) == 2):
            raise InputError("alloy: species", shown(self.species), "two different symbols")
        if not isinstance(self.share, (int, float)) or not 0 < self.share < 1:
            raise InputError("alloy: share", shown(self.share), "a fraction between 0 and 1")
        check_bounds("alloy", vars(self))
        check_cooling("alloy", self.melt_temperature, self.final_temperature)
        check_length("alloy", self.melt_steps, self.cooling_steps)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return _SITES * self.cells**3

    @property
    def melt_steps(self) -> int:
        """Steps at the melt temperature."""
        return steps_of(self.melt_time, self.time_step)

    @property
    def cooling_steps(self) -> int:
        """Steps of cooling."""
        span = self.melt_temperature - self.final_temperature
        return steps_of(span / (self.cooling_rate * PICOSECOND), self.time_step)


@checked
def quench_alloy(
    protocol: AlloyProtocol,
    folder: str | Path,
    *,
    potential: str | Path | None = None,
    show_progress: bool = False,
) -> ase.Atoms:
    """Melt a random alloy and cool it to a glass, or read the one that the folder holds.

    Parameters
    ----------
    protocol
        What to do.
    folder
        Where the glass is written, as ``glass.extxyz``; made if it is not there.
    potential
        A file that LAMMPS reads, or the name of one that comes with it, such as
        ``"CuTa.eam.alloy"``; the Cu-Zr potential of Mendelev *et al.* unless given.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    Periodic atoms.

    Raises
    ------
    InputError
        For an unusable protocol, a box too small for the potential, a folder with another glass.
    DataFileError
        For an unusable potential file.
    MissingDependencyError
        If LAMMPS is not installed.
    SimulationError
        If LAMMPS stops, as it does when a run is unstable.

    Notes
    -----
    MATLAB: none; the glass paper took its Cu-Zr glass from elsewhere (Methods)

    Examples
    --------
    >>> import md_sim
    >>> short = md_sim.AlloyProtocol(cells=5, melt_time=0.01, cooling_rate=5e16)
    >>> glass = md_sim.quench_alloy(short, "glass")
    >>> len(glass), bool(glass.pbc.all())
    (500, True)
    """
    check_memory("cells", BYTES * protocol.n_atoms, "a smaller box (cells, --atoms)")
    home = Path(folder).absolute()
    own = potentials_folder() / CUZR if potential is None else potential_path(potential)
    file = read_potential(own, protocol.species)
    edge, least = protocol.cells * protocol.lattice_constant, 2 * (file.cutoff + SKIN)
    if edge < least:
        found = f"{protocol.cells}, a box of {edge:.1f} angstrom"
        expected = f"at least {math.ceil(least / protocol.lattice_constant)}: twice the cut-off"
        raise InputError("alloy: cells", found, expected)
    asked = {"protocol": _plain(protocol), "potential": file.path.name}
    asked["sha256"] = sha256(file.path)
    if (home / GLASS).exists():
        return _read(home, asked)
    text = json.dumps(asked | {"engine": lammps_version()}, indent=1, sort_keys=True) + "\n"
    # Before the work, so that a folder that can't be written to is refused at once.
    write_whole(home / RECORD, lambda partial: partial.write_text(text, encoding="utf-8"))
    with lammps(home) as engine:
        atoms = _cool(protocol, file, engine, show_progress)
    write_model(home / GLASS, AtomicModel(atoms, name="glass"))
    note(home, GLASS, (home / GLASS).read_bytes())
    return _read(home, asked)  # so that every call gives the same digits


def _plain(protocol: AlloyProtocol) -> dict[str, Any]:
    return asdict(protocol) | {"species": list(protocol.species)}


def _read(home: Path, asked: dict[str, Any]) -> ase.Atoms:
    path = home / RECORD
    stored = read_record(path, expected="the record of a glass")
    stored.pop("engine", None)
    if stored != asked:  # another version of LAMMPS makes no other glass
        raise InputError(f"folder {home}", "a glass made with other settings", "another folder")
    is_recorded(home, GLASS)  # raises for another file
    return read_model(home / GLASS).atoms


def _cool(
    protocol: AlloyProtocol, file: PotentialFile, engine: Any, show_progress: bool
) -> ase.Atoms:
    n, first, last = protocol.cells, protocol.melt_temperature, protocol.final_temperature
    one, two = protocol.species
    others = protocol.n_atoms - round(protocol.share * protocol.n_atoms)
    heat, push = DAMPING
    for line in (
        "units metal",
        "atom_style atomic",
        "boundary p p p",
        f"lattice fcc {protocol.lattice_constant!r}",
        f"region box block 0 {n} 0 {n} 0 {n}",
        "create_box 2 box",
        "create_atoms 1 box",
        f"set group all type/subset 2 {others} {protocol.seed}",
        *(
            f"mass {kind} {float(atomic_masses[atomic_numbers[symbol]])!r}"
            for kind, symbol in ((1, one), (2, two))
        ),
        # Half of it becomes potential energy of the vibrations.
        f"velocity all create {2 * first!r} {protocol.seed} mom yes rot no dist gaussian",
        f"pair_style {file.style}",
        f"pair_coeff * * {quoted(file.path)} {one} {two}",
        f"neighbor {SKIN} bin",
        f"timestep {protocol.time_step!r}",
        "thermo_style custom step temp",
    ):
        engine.command(line)
    total = protocol.melt_steps + protocol.cooling_steps
    with progress_bar("glass", total, show_progress) as reporter:
        for steps, target in ((protocol.melt_steps, first), (protocol.cooling_steps, last)):
            begin = int(engine.extract_global("ntimestep"))
            stop = begin + steps
            engine.command(f"fix ramp all npt temp {first} {target} {heat} iso 0.0 0.0 {push}")
            for step in range(begin, stop, _PIECE):
                piece = min(_PIECE, stop - step)
                setup = "yes" if step == begin else "no"
                engine.command(f"run {piece} start {begin} stop {stop} pre {setup} post no")
                reached = engine.get_thermo("temp")
                reporter.advance(piece, f"{reached:.0f} K")
            engine.command("unfix ramp")
    low, high = (np.array(corner) for corner in engine.extract_box()[:2])
    positions = np.array(engine.gather_atoms("x", 1, 3)).reshape(-1, 3) - low
    kinds = np.array(engine.gather_atoms("type", 0, 1))
    symbols = np.array(protocol.species)[kinds - 1]
    return ase.Atoms(symbols.tolist(), positions=positions, cell=high - low, pbc=True)
