"""Design of experiments: errors and detectability of atoms before any image is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.core.scattering import adf_cross_section
from aet_port.core.uncertainty import P_SPECIES, SIGMA_HEIGHT, uncertainty_arrays
from aet_port.detection.decidability import (
    expected_posterior,
    fraction_found,
    mixture_of_known,
    pair_errors,
)
from aet_port.detection.evidence import local_covariances, radial_frequencies
from aet_port.detection.mixture import NARROWEST, Species
from aet_port.detection.plan_result import P_FOUND, PairPlan, Plan, SpeciesPlan
from aet_port.detection.plan_settings import PLAN, PlanSettings
from aet_port.detection.probe import Probe
from aet_port.detection.pruning import significant_errors
from aet_port.detection.settings import DETECT, DetectSettings
from aet_port.detection.state import INSIDE
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from aet_port.simulation.acquisition import FWHM
from aet_port.simulation.settings import LARGER_PIXELS, SIMULATE, SimulateSettings
from aet_port.simulation.tilt_series import fitting_shape


@checked
def plan_series(
    model: AtomicModel | ase.Atoms,
    angles: ArrayLike,
    settings: SimulateSettings = SIMULATE,
    detect: DetectSettings = DETECT,
    *,
    height_spread: float = PLAN.height_spread,
    threads: int | None = None,
) -> Plan:
    """Predict how well the atoms of a model will be found in a tilt series not yet taken.

    An atom of cross section ``sigma`` gives one image ``h = dose / n_images sigma`` electrons. From
    the images expected of the model (:meth:`~.likelihood.Likelihood.expected`) follow the weights
    ``1 / (M + r)`` of the pixels and the Cramer-Rao bound of height and position of each atom, its
    neighbours within 4 angstrom free as well
    (:func:`aet_port.detection.evidence.local_covariances`). The height decides whether an atom is
    found (:func:`~.decidability.fraction_found`) and which species it is given
    (:func:`~.decidability.expected_posterior`).

    Parameters
    ----------
    model
        Positions in angstrom with the origin on the rotation centre.
    angles
        Shape (n_images, 3): phi, theta, psi in degrees.
    settings
        Pixel size, probe, microscope, source size, dose, read noise and background, as for
        :func:`aet_port.simulate` with the linear engine. Errors of angles and shifts do not enter.
    detect
        ``fdr``, ``depth`` and ``confidence`` of the search.
    height_spread
        Relative standard deviation of the heights of a species without noise.
    threads
        Number of threads; all cores unless given. Results do not depend on it.

    Returns
    -------
    Expected errors, fractions found, and species given.

    Raises
    ------
    InputError
        For no dose, an unknown species, or a model of which no atom is on half of the images.

    Notes
    -----
    The bound holds for an unbiased search that has found all atoms. It does not contain errors of
    the model (multiple scattering, channelling, a probe of another shape, atoms that move), of
    angles and shifts, of the preprocessing, or of atoms that overlap so much that the search takes
    two for one. Where many atoms are missed, those found are the clearest, with smaller errors.
    That atoms of a species share a height hardly changes the errors of positions: moving an atom
    and raising it change the images differently. Pixels of an atom have one weight, as in the
    search; for single atoms on an empty background the errors are therefore up to 30 % too small.

    MATLAB: none

    References
    ----------
    A. van den Bos, Parameter Estimation for Scientists and Engineers, Wiley (2007), chapter 4.

    Examples
    --------
    Palladium stands out from platinum, but hardly from silver, which has one electron more:

    >>> from aet_port.simulation import amorphous_alloy
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 6)]
    >>> for other in ("Pt", "Ag"):
    ...     plan = plan_series(amorphous_alloy(60, {"Pd": 0.5, other: 0.5}), angles)
    ...     print(plan.pairs[0].verdict)
    decidable
    doubtful
    """
    given, errors = as_model(model), settings.acquisition
    views_angles = np.asarray(angles, dtype=np.float64)
    if views_angles.ndim != 2 or views_angles.shape[1] != 3 or not len(views_angles):
        raise InputError("angles", f"shape {views_angles.shape}", "shape (n, 3), n > 0, in degrees")
    if not errors.dose > 0:
        raise InputError("dose", f"{errors.dose:g}", "electrons per square angstrom, above zero")
    if settings.engine != "linear":
        raise InputError(
            "engine", repr(settings.engine), "'linear': the bound is that of its images"
        )
    optics, n = settings.microscope, len(views_angles)
    shape = settings.shape or fitting_shape(given, views_angles, settings.pixel_size)
    sections = {
        symbol: adf_cross_section(symbol, optics.energy, optics.inner, optics.outer)
        for symbol in set(given.species)
    }
    symbols = sorted(sections, key=sections.__getitem__)
    check_memory("plan", 4.0 * 5 * n * math.prod(shape), LARGER_PIXELS)
    # Images of electrons, empty so far: only their size and noise matter.
    likelihood = Likelihood(
        np.zeros((n, *shape), np.float32),
        settings.pixel_size,
        errors.read_noise**2,
        True,
        np.ones((1, *shape)),
        threads,
    )
    background = np.full((n, 1), errors.background)
    views = Views(views_angles, np.zeros((n, 2)), background, np.zeros(2))
    kinds = np.array([symbols.index(symbol) for symbol in given.species], dtype=np.int64)
    area = np.array([sections[symbol] for symbol in symbols])
    per_area = errors.dose / n
    atoms = Atoms(np.ascontiguousarray(given.positions), per_area * area[kinds], kinds)
    seen = likelihood.seen(atoms, views) >= INSIDE * n
    if not seen.any():
        raise InputError(given.name, "no atom on half of the images", "a model about the origin")
    probe = _probe(settings)
    likelihood.use_profiles([probe.profile(likelihood.q, symbol) for symbol in symbols])
    profile = probe.mean(radial_frequencies(settings.pixel_size), symbols)
    least = 0.3 * float(atoms.heights.min())  # as in the search; here no height is as low
    which = np.flatnonzero(seen)
    expected = likelihood.expected(atoms, views)
    covariances = local_covariances(likelihood, atoms, views, profile, expected, least, which)
    depth = shape[0] * settings.pixel_size if detect.depth is None else detect.depth
    volume = shape[0] * shape[1] * settings.pixel_size**2 * depth
    return _plan(
        given, which, symbols, atoms[which], covariances, per_area, errors.dose, n,
        settings.pixel_size, significant_errors(volume, len(which), detect.fdr), detect,
        height_spread,
    )  # fmt: skip


def _probe(settings: SimulateSettings) -> Probe:
    """Transfer function of an atom, the source's size included."""
    # B = 2 pi^2 sigma^2 of a Gaussian of standard deviation sigma.
    blur = 2 * np.pi**2 * (settings.acquisition.source_size / FWHM) ** 2
    two = settings.linear_probe
    if two is None:
        return Probe(settings.b_factor + blur, settings.b_factor + blur)
    narrow, wide = (2 * np.pi**2 * width**2 + blur for width in two.probe_widths)
    return Probe(narrow, wide, two.probe_fraction, form_factor=False)


