"""Snapshots of a quench as files for other programs: extended xyz and LAMMPS dumps."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.io.models.atom_files import write_atoms
from md_sim.lammps_loop import SNAPSHOTS
from md_sim.quenches import Quench, Snapshot

SnapshotFormat = Literal["extxyz", "dump"]


@checked
def write_snapshots(quench: Quench, form: SnapshotFormat = "extxyz") -> list[Path]:
    """Write every snapshot that a quench has taken, beside those that it keeps for itself.

    Parameters
    ----------
    quench
        A run, finished or not.
    form
        ``"extxyz"``: ``snapshots/000005000.extxyz`` in the folder of the run, with cell, velocities
        (angstrom per picosecond), and step, time (ps) and temperature (K) in its second line
        (OVITO, ASE); ``"dump"``: ``snapshots/000005000.dump`` with id, type, element, x, y, z, vx,
        vy, vz (OVITO, LAMMPS). Positions are in angstrom.

    Returns
    -------
    The files, in the order of their steps.

    Raises
    ------
    InputError
        For another format.
    DataFileError
        If a snapshot can't be read.
    OutputError
        If a file can't be written.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import md_sim
    >>> short = md_sim.Protocol(
    ...     "Ta", 4, 3000.0, melt_time=0.02, cooling_rate=2e16, snapshots=2, thermo_every=5
    ... )
    >>> [file.name for file in md_sim.write_snapshots(md_sim.run_quench(short, "quench"))]
    ['000000010.extxyz', '000000078.extxyz']
    """
    if form not in get_args(SnapshotFormat):
        raise InputError(
            "snapshot_format", repr(form), f"one of {', '.join(get_args(SnapshotFormat))}"
        )
    folder = quench.folder / SNAPSHOTS
    steps = [
        step for step in quench.protocol.snapshot_steps() if (folder / f"{step:09d}.npz").exists()
    ]
    return [_write(folder, quench.snapshot(step), form) for step in steps]


def _write(folder: Path, snapshot: Snapshot, form: SnapshotFormat) -> Path:
    atoms = snapshot.atoms.copy()
    atoms.info |= {
        "step": snapshot.step,
        "time": snapshot.time,
        "temperature": snapshot.temperature,
    }
    if form == "dump":
        for name, column in zip("xyz", atoms.arrays.pop("velocities").T, strict=True):
            atoms.set_array(f"v{name}", column.copy())
    return write_atoms(folder / f"{snapshot.step:09d}.{form}", atoms)
