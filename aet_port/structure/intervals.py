"""Values of a structure analysis with what the uncertainties of the atoms mean for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isfinite, isnan
from typing import Any

from aet_port.core.display import Shown
from aet_port.core.errors import InputError

WIDE = 0.5  # of the value: a range wider than that is remarked upon
COVERAGE = 0.95  # of an interval
SHIFTED = 2.0  # standard deviations of the drawn models: a shift of their mean beyond is systematic
# Standard error of an extrapolated value in standard deviations of the drawn models: 1.0 to 2.0 in
# glass particles of known structure.
ERROR = 2.0


@dataclass(frozen=True)
class Quantity:
    """A value with its unit ("1" for pure numbers) and the bounds of what it can be.

    ``inf`` means that the quantity has no such bound.
    """

    value: float
    unit: str = "1"
    least: float = -inf
    most: float = inf


@dataclass(frozen=True, repr=False)
class Interval(Shown):
    """A quantity of a model, and of the models drawn from its uncertainties.

    Attributes
    ----------
    name, unit
        Of the quantity; unit "1" for a pure number.
    value
        Of the model itself; NaN where it is not defined.
    mean, sd
        Mean and standard deviation over the drawn models.
    low, high
        2.5 % and 97.5 % quantiles over the drawn models.
    samples
        Number of drawn models in which the quantity is defined; below five, all statistics are NaN.
    extrapolated
        Estimate without position errors; NaN where it is not needed or not stable. Its standard
        error is up to twice ``sd``.

    Examples
    --------
    >>> size = Interval("largest_network 5", "1", 219, 150.0, 60.0, 60.0, 340.0, 50)
    >>> size.shift, size.remark
    (-69.0, 'wide')
    """

    name: str
    unit: str
    value: float
    mean: float
    sd: float
    low: float
    high: float
    samples: int
    extrapolated: float = float("nan")

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": f"{self.value:.4g}",
            "95 %": f"{self.low:.4g} to {self.high:.4g}",
            "of": self.samples,
        }

    @property
    def shift(self) -> float:
        """Mean over the drawn models minus the value of the model."""
        return self.mean - self.value

    @property
    def remark(self) -> str:
        """Why not to rely on the value: ``"wide"``, ``"shifted"``, both, or nothing.

        Wide: value and interval together span more than half of the value. Shifted: displacing
        the atoms changes the mean by more than two standard deviations, so that position errors
        change the quantity systematically; an extrapolated value is given if that is stable.
        """
        known = [one for one in (self.value, self.low, self.high) if isfinite(one)]
        if len(known) < 3:
            return ""
        found = []
        if max(known) - min(known) > WIDE * abs(self.value):
            found.append("wide")
        slack = 1e-9 * abs(self.value)  # the mean of equal numbers is not exactly that number
        if abs(self.shift) > SHIFTED * self.sd + slack:
            found.append("shifted")
        return ", ".join(found)

    def sentence(self) -> str:
        """The value with its interval in words."""
        text = f"{self.name} is {_short(self.value)} (95 % {_short(self.low)} to "
        text += f"{_short(self.high)} of {self.samples} drawn models"
        if isfinite(self.extrapolated):
            error = ERROR * self.sd
            text += f"; without position errors {_short(self.extrapolated)}, standard error up to"
            text += f" {_short(error)}"
        return f"{text})"

    def summary(self) -> dict[str, Any]:
        """Plain numbers; None for what is not known."""
        numbers = ("value", "mean", "sd", "low", "high", "extrapolated")
        return {
            "unit": self.unit,
            **{name: value if isfinite(value := getattr(self, name)) else None for name in numbers},
            "samples": self.samples,
            "remark": self.remark,
        }


@dataclass(frozen=True, repr=False)
class Intervals(Shown):
    """Intervals of all quantities of a structure analysis.

    Attributes
    ----------
    rows
        One for each quantity.
    samples
        Number of drawn models.
    seed
        From which they were drawn.
    errors
        Which uncertainties they were drawn from, in words.
    sigma
        Standard error of each coordinate of every atom in pm if it was assumed, else None.
    remarks
        What to know of them.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.structure import resample
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(60, "Ta")
    >>> found = resample(model, aet.analyze(model, cutoff=4.1, order=False), 5, sigma=10)
    >>> found.intervals["motifs 5"].low <= found.intervals["motifs 5"].high
    True
    """

    rows: tuple[Interval, ...]
    samples: int
    seed: int
    errors: str
    sigma: float | None = None
    remarks: tuple[str, ...] = ()

    def _facts(self) -> dict[str, object]:
        return {
            "quantities": len(self.rows),
            "models": self.samples,
            "seed": self.seed,
            "errors": self.errors,
            "wide": sum("wide" in row.remark for row in self.rows),
        }

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Interval]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Interval:
        """The interval of a quantity by name.

        Raises
        ------
        InputError
            For another name.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise InputError(
            "quantity", repr(name), f"one of {', '.join(row.name for row in self.rows)}"
        )

    @property
    def main(self) -> tuple[Interval, ...]:
        """The rows for people: without the points of curves."""
        return tuple(row for row in self.rows if " at " not in row.name)

    @property
    def warnings(self) -> list[str]:
        """Remarks, and one sentence for each network whose size the errors leave open."""
        networks = [row for row in self.rows if row.name.startswith("largest_network")]
        doubtful = [row for row in networks if "wide" in row.remark]
        advice = "as good as undetermined by these positions"
        return [*self.remarks, *(f"{row.sentence()}: {advice}" for row in doubtful)]

    def summary(self) -> dict[str, Any]:
        """Figures for a table or JSON: plain numbers, None for what is not known."""
        return {
            "drawn_models": self.samples,
            "seed": self.seed,
            "errors": self.errors,
            "sigma": self.sigma,
            "remarks": list(self.remarks),
            "warnings": self.warnings,
            "names": [row.name for row in self.rows],  # files of JSON may sort the keys
            "quantities": {row.name: row.summary() for row in self.rows},
        }

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> Intervals:
        """The intervals that a :meth:`summary` was made of, read from JSON."""
        rows = [
            Interval(
                name,
                row["unit"],
                _real(row["value"]),
                _real(row["mean"]),
                _real(row["sd"]),
                _real(row["low"]),
                _real(row["high"]),
                int(row["samples"]),
                _real(row["extrapolated"]),
            )
            for name, row in ((name, summary["quantities"][name]) for name in summary["names"])
        ]
        return cls(
            tuple(rows),
            int(summary["drawn_models"]),
            int(summary["seed"]),
            summary["errors"],
            summary["sigma"],
            tuple(summary["remarks"]),
        )


def _short(value: float) -> str:
    return "undefined" if isnan(value) else f"{value:.4g}"


def _real(value: float | None) -> float:
    return float("nan") if value is None else float(value)
