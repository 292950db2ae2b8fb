"""What a melt-quench does, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypedDict, Unpack

from ase.data import atomic_numbers

from aet_port.core.errors import InputError

PICOSECOND = 1e-12  # seconds
LARGEST = 1e30  # of any number of a protocol; cooling rates in K/s are the largest
_LATTICE_ATOMS = {"bcc": 2, "fcc": 4}


def check_whole(subject: str, values: Mapping[str, tuple[Any, int]]) -> None:
    """Refuse what is no whole number, or less than the least that may be.

    Parameters
    ----------
    values
        Value and least value by name.

    Raises
    ------
    InputError
        That names the subject and the value.
    """
    for name, (value, least) in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            expected = f"a whole number of {least} or more"
            raise InputError(f"{subject}: {name}", repr(value), expected)


def check_positive(subject: str, values: Mapping[str, float]) -> None:
    """Refuse what is no finite number above zero.

    Raises
    ------
    InputError
        That names the subject and the value.
    """
    for name, value in values.items():
        if not (is_number(value) and value > 0):
            raise InputError(f"{subject}: {name}", repr(value), "a number above zero")


def is_number(value: Any) -> bool:
    """Whether something is a finite number, and no text that reads like one."""
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return real and abs(value) <= LARGEST


def check_cooling(subject: str, melt_temperature: float, final_temperature: float) -> None:
    """Refuse a quench that does not cool; temperatures in kelvin.

    Raises
    ------
    InputError
        That names the subject and both temperatures.
    """
    check_positive(subject, {"melt_temperature": melt_temperature})
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
        whole = {"cells": 2, "snapshots": 2, "thermo_every": 1, "seed": 1}
        check_whole("protocol", {name: (getattr(self, name), n) for name, n in whole.items()})
        if not isinstance(self.element, str) or self.element not in set(atomic_numbers) - {"X"}:
            raise InputError("protocol: element", repr(self.element), "a symbol such as 'Ta'")
        positive = ("melt_time", "cooling_rate", "time_step", "final_temperature")
        check_positive("protocol", {name: getattr(self, name) for name in positive})
        check_cooling("protocol", self.melt_temperature, self.final_temperature)
        if not is_number(self.pressure):
            raise InputError("protocol: pressure", repr(self.pressure), "a number, in bar")
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


def preset(name: str, **changes: Unpack[Changes]) -> Protocol:
    """A protocol by name, with changes.

    Parameters
    ----------
    name
        ``"ta-quick"`` (1,024 atoms at 1e14 K/s), ``"ta-paper"`` (31,250 atoms at 1e13 K/s),
        ``"pd-quick"`` or ``"pd-paper"``.
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
    MATLAB: none; ``"ta-paper"`` follows Methods of the film paper, with another potential

    Examples
    --------
    >>> import md_sim
    >>> md_sim.preset("ta-quick", seed=7).seed
    7
    """
    if name not in PRESETS:
        raise InputError("preset", repr(name), f"one of {', '.join(PRESETS)}")
    return replace(PRESETS[name], **changes)
