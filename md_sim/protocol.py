"""What a melt-quench does, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypedDict, Unpack

from ase.data import atomic_numbers

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError, shown
from aet_port.core.settings import bounds_text, is_inside

PICOSECOND = 1e-12  # seconds
BYTES = 1500.0  # of memory of one atom with its neighbours in LAMMPS, at least
_LATTICE_ATOMS = {"bcc": 2, "fcc": 4}


# Bounds of each setting of a quench, in its unit; those of the options of commands too.
BOUNDS: dict[str, dict[str, float]] = {
    "cells": {"ge": 2, "le": 200},  # 16 or 32 million atoms
    "lattice_constant": {"ge": 1, "le": 20},
    "melt_temperature": {"ge": 1, "le": 100_000},
    "final_temperature": {"ge": 1, "le": 100_000},
    "melt_time": {"gt": 0, "le": 1e6},
    "cooling_rate": {"ge": 1e8, "le": 1e18},
    "time_step": {"ge": 1e-5, "le": 0.1},
    "pressure": {"ge": -1e7, "le": 1e7},
    "seed": {"ge": 1, "le": 2**31 - 1},  # whole numbers of 32 bits in LAMMPS
    "snapshots": {"ge": 2, "le": 10_000},
    "thermo_every": {"ge": 1, "le": 1_000_000},
}
_WHOLE = frozenset({"cells", "seed", "snapshots", "thermo_every"})
_MOST_STEPS = 10_000_000_000  # years of computing


def is_element(symbol: Any) -> bool:
    """Whether this is the symbol of an element."""
    return isinstance(symbol, str) and symbol != "X" and symbol in atomic_numbers


def check_bounds(subject: str, values: Mapping[str, Any]) -> None:
    """Refuse settings of a quench that are no number of their kind, or out of :data:`BOUNDS`.

    Raises
    ------
    InputError
        That names the subject and the value.
    """
    for name, bounds in BOUNDS.items():
        if name not in values:
            continue
        value, whole = values[name], name in _WHOLE
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not is_inside(value, bounds):
            kind = "a whole number" if whole else "a number"
            raise InputError(f"{subject}: {name}", shown(value), kind + bounds_text(bounds))


def check_length(subject: str, melt_steps: int, cooling_steps: int) -> None:
    """Refuse a quench of more steps than anybody can wait for.

    Raises
    ------
    InputError
        That names the subject and the number of steps.
    """
    steps = melt_steps + cooling_steps
    if steps > _MOST_STEPS:
        expected = f"at most {_MOST_STEPS:.0e}: faster cooling (--cooling-rate), a shorter melt"
        raise InputError(f"{subject}: steps", f"{steps:.2g}", expected)


def check_cooling(subject: str, melt_temperature: float, final_temperature: float) -> None:
    """Refuse a quench that does not cool; temperatures in kelvin.

    Raises
    ------
    InputError
        That names the subject and both temperatures.
    """
    if not melt_temperature > final_temperature:
        found = f"{melt_temperature:g} K, final temperature {final_temperature:g} K"
        raise InputError(f"{subject}: melt_temperature", found, "more than the final temperature")


def steps_of(time: float, time_step: float) -> int:
    """Whole steps nearest to a time, at least one; both in picoseconds."""
    return max(1, round(time / time_step))


@dataclass(frozen=True)
class Protocol:
    """A crystal is melted, held, and cooled at a constant rate and constant pressure.

    Attributes
    ----------
    element
        Symbol.
    cells
        Unit cells of the crystal along each edge of the cubic box.
    melt_temperature, final_temperature
        Kelvin.
    melt_time
        Picoseconds at the melt temperature before cooling.
    cooling_rate
        Kelvin per second.
    time_step
        Picoseconds.
    pressure
        Bar.
    seed
        Of the first velocities.
    snapshots
        Number of snapshots, evenly spaced in temperature, the first of the melt and the last at the
        final temperature.
    thermo_every
        Steps between two rows of the thermodynamic table.

    Raises
    ------
    InputError
        For a setting out of its range.

    Examples
    --------
    >>> import md_sim
    >>> protocol = md_sim.Protocol("Ta", cells=8, melt_temperature=5200.0, cooling_rate=1e14)
    >>> protocol.n_atoms("bcc"), protocol.cooling_steps
    (1024, 24500)
    """

    element: str
    cells: int
    melt_temperature: float
    final_temperature: float = 300.0
    melt_time: float = 40.0
    cooling_rate: float = 1e13
    time_step: float = 0.002
    pressure: float = 0.0
    seed: int = 1
    snapshots: int = 15
    thermo_every: int = 100

    def __post_init__(self) -> None:
        if not is_element(self.element):
            raise InputError("protocol: element", shown(self.element), "a symbol such as 'Ta'")
        check_bounds("protocol", vars(self))
        check_cooling("protocol", self.melt_temperature, self.final_temperature)
        check_length("protocol", self.melt_steps, self.cooling_steps)
        if self.cooling_steps < self.snapshots:
            found = f"{self.cooling_rate:g} K/s: {self.cooling_steps} steps of cooling"
            raise InputError("protocol: cooling_rate", found, "slower cooling")

    @property
    def melt_steps(self) -> int:
        """Steps at the melt temperature."""
        return steps_of(self.melt_time, self.time_step)

    @property
    def cooling_steps(self) -> int:
        """Steps of cooling."""
        span = self.melt_temperature - self.final_temperature
        return steps_of(span / (self.cooling_rate * PICOSECOND), self.time_step)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.melt_steps + self.cooling_steps

    def n_atoms(self, lattice: str) -> int:
        """Number of atoms if the crystal has this lattice."""
        return _LATTICE_ATOMS[lattice] * self.cells**3

    def temperature(self, step: int) -> float:
        """Temperature that the thermostat asks for at a step, kelvin."""
        cooled = max(0, step - self.melt_steps) / self.cooling_steps
        return self.melt_temperature + cooled * (self.final_temperature - self.melt_temperature)

    def snapshot_steps(self) -> tuple[int, ...]:
        """Steps at which snapshots are taken, ascending."""
        last = self.snapshots - 1
        return tuple(
            self.melt_steps + round(k / last * self.cooling_steps) for k in range(self.snapshots)
        )

    def plain(self) -> dict[str, Any]:
        """All settings as plain values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Protocol:
        """The protocol that :meth:`plain` described.

        Raises
        ------
        InputError
            For an unknown or a missing setting.
        """
        names = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - names)
        if unknown:
            raise InputError("protocol", repr(unknown[0]), f"any of {', '.join(sorted(names))}")
        try:
            return cls(**values)
        except TypeError as error:
            raise InputError(
                "protocol", str(error), "element, cells and melt_temperature"
            ) from error


