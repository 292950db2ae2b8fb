"""From projections to models: results of our stages for the papers' inputs, and deposited ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import DataFileError
from aet_port.core.sub_areas import SubAreas, patch_volumes
from aet_port.io import matlab, read_tilt_series, read_volume
from aet_port.resire import reconstruct
from aet_port.tracing.non_atoms import ATOM, inside_volume, remove_non_atoms
from aet_port.tracing.patching import merge_close, patch_peaks
from aet_port.tracing.peak_search import trace
from aet_port.validation.precision import score
from aet_port.validation.published_models import FILM, GLASS, Find
from aet_port.validation.published_species import multislice_test
from aet_port.validation.published_sub_areas import (
    FILM_PIXEL,
    FILM_VOXELS,
    SUB_AREAS,
    placed_sub_areas,
)
from aet_port.validation.published_table import Computed

Named = Iterator[tuple[str, Computed]]
RESIRE = (GLASS, "2_RESIRE_package")
MEASURED = (FILM, "1_Measured_data", "Ta_film")
SUB_VOLUMES = (FILM, "2_RESIRE_package", "Output", "Ta_film_sub_area_reconstruction")
TRACED = (FILM, "4_Atom_tracing", "Input")
GLASS_PIXEL = 0.347  # angstrom
FEW = 2  # sub-areas traced unless all are requested: 1 and 2, seconds each
SAME = 1e-2  # voxel: a found and a published peak this close are the same
ITERATIONS = 500
EDGE = 1e-5  # voxel: rounding decides on which side of its area's window a peak lies


def round_trip(find: Find) -> Named:
    """The glass paper's test: its model compared with the one traced from multislice images of it.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    traced, true = multislice_test(find)
    found = score(traced, true, reference_quirks=True)
    printed = "printed digits"
    yield "mg.identified", Computed((100 * found.identified,), 0.005, printed, True)
    for number, pairs in enumerate(np.diag(found.confusion).tolist(), start=1):
        yield f"mg.common_type{number}", Computed((float(pairs),), 0, "count", True)
    own = score(traced, true)
    why = f"{printed}; one-to-one pairs give {own.rmsd_pm:.2f}"
    yield "mg.precision", Computed((found.rmsd_pm,), 0.5, why, True)


def glass_reconstruction(find: Find) -> Named:
    """RESIRE of the glass paper's sample compared with its deposited volume and history.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    series = read_tilt_series(
        find(*RESIRE, "input", "sample_projections_amorphous.mat"),
        find(*RESIRE, "input", "sample_angles_amorphous.mat"),
        GLASS_PIXEL,
    )
    file = find(*RESIRE, "output", "sample_amorphous_res.mat")
    published = read_volume(file, GLASS_PIXEL).array
    history = matlab.read_array(file, "obj.Rarr_record")
    result = reconstruct(series, iterations=100, oversampling=3, step=2)
    gap = _distance(result.volume.array, published)
    why = "the deposited volume's own rounding to single precision is 6e-6"
    yield "mg.resire_volume", Computed((gap,), 1e-5, why)
    apart = float(np.abs(result.r1[9::10].T - history).max())
    yield "mg.resire_history", Computed((apart,), 5e-7, "deposited in single precision")


def film_reconstruction(find: Find, *, progress: bool = False) -> Named:
    """RESIRE of sub-area 1 of the Ta film compared with its deposited volume; several minutes.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    series = read_tilt_series(
        find(*SUB_AREAS, "Projections_area1.mat"), find(*MEASURED, "angles.mat"), FILM_PIXEL
    )
    published = read_volume(find(*SUB_VOLUMES, "ReconObj_sub1.mat"), FILM_PIXEL).array
    last = ITERATIONS - 1
    distances = _distances(series, published, last, progress)
    gap = distances[1]
    why = "rounding of 500 iterations in single precision"
    yield "ta.resire_volume", Computed((gap,), 2e-5, why)
    nearest = last + int(np.argmin(distances))
    apart = ", ".join(f"{value:.1e}" for value in distances)
    why = f"distances of sub-area 1 after {last}, {last + 1}, {last + 2} iterations: {apart}"
    yield "ta.resire_iterations", Computed((float(nearest),), 0, why)


def _distances(
    series: TiltSeries, published: NDArray, iterations: int, progress: bool
) -> list[float]:
    """Distance from the published volume after some iterations, one and two more."""
    result, start = [], None
    for number in (iterations, 1, 1):
        found = reconstruct(
            series,
            iterations=number,
            oversampling=(1.5, 3, 3),
            step=1,
            extended=True,
            initial=start,
            progress=progress,
        )
        start = found.volume.array  # the only state carried from one iteration to the next
        result.append(_distance(found.cropped().array, published))
    return result


