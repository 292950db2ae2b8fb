"""Atoms from counts: rounds of adding, fitting and dropping atoms until nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.checkpoint import Checkpoint, fingerprint
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.core.progress import progress_bar
from aet_port.detection.certainty import Certainty
from aet_port.detection.disagreement import as_images_disagree
from aet_port.detection.ending import end_of_search
from aet_port.detection.outcome import Detection, finished
from aet_port.detection.search import Search
from aet_port.detection.settings import DETECT, DetectSettings
from aet_port.detection.state import SearchState
from aet_port.detection.trials import run_trial, signs_of
from aet_port.refinement.likelihood import Atoms


@checked
def detect(
    series: TiltSeries,
    species: str | Sequence[str],
    settings: DetectSettings = DETECT,
    *,
    threads: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> Detection:
    """Find the atoms of a sample in the noisy images of a tilt series.

    Rounds of four steps: the images less what the atoms found so far explain are back-projected to
    a score map; its maxima above the noise become atoms; positions, a height for each atom, the
    probe and the background are fitted to all images together by maximum likelihood; atoms whose
    height is not above its error, or too low for the lightest species, are dropped. The species
    follow from the heights. No volume is reconstructed and no image is denoised.

    Parameters
    ----------
    series
        Images as measured (counts in any unit; phase images), angles and pixel size.
    species
        Chemical symbols, by increasing image intensity.
    settings
        Settings.
    threads
        Number of threads; all cores unless given. Results do not depend on it.
    checkpoint
        Checkpoint file (.npz), saved after each round, from which an interrupted search resumes.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    Atoms with heights, errors and probability of each species; noise, probe and rounds.

    Raises
    ------
    InputError
        For denoised images, images in which no atom is significant, or too few atoms.
    CheckpointError
        If the checkpoint belongs to other data or settings.

    Notes
    -----
    MATLAB: none; the papers trace a reconstructed volume (4_Tracing_and_classification) and add and
    remove atoms by hand

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(30, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.5, shape=(36, 36))
    >>> found = aet.detect(series, "Ta", threads=1)
    >>> len(found.model)
    30
    """
    symbols = (species,) if isinstance(species, str) else tuple(species)
    return carry_out(
        Search(series, symbols, settings, threads), checkpoint=checkpoint, progress=progress
    )


def carry_out(
    search: Search, *, checkpoint: str | Path | None = None, progress: bool = False
) -> Detection:
    """Do the rounds of a search until nothing changes.

    Parameters
    ----------
    search
        The search.
    checkpoint, progress
        As in :func:`detect`.

    Returns
    -------
    The result.
    """
    return result_of(search, searched(search, checkpoint, progress), progress)


def searched(
    search: Search, checkpoint: str | Path | None = None, progress: bool = False
) -> SearchState:
    """The end of a search, without its trials.

    Parameters
    ----------
    search
        The search.
    checkpoint, progress
        As in :func:`detect`.

    Returns
    -------
    Atoms, views and probe, with the covariances of the noise alone.

    Raises
    ------
    InputError, CheckpointError
        As of :func:`detect`.
    """
    series, settings = search.series, search.settings
    key = fingerprint(
        series.images, series.angles, series.pixel_size, search.symbols, settings.model_dump_json()
    )
    saved = Checkpoint(checkpoint, key)
    stored = saved.load()
    with saved.restoring():
        state = search.start() if stored is None else SearchState.of(stored)
    total = settings.max_rounds + state.freed
    with progress_bar("finding atoms", total, progress) as reporter:
        if state.rounds:
            reporter.advance(len(state.rounds))
        while not search.ended(state):
            state = search.round(state)
            reporter.expect(settings.max_rounds + state.freed)
            saved.save(**state.arrays())
            reporter.advance(note=str(state.rounds[-1]))
    return end_of_search(search, state)


def result_of(search: Search, state: SearchState, progress: bool = False) -> Detection:
    """The result of a search at its end, with probabilities and errors calibrated by trials.

    Parameters
    ----------
    search, state
        The search and its end.
    progress
        As in :func:`detect`.
    """
    series, settings = search.series, search.settings
    certainty, failure = None, None
    if state.dispersion > 1:  # noise of unknown kind can't be simulated
        state = as_images_disagree(search, state)
    elif settings.trials:
        with progress_bar("trials", settings.trials, progress) as reporter:
            trials = []
            try:
                for number in range(settings.trials):
                    trials.append(run_trial(search, state, number, twice=state.unsure))
                    reporter.advance(note=str(trials[-1]))
                certainty = Certainty(tuple(trials), search.searched, signs_of(state))
            except InputError as error:
                failure = str(error)
    found = finished(
        series, settings, search.noise, search.likelihood, search.symbols, state,
        search.expected(state), certainty,
    )  # fmt: skip
    if failure is None:
        return found
    warning = f"no probabilities: nothing was found in simulated images of the atoms ({failure})"
    return replace(found, warnings=(*found.warnings, warning))


def volume_map(search: Search) -> NDArray[np.float32]:
    """Deconvolved back-projection of the images of a search, which its first round searches.

    Parameters
    ----------
    search
        The search.

    Returns
    -------
    Shape (nx, ny, nz): at an atom about its height, electrons.
    """
    state = search.start()
    found = search.score_map(state, search.expected(state))
    return np.ascontiguousarray(found.volume.transpose(0, 2, 1)) / float(found.response.max())


def residual_scores(
    series: TiltSeries,
    found: Detection,
    settings: DetectSettings = DETECT,
    threads: int | None = None,
) -> Volume:
    """Score map of what the atoms found leave unexplained.

    Parameters
    ----------
    series, settings, threads
        As given to :func:`detect`.
    found
        Its result.

    Returns
    -------
    Volume in units of its own standard deviation.
    """
    search = Search(series, found.symbols, settings, threads)
    state = search.start()
    views = replace(state.views, angles=found.angles, shifts=found.shifts)
    atoms = Atoms(found.model.positions, np.ones(len(found.model)), np.zeros(len(found.model), int))
    state = replace(state, probe=found.probe, views=views, atoms=atoms)
    scores = search.score_map(state, found.expected).scores()
    return Volume(scores, series.pixel_size, name=f"score map of {series.name}")
