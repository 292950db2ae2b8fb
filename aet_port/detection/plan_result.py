"""Result of planning a tilt series: what is expected of each species and pair of species."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.display import Shown

P_FOUND = "p_found"
DECIDABLE, NOT_DECIDABLE = 0.05, 0.25  # fraction of a species taken for the other
NEARLY_ALL = 0.99  # fraction found below which a sentence says so


@dataclass(frozen=True)
class SpeciesPlan:
    """What is expected of the atoms of one species.

    Attributes
    ----------
    symbol
        The species.
    atoms
        Number of atoms in the field of view.
    height
        Electrons that one image receives from an atom.
    height_error
        Relative standard error of the height, rms over the atoms.
    position_error_pm
        Rms error of the position (three coordinates together), pm.
    found
        Expected fraction found.
    given
        Expected fraction given each species, by symbol; ``X`` for none.
    """

    symbol: str
    atoms: int
    height: float
    height_error: float
    position_error_pm: float
    found: float
    given: dict[str, float]

    @property
    def right(self) -> float:
        """Expected fraction given the right species."""
        return self.given[self.symbol]


@dataclass(frozen=True)
class PairPlan:
    """Whether two species can be told apart by their heights.

    Attributes
    ----------
    lighter, heavier
        The species.
    lighter_wrong, heavier_wrong
        Expected fraction of each taken for the other, were there only these two.
    """

    lighter: str
    heavier: str
    lighter_wrong: float
    heavier_wrong: float

    @property
    def worst(self) -> float:
        """The larger of the two fractions."""
        return max(self.lighter_wrong, self.heavier_wrong)

    @property
    def verdict(self) -> str:
        """``decidable`` (at most 5 % wrong), ``not decidable`` (over 25 %) or ``doubtful``."""
        if self.worst <= DECIDABLE:
            return "decidable"
        return "not decidable" if self.worst > NOT_DECIDABLE else "doubtful"


@dataclass(frozen=True, repr=False)
class Plan(Shown):
    """Expected result of the search for atoms in a planned tilt series.

    Attributes
    ----------
    model
        The atoms in the field of view with the arrays of :mod:`aet_port.core.uncertainty`:
        ``height`` and ``sigma_height`` (cross sections, square angstrom), ``sigma_x`` and so on,
        ``probability`` (expected posterior of the atom's species), and ``p_found``.
    tilts, dose, pixel_size
        Number of images, electrons per square angstrom of the series, and angstrom.
    least_errors
        Standard errors that the height of an atom must have to be significant.
    species, pairs
        By species, and by pair of species.

    Examples
    --------
    >>> from aet_port.detection import plan_series
    >>> from aet_port.simulation import amorphous_particle
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 6)]
    >>> plan = plan_series(amorphous_particle(30, "Ta"), angles)
    >>> plan
    <Plan: tilts 23, dose 8.2e+05, pixel size 0.35, position error 2.3 pm, found 100.00 %>
    """

    model: AtomicModel
    tilts: int
    dose: float
    pixel_size: float
    least_errors: float
    species: tuple[SpeciesPlan, ...]
    pairs: tuple[PairPlan, ...]

    def _facts(self) -> dict[str, object]:
        return {
            "tilts": self.tilts,
            "dose": f"{self.dose:.3g}",
            "pixel size": f"{self.pixel_size:g}",
            "position error": f"{self.position_error_pm:.1f} pm",
            "found": f"{100 * self.found:.2f} %",
        }

    @property
    def found(self) -> float:
        """Expected fraction of the atoms found."""
        return float(self.model.atoms.arrays[P_FOUND].mean())

    @property
    def position_error_pm(self) -> float:
        """Expected rms error of the positions of the atoms found, pm."""
        arrays = self.model.atoms.arrays
        square = sum(arrays[f"sigma_{axis}"] ** 2 for axis in "xyz")
        return 100 * float(np.sqrt(np.average(square, weights=arrays[P_FOUND])))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the errors mean for atoms and species, in words."""
        at = f"at {self.dose:.4g} electrons per square angstrom in {self.tilts} tilts"
        missed = [
            f"{100 * one.found:.1f} % of {one.symbol}"
            for one in self.species
            if one.found < NEARLY_ALL
        ]
        said = [f"{at}, only {', '.join(missed)} will be found"] if missed else []
        said += [
            f"{at}, {pair.lighter} beside {pair.heavier} is {pair.verdict}: "
            f"{100 * pair.lighter_wrong:.1f} % of {pair.lighter} are taken for {pair.heavier}, "
            f"{100 * pair.heavier_wrong:.1f} % of {pair.heavier} for {pair.lighter}"
            for pair in self.pairs
            if pair.verdict != "decidable"
        ]
        if self.pairs and all(pair.verdict == "decidable" for pair in self.pairs):
            said.append(f"{at}, the species of the atoms found are decidable")
        return tuple(said)

    def summary(self) -> dict[str, Any]:
        """The plan as plain numbers, without those of single atoms."""
        return {
            "tilts": self.tilts,
            "dose": self.dose,
            "pixel_size": self.pixel_size,
            "atoms": len(self.model),
            "position_error_pm": self.position_error_pm,
            "found": self.found,
            "least_standard_errors": self.least_errors,
            "species": {
                one.symbol: {
                    "atoms": one.atoms,
                    "height_electrons": one.height,
                    "relative_height_error": one.height_error,
                    "position_error_pm": one.position_error_pm,
                    "found": one.found,
                    "right_species": one.right,
                    "given": one.given,
                }
                for one in self.species
            },
            "pairs": [vars(pair) | {"verdict": pair.verdict} for pair in self.pairs],
            "sentences": list(self.sentences),
        }
