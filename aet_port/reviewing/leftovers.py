"""Maps of what a model leaves unexplained, made while the page is open already."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.memory import check_memory
from aet_port.core.records import parsing, read_record
from aet_port.detection.loop import LESS, needed_memory
from aet_port.detection.probe import Probe
from aet_port.detection.search import Search
from aet_port.refinement.likelihood import Atoms
from aet_port.reviewing.grid import Grid
from aet_port.reviewing.session import FindLeftovers, Progress
from aet_port.reviewing.table import LEAST_SCORE
from aet_port.tracing.difference_parts import Leftovers, leftovers
from aet_port.workflow.config import RunConfig
from aet_port.workflow.review_stage import detection_record
from aet_port.workflow.run_folder import RunFolder

CLEAR = 3.5  # standard deviations of the score map, from which on a maximum is a candidate
APART = 0.6  # of the usual distance of neighbours, that a candidate is from all atoms


def of_volume(grid: Grid, model: AtomicModel) -> FindLeftovers:
    """The volume less a Gaussian at each atom, in a file that goes with the process."""

    def find(progress: Progress) -> tuple[Grid, Leftovers]:
        volume = grid.volume
        out = _scratch(volume.shape)
        found = leftovers(
            volume, model, LEAST_SCORE, out=out, minimum_distance=_apart(model), progress=progress
        )
        return Grid(replace(volume, array=out, name="difference"), signed=True), found

    return find


def of_counts(
    config: RunConfig, place: RunFolder, series: TiltSeries, model: AtomicModel, grid: Grid
) -> FindLeftovers:
    """The score map of the images less those of the atoms, as the search for atoms makes it."""

    def find(progress: Progress) -> tuple[Grid, Leftovers]:
        path = detection_record(place)
        record = read_record(path, "probe", "projections", "heights_electrons")
        check_memory("score map", needed_memory(series, config.detect), LESS)
        search = Search(series, config.species, config.detect, 1)
        state = search.start()
        with parsing(path, "record", "the record that the run wrote"):
            rows = record["projections"]
            angles = np.array([[one[key] for key in ("phi", "theta", "psi")] for one in rows])
            shifts = np.array([one["shift"] for one in rows], dtype=np.float64)
            probe = Probe(**record["probe"])
            lightest = min(record["heights_electrons"].values())
        kinds = np.array([max(0, _index(config.species, one)) for one in model.species], np.int64)
        heights = model.atoms.arrays["height"] / (search.noise.unit * series.pixel_size**2)
        state = replace(
            state,
            atoms=Atoms(model.positions.copy(), np.asarray(heights, np.float64), kinds),
            views=replace(state.views, angles=angles, shifts=shifts),
            probe=probe,
        )
        progress(0.2)
        scores = search.score_map(state, search.expected(state))
        progress(0.8)
        found = scores.maxima(CLEAR)
        far = cKDTree(model.positions).query(found[:, :3])[0] >= _apart(model)
        found = found[far & (found[:, 3] >= LEAST_SCORE * lightest)]
        unknown = np.full(len(model), np.nan)
        # Heights are those of the fit to the images, which the table has.
        left = Leftovers(unknown, found[:, :3], found[:, 3] / lightest)
        values = scores.scores()
        if values.shape != grid.volume.shape:
            return Grid(Volume(values, series.pixel_size, name="score map"), signed=True), left
        return Grid(replace(grid.volume, array=values, name="score map"), signed=True), left

    return find


def _index(symbols: tuple[str, ...], one: str) -> int:
    return symbols.index(one) if one in symbols else -1


def _apart(model: AtomicModel) -> float:
    if len(model) < 2:
        return 1.0
    return APART * float(np.median(cKDTree(model.positions).query(model.positions, 2)[0][:, 1]))


def _scratch(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array in a file without a name, of which the system keeps in memory what is looked at."""
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
