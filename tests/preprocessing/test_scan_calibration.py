"""Scan distortion from particles: what was put into images is found again, as well as stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.scan_distortion import ScanDistortion, UnsettledShear
from aet_port.preprocessing import calibrate_scan, find_particles
from aet_port.preprocessing.scan_calibration import read_calibration, write_calibration
from aet_port.preprocessing.settings import PreprocessSettings

SIZE = 384
TILTS = np.array([[0, t, 0] for t in (-50, -30, -10, 10, 30, 50)], dtype=float)
TURNS = np.concatenate([TILTS, [[p, 0, 0] for p in (30.0, 60, 90)]])


def particles(seed: int, count: int = 40) -> NDArray:
    """Places on a support that is not flat, none nearer to another than 18 pixels."""
    rng = np.random.default_rng(seed)
    found: list[NDArray] = []
    while len(found) < count:
        place = rng.uniform(-150, 150, 2)
        if all(np.hypot(*(place - other)) > 18 for other in found):
            found.append(place)
    heights = rng.uniform(-4, 4, count)
    return np.column_stack([np.array(found), heights])


def pictures(
    angles: NDArray, distortion: ScanDistortion, seed: int, noise: float = 0.03
) -> NDArray[np.float64]:
    """Images of those particles of different sizes, displaced, distorted and noisy."""
    rng = np.random.default_rng(100 + seed)
    places = particles(seed)
    widths = rng.uniform(2.0, 3.0, len(places))
    axis = np.arange(SIZE) - SIZE // 2
    images = []
    for rotation in euler_rotations(angles):
        at = places @ (distortion.matrix @ rotation[:2]).T + rng.uniform(-12, 12, 2)
        lines = np.exp(-((axis - at[..., None]) ** 2) / (2 * widths[:, None, None] ** 2))
        images.append(np.einsum("ai,aj->ij", lines[:, 0], lines[:, 1]))
    return np.array(images) + rng.normal(0, noise, (len(angles), SIZE, SIZE))


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_shears_of_a_tilted_sample_are_found(seed: int) -> None:
    truth = ScanDistortion(0.012, -0.007)
    found = calibrate_scan(pictures(TILTS, truth, seed), TILTS)
    wrong = np.array([found.distortion.shear_x - 0.012, found.distortion.shear_y + 0.007])
    # Three standard errors, which are below a thousandth.
    assert (np.abs(wrong) < 3 * found.errors[:2]).all()
    assert found.errors[:2].max() < 1e-3
    assert found.distortion.scale == 1
    assert found.errors[2] == 0
    assert found.residual < 0.3
    assert len(found.positions) > 20


@pytest.mark.parametrize("seed", [21, 22])
def test_the_scale_shows_between_turned_images(seed: int) -> None:
    truth = ScanDistortion(-0.008, 0.011, 1.013)
    found = calibrate_scan(pictures(TURNS, truth, seed), TURNS)
    wrong = found.distortion.matrix - truth.matrix
    assert np.abs(wrong).max() < 5e-4
    assert (np.abs(wrong[[0, 1, 1], [1, 0, 1]]) < 3.5 * found.errors).all()


def test_particles_are_located_to_a_part_of_a_pixel() -> None:
    places = particles(5)[:, :2]
    images = pictures(np.zeros((1, 3)), ScanDistortion(), 5, noise=0.0)
    shift = np.random.default_rng(105)
    shift.uniform(2.0, 3.0, len(places))
    expected = places + shift.uniform(-12, 12, 2) + SIZE // 2
    found = find_particles(images[0])
    apart = np.linalg.norm(found[:, None] - expected[None], axis=2).min(axis=1)
    # Neighbours at six widths lean on each other by a hundredth of a pixel.
    assert len(found) == len(expected)
    assert apart.max() < 0.05


def test_images_that_say_nothing_are_named() -> None:
    images = pictures(TILTS, ScanDistortion(), 1)
    with pytest.raises(InputError, match=r"angles.*20 degrees"):
        calibrate_scan(images[2:4], TILTS[2:4])
    with pytest.raises(InputError, match="angles"):
        calibrate_scan(images, TILTS[:3])
    empty = images.copy()
    empty[3] = 0
    empty[3, 100:110, 100:110] = 1
    with pytest.raises(InputError, match=r"image 3.*1 whole particles"):
        calibrate_scan(empty, TILTS)
    other = images.copy()
    other[0] = pictures(TILTS[:1], ScanDistortion(), 2)[0]
    with pytest.raises((InputError, UnsettledShear)):
        calibrate_scan(other[[0, 1, 5]], TILTS[[0, 1, 5]] * 1.7)


def test_a_calibration_is_stored_and_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    given = ScanDistortion(0.01, -0.02, 1.003)
    write_calibration(path, given, particles=12)
    assert read_calibration(path) == given
    path.write_text('{"shear_x": 9, "shear_y": 0, "scale": 1}')
    with pytest.raises(DataFileError, match=r"scan\.json.*shear_x"):
        read_calibration(path)
    assert PreprocessSettings(shear_x=0.03).over(given) == ScanDistortion(0.03, -0.02, 1.003)
    with pytest.raises(InputError, match="estimate_shear"):
        PreprocessSettings(calibration="scan.json", estimate_shear=True)
