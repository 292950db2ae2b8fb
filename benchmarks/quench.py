"""A melt-quench compared with the LAMMPS executable for the same input, and on two ranks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from ase.data import atomic_masses, atomic_numbers

from benchmarks.timing import Row, least_seconds
from md_sim.lammps_loop import SKIN
from md_sim.potentials import find_potential
from md_sim.protocol import Protocol, preset
from md_sim.quenches import run_quench
from md_sim.runtime import installed

REPEATS = 3


def bare_input(protocol: Protocol, folder: Path) -> Path:
    """The commands that the loop sends to LAMMPS, as one script."""
    file, known = find_potential(protocol.element, None, folder)
    assert known is not None
    form = known.make()
    n, hot, cold = protocol.cells, protocol.melt_temperature, protocol.final_temperature
    mass = float(atomic_masses[atomic_numbers[protocol.element]])
    ramp = "fix ramp all npt temp {} {} 0.1 iso 0 0 1.0"
    lines = [
        "units metal",
        "atom_style atomic",
        f"lattice {form.lattice} {form.lattice_constant}",
        f"region box block 0 {n} 0 {n} 0 {n}",
        "create_box 1 box",
        "create_atoms 1 box",
        f"mass 1 {mass}",
        f"velocity all create {2 * hot} {protocol.seed} mom yes rot no dist gaussian",
        "pair_style eam/alloy",
        f'pair_coeff * * "{file.path}" {protocol.element}',
        f"neighbor {SKIN} bin",
        "neigh_modify delay 0 every 1 check yes",
        f"timestep {protocol.time_step}",
        "thermo_style custom step temp press pe vol",
        f"thermo {protocol.thermo_every}",
        ramp.format(hot, hot),
        f"run {protocol.melt_steps}",
        "unfix ramp",
        ramp.format(hot, cold),
        f"run {protocol.cooling_steps}",
    ]
    path = folder / "in.quench"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run() -> Iterator[Row]:
    if not installed():
        yield Row("melt-quench", "not measured", "LAMMPS is not installed", "")
        return
    # 4,394 atoms for 4,450 steps, a third of them in the melt.
    protocol = replace(preset("ta-quick"), cells=13, melt_time=3.0, cooling_rate=8.3e14)
    executable = Path(sys.executable).with_name("lmp")
    runs = count()
    with tempfile.TemporaryDirectory() as room:
        script = bare_input(protocol, Path(room))
        words = ["-in", str(script), "-log", "none", "-screen", "none", "-suffix", "opt"]

        def ours(ranks: int) -> None:
            run_quench(protocol, Path(room) / f"run{next(runs)}", ranks=ranks)

        seconds = least_seconds(
            {
                "bare": lambda: subprocess.run([str(executable), *words], check=True, cwd=room),
                "one": lambda: ours(1),
                "two": lambda: ours(2),
            },
            rounds=REPEATS,
        )
    bare, one, two = (seconds[name] for name in ("bare", "one", "two"))
    atoms = protocol.n_atoms("bcc")
    yield Row(
        f"melt-quench of {atoms} Ta atoms, {protocol.steps} steps",
        f"{one:.1f} s",
        f"bare lmp {bare:.1f} s",
        f"{bare / one:.3f}x",
    )
    yield Row("the same", f"{one:.1f} s", f"2 ranks {two:.1f} s", f"{one / two:.2f}x")