def _distance(ours: NDArray, published: NDArray) -> float:
    """Relative distance of two volumes, by sums of squares."""
    expected = published.astype(np.float64)
    return float(np.linalg.norm(ours.astype(np.float64) - expected) / np.linalg.norm(expected))


def film_tracing(find: Find, *, exact: bool = False) -> Named:
    """Tracing of the Ta film's deposited sub-area volumes compared with its peaks and model.

    Parameters
    ----------
    exact
        Whether to trace every available sub-area, not only the first two.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    published = matlab.read_array(find(*TRACED, "Atom_tracing_all_peaks_Ta_film.mat"))
    peaks = published.T.astype(np.float64) - 1
    merged = merge_close(peaks[inside_volume(peaks, FILM_VOXELS)], 3.0, reference_quirks=True)
    model = matlab.read_positions(
        find(FILM, "5_Position_refinement", "Input", "Ta_film", "atomic_model_Ta_film.mat")
    )
    voxels = model / FILM_PIXEL + np.array([201, 176, 171]) - 1
    on_peak = int((cKDTree(merged).query(voxels)[0] < 1e-4).sum())
    why = "the others are not on a peak: the paper's authors placed some by hand"
    yield "ta.model_on_peaks", Computed((float(on_peak),), None, why, True)
    areas = placed_sub_areas(find)
    volumes = _volumes(find, len(areas), exact)
    traced = {n: patch_peaks(areas, {n: trace(volume).accepted}) for n, volume in volumes.items()}
    missed, extra, furthest = compare_peaks(areas, traced, peaks)
    number = sum(len(one) for one in traced.values())
    names = ", ".join(str(n + 1) for n in traced)
    why = f"{number} peaks found in sub-areas {names}; rounding decides on the rim of a window"
    yield "ta.traced_peaks", Computed((float(missed), float(extra)), 0, why)
    why = "the deposited fits are iterative and stop 8e-5 from the least squares"
    yield "ta.peak_distance", Computed((furthest,), 1e-4, why)
    if exact:
        film = patch_volumes(areas, {n: one.array for n, one in volumes.items()}, FILM_VOXELS)
        own = np.concatenate([traced[n] for n in areas.order if n in traced])
        support = matlab.read_array(find(*TRACED, "tight_support_Ta_film.mat"), "tight_support")
        chosen = remove_non_atoms(film, own, support=support)
        distance, index = cKDTree(chosen.candidates).query(voxels)
        on = distance < 1e-3  # a merged peak is a mean of positions that differ by 1e-4
        lost = int((chosen.labels[index[on]] != ATOM).sum())
        why = f"atoms of the traced model on a peak of the available sub-areas: {int(on.sum())}"
        yield "ta.atoms_lost", Computed((float(lost),), 0, why)


def _volumes(find: Find, number: int, every: bool) -> dict[int, Volume]:
    """Deposited volumes of the available sub-areas by index, the first ones or all."""
    result: dict[int, Volume] = {}
    for n in range(number):
        try:
            path = find(*SUB_VOLUMES, f"ReconObj_sub{n + 1}.mat")
        except DataFileError:
            if n == 0:
                raise
            continue  # larger ones are often not available
        result[n] = read_volume(path, FILM_PIXEL)
        if not every and len(result) == FEW:
            break
    return result


def compare_peaks(
    areas: SubAreas, traced: dict[int, NDArray[np.float64]], published: NDArray[np.float64]
) -> tuple[int, int, float]:
    """Compare the peaks of some sub-areas with the published peaks of the whole film.

    Parameters
    ----------
    areas
        All sub-areas.
    traced
        Peaks by the index of their area, in voxels of the film.
    published
        Shape (n, 3), voxels of the film.

    Returns
    -------
    Published peaks that lie only in traced windows and were not found; peaks found that were not
    published, except those on the rim of their window; largest distance of a pair, voxels.
    """
    tree = cKDTree(published)
    taken = np.zeros(len(published), dtype=bool)
    extra, furthest = 0, 0.0
    ours, others = np.zeros_like(taken), np.zeros_like(taken)
    for area, window in enumerate(areas.windows()):
        low = np.array([part.start for part in window.full])
        high = np.array([part.stop - 1 for part in window.full])
        inside = ((published >= low) & (published <= high))[:, :2].all(axis=1)
        if area not in traced:
            others |= inside
            continue
        ours |= inside
        mine = traced[area]
        distance, index = tree.query(mine)
        same = distance < SAME
        taken[index[same]] = True
        furthest = max(furthest, float(distance[same].max(initial=0)))
        rim = np.minimum(np.abs(mine - low), np.abs(mine - high))[:, :2].min(axis=1) <= EDGE
        extra += int((~same & ~rim).sum())
    return int((ours & ~others & ~taken).sum()), extra, furthest
