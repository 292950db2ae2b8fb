"""The streamed projectors against a plain implementation, the reference, and their own adjoint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.ndimage import map_coordinates

from aet_port.core.data import TiltSeries
from aet_port.core.errors import CheckpointError, EmptyResultError, InputError
from aet_port.core.geometry import crop_centred, pad_centred
from aet_port.resire import back_projection, fourier_slice, reconstruct, single_axis
from aet_port.resire.grid import Grid, make_grid
from aet_port.resire.literal import _trilinear
from aet_port.resire.realspace_projector import RadonProjector, _backward, _forward
from matlab_reference import golden_path

PROJECTORS = [
    (fourier_slice.project, back_projection.descend),
    (single_axis.project, single_axis.descend),
]


def plain_projection(volume: NDArray, grid: Grid) -> NDArray:
    """The whole transform, every sample by SciPy's interpolation; volume (nx, nz, ny)."""
    n = grid.padded
    spectrum = np.fft.fftshift(
        np.fft.fftn(np.fft.ifftshift(pad_centred(np.moveaxis(volume, 1, 2), n)))
    )
    x, y = np.meshgrid(np.arange(n[0]) - n[0] // 2, np.arange(n[1]) - n[1] // 2, indexing="ij")
    images = []
    for m in grid.slice_matrices:
        points = [row[0] * x + row[1] * y for row in m]
        points[2] = points[2] * n[2] / n[0]
        points = [p + size // 2 for p, size in zip(points, n, strict=True)]
        central = sum(
            factor * map_coordinates(part, points, order=1, mode="constant")
            for part, factor in ((spectrum.real, 1), (spectrum.imag, 1j))
        )
        whole = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(central))).real
        images.append(crop_centred(whole, grid.detector))
    return np.array(images)


def plain_back_projection(images: NDArray, grid: Grid) -> NDArray:
    """Every voxel by SciPy's interpolation; returns (nx, nz, ny)."""
    axes = [np.arange(n) - n // 2 for n in grid.shape]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    total = np.zeros(grid.shape)
    for r, image in zip(grid.rotations, images, strict=True):
        u, v = ((row[0] * x + row[1] * y) + row[2] * z for row in r[:2])
        centred = [u + grid.detector[0] // 2, v + grid.detector[1] // 2]
        total += map_coordinates(image, centred, order=1, mode="constant")
    return np.moveaxis(total, 1, 2)


def _angles(kind: str, n: int, rng: np.random.Generator) -> NDArray:
    if kind == "any":
        return rng.uniform(-180, 180, (n, 3))
    tilts = np.zeros((n, 3))
    tilts[:, 1] = np.linspace(-63, 71, n)
    if kind == "film":
        tilts[:, [0, 2]] = rng.uniform(-2, 2, (n, 2))
    return tilts


CASES = [
    ("single-axis", (12, 10), (2, 3, 2.5), False, 9),
    ("single-axis", (13, 11), (2, 3, 2), True, 7),
    ("film", (12, 10), (2, 3, 2.5), False, 9),
    ("film", (13, 11), (2, 3, 2), True, 7),
    ("film", (11, 8), (1.5, 3, 3), True, 12),
    ("any", (15, 15), 3, False, None),
    ("any", (14, 9), (2, 2, 3), False, 11),
]


@pytest.mark.parametrize(("kind", "detector", "oversampling", "extended", "n_z"), CASES)
def test_projection_and_back_projection_equal_the_plain_ones(
    kind: str, detector: tuple[int, int], oversampling: float, extended: bool, n_z: int
) -> None:
    rng = np.random.default_rng(7)
    grid = make_grid(detector, _angles(kind, 5, rng), oversampling, extended, n_z)
    volume = rng.random((grid.shape[0], grid.shape[2], grid.shape[1]))
    residual = rng.standard_normal((5, *detector))
    expected, expected_back = plain_projection(volume, grid), plain_back_projection(residual, grid)
    for project, descend in PROJECTORS[: 2 if grid.single_axis else 1]:
        # Both are double-precision transforms of the same sums: a few times 1e-16 of the largest.
        np.testing.assert_allclose(
            project(volume, grid, 2), expected, atol=1e-14 * np.abs(expected).max()
        )
        single = project(volume.astype(np.float32), grid)
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, expected, atol=1e-6 * np.abs(expected).max())
        gradient = np.zeros_like(volume)
        descend(gradient, residual, grid, -1.0, False, 2)
        np.testing.assert_allclose(gradient, expected_back, atol=1e-13)


@pytest.mark.parametrize(("project", "descend"), PROJECTORS)
def test_result_does_not_depend_on_threads(project: Callable, descend: Callable) -> None:
    rng = np.random.default_rng(3)
    grid = make_grid((14, 12), _angles("single-axis", 6, rng), 2)
    volume = rng.random((14, 14, 12), dtype=np.float32)
    results = []
    for threads in (1, 2, 5):
        images = project(volume, grid, threads)
        changed = volume.copy()
        descend(changed, images, grid, 1e-3, True, threads)
        results.append((images, changed))
    for images, changed in results[1:]:
        np.testing.assert_array_equal(images, results[0][0])
        np.testing.assert_array_equal(changed, results[0][1])


def test_projection_of_a_shifted_volume_is_shifted() -> None:
    rng = np.random.default_rng(5)
    grid = make_grid((16, 15), np.array([[0.0, 0, 0], [0, 90, 0]]), 3)
    volume = np.zeros((16, 16, 15))
    volume[5:10, 6:9, 5:9] = rng.random((5, 3, 4))
    first = fourier_slice.project(volume, grid)
    moved = fourier_slice.project(np.roll(volume, (1, 2, -1), (0, 1, 2)), grid)
    # Untilted the beam runs along z; at 90 degrees x' = -z. Lattice tilts need no interpolation.
    np.testing.assert_allclose(moved[0], np.roll(first[0], (1, -1), (0, 1)), atol=1e-12)
    np.testing.assert_allclose(moved[1], np.roll(first[1], (-2, -1), (0, 1)), atol=1e-12)
    np.testing.assert_allclose(first[0], volume.sum(1), atol=1e-12)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    n_x=st.integers(4, 9),
    n_y=st.integers(4, 9),
    n_z=st.integers(3, 9),
    seed=st.integers(0, 99),
    single=st.booleans(),
)
def test_random_geometries(n_x: int, n_y: int, n_z: int, seed: int, single: bool) -> None:
    rng = np.random.default_rng(seed)
    angles = _angles("single-axis" if single else "any", 3, rng)
    grid = make_grid((n_x, n_y), angles, rng.uniform(1, 3, 3), False, n_z)
    volume = rng.random((n_x, n_z, n_y))
    expected = plain_projection(volume, grid)
    for project, _ in PROJECTORS[: 2 if single else 1]:
        np.testing.assert_allclose(
            project(volume, grid), expected, atol=1e-13 * np.abs(expected).max()
        )


