"""The score map of what the atoms of a run leave unexplained in its images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.records import parsing, read_record
from aet_port.detection.probe import Probe
from aet_port.detection.search import Search
from aet_port.refinement.likelihood import Atoms
from aet_port.reviewing.grid import Grid
from aet_port.reviewing.leftovers import apart_from_atoms
from aet_port.reviewing.session import FindLeftovers, Progress
from aet_port.reviewing.table import LEAST_SCORE
from aet_port.tracing.difference_parts import Leftovers
from aet_port.workflow.config import RunConfig
from aet_port.workflow.review_stage import detection_record
from aet_port.workflow.run_folder import RunFolder

CLEAR = 3.5  # standard deviations of the score map, from which on a maximum is a candidate


def of_counts(
    config: RunConfig, place: RunFolder, series: TiltSeries, model: AtomicModel, grid: Grid
) -> FindLeftovers:
    """The score map of the images less those of the atoms, as the search for atoms makes it."""

    def find(progress: Progress) -> tuple[Grid, Leftovers]:
        path = detection_record(place)
        record = read_record(path, "probe", "projections", "heights_electrons")
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
        far = cKDTree(model.positions).query(found[:, :3])[0] >= apart_from_atoms(model)
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
