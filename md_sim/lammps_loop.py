"""The loop of a melt-quench, on every rank: short runs, and what is kept between them."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from aet_port.core.errors import AetError, InputError
from aet_port.core.files import sync_file, sync_folder, write_whole
from aet_port.core.progress import progress_bar
from md_sim.errors import SimulationError
from md_sim.output_journal import is_recorded, note
from md_sim.protocol import Protocol
from md_sim.quench_settings import PotentialSettings, read_quench_settings
from md_sim.runtime import lammps

COLUMNS = ("step", "time", "temperature", "pressure", "potential_energy", "volume")
RESTART, THERMO, SNAPSHOTS, LOG = "restart.bin", "thermo.csv", "snapshots", "log.lammps"
FAILED = "failed: "  # begins the line in which a rank says why
SKIN = 0.5  # angstrom around the cut-off, so that neighbours need not be found at every step
SAVE_EVERY = 2_000  # steps between two restart files; by steps, because all ranks must agree
DAMPING = (0.1, 1.0)  # picoseconds: thermostat, barostat
_RUNAWAY = 3.0  # times the melt temperature that only an unstable run reaches


def drive(folder: Path, show_progress: bool = False) -> None:
    """Run, or go on with, the quench whose settings lie in a folder; to the end.

    Parameters
    ----------
    folder
        With ``run.json`` (protocol, potential) as :func:`md_sim.quenches.run_quench` makes it.
    show_progress
        Whether to report on standard error.

    Raises
    ------
    DataFileError
        If ``run.json`` has a value that no run is started with, or the restart file or the table
        is not what the run wrote.
    SimulationError
        If LAMMPS stops or the temperature runs away.
    """
    settings = read_quench_settings(folder)
    protocol = Protocol.from_plain(settings.protocol)
    for name in (RESTART, THERMO):
        is_recorded(folder, name)  # raises for another file
    with lammps(folder, folder / LOG) as engine:
        _Quench(folder, protocol, settings.potential, engine).run(show_progress)


class _Quench:
    def __init__(
        self, folder: Path, protocol: Protocol, potential: PotentialSettings, engine: Any
    ) -> None:
        self.folder, self.protocol, self.potential = folder, protocol, potential
        self.engine = engine
        self.first_rank = engine.extract_setting("world_rank") == 0

    def run(self, show_progress: bool) -> None:
        protocol, engine = self.protocol, self.engine
        if (self.folder / RESTART).exists():
            engine.command(f"read_restart {quoted(self.folder / RESTART)}")
        else:
            self._make_crystal()
        self._interactions()
        step = int(engine.extract_global("ntimestep"))
        if self.first_rank:
            _forget_after(self.folder / THERMO, step)
        self._save()
        phases = [
            (0, protocol.melt_steps, protocol.melt_temperature),
            (protocol.melt_steps, protocol.steps, protocol.final_temperature),
        ]
        shown = show_progress and self.first_rank
        with progress_bar("quench", protocol.steps, shown) as reporter:
            reporter.advance(step)
            for start, stop, target in phases:
                if step < stop:
                    self._phase(start, stop, target, step, reporter)
                    step = stop
        self._save()

    def _make_crystal(self) -> None:
        protocol, lattice = self.protocol, self.potential.lattice
        n, kinetic = protocol.cells, 2 * protocol.melt_temperature
        self._commands(
            "units metal",
            "atom_style atomic",
            "boundary p p p",
            f"lattice {lattice} {self.potential.lattice_constant!r}",
            f"region box block 0 {n} 0 {n} 0 {n}",
            "create_box 1 box",
            "create_atoms 1 box",
            f"mass 1 {float(atomic_masses[atomic_numbers[protocol.element]])!r}",
            # Half of it becomes potential energy of the vibrations.
            f"velocity all create {kinetic!r} {protocol.seed} mom yes rot no dist gaussian",
        )

    def _interactions(self) -> None:
        element = self.protocol.element
        file = quoted(self.folder / self.potential.file)
        style = self.potential.style
        species = "" if style == "eam" else f" {element}"
        self._commands(
            f"pair_style {style}",
            f"pair_coeff * * {file}{species}",
            f"neighbor {SKIN} bin",
            "neigh_modify delay 0 every 1 check yes",
            f"timestep {self.protocol.time_step!r}",
            "thermo_style custom step temp press pe vol",
            f"thermo {self.protocol.thermo_every}",
        )

    def _phase(self, start: int, stop: int, target: float, step: int, reporter: Any) -> None:
        """Run one ramp from ``step`` on, in pieces that end where something is kept."""
        protocol, engine = self.protocol, self.engine
        first = protocol.melt_temperature
        heat, push = DAMPING
        self._commands(
            f"fix ramp all npt temp {first!r} {target!r} {heat} "
            f"iso {protocol.pressure!r} {protocol.pressure!r} {push}"
        )
        wanted = set(protocol.snapshot_steps())
        began, began_at = time.monotonic(), step
        prepared = False
        for end in _ends(step, stop, protocol.thermo_every, wanted):
            setup = "no" if prepared else "yes"
            engine.command(f"run {end - step} start {start} stop {stop} pre {setup} post no")
            prepared = True
            reached = self._row(end)
            if end in wanted:
                self._snapshot(end)
            if end // SAVE_EVERY > step // SAVE_EVERY:
                self._save()
            rate = (end - began_at) * protocol.time_step / (time.monotonic() - began)  # ps per s
            reporter.advance(end - step, f"{reached:.0f} K, {rate * 86.4:.1f} ns/day")
            step = end
        if stop < protocol.steps:
            engine.command("unfix ramp")

    def _row(self, step: int) -> float:
        """Append a row to the thermodynamic table; the temperature."""
        engine, n = self.engine, self.engine.get_natoms()
        temperature, pressure = engine.get_thermo("temp"), engine.get_thermo("press")
        energy, volume = engine.get_thermo("pe") / n, engine.get_thermo("vol") / n
        if not math.isfinite(temperature) or (
            temperature > _RUNAWAY * self.protocol.melt_temperature
        ):
            asked = self.protocol.temperature(step)
            raise SimulationError(
                self.folder,
                f"{temperature:.4g} K at step {step}, where {asked:.0f} K were asked for",
                f"a time step below {self.protocol.time_step:g} ps, or another potential",
            )
        if self.first_rank:
            row = (step, step * self.protocol.time_step, temperature, pressure, energy, volume)
            with open(self.folder / THERMO, "a", encoding="utf-8") as handle:
                handle.write(",".join(repr(value) for value in row) + "\n")
        return float(temperature)

    def _snapshot(self, step: int) -> None:
        engine = self.engine
        n = engine.get_natoms()
        positions = np.array(engine.gather_atoms("x", 1, 3)).reshape(n, 3)
        velocities = np.array(engine.gather_atoms("v", 1, 3)).reshape(n, 3)
        low, high = (np.array(corner) for corner in engine.extract_box()[:2])
        if self.first_rank:
            arrays = {
                "positions": positions - low,
                "velocities": velocities,
                "cell": high - low,
                "step": step,
                "temperature": self.protocol.temperature(step),
            }
            name, content = snapshot_name(step), io.BytesIO()
            np.savez(content, **arrays)
            note(self.folder, name, content.getvalue())
            write_whole(self.folder / name, lambda partial: partial.write_bytes(content.getvalue()))

    def _save(self) -> None:
        # One name for all ranks; who works in the folder is the only one.
        partial = self.folder / f".{RESTART}.partial"
        self.engine.command(f"write_restart {quoted(partial)}")
        if self.first_rank:
            sync_file(self.folder / THERMO)  # before the file that says how far it goes
            sync_file(partial)
            note(self.folder, THERMO, (self.folder / THERMO).read_bytes())
            note(self.folder, RESTART, partial.read_bytes())
            partial.replace(self.folder / RESTART)
            sync_folder(self.folder)

    def _commands(self, *lines: str) -> None:
        for line in lines:
            self.engine.command(line)


def _ends(step: int, stop: int, every: int, wanted: set[int]) -> list[int]:
    """Steps at which the pieces of a ramp end: multiples of ``every``, snapshots and its end."""
    regular = range((step // every + 1) * every, stop, every)
    return sorted({*regular, *(w for w in wanted if step < w < stop), stop})


def snapshot_name(step: int) -> str:
    """Name of the snapshot of a step in the folder of a run."""
    return f"{SNAPSHOTS}/{step:09d}.npz"


def quoted(path: Path) -> str:
    """A path as one word of LAMMPS' input, which reads $ and quotes."""
    if '"' in str(path) or not str(path).isprintable():
        raise InputError(f"path {str(path)!r}", "a quotation mark", "one that LAMMPS can read")
    return f'"{path}"'


def _forget_after(table: Path, step: int) -> None:
    """Drop the rows of a table that a run goes on before; make it if there is none."""
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    kept = [line for line in lines[1:] if line.count(",") == len(COLUMNS) - 1]
    kept = [line for line in kept if int(line.split(",")[0]) <= step]
    text = "\n".join([",".join(COLUMNS), *kept]) + "\n"
    write_whole(table, lambda partial: partial.write_text(text, encoding="utf-8"))


def main(arguments: Sequence[str]) -> int:
    """Entry point of each rank: the folder, and whether to report."""
    folder, shown = arguments
    try:
        drive(Path(folder), shown == "shown")
    except AetError as error:
        print(f"{FAILED}{' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0