def test_back_projector_is_the_adjoint_of_its_own_transpose() -> None:
    """<A^T r, v> computed by the kernel equals <r, A v> of the explicit bilinear matrix."""
    rng = np.random.default_rng(11)
    grid = make_grid((7, 6), _angles("film", 3, rng), 2, True, 5)
    o_x, o_y, o_z = grid.shape
    volume = rng.random((o_x, o_z, o_y))
    columns = []
    for n in range(3 * 7 * 6):
        unit = np.zeros(3 * 7 * 6)
        unit[n] = 1
        spread = np.zeros_like(volume)
        back_projection.descend(spread, unit.reshape(3, 7, 6), grid, -1.0, False)
        columns.append((spread * volume).sum())
    residual = rng.standard_normal((3, 7, 6))
    gradient = np.zeros_like(volume)
    back_projection.descend(gradient, residual, grid, -1.0, False)
    assert np.isclose((gradient * volume).sum(), residual.ravel() @ np.array(columns), rtol=1e-12)


def test_radon_gradient_is_the_adjoint_of_the_projection() -> None:
    rng = np.random.default_rng(2)
    angles = _angles("single-axis", 4, rng)
    for extended in (False, True):
        grid = make_grid((9, 7), angles, 1, extended, 6)
        projector = RadonProjector(grid, angles)
        volume = rng.random((grid.shape[0], grid.shape[2], grid.shape[1]))
        residual = rng.standard_normal((4, 9, 7))
        left = (projector.project(volume, 2) * residual).sum()
        gradient = np.zeros_like(volume)
        projector.descend(gradient, residual, -1.0, False, 2)
        # The first gradient carries nine tenths of the new one.
        assert np.isclose((gradient * volume).sum(), 0.9 * left, rtol=1e-12)


def test_radon_kernels_without_compilation() -> None:
    rng = np.random.default_rng(4)
    volume = rng.random((5, 4, 3))
    angles = np.deg2rad([-20.0, 35.0])
    images, compiled = np.zeros((2, 6, 3)), np.zeros((2, 6, 3))
    _forward.py_func(volume, np.cos(angles), np.sin(angles), images, 0, 3)
    _forward(volume, np.cos(angles), np.sin(angles), compiled, 0, 3)
    np.testing.assert_allclose(images, compiled, atol=1e-15)
    gradient, again = np.ones((5, 4, 3)), np.ones((5, 4, 3))
    _backward.py_func(images, np.cos(angles), np.sin(angles), gradient, 0, 5)
    _backward(images, np.cos(angles), np.sin(angles), again, 0, 5)
    np.testing.assert_allclose(gradient, again, atol=1e-15)


