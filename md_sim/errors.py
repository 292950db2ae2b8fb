"""The errors of simulations."""

from __future__ import annotations

from pathlib import Path

from aet_port.core.errors import AetError


class SimulationError(AetError):
    """A simulation that could not go on; what it computed so far stays.

    Parameters
    ----------
    run
        Folder of the run.
    found
        What happened, with LAMMPS' own words if it said anything.
    expected
        What to do about it.

    Examples
    --------
    >>> import md_sim
    >>> print(md_sim.SimulationError("film", "atoms were lost", "a shorter time step"))
    run film: atoms were lost; a shorter time step
    """

    def __init__(self, run: str | Path, found: str, expected: str) -> None:
        self.run = Path(run)
        super().__init__(f"run {run}: {found}; {expected}")
