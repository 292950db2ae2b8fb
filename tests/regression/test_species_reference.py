"""Classification of the published data: the Ta film's sub-areas at hand, the glass's species."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.sub_areas import SubAreas, patch_volumes
from aet_port.tracing.difference_maps import difference_map
from aet_port.tracing.non_atoms import inside_volume
from aet_port.tracing.patching import merge_close
from aet_port.tracing.species import Classification, classify

pytestmark = pytest.mark.reference
Find = Callable[..., Path]

FILM, PIXEL = (401, 351, 341), 0.3216
FILM_PAPER, GLASS_PAPER = "AET-AmorphousMaterials", "AET-MetallicGlass"
GLASS_PIXEL = 0.347
ON_PEAK = 1e-4  # voxel; the published model holds the published peaks themselves


def published(find: Find, paper: str, path: str, variable: str) -> NDArray:
    return loadmat(find(paper, *path.split("/")))[variable]


@pytest.fixture(scope="module")
def film(reference: Find) -> Volume:
    """The film, patched of the sub-areas at hand; zero elsewhere."""
    place = "1_Measured_data/Ta_film/Sub_area_projections_for_sAET/alignPara.mat"
    areas = SubAreas.from_published(
        published(reference, FILM_PAPER, place, "CropCen"),
        published(reference, FILM_PAPER, place, "CropHalf"),
    )
    folder = reference(FILM_PAPER, "2_RESIRE_package", "Output", "Ta_film_sub_area_reconstruction")
    files = {n: folder / f"ReconObj_sub{n + 1}.mat" for n in range(len(areas))}
    volumes = {n: loadmat(f)["reconstruction"] for n, f in files.items() if f.exists()}
    assert volumes
    return Volume(patch_volumes(areas, volumes, FILM), PIXEL, name="Ta film")


def covered(film: Volume, voxels: NDArray[np.float64]) -> NDArray[np.bool_]:
    nearest = np.clip(np.round(voxels).astype(int), 0, np.array(film.shape) - 1)
    return film.array[tuple(nearest.T)] > 0


@pytest.fixture(scope="module")
def peaks(reference: Find, film: Volume) -> NDArray[np.float64]:
    """Published peaks of the film, merged, where there is a volume; 0-based voxels."""
    path = "4_Atom_tracing/Input/Atom_tracing_all_peaks_Ta_film.mat"
    every = published(reference, FILM_PAPER, path, "Allatom_pos").T - 1
    merged = merge_close(every[inside_volume(every, FILM)], 3.0, reference_quirks=True)
    return merged[covered(film, merged)]


@pytest.fixture(scope="module")
def initial_model(reference: Find, film: Volume) -> NDArray[np.float64]:
    """Atoms of the published initial model where there is a volume; 0-based voxels."""
    path = "5_Position_refinement/Input/Ta_film/atomic_model_Ta_film.mat"
    model = published(reference, FILM_PAPER, path, "model").T
    voxels = model / PIXEL + np.array([201, 176, 171]) - 1
    return voxels[covered(film, voxels)]


def test_every_model_atom_on_a_peak_is_an_atom(
    film: Volume, peaks: NDArray[np.float64], initial_model: NDArray[np.float64]
) -> None:
    found = classify(film, film.to_positions(peaks), ["Ta"], non_atoms="gaussians")
    distance, peak = cKDTree(peaks).query(initial_model)
    on_peak = distance < ON_PEAK
    assert on_peak.sum() > 950
    assert found.is_atom[peak[on_peak]].all()
    # It is not that everything counts as an atom.
    assert found.is_atom.sum() < 0.4 * len(peaks)
    assert set(found.model(film.to_positions(peaks)).species) == {"Ta"}


@pytest.fixture(scope="module")
def corner(film: Volume, initial_model: NDArray[np.float64]) -> Volume:
    """The box about the model's atoms."""
    low = np.maximum(np.floor(initial_model.min(axis=0)).astype(int) - 6, 0)
    high = np.ceil(initial_model.max(axis=0)).astype(int) + 7
    array = film.array[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    return Volume(array, PIXEL, film.to_positions(low), "corner of the Ta film")


def test_difference_map_tells_of_missing_and_extra_atoms(
    film: Volume,
    corner: Volume,
    peaks: NDArray[np.float64],
    initial_model: NDArray[np.float64],
) -> None:
    rng = np.random.default_rng(0)
    on_peak = np.flatnonzero(cKDTree(peaks).query(initial_model)[0] < ON_PEAK)
    lost = rng.choice(on_peak, 40, replace=False)
    kept = np.delete(film.to_positions(initial_model), lost, axis=0)
    box = initial_model.min(axis=0) + 5, initial_model.max(axis=0) - 5
    places = film.to_positions(rng.uniform(*box, (4000, 3)))
    empty = cKDTree(film.to_positions(initial_model)).query(places)[0] > 2.2  # angstrom
    invented = places[empty][:20]
    model = AtomicModel.from_positions(np.concatenate([kept, invented]), "Ta")
    found = difference_map(corner, model)
    assert 0.5 < found.width < 0.9  # measured 0.67 angstrom
    back = cKDTree(found.missing).query(film.to_positions(initial_model[lost]))[0]
    # Measured 38 of 40 within 1 angstrom; the missing wedge draws the peaks out along the beam.
    assert (back < 1.0).sum() >= 36
    # Measured 0.69 to 1.01, and below 0.5 for 99 % of the atoms of the model.
    assert found.atom_scores[len(kept) :].min() > 0.6
    assert (found.atom_scores[: len(kept)] < 0.6).mean() > 0.98


@pytest.fixture(scope="module")
def glass(reference: Find) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Published traced model of the glass in 0-based voxels, and its species by local k-means."""
    folder = "4_Tracing_and_classification"
    model = published(
        reference, GLASS_PAPER, f"{folder}/input/traced_model_inPixel.mat", "traced_model_inPixel"
    )
    path = f"{folder}/output/localC_res.mat"
    types = published(reference, GLASS_PAPER, path, "local_atomtype").ravel().astype(np.int64)
    return model.T - 1, types


def test_published_species_agree_along_the_chain(
    reference: Find, glass: tuple[NDArray[np.float64], NDArray[np.int64]]
) -> None:
    for path, variable in (
        ("5_Position_refinement/input/Local_classification_type.mat", "local_atomtype"),
        ("6_Final_coordinates/final_atom_types.mat", "final_atom_types"),
    ):
        later = published(reference, GLASS_PAPER, path, variable).ravel()
        assert np.array_equal(later, glass[1])
    assert np.bincount(glass[1]).tolist() == [0, 8322, 6896, 3138]


def simulated(
    voxels: NDArray[np.float64], heights: NDArray[np.float64]
) -> tuple[Volume, NDArray[np.float64]]:
    """A volume of Gaussians that grows darker by 30 % along x, and the positions in it."""
    low = np.floor(voxels.min(axis=0)).astype(int) - 8
    places = voxels - low
    shape = np.ceil(places.max(axis=0)).astype(int) + 9
    array = np.zeros(shape, np.float32)
    sigma, half = 0.6 / GLASS_PIXEL, 6
    for place, height in zip(places, heights, strict=True):
        first = np.round(place).astype(int) - half
        gaps = (np.arange(2 * half + 1)[:, None] + first - place) / sigma
        x, y, z = np.exp(-0.5 * gaps**2).T
        box = tuple(slice(f, f + 2 * half + 1) for f in first)
        array[box] += height * x[:, None, None] * y[:, None] * z
    array *= (1 - 0.3 * np.arange(shape[0]) / shape[0])[:, None, None].astype(np.float32)
    volume = Volume(array, GLASS_PIXEL, name="simulated glass")
    return volume, volume.to_positions(places)


@pytest.mark.slow
def test_species_of_the_glass_come_back_from_a_simulated_volume(
    glass: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> None:
    """The published volume is not at hand: its atoms are drawn with 10 % spread of their heights,
    so that classes overlap, and the darkening along x that local rounds are made for."""
    voxels, types = glass
    rng = np.random.default_rng(0)
    heights = np.array([1.0, 1.65, 2.6])[types - 1] * rng.normal(1, 0.1, len(types))
    volume, positions = simulated(voxels, heights)
    symbols = ("Co", "Pd", "Pt")

    def wrong(found: Classification) -> int:
        return int((found.types != types).sum())

    # Measured 775 wrong, after the local rounds 343 of 18,356.
    plain = classify(volume, positions, symbols, radius=0, non_atoms="none")
    local = classify(volume, positions, symbols, non_atoms="none")
    assert 600 < wrong(plain) < 1000
    assert wrong(local) < 450
    assert local.settled
    # Two thirds of the wrong ones are among those that the posterior doubts.
    doubtful = local.confidence < 0.9
    assert doubtful[local.types != types].mean() > 0.6
    assert doubtful.mean() < 0.2