PRESETS = {
    "ta-quick": Protocol("Ta", 8, 5200.0, melt_time=10.0, cooling_rate=1e14, snapshots=8),
    "ta-paper": Protocol("Ta", 25, 5200.0, snapshots=15),
    "pd-quick": Protocol("Pd", 7, 2400.0, melt_time=10.0, cooling_rate=1e14, snapshots=8),
    "pd-paper": Protocol("Pd", 20, 2400.0, snapshots=15),
}


class Changes(TypedDict, total=False):
    """Settings of a :class:`Protocol` that :func:`preset` may be given."""

    element: str
    cells: int
    melt_temperature: float
    final_temperature: float
    melt_time: float
    cooling_rate: float
    time_step: float
    pressure: float
    seed: int
    snapshots: int
    thermo_every: int


@checked
def preset(name: str, **changes: Unpack[Changes]) -> Protocol:
    """A protocol by name, with changes.

    Parameters
    ----------
    name
        ``"ta-quick"`` (1,024 atoms at 1e14 K/s), ``"ta-paper"`` (31,250 atoms at 1e13 K/s),
        ``"pd-quick"`` or ``"pd-paper"`` (32,000 atoms at 1e13 K/s).
    changes
        Settings of :class:`Protocol` with other values.

    Returns
    -------
    The protocol.

    Raises
    ------
    InputError
        For an unknown name or unusable settings.

    Notes
    -----
    MATLAB: none; ``"ta-paper"`` follows Methods of the film paper, with another potential;
    ``"pd-paper"`` applies its size and rate to palladium, of which it states no simulation

    Examples
    --------
    >>> import md_sim
    >>> md_sim.preset("ta-quick", seed=7).seed
    7
    """
    if name not in PRESETS:
        raise InputError("preset", repr(name), f"one of {', '.join(PRESETS)}")
    return replace(PRESETS[name], **changes)
