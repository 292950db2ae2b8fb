"""A bank with an experiment and a quench whose structure changes with temperature."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import ase
import numpy as np
import pyarrow as pa
from ase.build import bulk

from aet_port.core.atomic_model import AtomicModel
from aet_port.structure import StructureResult, analyze
from md_sim.protocol import Protocol
from mdb import Bank, MdRun, Snapshot, deposit, deposit_run
from tests.structure.samples import shaken_box

PROTOCOL = Protocol("Ta", 4, 2000.0, melt_time=1.0, cooling_rate=1e14, snapshots=3)
POTENTIAL: dict[str, Any] = {"name": "some", "file": "some.eam.alloy", "sha256": "a" * 64}
POTENTIAL |= {"style": "eam/alloy", "lattice": "bcc", "lattice_constant": 3.3, "cutoff": 5.0}
TEMPERATURES = (2000.0, 1000.0, 300.0)


@dataclass
class Compared:
    """A bank, and the analyses in it."""

    path: Path
    model: str
    experiment: StructureResult
    run: int
    snapshots: dict[float, StructureResult]  # by temperature


def film() -> ase.Atoms:
    """A particle with a crystalline ball in it."""
    atoms = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(6)
    away = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    loose = away > 6
    atoms.positions[loose] += np.random.default_rng(3).normal(0, 0.5, (loose.sum(), 3))
    atoms.set_pbc(False)
    return atoms


def box(temperature: float, symbol: str = "Ta") -> ase.Atoms:
    """A periodic box, the more disordered the hotter; full of bipyramids (A15) when cold."""
    if temperature > 300:
        atoms = shaken_box(int(temperature), repeat=3, jitter=0.25 + temperature / 5000)
    else:
        sites = [(0, 0, 0), (0.25, 0.5, 0), (0.75, 0.5, 0)]
        basis = np.array([np.roll(site, k) for site in sites[1:] for k in range(3)])
        basis = np.vstack([sites[0], (0.5, 0.5, 0.5), basis])
        atoms = ase.Atoms("Ta8", scaled_positions=basis, cell=[5.3] * 3, pbc=True).repeat(3)
        atoms.positions += np.random.default_rng(1).normal(0, 0.08, (len(atoms), 3))
    atoms.symbols[:] = symbol
    return atoms


def thermo(volume: bool = True) -> pa.Table:
    """A table of a quench that freezes at 1200 K, after 500 steps of melt."""
    step = np.arange(0, 9001, 50)
    cooled = np.clip(step - 500, 0, None) / 8500
    temperature = 2000 - cooled * 1700
    own = 18 + 5e-4 * temperature + 6e-4 * np.clip(temperature - 1200, 0, None)
    own[step <= 500] = 30.0
    columns = {"step": step, "temperature": temperature}
    return pa.table(columns | ({"volume": own} if volume else {}))


def md_run(**changes: Any) -> MdRun:
    """A run of the protocol."""
    run = MdRun("q", "MD Ta", "LAMMPS", "some", PROTOCOL.plain(), 108, thermo())
    return replace(run, potential_sha256=POTENTIAL["sha256"], **changes)


def put(
    bank: Bank, run: int, temperature: float, found: StructureResult | None = None, **of: Any
) -> str:
    """Deposit the snapshot of a temperature; its id."""
    at = Snapshot(run, int(9000 - temperature), temperature)
    model = AtomicModel(of.get("atoms", box(temperature)), name=f"{temperature:g} K")
    return deposit(bank, model, kind="md_snapshot", snapshot=at, analysis=found).id


@cache
def analyses() -> tuple[StructureResult, dict[float, StructureResult]]:
    """Of the film, and of each box."""
    return analyze(film(), cutoff=4.1), {t: analyze(box(t), cutoff=4.0) for t in TEMPERATURES}


def fill(path: Path) -> Compared:
    """A bank with one experiment and one run of three temperatures."""
    experiment, snapshots = analyses()
    with Bank(path) as bank:
        model = deposit(bank, AtomicModel(film(), name="film"), analysis=experiment).id
        run = deposit_run(bank, md_run())
        for temperature, found in snapshots.items():
            put(bank, run, temperature, found)
    return Compared(path, model, experiment, run, snapshots)


def quench_folder(folder: Path, **changes: Any) -> Path:
    """A folder that says which quench it holds."""
    folder.mkdir()
    settings = {
        "protocol": {**PROTOCOL.plain(), **changes},
        "potential": POTENTIAL,
        "engine": "LAMMPS",
    }
    (folder / "run.json").write_text(json.dumps(settings))
    return folder
