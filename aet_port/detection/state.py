"""State of the search for atoms between its rounds, and as arrays of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from aet_port.detection.mixture import Species
from aet_port.detection.probe import Probe
from aet_port.refinement.likelihood import Atoms, Views

INSIDE = 0.5  # fraction of the images that must show an atom of the model
FAINTEST = 0.3  # of the lightest species: below it, positions would be undetermined


@dataclass(frozen=True)
class Round:
    """One round of the search.

    Attributes
    ----------
    atoms
        Number of atoms at its end.
    added, dropped
        Number of atoms added before and dropped after the fit.
    threshold
        Score above which atoms were added.
    deviance
        Deviance per pixel after the fit.
    """

    atoms: int
    added: int
    dropped: int
    threshold: float
    deviance: float

    def __str__(self) -> str:
        return (
            f"{self.atoms} atoms, {self.added} added, {self.dropped} dropped, "
            f"deviance per pixel {self.deviance:.4f}"
        )

    def values(self) -> list[float]:
        """The attributes in order."""
        return [self.atoms, self.added, self.dropped, self.threshold, self.deviance]

    @classmethod
    def of(cls, values: Sequence[float]) -> Round:
        """The round with these attributes."""
        atoms, added, dropped, least, deviance = (float(value) for value in values)
        return cls(int(atoms), int(added), int(dropped), least, deviance)


@dataclass(frozen=True)
class SearchState:
    """Everything that a round of the search changes.

    Attributes
    ----------
    atoms, views, probe
        The present fit.
    covariances
        Shape (n_atoms, 4, 4): height (electrons) and position (angstrom) of each atom.
    free
        Shape (n_atoms,): heights as the images alone ask for, electrons.
    species
        Mixture of the heights; None before the first round.
    known
        Number of rounds since the species are known well enough for the heights to follow them, the
        one after which they are included; 0 until then.
    dispersion
        Variance of the residuals relative to that of the noise, at least 1.
    rounds
        The rounds so far.
    """

    atoms: Atoms
    views: Views
    probe: Probe
    covariances: NDArray[np.float64]
    free: NDArray[np.float64]
    species: Species | None = None
    known: int = 0
    dispersion: float = 1.0
    rounds: list[Round] = field(default_factory=list)

    @property
    def mixture(self) -> Species:
        """Mixture of the heights, which exists after the first round."""
        if self.species is None:
            raise AssertionError("a state after the first round")
        return self.species

    @property
    def lightest(self) -> float:
        """Mean height of the lightest species; 0 before the first round."""
        return 0.0 if self.species is None else float(self.species.means[0])

    @property
    def faintest(self) -> float:
        """Height that atoms below it count as in their covariances, electrons."""
        return FAINTEST * (self.lightest or float(np.median(self.atoms.heights)))

    @property
    def prior(self) -> Species | None:
        """Mixture that the heights follow, once the species are known."""
        return self.species if self.known else None

    @property
    def metric(self) -> NDArray[np.float64]:
        """The covariances as the mixture stiffens them: a change of rank one of their inverse."""
        if self.prior is None:
            return self.covariances
        variance = self.covariances[:, 0, 0]
        shares = self.prior.posterior(self.atoms.heights, np.sqrt(variance))
        added = np.sum(shares / self.prior.spreads**2, axis=1)
        share = (added / (1 + added * variance))[:, None, None]
        return self.covariances - share * self.covariances[:, :, :1] * self.covariances[:, :1, :]

    def arrays(self) -> dict[str, NDArray]:
        """The state as arrays, of which :meth:`of` makes the same one."""
        species, probe = self.mixture, self.probe
        return {
            "positions": self.atoms.positions,
            "heights": self.atoms.heights,
            "kinds": self.atoms.kinds,
            "angles": self.views.angles,
            "shifts": self.views.shifts,
            "background": self.views.background,
            "shears": self.views.shears,
            "probe": np.array([probe.narrow, probe.wide, probe.weight, float(probe.form_factor)]),
            "covariances": self.covariances,
            "free": self.free,
            "species": np.stack([species.means, species.spreads, species.fractions]),
            "known": np.array(self.known),
            "dispersion": np.array(self.dispersion),
            "rounds": np.array([row.values() for row in self.rounds]),
        }

    @classmethod
    def of(cls, stored: Mapping[str, NDArray]) -> Self:
        """The state of :meth:`arrays`."""
        narrow, wide, weight, form_factor = stored["probe"].tolist()
        return cls(
            Atoms(stored["positions"], stored["heights"], stored["kinds"]),
            Views(stored["angles"], stored["shifts"], stored["background"], stored["shears"]),
            Probe(narrow, wide, weight, bool(form_factor)),
            stored["covariances"],
            stored["free"],
            Species(*stored["species"]),
            int(stored["known"]),
            float(stored["dispersion"]),
            [Round.of(row) for row in stored["rounds"]],
        )
