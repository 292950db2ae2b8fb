"""State of the search for atoms between its rounds, and as arrays of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from aet_port.detection.candidates import LEAST_SCORES
from aet_port.detection.mixture import Species
from aet_port.detection.probe import Probe
from aet_port.refinement.likelihood import Atoms, Views

INSIDE = 0.5  # fraction of the images that must show an atom of the model
FOLLOWED = 2  # rounds in which heights follow their species, after which a search may end
# Of the atoms: net change below which the search ends, and those added in its last round in a film.
STEADY, FEW = 0.001, 0.01
BEFORE = "before_"  # of names of the arrays of that state
SURE = 10.0  # standard errors of a height that no neighbour can take
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
    before
        The state in which heights that followed their species were freed once more, if they were.
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
    before: SearchState | None = None
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

    def settled(self, extended: bool) -> bool:
        """Whether the last round changed next to nothing.

        Parameters
        ----------
        extended
            Whether the sample goes on beyond the images.
        """
        if self.known <= FOLLOWED or len(self.rounds) < len(LEAST_SCORES):
            return False
        *_, second, first, last = self.rounds
        changes = [abs(last.atoms - before.atoms) for before in (first, second)]
        # Doubtful atoms may come and go in turn. In films, whose background settles slowly, as many
        # may come as go by chance.
        many = extended and last.added > FEW * last.atoms
        return (max if many else min)(changes) <= STEADY * last.atoms

    @property
    def freed(self) -> int:
        """Number of rounds before heights were freed once more; 0 if they were not."""
        return 0 if self.before is None else len(self.before.rounds)

    @property
    def unsure(self) -> bool:
        """Whether heights of the lightest species are not far above their errors."""
        errors = np.sqrt(self.covariances[self.atoms.kinds == 0, 0, 0])
        if not len(errors) or self.dispersion > 1:
            return False
        return self.lightest < SURE * float(np.median(errors))

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
        before = {} if self.before is None else self.before.arrays()
        return {
            **{BEFORE + name: array for name, array in before.items()},
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
        before = {
            name.removeprefix(BEFORE): array
            for name, array in stored.items()
            if name.startswith(BEFORE)
        }
        narrow, wide, weight, form_factor = stored["probe"].tolist()
        return cls(
            Atoms(stored["positions"], stored["heights"], stored["kinds"]),
            Views(stored["angles"], stored["shifts"], stored["background"], stored["shears"]),
            Probe(narrow, wide, weight, bool(form_factor)),
            stored["covariances"],
            stored["free"],
            Species(*stored["species"]),
            int(stored["known"]),
            cls.of(before) if before else None,
            float(stored["dispersion"]),
            [Round.of(row) for row in stored["rounds"]],
        )
