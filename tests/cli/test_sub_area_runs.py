"""Runs over sub-areas: a table of places, one volume from several, here and on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.io import matlab, read_volume, write_angles
from aet_port.reporting.run import read_run
from aet_port.resire import reconstruct
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.validation import match_models
from aet_port.workflow import volume_stages
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import PIXEL, Refused, Sample, results
from tests.dask_clusters import local_cluster

INPUT = """\
[sample]
name = "small film"
species = "Ta"
pixel_size = 0.7
kind = "synthetic"

[input]
projections = "area_{area}.mat"
angles = "angles.mat"
areas = [1, 2]
placement = "placement.mat"
volume_shape = [{side}, {side}, {side}]

[analyze]
cutoff = 4.0
"""
CONFIG = f"""{INPUT.replace("{side}", "41")}
[reconstruct]
iterations = 20
oversampling = 2

[select]
support = "tight"
merge_distance = 2.0
"""
COUNTS = f"""{INPUT.replace("{side}", "29")}
[detect]
max_rounds = 5
"""


class Film(NamedTuple):
    """Two sub-areas of one sample, and its whole tilt series."""

    config: Path
    series: TiltSeries


@pytest.fixture
def film(original: Sample, tmp_path: Path) -> Film:
    """Areas that overlap along y, the tilt axis: then each has all the mass of its slices."""
    angles = original.series.angles
    series = simulate_tilt_series(original.model, angles, PIXEL, (41, 41))
    matlab.write_images(tmp_path / "area_1.mat", series.images[:, :, :29])
    matlab.write_images(tmp_path / "area_2.mat", series.images[:, :, 12:])
    write_angles(tmp_path / "angles.mat", angles)
    place(tmp_path, np.array([[21, 15, 21], [21, 27, 21]]))
    (tmp_path / "film.toml").write_text(CONFIG)
    return Film(tmp_path / "film.toml", series)


def place(folder: Path, centres: np.ndarray, half_size: tuple[int, ...] = (20, 14, 20)) -> None:
    """Write a table of centres (1-based) with half sizes in voxels."""
    half = np.tile(np.array(half_size, float), (len(centres), 1))
    matlab.write_mat(folder / "placement.mat", {"CropCen": centres.astype(float), "CropHalf": half})


def test_two_areas_make_the_whole(film: Film, original: Sample) -> None:
    out = film.config.parent / "run"
    found = run(load_config(film.config), out, threads=1)
    assert sorted(found.r_factors) == [1, 2]
    assert found.r_mean == pytest.approx(np.mean(list(found.r_factors.values())))
    assert read_volume(out / "volumes/area_02.npy", PIXEL).shape == (41, 29, 41)
    # Slices across the tilt axis do not know of each other, so nothing may differ at all.
    whole = reconstruct(film.series, iterations=20, oversampling=2).cropped()
    assert np.array_equal(read_volume(found.volume_path, PIXEL).array, whole.array)
    matching = match_models(found.model.positions, original.model.positions)
    assert matching.matched >= 195  # of 200; measured 199
    assert len(matching.spurious) <= 4


@pytest.mark.slow
def test_atoms_from_the_counts_of_two_areas(tmp_path: Path) -> None:
    truth = amorphous_particle(60, "Ta", seed=1)
    angles = np.zeros((15, 3))
    angles[:, 1] = np.linspace(-66, 66, 15)
    images = simulate_tilt_series(truth, angles, PIXEL, (29, 29)).images
    dose = 2000 / images.max()  # electrons in the brightest pixel
    counts = np.random.default_rng(3).poisson(np.maximum(images * dose, 0) + 1.0)
    matlab.write_images(tmp_path / "area_1.mat", counts[:, :, :21].astype(np.float32))
    matlab.write_images(tmp_path / "area_2.mat", counts[:, :, 8:].astype(np.float32))
    write_angles(tmp_path / "angles.mat", angles)
    place(tmp_path, np.array([[15, 11, 15], [15, 19, 15]]), (14, 10, 14))
    config, out = tmp_path / "film.toml", tmp_path / "run"
    config.write_text(COUNTS)
    found = run(load_config(config), out, threads=1)
    assert found.failures == ()
    matching = match_models(found.model.positions, truth.positions)
    assert matching.matched >= 58  # of 60; measured 60
    assert len(matching.spurious) <= 1
    assert sorted(found.r_factors) == [1, 2]
    assert found.detection is not None
    (overlap,) = found.detection["overlaps"]
    assert overlap["common"] > 40  # measured 47
    assert overlap["alone"] <= 1
    assert overlap["rms_pm"] < 30  # measured 6
    certainty, areas = found.detection["certainty"], found.detection["areas"].values()
    in_trials = [part["certainty"]["atoms_in_trials"] for part in areas]
    assert certainty["atoms_in_trials"] == sum(in_trials) > max(in_trials)
    existing = found.model.atoms.arrays["p_exists"]
    assert certainty["spurious_fraction"] == pytest.approx(np.mean(1 - existing))
    assert read_volume(found.volume_path, PIXEL).shape == (29, 29, 29)
    # Its report tells of the overlap; there is no reconstruction that could have converged.
    content = read_run(out, config)
    assert content.convergence is None
    assert any("sub-areas 1 and 2" in str(name) for name, _ in content.agreement)
    before = results(out)
    (out / "areas/area_02.json").unlink()
    again = run(load_config(config), out, resume=True, threads=2)
    assert again.failures == ()
    assert results(out) == before


def test_only_the_missing_area_is_made(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    out = film.config.parent / "run"
    run(load_config(film.config), out)
    before = results(out)
    made: list[str] = []
    original = volume_stages.reconstruct_series

    def noted(series: TiltSeries, *args: object, **options: object) -> object:
        made.append(Path(series.name).name)
        return original(series, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(volume_stages, "reconstruct_series", noted)
    (out / "volumes/area_02.npy").unlink()
    run(load_config(film.config), out, resume=True)
    assert made == ["area_2.mat"]
    assert results(out) == before


@pytest.mark.parametrize(
    ("change", "centres", "message"),
    [
        (("[1, 2]", "[1, 4]"), None, r"placement\.mat: found 2 areas; expected area 4"),
        (("[41, 41, 41]", "[41, 40, 41]"), None, r"film\.toml: found volume_shape = \[41, 40, 41"),
        (("[1, 2]", "[1, 2]"), [[20, 15, 21], [20, 27, 21]], r"holds area 1: voxels -1 to 40"),
        (("[1, 2]", "[1, 2]"), [[21, 15, 21], [21, 15, 21]], "two areas at x = 20, y = 14"),
        (("placement.mat", "angles.mat"), None, r"angles\.mat: found .*expected.*CropCen"),
        (("area_{area}", "part_{area}"), None, r"part_1\.mat: found no such file"),
    ],
)
def test_refused(
    film: Film, change: tuple[str, str], centres: list[list[int]] | None, message: str
) -> None:
    film.config.write_text(CONFIG.replace(*change))
    if centres is not None:
        place(film.config.parent, np.array(centres))
    with pytest.raises(InputError, match=message):
        run(load_config(film.config), film.config.parent / "run")
    assert not (film.config.parent / "run").exists()


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a Dask scheduler with one worker in a process of its own."""
    with local_cluster(2, workers=1, processes=True) as address:
        yield address


@pytest.mark.slow
def test_on_a_cluster(film: Film, scheduler: str) -> None:
    folder = film.config.parent
    here = run(load_config(film.config), folder / "here")
    there = run(load_config(film.config), folder / "there", scheduler=scheduler, threads=1)
    assert results(folder / "there") == results(folder / "here")
    assert there.r_factors == here.r_factors


def test_errors_of_a_cluster_arrive(film: Film, scheduler: str, refused: Refused) -> None:
    """The one line that a worker's error makes is that of the same error here."""
    text = CONFIG.replace("oversampling = 2", 'support = "area_1.mat"')
    film.config.write_text(text)
    options = ("run", film.config, "--json", "--out")
    here = refused(*options, film.config.parent / "here", parts=("support", "(41, 29, 41)"))
    there = film.config.parent / "there"
    assert refused(*options, there, "--scheduler", scheduler, parts=()) == here
