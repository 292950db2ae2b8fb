"""Tracing of the published sub-area reconstructions of the Ta film, against the published peaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.spatial import cKDTree

from aet_port.core.data import Volume
from aet_port.core.sub_areas import SubAreas, patch_volumes
from aet_port.tracing.non_atoms import ATOM, in_support, inside_volume, remove_non_atoms
from aet_port.tracing.patching import merge_close, patch_peaks
from aet_port.tracing.peak_search import trace
from aet_port.tracing.support import erode

pytestmark = pytest.mark.reference

FILM = (401, 351, 341)
PIXEL = 0.3216
FILM_PAPER = "AET-AmorphousMaterials"
MATCH = 1e-4  # voxel; the reference's iterative solver leaves up to 8e-5 (FACTS)


def published(reference: Callable[..., Path], path: str, variable: str) -> NDArray:
    return loadmat(reference(FILM_PAPER, *path.split("/")))[variable]


@pytest.fixture(scope="module")
def areas(reference):
    place = "1_Measured_data/Ta_film/Sub_area_projections_for_sAET/alignPara.mat"
    return SubAreas.from_published(
        published(reference, place, "CropCen"), published(reference, place, "CropHalf")
    )


@pytest.fixture(scope="module")
def volumes(reference):
    """Two neighbouring sub-area reconstructions, by their 0-based index.

    All that are at hand are traced by the slow tests of ``aet validate``.
    """
    folder = "2_RESIRE_package/Output/Ta_film_sub_area_reconstruction"
    return {
        n: published(reference, f"{folder}/ReconObj_sub{n + 1}.mat", "reconstruction")
        for n in (0, 1)
    }


@pytest.fixture(scope="module")
def traced(areas, volumes):
    """Peaks of each area at hand inside its window, in voxels of the film."""
    peaks = {n: trace(Volume(array, PIXEL)).accepted for n, array in volumes.items()}
    return {n: patch_peaks(areas, {n: peaks[n]}) for n in areas.order if n in peaks}


@pytest.fixture(scope="module")
def film_peaks(reference):
    """Published peaks of the patched film, 0-based voxels, in the order of the areas."""
    return (
        published(
            reference, "4_Atom_tracing/Input/Atom_tracing_all_peaks_Ta_film.mat", "Allatom_pos"
        ).T
        - 1
    )


@pytest.fixture(scope="module")
def initial_model(reference):
    """Published initial model, 0-based voxels of the film."""
    model = published(
        reference, "5_Position_refinement/Input/Ta_film/atomic_model_Ta_film.mat", "model"
    )
    return model.T / PIXEL + np.array([201, 176, 171]) - 1


def test_published_peaks_are_found(areas, traced, film_peaks):
    tree = cKDTree(film_peaks)
    windows = areas.windows()
    matched = close = 0
    taken = np.zeros(len(film_peaks), bool)
    for area, mine in traced.items():
        distance, index = tree.query(mine)
        same = distance < 1e-2
        # The published list goes area by area, in the order of the fits: one run without a gap
        # means that no published peak of this area was missed and none came out of turn.
        assert (np.diff(index[same]) == 1).all()
        taken[index[same]] = True
        matched += same.sum()
        close += (distance < MATCH).sum()
        low = np.array([s.start for s in windows[area].full])
        high = np.array([s.stop - 1 for s in windows[area].full])
        extra = mine[~same]
        edge = np.minimum(np.abs(extra - low), np.abs(extra - high))[:, :2].min(axis=1, initial=9)
        assert (edge <= 1e-5).all()
    assert close >= 0.999 * matched
    # What lies in a window at hand and in no other window must be among them.
    only = np.zeros(len(film_peaks), bool)
    others = np.zeros(len(film_peaks), bool)
    for area, window in enumerate(windows):
        low = np.array([s.start for s in window.full])
        high = np.array([s.stop - 1 for s in window.full])
        inside = ((film_peaks >= low) & (film_peaks <= high))[:, :2].all(axis=1)
        if area in traced:
            only |= inside
        else:
            others |= inside
    missed = (only & ~others & ~taken).sum()
    assert missed == 0
    assert (only & ~others).sum() > 1000


def test_merging_of_the_whole_film(film_peaks, initial_model):
    inside = film_peaks[inside_volume(film_peaks, FILM)]
    assert (len(film_peaks), len(inside)) == (36037, 35632)
    merged = merge_close(inside, 3.0, reference_quirks=True)
    assert len(merged) == 32230
    distance, _ = cKDTree(merged).query(initial_model)
    assert (distance < MATCH).sum() == 8194  # the other 90 were placed by hand


@pytest.mark.slow
def test_initial_model_survives(reference, areas, volumes, traced, initial_model):
    film = patch_volumes(areas, volumes, FILM)
    peaks = np.concatenate([traced[n] for n in areas.order if n in traced])
    support = published(
        reference, "4_Atom_tracing/Input/tight_support_Ta_film.mat", "tight_support"
    )
    chosen = remove_non_atoms(film, peaks, support=support)
    distance, index = cKDTree(chosen.candidates).query(initial_model)
    # A merged peak is a mean of positions that differ by the solvers' 1e-4.
    on_peak = distance < 1e-3
    assert on_peak.sum() > 270
    assert (chosen.labels[index[on_peak]] == ATOM).all()
    assert chosen.is_atom[index[on_peak]].all()
    assert chosen.is_atom.sum() < 0.4 * len(chosen.candidates)
    # As coded, the eroded support would take away atoms of the very model it is said to have made.
    kept = in_support(chosen.candidates[index[on_peak]], erode(support, 10))
    assert kept.sum() < on_peak.sum()
