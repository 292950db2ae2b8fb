"""Snapshots of a quench as files for other programs, read back by these; LAMMPS isn't needed."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from aet_port.core.errors import InputError
from md_sim import write_snapshots
from md_sim.lammps_loop import SNAPSHOTS
from md_sim.protocol import Protocol
from md_sim.quenches import Quench

PROTOCOL = Protocol("Ta", 4, 3000.0, melt_time=0.02, cooling_rate=2e16, snapshots=3)


@pytest.fixture
def quench(tmp_path: Path) -> Quench:
    """A run that was interrupted before its last snapshot."""
    (tmp_path / SNAPSHOTS).mkdir()
    rng = np.random.default_rng(0)
    for step in PROTOCOL.snapshot_steps()[:2]:
        atoms = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(4)
        np.savez(
            tmp_path / SNAPSHOTS / f"{step:09d}.npz",
            positions=atoms.positions + rng.normal(0, 0.1, (128, 3)),
            velocities=rng.normal(0, 2, (128, 3)),
            cell=atoms.cell.lengths(),
            temperature=PROTOCOL.temperature(step),
        )
    return Quench(tmp_path, PROTOCOL, {}, {})


def test_extended_xyz_is_read_by_ase(quench: Quench) -> None:
    steps = PROTOCOL.snapshot_steps()[:2]
    files = write_snapshots(quench)
    assert files == [quench.folder / SNAPSHOTS / f"{step:09d}.extxyz" for step in steps]
    for step, file in zip(steps, files, strict=True):
        back, own = ase.io.read(file), quench.snapshot(step)
        np.testing.assert_array_equal(back.positions, own.atoms.positions)
        np.testing.assert_array_equal(back.arrays["velocities"], own.atoms.arrays["velocities"])
        np.testing.assert_array_equal(back.cell, own.atoms.cell)
        assert back.pbc.all()
        told = (back.info["step"], back.info["time"], back.info["temperature"])
        assert told == (step, own.time, own.temperature)


def test_dumps_are_read_by_ase(quench: Quench) -> None:
    files = write_snapshots(quench, "dump")
    steps = PROTOCOL.snapshot_steps()[:2]
    for step, file in zip(steps, files, strict=True):
        own = quench.snapshot(step).atoms
        back = ase.io.read(file, format="lammps-dump-text", units="metal")
        np.testing.assert_allclose(back.positions, own.positions, atol=1e-12)
        assert set(back.symbols) == {"Ta"}
        speed = back.get_velocities() * ase.units.fs * 1e3  # per ASE's unit of time, to per ps
        np.testing.assert_allclose(speed, own.arrays["velocities"], rtol=1e-12)
        assert file.read_text().split("\n")[1] == str(step)


def test_ovito_sees_the_velocities(quench: Quench) -> None:
    ovito_io = pytest.importorskip("ovito.io", exc_type=ImportError)
    for form in ("extxyz", "dump"):
        file = write_snapshots(quench, form)[0]
        data = ovito_io.import_file(str(file)).compute()
        own = quench.snapshot(PROTOCOL.snapshot_steps()[0]).atoms
        np.testing.assert_allclose(data.particles.positions, own.positions, atol=1e-12)
        if form == "dump":
            velocity = np.array(data.particles["Velocity"])
            np.testing.assert_allclose(velocity, own.arrays["velocities"], rtol=1e-6)
            assert data.attributes["Timestep"] == PROTOCOL.snapshot_steps()[0]


def test_another_format(quench: Quench) -> None:
    with pytest.raises(InputError, match="expected 'extxyz' or 'dump'"):
        write_snapshots(quench, "xyz")  # type: ignore[arg-type]