def _plan(
    given: AtomicModel,
    which: NDArray[np.int64],
    symbols: Sequence[str],
    atoms: Atoms,
    covariances: NDArray,
    per_area: float,
    dose: float,
    tilts: int,
    pixel_size: float,
    least_errors: float,
    detect: DetectSettings,
    spread: float,
) -> Plan:
    """What the covariances of heights and positions mean."""
    present = np.unique(atoms.kinds)
    symbols = [symbols[kind] for kind in present]
    kinds = np.searchsorted(present, atoms.kinds)
    errors = np.sqrt(covariances[:, 0, 0])
    mixture = mixture_of_known(atoms.heights, kinds, len(symbols), max(spread, NARROWEST))
    found = fraction_found(atoms.heights, errors, mixture, least_errors, detect.fdr)
    right, chosen = expected_posterior(kinds, errors, mixture, detect.confidence)
    places = covariances[:, 1:, 1:]
    model = AtomicModel.from_positions(
        atoms.positions,
        [symbols[kind] for kind in kinds],
        name=f"plan of {given.name}",
        height=atoms.heights / per_area,
        **{SIGMA_HEIGHT: errors / per_area},
        **uncertainty_arrays(places),
        **{P_SPECIES: right, P_FOUND: found},
    )
    square = np.trace(places, axis1=1, axis2=2)
    rows = []
    for kind, symbol in enumerate(symbols):
        own = kinds == kind
        rows.append(
            SpeciesPlan(
                symbol,
                int(own.sum()),
                float(mixture.means[kind]),
                float(np.sqrt(np.mean(errors[own] ** 2)) / mixture.means[kind]),
                100 * float(np.sqrt(np.mean(square[own]))),
                float(found[own].mean()),
                dict(zip((*symbols, "X"), chosen[own].mean(axis=0).tolist(), strict=True)),
            )
        )
    pairs = _pairs(symbols, kinds, errors, mixture)
    return Plan(model, tilts, dose, pixel_size, least_errors, tuple(rows), pairs)


def _pairs(
    symbols: Sequence[str], kinds: NDArray[np.int64], errors: NDArray, mixture: Species
) -> tuple[PairPlan, ...]:
    return tuple(
        PairPlan(symbols[i], symbols[j], *pair_errors(kinds, errors, mixture, (i, j)))
        for i in range(len(symbols))
        for j in range(i + 1, len(symbols))
    )


@checked
def plan_table(
    model: AtomicModel | ase.Atoms,
    plan: PlanSettings = PLAN,
    settings: SimulateSettings = SIMULATE,
    detect: DetectSettings = DETECT,
    *,
    threads: int | None = None,
) -> list[Plan]:
    """Plans of all numbers of tilts with all doses.

    Parameters
    ----------
    model, settings, detect, threads
        As in :func:`plan_series`; the dose is that of ``plan``.
    plan
        Numbers of tilts, doses, range of tilts.

    Returns
    -------
    One plan for each number of tilts and dose, doses of the first number of tilts first.

    Raises
    ------
    InputError
        As in that function.
    """
    found = []
    for tilts in plan.tilts:
        for dose in plan.dose:
            exposed = settings.acquisition.changed(dose=plan.series_dose(dose, tilts))
            found.append(
                plan_series(
                    model,
                    plan.angles(tilts),
                    settings.changed(acquisition=exposed),
                    detect,
                    height_spread=plan.height_spread,
                    threads=threads,
                )
            )
    return found
