"""The real-space projector against plain sums, line integrals, and the other projectors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.geometry import crop_centred
from aet_port.resire import fourier_slice, reconstruct
from aet_port.resire.grid import Grid, make_grid
from aet_port.resire.memory import needed_memory
from aet_port.resire.real_space import RealSpaceProjector
from aet_port.resire.realspace_projector import RadonProjector
from aet_port.resire.rotated_sum import project_rotated
from aet_port.resire.settings import ReconstructSettings

N, WIDTH = 40, 1.5  # pixels; atoms of the papers' images are about as wide


def angles_of(kind: str, n: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(8)
    if kind == "any":
        return rng.uniform(-180, 180, (n, 3))
    wobble = rng.uniform(-3, 3, (2, n)) * (kind == "film")
    return np.stack([wobble[0], np.linspace(-65, 70, n), wobble[1]], axis=1)


def points_of(volume: NDArray, grid: Grid) -> tuple[NDArray, list[NDArray]]:
    """Voxels in the order (x, y, z), flattened, with their coordinates."""
    axes = np.meshgrid(*(np.arange(n) - n // 2 for n in grid.shape), indexing="ij")
    return np.moveaxis(volume, 1, 2).ravel(), [axis.ravel() for axis in axes]


def shared_in_four(volume: NDArray, grid: Grid) -> NDArray[np.float64]:
    """Sums of the published code, one part of all voxels after the other."""
    values, (x, y, z) = points_of(volume, grid)
    d_x, d_y = grid.detector
    images = np.zeros((len(grid.rotations), d_x, d_y))
    for image, r in zip(images, grid.rotations, strict=True):
        for s_x in (-0.25, 0.25):
            for s_z in (-0.25, 0.25):
                u, v = (a * (x + s_x) + b * y + c * (z + s_z) for a, b, c in r[:2])
                u, v = u + d_x // 2, v + d_y // 2
                i, j = np.floor(u).astype(int), np.floor(v).astype(int)
                for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
                    share = (1 - np.abs(u - i - a)) * (1 - np.abs(v - j - b)) * values / 4
                    seen = (i + a >= 0) & (i + a < d_x) & (j + b >= 0) & (j + b < d_y)
                    np.add.at(image, (i[seen] + a, j[seen] + b), share[seen])
    return images


def gaussians(size: int, count: int, reach: float) -> tuple[NDArray, NDArray]:
    """Atoms at random positions within a ball, and their density (nx, ny, nz)."""
    rng = np.random.default_rng(5)
    found = rng.uniform(-1, 1, (4 * count, 3))
    found = reach * found[np.linalg.norm(found, axis=1) < 1][:count]
    axis = np.arange(size) - size // 2
    lines = np.exp(-((axis - found[..., None]) ** 2) / (2 * WIDTH**2))
    return found, np.einsum("ai,aj,ak->ijk", *np.moveaxis(lines, 1, 0))


def line_integrals(positions: NDArray, grid: Grid) -> NDArray[np.float64]:
    """Closed form of the projections of those atoms."""
    axis = np.arange(N) - N // 2
    places = np.einsum("kij,aj->kai", grid.rotations[:, :2], positions)
    lines = np.exp(-((axis - places[..., None]) ** 2) / (2 * WIDTH**2))
    return np.einsum("kai,kaj->kij", lines[:, :, 0], lines[:, :, 1]) * WIDTH * np.sqrt(2 * np.pi)


@pytest.mark.parametrize("kind", ["single-axis", "film", "any"])
def test_published_sums_equal_plain_ones(kind: str) -> None:
    grid = make_grid((13, 10), angles_of(kind, 5), 2, kind == "film", 9)
    volume = np.random.default_rng(0).random((grid.shape[0], grid.shape[2], grid.shape[1]))
    found = RealSpaceProjector(grid, np.float64, reference_quirks=True).project(volume, 2)
    expected = shared_in_four(volume, grid)
    # Sums of some hundred numbers of order one in another order.
    np.testing.assert_allclose(found, expected, atol=1e-13 * expected.max())


def test_published_sums_equal_the_film_paper_s_for_one_axis() -> None:
    """Radon of the film paper divides and shares voxels likewise, and then mixes rows of y."""
    angles = angles_of("single-axis", 6)
    grid = make_grid((12, 9), angles, 2)
    # Rows of y that are equal remain so when they are mixed.
    volume = np.repeat(np.random.default_rng(1).random((12, 12, 1)), 9, axis=2)
    found = RealSpaceProjector(grid, np.float64, reference_quirks=True).project(volume)
    theirs = RadonProjector(grid, angles).project(volume)
    np.testing.assert_allclose(found, theirs, atol=1e-13 * theirs.max())


@pytest.mark.parametrize("kind", ["single-axis", "film", "any"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_back_projection_is_the_exact_transpose(kind: str, dtype: type) -> None:
    rng = np.random.default_rng(2)
    # A detector smaller than the object: the edges count too. 150 voxels are more than one run.
    grid = make_grid((9, 150), angles_of(kind, 4), 1, kind == "film", 7)
    volume: NDArray = rng.random((grid.shape[0], grid.shape[2], grid.shape[1])).astype(dtype)
    residual: NDArray = rng.standard_normal((4, 9, 150)).astype(dtype)
    projector = RealSpaceProjector(grid, dtype)
    gradient = np.zeros_like(volume)
    projector.descend(gradient, residual, -1.0, False)
    left = np.vdot(gradient.astype(np.float64), volume)
    images = projector.project(volume).astype(np.float64)
    size = np.linalg.norm(images) * np.linalg.norm(residual)
    # Rounding of the sums only, relative to what the product of such arrays may be.
    assert abs(left - np.vdot(images, residual)) < 20 * np.finfo(dtype).eps * size


def test_projections_of_atoms_are_their_line_integrals() -> None:
    positions, volume = gaussians(N, 60, 12)
    angles = angles_of("film", 7)
    angles[:3, 1] = 0, 45, -45  # where rows of voxels fall on rows of pixels
    grid = make_grid((N, N), angles, 3)
    swapped = np.ascontiguousarray(np.moveaxis(volume, 1, 2))
    expected = line_integrals(positions, grid)
    found = RealSpaceProjector(grid, np.float64).project(swapped)
    errors = np.abs(found - expected).max(axis=(1, 2)) / expected.max()
    # 4e-5 is measured for such series; in any orientation it is up to 5e-4.
    assert errors.max() < 1e-4
    # Sums of samples interpolated along the beam blur atoms by a few per cent.
    slow = np.abs(project_rotated(volume, angles) - expected).max() / expected.max()
    assert 0.01 < slow < 0.06


def test_images_equal_those_of_the_fourier_slice_projector() -> None:
    """Fourier slices fade towards the rim with the square of radius over padded size."""
    n = 24  # so that the padded transforms stay small
    _, volume = gaussians(n, 20, 6)
    swapped = np.ascontiguousarray(np.moveaxis(volume, 1, 2))
    angles = angles_of("any", 4)
    angles[0] = 41.7, 41.4, 64.1  # a diagonal of the voxels lies along an image axis
    ours = RealSpaceProjector(make_grid((n, n), angles, 1), np.float64).project(swapped)
    gaps = []
    for oversampling in (4, 8, 16):
        theirs = fourier_slice.project(swapped, make_grid((n, n), angles, oversampling))
        gaps.append(np.abs(ours - theirs).max() / theirs.max())
    assert gaps[2] < 1e-3
    # What remains is their fading, which falls by four for every doubling of the padded size.
    assert np.all(np.array(gaps[:2]) / gaps[1:] > 3)
    # Extrapolated to a padding without end, the two agree to what the filter of ours leaves.
    assert abs(gaps[2] - (gaps[1] - gaps[2]) / 3) < 2e-4


def test_results_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(3)
    grid = make_grid((14, 12), angles_of("any", 3), 2)
    volume = rng.random((14, 14, 12), dtype=np.float32)
    projector = RealSpaceProjector(grid)
    results = []
    for threads in (1, 2, 5):
        images = projector.project(volume, threads)
        changed = volume.copy()
        projector.descend(changed, images, 1e-3, True, threads)
        results.append(images.tobytes() + changed.tobytes())
    assert len(set(results)) == 1


def test_a_film_beyond_the_detector_projects_as_the_whole() -> None:
    """A crop of the images of a larger detector, filter and margins included."""
    rng = np.random.default_rng(4)
    angles = angles_of("film", 3)
    small, large = make_grid((10, 8), angles, 1, True, 6), make_grid((120, 100), angles, 1, n_z=6)
    volume = rng.random((small.shape[0], 6, small.shape[1]))
    whole = np.zeros((120, 6, 100))
    inner = crop_centred(whole, volume.shape)
    inner[:] = volume
    near = RealSpaceProjector(small, np.float64).project(volume)
    far = RealSpaceProjector(large, np.float64).project(whole)
    np.testing.assert_allclose(near, crop_centred(far, (3, 10, 8)), atol=1e-13 * far.max())


def _series(seed: int) -> TiltSeries:
    positions, _ = gaussians(N, 30, 10)
    angles = angles_of("film", 12)
    images = line_integrals(positions, make_grid((N, N), angles, 1))
    noise = np.random.default_rng(seed).normal(0, 0.05 * images.max(), images.shape)
    return TiltSeries(images + noise, angles, 0.4)


def test_reconstruction_finds_what_fourier_slices_find() -> None:
    """Their volumes differ less than volumes of two series with other noise."""
    options: dict = {"iterations": 20, "check": False, "threads": 1, "oversampling": 2}
    series = _series(6)
    ours = reconstruct(series, projector="real-space", **options)
    theirs = reconstruct(series, **options).volume.array
    other = reconstruct(_series(7), **options).volume.array
    assert np.linalg.norm(ours.volume.array - theirs) < 0.7 * np.linalg.norm(other - theirs)
    assert (np.diff(ours.r2.mean(axis=1)) < 1e-6).all()
    published = reconstruct(series, projector="real-space", precision="reference-glass", **options)
    assert np.abs(published.volume.array - ours.volume.array).max() > 0
    assert published.r_factor < published.r1[0].mean() / 2


def test_memory_is_added_up() -> None:
    """Without the padded transform, so that oversampling does not count."""
    grid = make_grid((100, 100), angles_of("film", 20), 3)
    settings = ReconstructSettings(projector="real-space")
    found = needed_memory(grid, settings, 1)
    samples = 20 * 4 * (100 + 2 * 22) ** 2 * 9  # nine a pixel, a margin, single precision
    assert found == 2 * 4 * 100**3 + 3 * 4 * 20 * 100**2 + samples
    assert needed_memory(make_grid((100, 100), angles_of("film", 20), 8), settings, 1) == found
