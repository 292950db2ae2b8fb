"""Result of the detection of atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown
from aet_port.core.plausibility import SCALED, result_warnings, series_warnings
from aet_port.core.uncertainty import (
    P_EXISTS,
    POSTERIOR_SPECIES,
    SIGMA_HEIGHT,
    position_errors,
    uncertainty_arrays,
)
from aet_port.detection.candidates import WELL
from aet_port.detection.certainty import Certainty
from aet_port.detection.frame import nearest_to_nominal
from aet_port.detection.height_drift import LocalHeights, local_heights
from aet_port.detection.mixture import Species
from aet_port.detection.noise import ImageNoise
from aet_port.detection.number_of_species import SpeciesNumber, species_number
from aet_port.detection.outside import border_distances
from aet_port.detection.probe import Probe
from aet_port.detection.settings import DetectSettings
from aet_port.detection.state import INSIDE, Round, SearchState
from aet_port.refinement.likelihood import Likelihood
from aet_port.tracing.composition_prior import prior_of

GOOD = (0.8, 1.25)  # chi-square per pixel of a fit whose noise is as assumed
CAUSES = "check the angles (degrees?), the tilt axis (along y?), the alignment and the pixel size"
FAINT = 6.3  # standard errors: 8 in glasses of which 97 % is found, 5.8 where a quarter is


@dataclass(frozen=True, repr=False)
class Detection(Shown):
    """Atoms found in a tilt series.

    Attributes
    ----------
    model
        The atoms, with arrays ``height`` and ``sigma_height`` (units of the images times square
        angstrom), the uncertainties of :mod:`aet_port.core.uncertainty`, ``probability`` of the
        species, ``posterior`` (n, n_species), and ``local_factor``, by which heights near the atom
        exceed those of the species. Species less probable than the confidence are ``X``.
    symbols
        The species, in the order of ``posterior``.
    species
        Mean height of each species, spread and fraction, electrons, without local factors.
    probe
        Fitted shape of an atom in the images.
    noise
        Noise of the images.
    angles, shifts
        Shapes (n_images, 3) in degrees and (n_images, 2) in angstrom: as given, or as fitted.
    shears
        Shape (2,): ``shear_x``, ``shear_y`` of the scan, as fitted.
    rounds
        The rounds of the search.
    expected
        Shape (n_images, nx, ny): calculated images, electrons.
    deviance
        Deviance per pixel of the final fit.
    chi_square
        Squared residual relative to the noise, mean over all pixels: one for noise as assumed and
        a perfect model.
    r1
        Shape (n_images,): ``sum |calculated - measured| / sum |measured|``.
    warnings
        Warnings for the user.
    local
        Local factors of the heights.
    number
        Comparison of the numbers of species that the heights may have.
    certainty
        Calibration of probabilities and errors by trials.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(30, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.5, shape=(36, 36))
    >>> found = aet.detect(series, "Ta", threads=1)
    >>> found.model.atoms.arrays["sigma_x"].shape, found.symbols
    ((30,), ('Ta',))
    """

    model: AtomicModel
    symbols: tuple[str, ...]
    species: Species
    probe: Probe
    noise: ImageNoise
    angles: NDArray[np.float64]
    shifts: NDArray[np.float64]
    shears: NDArray[np.float64]
    rounds: tuple[Round, ...]
    expected: NDArray[np.float32]
    deviance: float
    chi_square: float
    r1: NDArray[np.float64]
    warnings: tuple[str, ...] = ()
    local: LocalHeights | None = None
    number: SpeciesNumber | None = None
    certainty: Certainty | None = None

    def _facts(self) -> dict[str, object]:
        kinds = self.model.species
        found = [*self.symbols, "X"] if "X" in kinds else self.symbols
        return {
            "atoms": len(self.model),
            "species": " ".join(f"{symbol} {kinds.count(symbol)}" for symbol in found),
            "rounds": len(self.rounds),
            "deviance per pixel": f"{self.deviance:.4f}",
            "R1": f"{100 * self.r1.mean():.2f} %",
            "warnings": len(self.warnings),
        }

    def _certainty(self) -> dict[str, Any] | None:
        if self.certainty is None:
            return None
        return self.certainty.summary(self.model.atoms.arrays[P_EXISTS])

    def summary(self) -> dict[str, Any]:
        """Results as plain numbers."""
        kinds = self.model.species
        errors = position_errors(self.model.atoms)
        if errors is None:
            raise AssertionError("a detected model has errors")
        return {
            "atoms": len(self.model),
            "species": {symbol: kinds.count(symbol) for symbol in dict.fromkeys(sorted(kinds))},
            "heights_electrons": dict(
                zip(self.symbols, self.species.means.round(4).tolist(), strict=True)
            ),
            "height_spreads_electrons": dict(
                zip(self.symbols, self.species.spreads.round(4).tolist(), strict=True)
            ),
            "fractions": dict(
                zip(self.symbols, self.species.fractions.round(4).tolist(), strict=True)
            ),
            "local_heights": None if self.local is None else self.local.summary(),
            "species_number": None if self.number is None else self.number.summary(),
            "expected_position_error_pm": 100 * float(np.sqrt(np.mean(errors**2))),
            "expected_wrong_species": float(np.sum(1 - self.model.atoms.arrays["probability"])),
            "certainty": self._certainty(),
            "probe": vars(self.probe),
            "noise": self.noise.summary(),
            "deviance_per_pixel": self.deviance,
            "chi_square_per_pixel": self.chi_square,
            "shear_x": float(self.shears[0]),
            "shear_y": float(self.shears[1]),
            "r1": float(self.r1.mean()),
            "projections": [
                {
                    "r1": float(r1),
                    "phi": float(angles[0]),
                    "theta": float(angles[1]),
                    "psi": float(angles[2]),
                    "shift": shift.tolist(),
                }
                for r1, angles, shift in zip(self.r1, self.angles, self.shifts, strict=True)
            ],
            "rounds": [vars(row) for row in self.rounds],
            "warnings": list(self.warnings),
        }


def finished(
    series: TiltSeries,
    settings: DetectSettings,
    noise: ImageNoise,
    likelihood: Likelihood,
    symbols: tuple[str, ...],
    state: SearchState,
    expected: NDArray,
    certainty: Certainty | None = None,
) -> Detection:
    """Put the result of a search together.

    Parameters
    ----------
    series, settings
        As given to the search.
    noise, likelihood, symbols
        Those of the search.
    state
        Its end.
    expected
        Shape (n_images, nx, ny): the images expected there, electrons.
    certainty
        Calibration of probabilities and errors; without it there are no probabilities of atoms, and
        errors are those of the noise.

    Returns
    -------
    The result, in the frame nearest to the nominal angles; atoms that fewer than half of the images
    show are left out.
    """
    cost = sum(likelihood.cost(expected[number], number) for number in range(len(likelihood)))
    deviance = 2 * cost / likelihood.images.size
    measured = likelihood.images
    weights = likelihood.weights(expected)
    noisy = measured != 0 if noise.cleared else np.True_
    chi_square = float(np.mean((expected - measured) ** 2 * weights, dtype=np.float64, where=noisy))
    difference = np.abs(expected - measured).sum(axis=(1, 2), dtype=np.float64)
    r1 = difference / np.abs(measured).sum(axis=(1, 2), dtype=np.float64)
    framed = nearest_to_nominal(state.atoms, state.views, series.angles)
    atoms, views = framed.atoms, framed.views
    seen = likelihood.seen(atoms, views)
    inside, well = (seen >= part * len(likelihood) for part in (INSIDE, WELL))
    atoms, covariances, free = atoms[inside], state.covariances[inside], state.free[inside]
    errors, well = np.sqrt(covariances[:, 0, 0]), well[inside]
    local = local_heights(
        atoms.positions, free, errors, state.mixture, symbols, settings.local_radius,
        prior_of(settings.composition, settings.composition_error, symbols),
    )  # fmt: skip
    number = species_number(
        (free / local.factors)[well], (errors / local.factors)[well], local.species
    )
    posterior, places = local.posterior, framed.turned(covariances[:, 1:, 1:])
    certain: dict[str, NDArray] = {}
    if certainty is not None:
        posterior = certainty.posterior(posterior, local.species.fractions)
        border = border_distances(likelihood, atoms, views) if noise.extended else None
        scales = certainty.scales(covariances, border)
        places = places * scales[:, :, None] * scales[:, None, :]
        certain[P_EXISTS] = certainty.existence(state)[inside]
    probability = posterior.max(axis=1)
    kinds = np.array(symbols)[local.kinds]
    kinds[probability < settings.confidence] = "X"
    unit = noise.unit * series.pixel_size**2
    model = AtomicModel.from_positions(
        atoms.positions,
        kinds.tolist(),
        name=series.name,
        height=atoms.heights * unit,
        sigma_height=errors * unit,
        **uncertainty_arrays(places),
        **certain,
        probability=probability,
        posterior=posterior,
        local_factor=local.factors,
    )
    model.atoms.info[POSTERIOR_SPECIES] = ",".join(symbols)
    return Detection(
        model, symbols, local.species, state.probe, noise, views.angles, views.shifts, views.shears,
        tuple(state.rounds), expected, deviance, chi_square, r1,
        tuple(
            [
                *_warnings(model, chi_square, state, settings, number),
                *series_warnings(measured, series.angles, positivity=False),
                *result_warnings(r1, measured, result="the atoms", causes=CAUSES, most=SCALED),
            ]
        ),
        local, number, certainty,
    )  # fmt: skip


def _warnings(
    model: AtomicModel,
    chi_square: float,
    state: SearchState,
    settings: DetectSettings,
    number: SpeciesNumber,
) -> list[str]:
    found = []
    if state.dispersion > 1:
        found.append(
            "the images have hardly any noise left, as if denoised: thresholds are those of what "
            "the atoms leave unexplained, error bars those by which the images disagree, without "
            "what is wrong in all of them; use images as measured, or check angles, tilt axis and "
            "pixel size if these are"
        )
    elif not GOOD[0] <= chi_square <= GOOD[1]:
        found.append(
            f"chi-square per pixel {chi_square:.3g}: the noise or the shape of the atoms differs "
            "from that assumed; error bars are unreliable"
        )
    clear = float(np.median(model.atoms.arrays["height"] / model.atoms.arrays[SIGMA_HEIGHT]))
    if clear < FAINT:
        found.append(
            f"heights of only {clear:.1f} standard errors (median): at this dose many atoms are "
            "missed or wrong, and positions less certain than their errors say; use more dose"
        )
    if len(state.rounds) >= settings.max_rounds + state.freed:
        found.append(f"the search did not settle in {len(state.rounds)} rounds")
    if (other := number.warning()) is not None:
        found.append(other)
    undecided = model.species.count("X")
    if undecided:
        found.append(f"{undecided} atoms whose species these images can't decide (X)")
    return found
