"""Shear of the scan coils: taken out, found without noise, and as certain as it says with it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.core.scan_distortion import (
    ScanDistortion,
    correct_scan_distortion,
    estimate_scan_distortion,
)
from aet_port.simulation import amorphous_particle, project_atoms, tilt_angles
from aet_port.simulation.linear import add_noise
from aet_port.simulation.raw_frames import take_frames
from aet_port.simulation.settings import RawFrameSettings

PIXEL, SHAPE = 0.3216, (88, 84)
TILTS = tilt_angles()[::2]
ONLY = {
    "n_frames": 1,
    "drift_rate": 0.0,
    "frame_jump": 0.0,
    "line_jitter": 0.0,
    "background": 0.0,
    "dose": 0,
}


@pytest.fixture(scope="module")
def clean() -> NDArray:
    return project_atoms(amorphous_particle(120, "Ta", seed=4), TILTS, PIXEL, SHAPE)


def sheared(clean: NDArray, **settings: object) -> NDArray:
    chosen = RawFrameSettings(**{**ONLY, "shift_error": 0.0, **settings})
    return take_frames(lambda a: clean, TILTS, PIXEL, chosen).frames[:, 0].astype(float)


@pytest.mark.parametrize("slow", [0, 1])
def test_a_given_distortion_is_taken_out(clean: NDArray, slow: int) -> None:
    images = sheared(clean, shear=0.01, scale=1.004, slow_axis="xy"[slow])
    given = ScanDistortion(scale=1.004, **{"shear_y" if slow == 0 else "shear_x": 0.01})
    before = np.abs(images - clean).max()
    after = np.abs(correct_scan_distortion(images, given) - clean).max()
    # Stated: below 2e-4 of the peak, that of the simulation's own splines included.
    assert after < 2e-4 * clean.max() < 0.01 * before


def test_what_two_corrections_take_out_together(clean: NDArray) -> None:
    first, left = ScanDistortion(0.0, 0.006, 1.004), ScanDistortion(0.004, -0.003, 0.999)
    whole = first.then(left)
    np.testing.assert_allclose(whole.matrix, first.matrix @ left.matrix, rtol=1e-15)
    twice = correct_scan_distortion(correct_scan_distortion(clean, first), left)
    once = correct_scan_distortion(clean, whole)
    # The interpolation error of one correction is 2e-4 of the peak.
    assert np.abs(twice - once).max() < 4e-4 * clean.max()
    # Where both move along x and y, the pixel size changes: what is stated is relative to it.
    small = ScanDistortion(0.1, 0.1).then(ScanDistortion(0.1, 0.1))
    assert small.shear_x == pytest.approx(0.2 / 1.01)
    assert small.scale == pytest.approx(1)


def test_undistorted_images_stay_as_they_are(clean: NDArray) -> None:
    np.testing.assert_array_equal(correct_scan_distortion(clean, ScanDistortion()), clean)
    # What is found in images without shear changes them by less than the interpolation does.
    found = estimate_scan_distortion(clean, TILTS, "y").distortion
    assert abs(found.shear_y) < 2e-6
    change = np.abs(correct_scan_distortion(clean, found) - clean).max()
    assert change < 2e-4 * clean.max()


@pytest.mark.parametrize(("slow", "shears"), [(0, "y"), (1, "x"), (0, "both"), (1, "both")])
@pytest.mark.parametrize("shear", [0.005, -0.02])
def test_shear_is_found_without_noise(clean: NDArray, slow: int, shears: str, shear: float) -> None:
    images = sheared(clean, shear=shear, slow_axis="xy"[slow], shift_error=0.7, seed=2)
    found = estimate_scan_distortion(images, TILTS, shears)
    true = (0.0, shear) if slow == 0 else (shear, 0.0)
    # The bar is 5e-4; pixels and splines leave less than a fifth of it.
    assert found.distortion.shear_x == pytest.approx(true[0], abs=1e-4)
    assert found.distortion.shear_y == pytest.approx(true[1], abs=1e-4)
    assert found.residual < 0.02
    if slow == 0:
        assert found.residual < 0.5 * found.residual_before
    # An angle table serves as well as its tilts, and brightness does not matter.
    again = estimate_scan_distortion(7 * images, TILTS[:, 1], shears)
    assert again.distortion.shear_y == pytest.approx(found.distortion.shear_y, abs=1e-9)


def test_the_common_line_alone_sees_shear_along_the_axis(clean: NDArray) -> None:
    images = sheared(clean, shear=0.01)
    found = estimate_scan_distortion(images, TILTS, "y", orders=1)
    assert found.distortion.shear_y == pytest.approx(0.01, abs=1e-4)
    assert found.distortion.shear_x == 0
    assert found.error_x == 0


def test_a_turned_camera_looks_like_two_shears(clean: NDArray) -> None:
    turn = 0.005  # radians; to first order a turn is two shears
    images = correct_scan_distortion(clean, ScanDistortion(-turn, turn))
    found = estimate_scan_distortion(images, TILTS).distortion
    assert found.shear_y == pytest.approx(-turn, abs=1e-4)
    assert found.shear_x == pytest.approx(turn, abs=1e-4)


def test_the_standard_error_is_the_scatter(clean: NDArray) -> None:
    images = np.maximum(sheared(clean, shear=0.005), 0)
    mask = images > 0.01 * images.max()
    deviations, errors = [], []
    for seed in range(6):
        # The dose of the Ta film, shared by 46 tilts of which these are half.
        noisy = add_noise(images, PIXEL, 8.2e5 / 2, seed=seed) * mask
        found = estimate_scan_distortion(noisy, TILTS, "y", orders=5)
        deviations.append(found.distortion.shear_y - 0.005)
        errors.append(found.error_y)
    ratio = np.sqrt(np.mean(np.square(deviations))) / np.mean(errors)
    # Six numbers know their scatter to 30 %; a factor of 2.5 is 3 deviations up and more down.
    assert 0.25 < ratio < 2
    assert np.mean(errors) < 0.01


@pytest.mark.slow
def test_shear_is_below_the_bar_at_the_dose_of_the_film() -> None:
    # 4000 atoms: those of 1000 scatter too few electrons, their standard error is 0.06 %.
    model = amorphous_particle(4000, "Ta", seed=1)
    images = project_atoms(model, tilt_angles(), PIXEL, (210, 210))
    raw = take_frames(
        lambda a: images,
        tilt_angles(),
        PIXEL,
        RawFrameSettings(**ONLY, shift_error=1.0, shear=0.005),
    )
    seen = np.maximum(raw.frames[:, 0].astype(float), 0)
    deviations = []
    for seed in (3, 4, 5, 6):
        noisy = add_noise(seen, PIXEL, 8.2e5, seed=seed) * (seen > 0.01 * seen.max())
        found = estimate_scan_distortion(noisy, tilt_angles(), "y")
        assert found.error_y < 5e-4
        deviations.append(found.distortion.shear_y - 0.005)
    # The root mean square: single series lie up to 0.053 % off, 1.7 standard errors of 0.032 %.
    assert np.sqrt(np.mean(np.square(deviations))) < 5e-4


def test_bad_input(clean: NDArray) -> None:
    with pytest.raises(InputError, match="shear_x"):
        ScanDistortion(shear_x=0.5)
    with pytest.raises(InputError, match="scale"):
        ScanDistortion(scale=np.nan)
    with pytest.raises(InputError, match="angles"):
        estimate_scan_distortion(clean, TILTS[:-1])
    with pytest.raises(InputError, match="5 over 20 degrees"):
        estimate_scan_distortion(clean[:4], TILTS[:4])
    with pytest.raises(InputError, match="orders"):
        estimate_scan_distortion(clean, TILTS, orders=20)
    with pytest.raises(InputError, match="orders"):
        estimate_scan_distortion(clean, TILTS, "x", orders=1)
    with pytest.raises(InputError, match="shears"):
        estimate_scan_distortion(clean, TILTS, "z")
    dark = clean.copy()
    dark[3] = 0
    with pytest.raises(InputError, match="image 3: found a sum"):
        estimate_scan_distortion(dark, TILTS)
    dark[3, 2, 2] = np.nan
    with pytest.raises(InputError, match="image 3: found NaN"):
        correct_scan_distortion(dark, ScanDistortion())
    with pytest.raises(InputError, match="images"):
        correct_scan_distortion(clean[0], ScanDistortion())
    noise = np.random.default_rng(0).normal(0.01, 1, clean.shape) + 0.1
    with pytest.raises(InputError, match="does not converge"):
        estimate_scan_distortion(noise, TILTS)