def test_streamed_kernels_without_compilation() -> None:
    rng = np.random.default_rng(6)
    lines, compiled = (np.empty((2, 5, 2), np.complex128) for _ in range(2))
    grid = make_grid((8, 2), _angles("single-axis", 2, rng), 1, n_z=6)
    spectrum = rng.random((5, 6, 2)) + 1j * rng.random((5, 6, 2))
    single_axis._sample_lines.py_func(spectrum, grid.slice_matrices, 8, 6, lines)
    single_axis._sample_lines(spectrum, grid.slice_matrices, 8, 6, compiled)
    np.testing.assert_allclose(lines, compiled, atol=1e-15)
    real, imag = rng.random((3, 4, 5)), rng.random((3, 4, 5))
    points = [rng.uniform(-0.5, n - 0.5, 40) for n in (3, 4, 5)]
    out = [np.empty(40) for _ in range(2)]
    _trilinear(real, imag, *points, *out)
    np.testing.assert_allclose(
        out[0], map_coordinates(real, points, order=1, mode="constant"), atol=1e-15
    )


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_projection_function_of_the_reference(number: int) -> None:
    case = loadmat(golden_path("am__calculate3Dprojection_rec_fast__shapes_angles.mat"))
    volume = case[f"in_{number}_vol"]
    axes = tuple(case[f"in_vec{i}"].ravel() for i in (1, 2, 3))
    angles = case["in_angles"].astype(float)
    grid = make_grid(volume.shape[:2], angles, 1, False, volume.shape[2], axes)  # type: ignore[arg-type]
    ours = fourier_slice.project(np.ascontiguousarray(np.moveaxis(volume, 1, 2)), grid)
    expected = np.moveaxis(case[f"out_{number}"], 2, 0)
    np.testing.assert_allclose(ours, expected, atol=1e-13 * np.abs(expected).max())


def _series(n: int = 5, size: tuple[int, int] = (10, 9), kind: str = "single-axis") -> TiltSeries:
    rng = np.random.default_rng(1)
    angles = _angles(kind, n, rng)
    grid = make_grid(size, angles, 2)
    volume = np.zeros((size[0], size[0], size[1]))
    volume[3:7, 4:7, 3:6] = rng.random((4, 3, 3))
    return TiltSeries(fourier_slice.project(volume, grid), angles, 0.5)


@pytest.mark.parametrize("projector", ["fourier-slice", "real-space", "radon"])
def test_a_stopped_run_goes_on_to_the_same_bytes(projector: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    series, file = _series(), tmp_path / "state.npz"
    options = {"oversampling": 2, "projector": projector, "checkpoint_interval": 0.0}
    whole = reconstruct(series, iterations=9, **options)
    reconstruct(series, iterations=4, checkpoint=file, **options)
    resumed = reconstruct(series, iterations=9, checkpoint=file, **options)
    assert whole.volume.array.tobytes() == resumed.volume.array.tobytes()
    assert whole.r1.tobytes() == resumed.r1.tobytes()


def test_a_foreign_or_broken_checkpoint_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "state.npz"
    options = {"oversampling": 2, "checkpoint": file, "checkpoint_interval": 0.0}
    reconstruct(_series(), iterations=2, **options)
    with pytest.raises(CheckpointError, match=r"state\.npz.*other data or parameters"):
        reconstruct(_series(), iterations=3, step=1.5, **options)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(CheckpointError, match=r"state\.npz.*no readable arrays"):
        reconstruct(_series(), iterations=3, **options)


def test_support_mask_and_positivity_hold() -> None:
    series = _series(kind="film")
    support = np.zeros((10, 9, 10))
    support[2:8, 2:8, 2:8] = 1
    result = reconstruct(series, iterations=5, oversampling=2, support=support)
    assert (result.volume.array[support == 0] == 0).all()
    assert result.volume.array.min() == 0
    assert result.r_factor < 1
    with pytest.raises(EmptyResultError, match="the volume is zero everywhere"):
        reconstruct(series, iterations=2, oversampling=2, mask=np.zeros(series.images.shape))


def test_reconstruction_approaches_the_object() -> None:
    series = _series(n=20)
    result = reconstruct(series, iterations=150, oversampling=3, step=1.0)
    assert result.r_factor < 0.05
    assert (np.diff(result.r1.mean(1)) < 1e-6).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"iterations": 0}, "iterations: found 0"),
        ({"step": -1.0}, "step: found"),
        ({"oversampling": 0.5}, "oversampling"),
        ({"oversampling": (1, 2)}, "oversampling"),
        ({"n_z": 0}, "n_z"),
        ({"projector": "sirt"}, "projector"),
        ({"precision": "half"}, "precision"),
        ({"support": np.ones((3, 3, 3))}, "support"),
        ({"mask": np.full((5, 10, 9), np.nan)}, "mask"),
        ({"initial": np.ones((3, 3, 3))}, "initial"),
        ({"threads": 0}, "threads"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        reconstruct(_series(), **({"iterations": 1} | arguments))


def test_radon_needs_tilts_about_y() -> None:
    with pytest.raises(InputError, match="radon"):
        reconstruct(_series(kind="film"), iterations=1, projector="radon")
