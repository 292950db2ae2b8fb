"""A given model checked against the images: which atoms are not there, and which are missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.progress import progress_bar
from aet_port.core.uncertainty import P_EXISTS, uncertainty_arrays
from aet_port.detection.certainty import Certainty
from aet_port.detection.ending import end_of_search
from aet_port.detection.loop import volume_map
from aet_port.detection.outside import border_distances
from aet_port.detection.pairs import mutual_pairs
from aet_port.detection.pruning import SIGNIFICANT
from aet_port.detection.search import CHOICES, SETTLING, Search
from aet_port.detection.settings import DETECT, DetectSettings
from aet_port.detection.state import Round, SearchState
from aet_port.detection.trials import RADIUS, run_trial, signs_of
from aet_port.refinement.likelihood import Atoms

LOWEST = 0.1  # of the median height, from which the fit of an atom starts
DOUBTFUL = 0.5  # probability below which an atom is doubtful
FITS = SETTLING + 2  # of atoms, probe and background in turn; the last ones with all parameters


@dataclass(frozen=True, repr=False)
class ModelCheck(Shown):
    """A model checked against images.

    Attributes
    ----------
    model
        The atoms as given, in their order, with positions fitted to the images; arrays ``height``,
        ``sigma_height``, those of :mod:`aet_port.core.uncertainty`, ``p_exists`` among them,
        ``probability`` of the species given, and ``moved``, the distance from the position given.
    missing
        Atoms found where none was given, arrays ``height``, ``p_exists``; None if there are none.
    certainty
        Calibration of the probabilities by trials.
    """

    model: AtomicModel
    missing: AtomicModel | None
    certainty: Certainty

    @property
    def doubtful(self) -> NDArray[np.intp]:
        """Numbers of the atoms whose ``p_exists`` is below 0.5."""
        return np.flatnonzero(self.model.atoms.arrays[P_EXISTS] < DOUBTFUL)

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": len(self.model),
            "doubtful": len(self.doubtful),
            "missing": 0 if self.missing is None else len(self.missing),
        }

    def summary(self) -> dict[str, Any]:
        """Results as plain numbers."""
        existing = self.model.atoms.arrays[P_EXISTS]
        moved = self.model.atoms.arrays["moved"]
        return {
            "atoms": len(self.model),
            "doubtful": len(self.doubtful),
            "missing": 0 if self.missing is None else len(self.missing),
            "spurious_fraction": float(np.mean(1 - existing)),
            "median_moved_pm": 100 * float(np.median(moved)),
            "trials": len(self.certainty.trials),
        }


@checked
def check_model(
    series: TiltSeries,
    model: AtomicModel,
    settings: DetectSettings = DETECT,
    *,
    threads: int | None = None,
    progress: bool = False,
) -> ModelCheck:
    """Ask the images whether each atom of a model exists, and where atoms are missing.

    Positions, heights, probe and background are fitted to the images; then the search goes on from
    the significant atoms. An atom given exists if there is one within 1 angstrom of it in the end;
    its probability is that of :meth:`aet_port.detection.certainty.Certainty.existence`. The other
    atoms given are fitted once more, beside those found, and judged by their heights there. Atoms
    found where none was given are missing in the model.

    Parameters
    ----------
    series
        Images as measured, angles and pixel size.
    model
        The model, in angstrom from the rotation centre.
    settings
        Settings of the search; at least one trial is carried out.
    threads
        Number of threads; all cores unless given.
    progress
        Whether to report progress on standard error: fits, rounds of the search, trials.

    Returns
    -------
    Probabilities, errors, and missing atoms.

    Raises
    ------
    InputError
        For denoised images, or a model of which too few atoms are significant.

    Notes
    -----
    MATLAB: none; in the reference atoms are judged by eye

    Examples
    --------
    An atom that is not there, beside thirty that are:

    >>> import numpy as np
    >>> import aet_port as aet
    >>> from aet_port.detection import check_model
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(30, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.5, shape=(36, 36))
    >>> given = aet.AtomicModel.from_positions(
    ...     np.vstack([truth.positions, [[0, 0, 9.0]]]), "Ta")
    >>> check_model(series, given, threads=1).doubtful
    array([30])
    """
    kinds = np.array(model.species)
    search = Search(series, sorted(set(model.species)), settings, threads)
    heights = first_heights(search, model.positions)
    medians = {one: float(np.median(heights[kinds == one])) for one in search.symbols}
    symbols = tuple(sorted(medians, key=lambda one: medians[one]))
    if symbols != search.symbols:
        search = Search(series, symbols, settings, threads)
    given = fit_given(search, model, heights, progress)
    if given.dispersion > 1:
        raise InputError(
            series.name, "images without the noise of their counts", "images as measured"
        )
    found = _searched(search, given, progress)
    trials = []
    with progress_bar("trials", max(settings.trials, 1), progress) as reporter:
        for number in range(max(settings.trials, 1)):
            trials.append(run_trial(search, found, number))
            reporter.advance()
    certainty = Certainty(tuple(trials), search.searched, signs_of(found))
    same, partner = mutual_pairs(model.positions, found.atoms.positions, RADIUS)
    existing, in_search = np.zeros(len(model)), certainty.existence(found)
    existing[same] = in_search[partner[same]]
    final = _replaced(given, same, found, partner[same])
    if not same.all():
        lost = model.positions[~same]
        beside = _beside(search, found, lost, given.atoms.kinds[~same])
        own = np.arange(len(found.atoms), len(beside.atoms))
        moved = np.linalg.norm(beside.atoms.positions[own] - lost, axis=1)
        # An atom that has gone elsewhere in the fit is not there.
        existing[~same] = np.where(moved <= RADIUS, certainty.existence(beside)[own], 0.0)
        final = _replaced(final, ~same, beside, own)
    checked = _checked(search, model, final, certainty, existing)
    further = np.setdiff1d(np.arange(len(found.atoms)), partner[same])
    if not len(further):
        return ModelCheck(checked, None, certainty)
    missing = AtomicModel.from_positions(
        found.atoms.positions[further],
        [symbols[kind] for kind in found.atoms.kinds[further]],
        name="missing",
        height=found.atoms.heights[further] * search.noise.unit * series.pixel_size**2,
        p_exists=in_search[further],
    )
    return ModelCheck(checked, missing, certainty)


def _checked(
    search: Search,
    model: AtomicModel,
    state: SearchState,
    certainty: Certainty,
    existing: NDArray[np.float64],
) -> AtomicModel:
    """The model as given with what the images say of each atom."""
    unit = search.noise.unit * search.series.pixel_size**2
    errors = np.sqrt(state.covariances[:, 0, 0])
    border = None
    if search.noise.extended:
        border = border_distances(search.likelihood, state.atoms, state.views)
    scales = certainty.scales(state.covariances, border)
    covariances = state.covariances[:, 1:, 1:] * scales[:, :, None] * scales[:, None, :]
    mixture = state.mixture
    posterior = certainty.posterior(mixture.posterior(state.free, errors), mixture.fractions)
    kinds = np.array([search.symbols.index(symbol) for symbol in model.species])
    return AtomicModel.from_positions(
        state.atoms.positions,
        model.species,
        name=model.name,
        height=state.atoms.heights * unit,
        sigma_height=errors * unit,
        **uncertainty_arrays(covariances),
        p_exists=existing,
        probability=posterior[np.arange(len(kinds)), kinds],
        moved=np.linalg.norm(state.atoms.positions - model.positions, axis=1),
    )


def _searched(search: Search, given: SearchState, progress: bool) -> SearchState:
    """The end of a search that starts from the significant ones of some atoms."""
    state = _of(given, _significant(given))
    row = replace(given.rounds[-1], atoms=len(state.atoms))
    state = replace(state, rounds=[row] * len(given.rounds))
    with progress_bar("search for missing atoms", search.settings.max_rounds, progress) as reporter:
        for _ in range(search.settings.max_rounds):
            state = search.round(state)
            reporter.advance(note=f"{len(state.atoms)} atoms")
            if search.steady(state):
                break
    return end_of_search(search, state)


def _beside(search: Search, found: SearchState, positions: NDArray, kinds: NDArray) -> SearchState:
    """Further atoms fitted beside those of a search at its end, all heights free.

    Where a model lacks atoms, or has wrong ones, a fit of it gives heights to other wrong atoms
    around them; beside the atoms that the images show they have none. Positions (n, 3) in angstrom,
    kinds (n,).
    """
    heights = np.full(len(positions), LOWEST * float(np.median(found.atoms.heights)))
    state = search.with_candidates(
        replace(found, known=0), np.column_stack([positions, heights]), search.expected(found)
    )
    of_all = np.concatenate([found.atoms.kinds, kinds])
    state = replace(state, atoms=state.atoms.with_kinds(of_all))
    state, _ = search.fitted(state, CHOICES.stop, search.settings.max_steps)
    covariances = search.covariances(state, search.expected(state))
    return replace(state, covariances=covariances, free=state.atoms.heights)


def _significant(state: SearchState) -> NDArray[np.bool_]:
    return np.asarray(state.free > SIGNIFICANT * np.sqrt(state.covariances[:, 0, 0]))


def _replaced(
    state: SearchState, which: NDArray[np.bool_], other: SearchState, partner: NDArray
) -> SearchState:
    """A state with some of its atoms replaced by those of another, and its mixture."""
    positions, heights = state.atoms.positions.copy(), state.atoms.heights.copy()
    covariances, free = state.covariances.copy(), state.free.copy()
    positions[which], heights[which] = other.atoms.positions[partner], other.atoms.heights[partner]
    covariances[which], free[which] = other.covariances[partner], other.free[partner]
    atoms = replace(state.atoms, positions=positions, heights=heights)
    return replace(other, atoms=atoms, covariances=covariances, free=free)


def first_heights(search: Search, positions: NDArray) -> NDArray[np.float64]:
    """Heights of atoms in the volume that the first round of a search looks at, electrons."""
    volume = volume_map(search)
    middle = np.array([n // 2 for n in volume.shape])
    places = positions / search.series.pixel_size + middle
    return np.asarray(ndimage.map_coordinates(volume, places.T, order=1), dtype=np.float64)


def fit_given(
    search: Search, model: AtomicModel, heights: NDArray, progress: bool = False
) -> SearchState:
    """The model fitted to the images from first heights (n_atoms,), as a state of the search.

    Raises
    ------
    InputError
        If the heights are not above zero, or too few atoms are significant.
    """
    usual = float(np.median(heights))
    if usual <= 0:
        raise InputError(
            model.name, "no intensity at its atoms", "a model in the frame of the tilt series"
        )
    known = {symbol: kind for kind, symbol in enumerate(search.symbols)}
    kinds = np.array([known.get(symbol, 0) for symbol in model.species], np.int64)
    atoms = Atoms(model.positions.copy(), np.maximum(heights, LOWEST * usual), kinds)
    state = replace(search.start(), atoms=atoms)
    state = replace(state, covariances=search.covariances(state, search.expected(state)))
    with progress_bar("fit to the images", FITS, progress) as reporter:
        for number in range(FITS):
            state, deviance = search.fitted(state, number, search.settings.max_steps)
            covariances = search.covariances(state, search.expected(state))
            free, errors = search.free_heights(state, covariances)
            state = replace(state, covariances=covariances, free=free)
            real = _significant(state)
            search.some_left(_of(state, real))
            species = search.species(_of(state, real), free[real], errors[real])
            rounds = [*state.rounds, Round(len(atoms), 0, 0, 0.0, deviance)]
            state = replace(state, species=species, rounds=rounds)
            reporter.advance(note=f"deviance {deviance:.4f} per pixel")
    return state


def _of(state: SearchState, chosen: NDArray[np.bool_]) -> SearchState:
    """The state of some atoms."""
    return replace(
        state,
        atoms=state.atoms[chosen],
        covariances=state.covariances[chosen],
        free=state.free[chosen],
    )
