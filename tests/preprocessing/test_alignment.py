"""Simulated tilt series put back in line, films by their marker, the tilt axis found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.io import loadmat

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.image_rotation import turn_images
from aet_port.core.image_shift import shift_images
from aet_port.preprocessing.alignment import align_particle
from aet_port.preprocessing.bad_pixels import BadPixelWarning
from aet_port.preprocessing.film_alignment import align_film, locate
from aet_port.preprocessing.tilt_axis import find_tilt_axis
from aet_port.simulation.linear import add_noise, project_atoms, tilt_angles
from matlab_reference.locate import golden_path

PIXEL = 0.4
DOSE = 8.2e5  # electrons per square angstrom over the series, the Ta film
TILTS = tilt_angles()  # 46, -63.4 to 55.5 degrees


def ball(radius: float, n: int, seed: int, centre: tuple[float, float, float]) -> NDArray:
    points = np.random.default_rng(seed).uniform(-1, 1, (4 * n, 3)) * radius
    return points[np.linalg.norm(points, axis=1) < radius][:n] + centre


def displaced(clean: NDArray, seed: int) -> tuple[NDArray, NDArray]:
    """Images moved by up to 5 pixels along both axes, and by how much."""
    shifts = np.random.default_rng(seed).uniform(-5, 5, (len(clean), 2))
    return np.maximum(shift_images(clean, shifts), 0), shifts


@pytest.fixture(scope="module")
def projections() -> NDArray:
    """46 noise-free tilts of a lopsided particle of 450 atoms, 88 x 84 pixels."""
    atoms = np.concatenate([ball(10, 350, 0, (0, 0, 0)), ball(5, 100, 1, (7, -6, 3))])
    model = AtomicModel.from_positions(atoms - atoms.mean(axis=0), "Ta")
    return np.maximum(project_atoms(model, TILTS, PIXEL, (88, 84)), 0)


@pytest.fixture(scope="module")
def series(projections: NDArray) -> tuple[NDArray, NDArray]:
    images, shifts = displaced(projections, seed=5)
    return add_noise(images, PIXEL, DOSE, seed=2), shifts


def test_particle_below_the_required_error(
    series: tuple[NDArray, NDArray], projections: NDArray
) -> None:
    images, shifts = series
    found = align_particle(images)
    error = found.shifts + shifts
    # Required: 0.15 pixel. The centre of mass is the origin, so x has no freedom at all; the
    # shift of the whole series along y was drawn at random and cannot be told.
    assert np.sqrt(np.mean(error[:, 0] ** 2)) < 0.06
    assert np.std(error[:, 1]) < 0.06
    assert abs(error[:, 1].mean()) < 0.1
    assert found.converged
    assert found.changes[-1] < 0.01 < found.changes[0]
    np.testing.assert_array_equal(found.images, shift_images(images, found.shifts))
    clean = np.stack(
        [
            np.corrcoef(a.ravel(), b.ravel())[0, 1]
            for a, b in zip(found.images, projections, strict=True)
        ]
    )
    assert clean.min() > 0.95


def test_residual_background_stays_below_the_required_error(
    series: tuple[NDArray, NDArray],
) -> None:
    images, shifts = series
    x = np.linspace(-1, 1, images.shape[1])[:, None]
    # One part in a hundred of the peak, as a gradient: what the background step may leave.
    error = align_particle(images + 0.01 * images.max() * x / 2).shifts + shifts
    assert np.sqrt(np.mean((error - error.mean(axis=0)) ** 2, axis=0)).max() < 0.15


def test_order_and_scale_of_the_images_do_not_matter(series: tuple[NDArray, NDArray]) -> None:
    images = series[0][::5]
    plain = align_particle(images)
    order = np.random.default_rng(1).permutation(len(images))
    other = align_particle(1000 * images[order])
    np.testing.assert_allclose(other.shifts, plain.shifts[order], atol=2e-3)


def test_an_aligned_series_stays(projections: NDArray) -> None:
    still = align_particle(projections[::6])
    # Zero but for the mask of the centre of mass, which cuts the faintest tails.
    assert np.abs(still.shifts[:, 0]).max() < 0.03
    assert np.ptp(still.shifts[:, 1]) < 0.02


def test_images_that_cannot_be_aligned_are_named(projections: NDArray) -> None:
    images = projections[::6].copy()
    noise = np.random.default_rng(3).normal(0, 1e-3, images.shape[1:])
    dark, cut, clipped = (images.copy() for _ in range(3))
    dark[2] = noise
    cut[3] = np.roll(cut[3], 30, axis=0)
    cut[3, :30] = 0
    for wrong, said in (
        (dark, r"image 2: found .*no signal"),
        (cut, r"image 3: found .*border along x: the sample is cut"),
        (np.moveaxis(cut, 1, 2), r"image 3: found .*border along y: the sample is cut"),
        (images[:1], "two or more tilts"),
        (images[0], "shape"),
    ):
        with pytest.raises(InputError, match=said):
            align_particle(wrong)
    clipped[5] = np.minimum(clipped[5], 0.8 * clipped[5].max())
    with pytest.warns(BadPixelWarning, match="image 5"):
        align_particle(clipped)
    with pytest.warns(UserWarning, match="still change by"):
        assert not align_particle(displaced(images, 1)[0], iterations=1).converged
    for setting in ({"tolerance": 0.0}, {"iterations": 0}):
        with pytest.raises(InputError, match=next(iter(setting))):
            align_particle(images, **setting)


def test_an_image_of_something_else_is_named(projections: NDArray) -> None:
    images = projections[::6].copy()
    line = np.zeros(images.shape[2])
    # Two lines far apart and nothing between: no profile of the particle.
    line[[24, 60]] = 1.0
    images[4] = np.outer(images[4].sum(axis=1), line) / 2
    with pytest.raises(InputError, match=r"image 4: found a correlation .*profile along y"):
        align_particle(images)


@pytest.fixture(scope="module")
def film() -> tuple[NDArray, NDArray]:
    """A film thicker than the field with a heavy particle, 46 noisy tilts of 96 x 96 pixels."""
    rng = np.random.default_rng(0)
    slab = rng.uniform(-0.5, 0.5, (2160, 3)) * [150, 60, 12]
    particle = ball(7, 90, 1, (0, 0, 0))
    species = ["Ta"] * len(slab) + ["Au"] * len(particle)
    model = AtomicModel.from_positions(np.concatenate([slab, particle]), species)
    images, shifts = displaced(project_atoms(model, TILTS, 0.5, (112, 112)), seed=6)
    return add_noise(images[:, 8:-8, 8:-8], 0.5, DOSE, seed=2), shifts


def test_film_by_its_marker(film: tuple[NDArray, NDArray]) -> None:
    images, shifts = film
    start = 23
    x, y = np.round(48 + shifts[start]).astype(int)
    found = align_film(images, ((x - 16, x + 16), (y - 16, y + 16)), search=12)
    assert found.converged
    np.testing.assert_array_equal(found.shifts[start], 0)
    error = found.shifts + shifts - shifts[start]
    theta = np.radians(TILTS[:, 1])
    # A marker off the axis: free is where in the sample the origin lies.
    origins = np.stack([np.cos(theta), np.sin(theta), np.ones_like(theta)], axis=1)
    along = error[:, 0] - origins @ np.linalg.lstsq(origins, error[:, 0], rcond=None)[0]
    before = np.sqrt(np.mean((shifts - shifts.mean(axis=0)) ** 2))
    assert before > 2
    # What else is in the marker region tilts away and lends its own motion along x; measured 0.12
    # and 0.13 pixel.
    assert np.sqrt(np.mean(along**2)) < 0.15
    assert np.std(error[:, 1]) < 0.2
    np.testing.assert_array_equal(found.images, shift_images(images, found.shifts))


def test_films_that_cannot_be_aligned(film: tuple[NDArray, NDArray]) -> None:
    images = film[0][20:27]
    with pytest.raises(InputError, match=r"image \d+: found .*the sample is cut"):
        align_particle(images)
    marker = ((30, 62), (30, 62))
    for wrong, said in (
        ({"marker": ((30, 34), (30, 62))}, "marker"),
        ({"marker": ((2, 40), (30, 62))}, "marker"),
        ({"start": 7}, "start"),
        ({"search": 0}, "search"),
        ({"tolerance": -1.0}, "tolerance"),
    ):
        with pytest.raises(InputError, match=said):
            align_film(images, **({"marker": marker} | wrong))
    lost = images.copy()
    lost[5] = np.random.default_rng(1).normal(1, 0.1, lost[5].shape)
    with pytest.raises(InputError, match=r"image 5: found a correlation"):
        align_film(lost, marker)


@settings(max_examples=25)
@given(st.floats(-4, 4), st.floats(-4, 4), st.integers(15, 22))
def test_a_template_is_found_to_a_part_of_a_pixel(dx: float, dy: float, size: int) -> None:
    x, y = np.meshgrid(np.arange(48.0), np.arange(44.0), indexing="ij")
    rng = np.random.default_rng(7)

    def image(u: float, v: float) -> NDArray:
        places = np.random.default_rng(8).uniform(8, 38, (25, 2))
        return sum(
            (np.exp(-((x - a - u) ** 2 + (y - b - v) ** 2) / 6) for a, b in places),
            start=np.zeros(x.shape),
        )

    a, b = rng.integers(10, 14, 2)
    template = 5 + 3 * image(0, 0)[a : a + size, b : b + size]
    place, likeness = locate(image(dx, dy), template)
    np.testing.assert_allclose(place, (a + dx, b + dy), atol=0.01)
    assert likeness > 0.9


def test_whole_pixel_places_golden() -> None:
    data = loadmat(golden_path("am__alignByNormXCorr__odd_even_template.mat"))
    for k in (1, 2):
        template = data[f"in_{k}_img"]
        place, likeness = locate(data["in_ref"], template)
        centre = np.round(place) + [n // 2 + 1 for n in template.shape]
        np.testing.assert_array_equal(
            centre, [data[f"out_{k}_x"].item(), data[f"out_{k}_y"].item()]
        )
        assert likeness == pytest.approx(data[f"out_{k}_XC"].item(), abs=1e-12)


def test_parts_of_a_pixel_where_the_reference_stalls() -> None:
    data = loadmat(golden_path("am__alignByNormXCorrSubpixel__res_1_0p5_0p25_0p1.mat"))
    truth = np.array([12.3, 12.6])
    place, _ = locate(data["in_ref"], data["in_img"])
    # The template is itself the interpolated image; a step of the search is 0.005 pixel.
    np.testing.assert_allclose(place + data["in_img"].shape[0] // 2 + 1, truth, atol=0.01)
    reference = np.abs(data["out"][:, 1:] - truth)
    assert reference.max(axis=1).min() >= 0.05


def test_templates_that_cannot_be_found() -> None:
    image = np.random.default_rng(0).normal(size=(20, 20))
    for template, said in ((image[:1].repeat(30, axis=0), "shape"), (np.ones((9, 9)), "contrast")):
        with pytest.raises(InputError, match=said):
            locate(image, template)


@pytest.mark.parametrize("angle", [0.0, 3.3, -7.2])
def test_tilt_axis_is_found(series: tuple[NDArray, NDArray], angle: float) -> None:
    images = series[0]
    turned = turn_images(images, -angle)
    axis = find_tilt_axis(turned, reach=10, step=2)
    # The noise of the images leaves 0.15 degree, whatever the angle.
    assert axis.angle == pytest.approx(angle, abs=0.25)
    assert axis.agreement == axis.agreements.max() > 0.99
    assert (np.diff(axis.angles) > 0).all()


def test_tilt_axis_of_images_without_noise(projections: NDArray) -> None:
    images, _ = displaced(projections[::4], seed=3)
    axis = find_tilt_axis(turn_images(images, 4.4), reach=8, step=2)
    assert axis.angle == pytest.approx(-4.4, abs=0.03)


def test_a_series_off_its_axis_is_aligned_after_turning(
    series: tuple[NDArray, NDArray],
) -> None:
    images, shifts = series
    turned = turn_images(images, -5.0)
    back = turn_images(turned, find_tilt_axis(turned, reach=8, step=2).angle)
    error = align_particle(back).shifts + shifts
    assert np.sqrt(np.mean((error - error.mean(axis=0)) ** 2, axis=0)).max() < 0.15


def test_turning_puts_the_axis_along_y() -> None:
    x, y = np.meshgrid(np.arange(61.0) - 30, np.arange(64.0) - 32, indexing="ij")
    angle = np.radians(12.0)
    across = x * np.cos(angle) - y * np.sin(angle)
    along = x * np.sin(angle) + y * np.cos(angle)
    shape = np.exp(-(across**2) / 18 - along**2 / 200 - (across - 4) ** 2 * (along - 3) ** 2 / 4e4)
    wanted = np.exp(-(x**2) / 18 - y**2 / 200 - (x - 4) ** 2 * (y - 3) ** 2 / 4e4)
    inner = (slice(10, -10), slice(12, -12))
    turned = turn_images(np.stack([shape, 2 * shape]), 12.0)
    # The spline of fifth order on Gaussians of 3 pixels.
    np.testing.assert_allclose(turned[0][inner], wanted[inner], atol=1e-4)
    np.testing.assert_allclose(turned[1], 2 * turned[0], atol=1e-12)
    np.testing.assert_array_equal(turn_images(shape[None], 0.0)[0], shape)


def test_axis_out_of_reach_and_bad_numbers(series: tuple[NDArray, NDArray]) -> None:
    images = series[0][::6]
    with pytest.warns(UserWarning, match="reach: the best direction"):
        find_tilt_axis(turn_images(images, -12.0), reach=4, step=2)
    for wrong in ({"reach": 0.0}, {"step": -1.0}, {"tolerance": np.nan}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            find_tilt_axis(images, **wrong)
    with pytest.raises(InputError, match="angle"):
        turn_images(images, np.inf)
    faint = images.copy()
    faint[3] *= 1e-3
    with pytest.raises(InputError, match="image 3"):
        find_tilt_axis(faint)


def relative(shifts: NDArray, theta: NDArray) -> NDArray:
    """Shifts without those that a displacement of the object explains."""
    radians = np.deg2rad(theta)
    table = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    left = shifts - shifts.mean(axis=0)
    left[:, 0] = shifts[:, 0] - table @ np.linalg.lstsq(table, shifts[:, 0], rcond=None)[0]
    return left


@pytest.fixture(scope="module")
def away() -> NDArray:
    """23 noise-free tilts of a particle that is not in the centre."""
    atoms = np.concatenate([ball(9, 250, 7, (0, 0, 0)), ball(4, 60, 8, (6, -5, 3))])
    model = AtomicModel.from_positions(atoms - atoms.mean(axis=0) + (1.5, -1.0, -2.0), "Ta")
    return np.maximum(project_atoms(model, TILTS[::2], PIXEL, (80, 78)), 0)


@pytest.mark.parametrize("dose", [4e5, 3e4])
def test_noise_does_not_move_an_aligned_series(away: NDArray, dose: float) -> None:
    images, theta = add_noise(away, PIXEL, dose, seed=3), TILTS[::2, 1]
    # As measured, each image would be moved by its noise, and all to the centre of mass.
    blind = align_particle(images)
    assert np.sqrt(np.mean(relative(blind.shifts, theta) ** 2)) > 0.005
    assert np.abs(blind.shifts).mean() > 2
    still = align_particle(images, theta=theta)
    assert not still.shifts.any()
    np.testing.assert_array_equal(still.images, images)


@pytest.mark.parametrize("dose", [4e5, 3e4])
def test_errors_of_the_shifts_are_those_of_the_noise(away: NDArray, dose: float) -> None:
    shifts, theta = np.random.default_rng(9).uniform(-2, 2, (len(away), 2)), TILTS[::2, 1]
    images = np.maximum(shift_images(away, shifts), 0)
    found = align_particle(add_noise(images, PIXEL, dose, seed=4), theta=theta)
    left = relative(found.shifts + shifts, theta)
    units = left / found.errors
    # 46 errors: their spread is known to a tenth; 0.02 pixel is added to those without noise.
    assert 0.5 < units.std() < 1.3
    assert np.sqrt(np.mean(left**2)) < 1.3 * np.sqrt(np.mean(found.errors**2))


def test_one_image_out_of_line_is_put_back_and_the_others_follow(away: NDArray) -> None:
    shifts = np.zeros((len(away), 2))
    shifts[5] = 3.0, -2.0
    images = add_noise(np.maximum(shift_images(away, shifts), 0), PIXEL, 4e5, seed=6)
    found = align_particle(images, theta=TILTS[::2, 1])
    left = relative(found.shifts + shifts, TILTS[::2, 1])
    assert np.abs(left).max() < 0.25


def test_the_noise_is_that_of_the_images_before_denoising(away: NDArray) -> None:
    images = add_noise(away, PIXEL, 3e4, seed=7)
    smooth = ndimage.gaussian_filter(images, (0, 1, 1))
    told = align_particle(smooth, theta=TILTS[::2, 1], measured=images)
    untold = align_particle(smooth, theta=TILTS[::2, 1])
    assert not told.shifts.any()
    assert untold.errors.mean() < 0.5 * told.errors.mean()
    assert untold.shifts.any()


def test_a_film_in_line_is_left_where_it_is() -> None:
    film, marker = film_of_atoms()
    noisy = add_noise(film, PIXEL, 8e4, seed=2)
    still = align_film(noisy, marker)
    moved = np.random.default_rng(1).uniform(-2, 2, (len(film), 2))
    moved[len(film) // 2] = 0
    back = align_film(add_noise(shift_images(film, moved), PIXEL, 8e4, seed=2), marker)
    assert np.sqrt(np.mean(still.shifts**2)) < 0.3 * np.sqrt(np.mean(still.errors**2))
    assert np.sqrt(np.mean((back.shifts + moved) ** 2)) < 1.5 * np.sqrt(np.mean(back.errors**2))


def film_of_atoms() -> tuple[NDArray, tuple[tuple[int, int], tuple[int, int]]]:
    """The same view of a film with a bright marker at the centre, nine times."""
    points = np.random.default_rng(4).uniform(-20, 20, (900, 3)) * (1, 1, 0.2)
    marker = np.random.default_rng(5).uniform(-1.5, 1.5, (60, 3))
    model = AtomicModel.from_positions(np.concatenate([points, marker]), "Ta")
    view = np.maximum(project_atoms(model, TILTS[:1] * 0, PIXEL, (64, 64)), 0)
    return np.repeat(view, 9, axis=0), ((24, 40), (24, 40))
