"""How published figures are gathered: missing files, fits of pixel sizes, peaks of sub-areas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError
from aet_port.core.sub_areas import SubAreas
from aet_port.resire import reconstruct
from aet_port.validation.published_acquisition import find_origin, fit_pixel_size
from aet_port.validation.published_chain import compare_peaks
from aet_port.validation.published_table import Computed
from aet_port.validation.published_values import Figures, published_figures
from matlab_reference import golden_path
from matlab_reference.published import read_published

COUNT = Computed((1.0,), 0, "count")


def broken_at(path: Path) -> Iterator[tuple[str, Computed]]:
    yield "ta.n_atoms", COUNT
    raise DataFileError(path, "nothing of use", "data")


def test_what_comes_before_a_missing_file_is_kept(tmp_path: Path) -> None:
    figures = Figures()
    for _ in range(2):
        figures.add("Ta_film", broken_at(tmp_path / "one.mat"))
    figures.add("Ta_film", broken_at(tmp_path / "two.mat"))
    assert figures.computed == {"ta.n_atoms": COUNT}
    assert figures.missing == {"Ta_film": [tmp_path / "one.mat", tmp_path / "two.mat"]}
    (reason,) = figures.reasons().values()
    assert str(tmp_path / "one.mat") in reason
    assert reason.count("one.mat") == 1


def test_a_file_that_is_wrong_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one.mat").write_bytes(b"")
    with pytest.raises(DataFileError, match="nothing of use"):
        Figures().add("Ta_film", broken_at(tmp_path / "one.mat"))


def test_without_any_data_there_is_nothing_to_compare(tmp_path: Path) -> None:
    def find(*parts: str) -> Path:
        raise DataFileError(tmp_path.joinpath(*parts, "none"), "no reference data", "some")

    with pytest.raises(DataFileError, match="no reference data"):
        published_figures(find, golden_path, ["Ta_film"])


def test_every_sample_names_the_files_it_lacks(tmp_path: Path) -> None:
    def find(*parts: str) -> Path:
        if parts:
            raise DataFileError(tmp_path.joinpath(*parts), "no such file", "all")
        return tmp_path

    samples = list(dict.fromkeys(figure.sample for figure in read_published().values()))
    found = published_figures(find, golden_path, samples)
    assert not found.computed
    assert set(found.missing) == {"MG_particle", "Ta_film", "Pd1", "Pd2"}
    names = {path.name for path in found.missing["Pd2"]}
    assert {"Final_atomic_model_Pd2_nanoparticle.mat", "angles.mat"} <= names


@pytest.mark.parametrize("seed", range(3))
def test_the_pixel_size_that_lays_a_model_on_its_peaks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    peaks = rng.uniform(20, 280, (800, 3))
    # One atom in twenty was placed by hand.
    model = (peaks[:500] - [150, 151, 152]) * 0.3216
    model[:25] += rng.normal(0, 1, (25, 3))
    found = fit_pixel_size(peaks, model, 0.322, np.array([150.2, 151.0, 151.9]))
    # Exact pairs; a stray atom on a peak by chance is out within three rounds.
    assert found == pytest.approx(0.3216, rel=1e-6)


def test_a_model_of_other_peaks_has_no_pixel_size() -> None:
    rng = np.random.default_rng(0)
    peaks, model = rng.uniform(0, 300, (500, 3)), rng.uniform(0, 90, (500, 3))
    assert np.isnan(fit_pixel_size(peaks, model, 0.3, np.zeros(3)))


@pytest.mark.parametrize("voxel", [40, 163])
def test_the_origin_of_a_model_in_a_cube(voxel: int) -> None:
    rng = np.random.default_rng(voxel)
    peaks = rng.uniform(0, 2 * voxel, (900, 3))
    model = (peaks[::2] - voxel) * 0.4536 + rng.normal(0, 0.01, (450, 3))
    assert find_origin(peaks, model, 0.454).tolist() == [voxel] * 3


def test_peaks_of_sub_areas_are_told_apart() -> None:
    """Two areas side by side along y, of which the first is traced."""
    areas = SubAreas(np.array([[10, 10, 10], [10, 31, 10]]), np.array([[10, 10, 10]] * 2))
    window = areas.windows()[0].full
    inside = np.array([[5.0, 5.0, 5.0], [12.0, 6.0, 9.0], [8.0, 11.0, 4.0]])
    elsewhere = np.array([[5.0, 35.0, 5.0]])
    published = np.concatenate([inside, elsewhere])
    rim = np.array([[float(window[0].start), 7.0, 7.0]])
    same = inside[:2] + 1e-5
    assert compare_peaks(areas, {0: np.concatenate([same, rim])}, published)[:2] == (1, 0)
    extra = np.array([[14.0, 4.0, 4.0]])
    moved = inside + np.array([0, 0, 2e-5])
    missed, more, furthest = compare_peaks(areas, {0: np.concatenate([moved, extra])}, published)
    assert (missed, more) == (0, 1)
    assert furthest == pytest.approx(2e-5, rel=1e-6)


def test_a_reconstruction_taken_up_after_some_iterations_is_the_same() -> None:
    """The comparison of 499, 500 and 501 iterations does none of them twice."""
    rng = np.random.default_rng(0)
    angles = np.zeros((5, 3), np.float32)
    angles[:, 0], angles[:, 1] = rng.normal(0, 1, 5), np.linspace(-60, 60, 5)
    series = TiltSeries(rng.uniform(0, 1, (5, 18, 14)).astype(np.float32), angles, 0.32)
    options = {"oversampling": (1.5, 3, 3), "step": 1, "extended": True}
    begun = reconstruct(series, iterations=2, **options).volume.array
    again = reconstruct(series, iterations=1, initial=begun, **options).volume.array
    assert np.array_equal(again, reconstruct(series, iterations=3, **options).volume.array)
