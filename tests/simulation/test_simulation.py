"""Simulated projections against independent sums, the reference's outputs and measured images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.io import loadmat
from scipy.special import j0

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotation, euler_rotations
from aet_port.core.scattering import adf_cross_section, scattering_factor
from aet_port.simulation.linear import (
    _add_gaussians,
    add_noise,
    project_atoms,
    simulate_tilt_series,
    tilt_angles,
)
from matlab_reference.locate import golden_path

PIXEL = 0.4


def few_atoms(n: int = 12, seed: int = 0, species: str | list[str] = "Ta") -> AtomicModel:
    points = np.random.default_rng(seed).uniform(-6, 6, (n, 3))
    return AtomicModel.from_positions(points, species)


def fourier_sum(
    model: AtomicModel, rotation: NDArray, shape: tuple[int, int], b_factor: float
) -> NDArray:
    """The projection as a plain sum over atoms and frequencies, on a wide periodic field."""
    field = (shape[0] + 61, shape[1] + 64)
    qx, qy = np.fft.fftfreq(field[0], PIXEL), np.fft.fftfreq(field[1], PIXEL)
    q = np.hypot(qx[:, None], qy)
    spectrum = np.zeros(field, dtype=complex)
    for symbol, position in zip(model.species, model.positions, strict=True):
        x, y = (rotation @ position)[:2] + PIXEL * np.array([n // 2 for n in shape])
        shape_factor = scattering_factor(q, symbol) / scattering_factor(0, symbol)
        wave = np.exp(-2j * np.pi * (qx[:, None] * x + qy * y))
        spectrum += adf_cross_section(symbol) * shape_factor * np.exp(-b_factor * q**2) * wave
    return np.fft.ifft2(spectrum).real[: shape[0], : shape[1]] / PIXEL**2


def test_series_of_the_tantalum_film() -> None:
    angles = tilt_angles()
    assert angles.shape == (46, 3)
    assert angles[0, 1] == -63.4
    assert angles[-1, 1] == 55.5
    np.testing.assert_allclose(np.diff(angles[:, 1]), 118.9 / 45)
    assert not angles[:, [0, 2]].any()
    tilted = tilt_angles("pd1", offset=0.3)
    assert len(tilted) == 52
    np.testing.assert_allclose(np.hypot(tilted[:, 0], tilted[:, 2]), 0.3)
    np.testing.assert_array_equal(tilted, tilt_angles("pd1", offset=0.3))
    with pytest.raises(InputError, match="kind"):
        tilt_angles("gold")


@settings(max_examples=40)
@given(
    st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    st.floats(-180, 180),
    st.floats(-80, 80),
    st.floats(-180, 180),
    st.tuples(st.integers(60, 66), st.integers(60, 66)),
)
def test_an_atom_falls_where_geometry_says(
    position: list[float], phi: float, theta: float, psi: float, shape: tuple[int, int]
) -> None:
    model = AtomicModel.from_positions([position], "Ta")
    image = project_atoms(model, [[phi, theta, psi]], PIXEL, shape)[0]
    total = image.sum() * PIXEL**2
    # The tail of the scattering factor beyond the detector's edge, 5 angstrom away at least.
    assert total == pytest.approx(adf_cross_section("Ta"), rel=1e-4)
    grid = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    centroid = [np.sum(image * axis) / image.sum() for axis in grid]
    expected = (euler_rotation(phi, theta, psi) @ position)[:2] / PIXEL
    np.testing.assert_allclose(centroid, expected + [n // 2 for n in shape], atol=5e-3)


def test_pure_tilt_is_that_of_the_reconstruction() -> None:
    x, y, z, theta = 3.0, 2.0, 4.0, 30.0
    image = project_atoms(
        AtomicModel.from_positions([[x, y, z]], "Ta"), [[0, theta, 0]], PIXEL, (64, 64)
    )
    turned = np.cos(np.deg2rad(theta)) * x - np.sin(np.deg2rad(theta)) * z
    expected = (round(turned / PIXEL) + 32, round(y / PIXEL) + 32)
    assert np.unravel_index(np.argmax(image[0]), (64, 64)) == expected


@pytest.mark.parametrize("shape", [(48, 48), (47, 52)])
def test_projection_equals_the_plain_sum(shape: tuple[int, int]) -> None:
    model = few_atoms(6, species=["Ta", "Pd", "Ta", "Pd", "Ta", "Ta"])
    angles = [[0, 20, 0], [3, -50, 2]]
    # With B' = 10 the sampled Gaussian has nothing above the Nyquist frequency (1.6e-7), so both
    # evaluations mean the same; what is left is that and the tail cut by the margin.
    images = project_atoms(model, angles, PIXEL, shape, b_factor=10.0)
    for image, rotation in zip(images, euler_rotations(angles), strict=True):
        np.testing.assert_allclose(
            image, fourier_sum(model, rotation, shape, 10.0), atol=2e-6 * images.max()
        )


def test_profile_of_an_atom_is_the_hankel_transform() -> None:
    image = project_atoms(
        AtomicModel.from_positions([[0, 0, 0]], "Ta"), [[0, 0, 0]], PIXEL, (40, 40)
    )[0]
    for pixels in (0, 2, 5):
        r = pixels * PIXEL
        profile, _ = quad(
            lambda q, r=r: (
                2
                * np.pi
                * q
                * float(scattering_factor(q, "Ta") / scattering_factor(0, "Ta"))
                * np.exp(-6.0 * q**2)
                * j0(2 * np.pi * q * r)
            ),
            0,
            3,
            limit=200,
        )
        # B' = 6 leaves 8e-5 of the spectrum above the Nyquist frequency.
        expected = adf_cross_section("Ta") * profile
        assert image[20 + pixels, 20] == pytest.approx(expected, abs=2e-4 * image.max())


def test_atoms_off_the_detector() -> None:
    inside, outside = [0.0, 0.0, 0.0], [50.0, 0.0, 0.0]
    both = project_atoms(
        AtomicModel.from_positions([inside, outside], "Ta"), [[0, 0, 0]], PIXEL, (32, 32)
    )
    alone = project_atoms(AtomicModel.from_positions([inside], "Ta"), [[0, 0, 0]], PIXEL, (32, 32))
    np.testing.assert_array_equal(both, alone)
    edge = AtomicModel.from_positions(
        [[16 * PIXEL, 0, 0]], "Ta"
    )  # half an image is on the detector
    half = project_atoms(edge, [[0, 0, 0]], PIXEL, (32, 32))
    wide = project_atoms(edge, [[0, 0, 0]], PIXEL, (64, 32))[:, 16:48]
    np.testing.assert_allclose(half, wide, atol=1e-5 * wide.max())


def test_intensities_and_widths_by_species() -> None:
    model = few_atoms(4, species=["Ta", "Pd", "Ta", "Pd"])
    # Wide enough that the tails cut by the edge stay below the tolerance.
    image = project_atoms(
        model, [[0, 0, 0]], PIXEL, (80, 80), {"Ta": 5.0, "Pd": 7.0}, {"Ta": 2.0, "Pd": 1.0}
    )
    assert image.sum() * PIXEL**2 == pytest.approx(6.0, rel=1e-5)
    with pytest.raises(InputError, match="Pd"):
        project_atoms(model, [[0, 0, 0]], PIXEL, (32, 32), {"Ta": 5.0})


def test_gaussians_equal_the_reference() -> None:
    golden = loadmat(golden_path("am__calcLinearPjs__three_types.mat"))
    size, half = int(golden["in_volSize"].item()), int(golden["in_halfWidth"].item())
    types = golden["in_atoms"].ravel()
    expected = golden["out_Projs"]
    offsets = np.arange(-half, half + 1)
    for add in (_add_gaussians, _add_gaussians.py_func):
        images = np.zeros((expected.shape[2], size, size))
        for image, *places in zip(
            images, *(golden[f"in_{axis}_rot"] for axis in "XYZ"), strict=True
        ):
            x, y, z = places
            for kind in (1, 2, 3):
                height, width = golden["in_para"][:, kind - 1]
                chosen = types == kind
                depth = z[chosen] - np.round(z[chosen])
                column = np.exp(-((offsets[:, None] - depth) ** 2) / width).sum(axis=0)
                place = np.stack([x[chosen], y[chosen]], axis=1) + size // 2
                add(image, place, height * column, width, half)
        # The reference's offsets are single precision.
        np.testing.assert_allclose(images.transpose(1, 2, 0), expected, atol=1e-6 * expected.max())


def test_filtered_projections_equal_the_reference() -> None:
    golden = loadmat(golden_path("am__My_create_volProjs__three_types.mat"))
    pixel, half = float(golden["in_Res"].item()), int(golden["in_CropHalfWidth"].item())
    types, points = golden["in_atoms"].ravel(), golden["in_model"].T / pixel
    rotations = euler_rotations(golden["in_angles"])
    offsets = np.arange(-half, half + 1)

    def images(shape: tuple[int, int], count: int, form_factor: NDArray) -> NDArray:
        result = np.zeros((*shape, count))
        for number in range(count):
            turned = points @ rotations[number].T
            image = np.zeros(shape)
            for kind in (1, 2, 3):
                height = golden["in_Heights"].ravel()[kind - 1]
                width = golden["in_Bfactors"].ravel()[kind - 1] / (np.pi * pixel) ** 2
                chosen = turned[types == kind]
                depth = chosen[:, 2] - np.round(chosen[:, 2])
                column = np.exp(-((offsets[:, None] - depth) ** 2) / width).sum(axis=0)
                places = chosen[:, :2] + [n // 2 for n in shape]
                _add_gaussians(image, np.ascontiguousarray(places), height * column, width, half)
            result[..., number] = np.fft.ifft2(np.fft.fft2(image) * form_factor).real
        return result

    given_factor = golden["in_1_fixedfa"].reshape((33, 31), order="F")
    first = images((33, 31), 4, np.fft.ifftshift(given_factor))
    # Double precision throughout; what differs is the rounding of FFTs and exponentials.
    np.testing.assert_allclose(first, golden["out_1"], atol=1e-13 * golden["out_1"].max())
    q = np.hypot(np.fft.fftfreq(32, pixel)[:, None], np.fft.fftfreq(32, pixel))
    mean = 0.5 * (scattering_factor(q, 78) + scattering_factor(q, 28))
    second = images((32, 32), 2, mean)
    np.testing.assert_allclose(second, golden["out_2"], atol=1e-13 * golden["out_2"].max())


def test_narrow_gaussians_are_refused_before_they_lose_intensity() -> None:
    with pytest.raises(InputError, match="b_factor"):
        project_atoms(few_atoms(), [[0, 0, 0]], 0.5, (32, 32), b_factor=1.0)
    least = 0.71 * (np.pi * 0.5) ** 2
    image = project_atoms(few_atoms(), [[0, 0, 0]], 0.5, (96, 96), b_factor=least)
    # The wobble of one atom at this width is 2 exp(-0.71 pi^2) = 0.2 % along each axis.
    assert image.sum() * 0.25 == pytest.approx(12 * adf_cross_section("Ta"), rel=4e-3)


def test_noise_has_the_mean_and_the_variance_of_its_model() -> None:
    clean = np.full((8, 128, 128), 0.05)
    clean[:, :64] = 0.01
    dose, sigma = 8.2e5, 3.0
    noisy = add_noise(clean, PIXEL, dose, sigma, seed=1)
    electrons = dose / 8 * PIXEL**2
    for part in (np.s_[:, :64], np.s_[:, 64:]):
        level = clean[part].mean()
        variance = (electrons * level + sigma**2) / electrons**2
        count = clean[part].size
        # Five standard errors of the mean and of the variance.
        assert noisy[part].mean() == pytest.approx(level, abs=5 * np.sqrt(variance / count))
        assert noisy[part].var() == pytest.approx(variance, rel=5 * np.sqrt(2 / count))


def test_noise_scales_and_repeats() -> None:
    clean = np.full((4, 32, 32), 0.03)
    np.testing.assert_array_equal(add_noise(clean, PIXEL, seed=2), add_noise(clean, PIXEL, seed=2))
    assert (add_noise(clean, PIXEL, seed=2) != add_noise(clean, PIXEL, seed=3)).any()
    low, high = (add_noise(clean, PIXEL, d, 0.0).std() for d in (1e5, 1e7))
    assert low / high == pytest.approx(10, rel=0.1)
    # The same picture in other units gives the same noise in those units.
    scaled = add_noise(1000 * clean, PIXEL, seed=2, fraction_per_unit=1e-3)
    np.testing.assert_allclose(scaled, 1000 * add_noise(clean, PIXEL, seed=2), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"images": np.zeros((4, 4))}, "images"),
        ({"images": np.full((1, 4, 4), np.nan)}, "images"),
        ({"images": np.array([[[1.0, -0.5]]])}, "images"),
        ({"images": np.full((1, 4, 4), 1.5)}, "scattered fraction"),
        ({"dose": 0.0}, "dose"),
        ({"gaussian_sigma": -1.0}, "gaussian_sigma"),
        ({"pixel_size": -0.4}, "pixel_size"),
    ],
)
def test_bad_arguments_of_the_noise_are_named(change: dict, named: str) -> None:
    arguments = {"images": np.full((1, 4, 4), 0.1), "pixel_size": PIXEL, **change}
    with pytest.raises(InputError, match=named):
        add_noise(**arguments)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"pixel_size": 0.0}, "pixel_size"),
        ({"shape": (0, 32)}, "shape"),
        ({"angles": [0.0, 1.0]}, "angles"),
        ({"b_factor": -1.0}, "b_factor"),
    ],
)
def test_bad_arguments_of_the_projection_are_named(change: dict, named: str) -> None:
    arguments = {"angles": [[0, 0, 0]], "pixel_size": PIXEL, "shape": (32, 32), **change}
    with pytest.raises(InputError, match=named):
        project_atoms(few_atoms(), **arguments)


def test_series_of_a_model() -> None:
    model = few_atoms(40)
    series = simulate_tilt_series(model, tilt_angles(), PIXEL, (64, 60), dose=8.2e5, seed=4)
    clean = simulate_tilt_series(model, tilt_angles(), PIXEL, (64, 60), dose=None)
    assert series.images.shape == (46, 64, 60)
    assert series.images.dtype == np.float32
    assert series.single_axis
    assert series.pixel_size == PIXEL
    assert series.metadata["dose"] == 8.2e5
    residual = series.images - clean.images
    assert 0 < residual.std() < 0.2 * clean.images.max()
    again = simulate_tilt_series(model, tilt_angles(), PIXEL, (64, 60), dose=8.2e5, seed=4)
    np.testing.assert_array_equal(series.images, again.images)


@pytest.mark.reference
def test_published_film_projects_onto_the_measured_images(reference: Callable[..., Path]) -> None:
    """The published Ta model against the measured sub-area 1: the frame and B' are right."""
    film = "AET-AmorphousMaterials"
    areas = ("1_Measured_data", "Ta_film", "Sub_area_projections_for_sAET")
    model = loadmat(reference(film, "6_Final_coordinates", "Final_atomic_model_Ta_film.mat"))
    centre = loadmat(reference(film, *areas, "alignPara.mat"))["CropCen"][0]
    measured = loadmat(reference(film, *areas, "Projections_area1.mat"))["Proj_sub"]
    measured = measured.transpose(2, 0, 1).astype(np.float64)
    angles = loadmat(reference(film, *areas[:2], "angles.mat"))["angle"].astype(np.float64)
    pixel = 0.3216
    positions = model["model"].T.astype(np.float64) + (np.array([201, 176, 171]) - centre) * pixel
    atoms = AtomicModel.from_positions(positions, "Ta")

    def agreement(angles: NDArray, b_factor: float) -> tuple[float, float]:
        images = project_atoms(atoms, angles, pixel, measured.shape[1:], b_factor)
        pairs = zip(images, measured, strict=True)
        correlation = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])
        scale = np.sum(images * measured) / np.sum(images**2)
        return float(correlation), np.abs(scale * images - measured).sum() / measured.sum()

    correlation, residual = agreement(angles, 6.0)
    # Seen: 0.7486 and 0.326. The rest is noise and atoms outside the published model.
    assert correlation > 0.74
    assert residual < 0.33
    assert residual < min(agreement(angles, 4.0)[1], agreement(angles, 8.0)[1])
    mirrored, _ = agreement(angles * [1, -1, 1], 6.0)
    assert mirrored < correlation - 0.1
