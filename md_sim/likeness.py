"""At which temperature a quench is most like something: crossings, and the nearest point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError


@dataclass(frozen=True)
class Likeness:
    """Where a quench is most like an experiment by one measure.

    Attributes
    ----------
    measure
        What is compared.
    experiment
        Its value in the experiment; None where the measure is a distance from it.
    temperatures
        Kelvin: where the quench, linear between snapshots, has that value, ascending; the one
        place of the smallest distance; or the snapshot that comes nearest.
    value
        Of the quench there: that value, the distance, or the nearest value.
    inside
        Whether it lies within the quench: False if the value is never reached, or the distance
        still falls at an end, so that the quench might become more like it beyond.
    """

    measure: str
    experiment: float | None
    temperatures: tuple[float, ...]
    value: float
    inside: bool

    @property
    def words(self) -> str:
        """The temperatures, and what has to be said of them."""
        if not self.temperatures:
            return "not defined"
        places = ", ".join(f"{temperature:.0f}" for temperature in self.temperatures) + " K"
        if len(self.temperatures) > 1:
            return f"{places} (crosses more than once)"
        if self.inside:
            return places
        why = "nearest end" if self.experiment is None else "nearest; not reached"
        return f"{places} ({why})"

    def plain(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "measure": self.measure,
            "experiment": self.experiment,
            "temperatures": list(self.temperatures),
            "value": self.value,
            "inside": self.inside,
        }


def like_by_value(
    measure: str, temperature: ArrayLike, values: ArrayLike, wanted: float
) -> Likeness:
    """Temperatures at which a measure of the quench, linear between snapshots, has a value.

    Parameters
    ----------
    temperature
        Shape (k,), kelvin, not descending, k of 2 or more.
    values
        Shape (k,); snapshots where it is NaN are left out.
    wanted
        The experiment's value. If it is NaN, or no snapshot has one, there is no temperature.

    Raises
    ------
    InputError
        For temperatures that descend, or unequal lengths.
    """
    t, v = _checked(temperature, values)
    defined = np.isfinite(v)
    t, v = t[defined], v[defined]
    if not len(t) or not np.isfinite(wanted):
        return Likeness(measure, float(wanted), (), float("nan"), False)
    places: set[float] = set(t[v == wanted].tolist())
    for k in range(len(t) - 1):
        if (v[k] - wanted) * (v[k + 1] - wanted) < 0:
            places.add(float(t[k] + (wanted - v[k]) / (v[k + 1] - v[k]) * (t[k + 1] - t[k])))
    if places:
        return Likeness(measure, float(wanted), tuple(sorted(places)), float(wanted), True)
    nearest = int(np.abs(v - wanted).argmin())
    return Likeness(measure, float(wanted), (float(t[nearest]),), float(v[nearest]), False)


def like_by_distance(
    measure: str, temperature: ArrayLike, points: ArrayLike, wanted: ArrayLike
) -> Likeness:
    """Temperature at which the quench, linear between snapshots, is nearest to a point.

    Parameters
    ----------
    temperature
        Shape (k,), kelvin, not descending, k of 2 or more.
    points
        Shape (k, d): such as fractions or a curve at each temperature; those with NaN are left out.
    wanted
        Shape (d,): the experiment's.

    Returns
    -------
    With the Euclidean distance as its value.

    Raises
    ------
    InputError
        For temperatures that descend, or unequal lengths.
    """
    t, p = _checked(temperature, points)
    x = np.asarray(wanted, dtype=np.float64)
    defined = np.isfinite(p).all(axis=1)
    t, p = t[defined], p[defined]
    if not len(t) or not np.isfinite(x).all():
        return Likeness(measure, None, (), float("nan"), False)
    best = (float(np.linalg.norm(p[0] - x)), float(t[0]))
    for k in range(len(t) - 1):
        along = p[k + 1] - p[k]
        squared = along @ along
        part = float(np.clip(along @ (x - p[k]) / squared, 0, 1)) if squared > 0 else 0.0
        distance = float(np.linalg.norm(p[k] + part * along - x))
        best = min(best, (distance, float(t[k] + part * (t[k + 1] - t[k]))))
    distance, place = best
    return Likeness(measure, None, (place,), distance, bool(t[0] < place < t[-1]))


def _checked(
    temperature: ArrayLike, values: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    t, v = np.asarray(temperature, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if t.ndim != 1 or len(t) < 2 or len(v) != len(t) or not (np.diff(t) >= 0).all():
        found = f"shape {t.shape} for values of shape {v.shape}"
        raise InputError("temperature", found, "two or more in ascending order, each with a value")
    return t, v
