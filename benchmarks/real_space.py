"""Real-space against Fourier-slice projector: images, volumes after 100 iterations, times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from aet_port.core.data import TiltSeries
from aet_port.resire import back_projection, fourier_slice, reconstruct
from aet_port.resire.grid import Grid, make_grid
from aet_port.resire.real_space import RealSpaceProjector
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from benchmarks.timing import Row, least_seconds, user_time

SIZE, WIDTH, ATOMS = 48, 1.5, 100  # pixels; the width of atoms in the papers' images
RATIOS, ORIENTATIONS = (3, 6, 12, 16, 24), 8


def tilts(count: int) -> NDArray[np.float64]:
    """A series of tilts with small errors of the other two angles."""
    wobble = np.random.default_rng(0).uniform(-1, 1, (2, count))
    return np.stack([wobble[0], np.linspace(-70, 70, count), wobble[1]], axis=1)


def gaussians() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Atoms within a third of the box, and their density (nx, nz, ny)."""
    places = np.random.default_rng(1).uniform(-1, 1, (4 * ATOMS, 3))
    places = SIZE / 3 * places[np.linalg.norm(places, axis=1) < 1][:ATOMS]
    axis = np.arange(SIZE) - SIZE // 2
    lines = np.exp(-((axis - places[..., None]) ** 2) / (2 * WIDTH**2))
    return places, np.einsum("ai,aj,ak->ikj", *np.moveaxis(lines, 1, 0))


def line_integrals(places: NDArray, grid: Grid) -> NDArray[np.float64]:
    """Projections of those atoms in closed form."""
    axis = np.arange(SIZE) - SIZE // 2
    at = np.einsum("kij,aj->kai", grid.rotations[:, :2], places)
    lines = np.exp(-((axis - at[..., None]) ** 2) / (2 * WIDTH**2))
    return np.einsum("kai,kaj->kij", lines[:, :, 0], lines[:, :, 1]) * WIDTH * np.sqrt(2 * np.pi)


def images() -> list[Row]:
    """Largest errors of projections of atoms, relative to the largest value."""
    places, density = gaussians()
    angles = tilts(5)
    exact = line_integrals(places, make_grid((SIZE, SIZE), angles, 1))

    def error(found: NDArray) -> str:
        return f"{np.abs(found - exact).max() / exact.max():.1e}"

    slices = [
        error(fourier_slice.project(density, make_grid((SIZE, SIZE), angles, ratio)))
        for ratio in RATIOS
    ]
    projector = RealSpaceProjector(make_grid((SIZE, SIZE), angles, 1), np.float64)
    return [
        Row(
            "projections of atoms, three angles, real space: largest error",
            error(projector.project(density)),
            f"Fourier slices, oversampling {_listed(RATIOS)}: {_listed(slices)}",
        )
    ]


def _listed(items: Iterable[Any]) -> str:
    return ", ".join(map(str, items))


def differences(seed: int = 3) -> list[Row]:
    """Differences of the images of both projectors, in orientations at random."""
    _, density = gaussians()
    angles = Rotation.random(ORIENTATIONS, random_state=seed).as_euler("ZYX", degrees=True)
    ours = RealSpaceProjector(make_grid((SIZE, SIZE), angles, 1), np.float64).project(density)
    largest, whole = [], []
    for ratio in RATIOS:
        apart = fourier_slice.project(density, make_grid((SIZE, SIZE), angles, ratio)) - ours
        largest.append(f"{np.abs(apart).max() / ours.max():.1e}")
        whole.append(f"{np.linalg.norm(apart) / np.linalg.norm(ours):.1e}")
    return [
        Row(
            f"images in real space and by Fourier slices, {ORIENTATIONS} random orientations",
            f"oversampling {_listed(RATIOS)}: largest difference {_listed(largest)}",
            f"difference of the norms {_listed(whole)}",
        )
    ]


def volumes(iterations: int = 100) -> list[Row]:
    """Distance of the two volumes of a series, and of volumes of series with other noise."""
    truth = amorphous_particle(300, "Ta")

    def series(seed: int) -> TiltSeries:
        return simulate_tilt_series(
            truth, tilts(30), pixel_size=0.4, shape=(56, 56), dose=8.2e5, seed=seed
        )

    def found(of: TiltSeries, projector: Any) -> NDArray:
        options: dict[str, Any] = {"iterations": iterations, "check": False, "threads": 1}
        return reconstruct(of, projector=projector, **options).volume.array

    one, two = series(1), series(2)
    slices = found(one, "fourier-slice")
    size = np.linalg.norm(slices)
    apart = np.linalg.norm(found(one, "real-space") - slices) / size
    noise = np.linalg.norm(found(two, "fourier-slice") - slices) / size
    return [
        Row(
            f"volumes of 300 atoms after {iterations} iterations: distance",
            f"{apart:.2f}",
            f"two series with other noise: {noise:.2f}",
        )
    ]


def times() -> list[Row]:
    """Seconds per iteration."""
    rows = []
    for size, count, ratio in ((128, 4, 3), (128, 40, 3), (64, 40, 6)):
        grid = make_grid((size, size), tilts(count), ratio)
        volume = np.random.default_rng(2).random((size, size, size), dtype=np.float32)
        projector = RealSpaceProjector(grid)

        def real(p: RealSpaceProjector = projector, v: NDArray = volume) -> None:
            p.descend(v, p.project(v), 1e-9, True)

        def slices(g: Grid = grid, v: NDArray = volume) -> None:
            back_projection.descend(v, fourier_slice.project(v, g), g, 1e-9, True)

        seconds = least_seconds({"real": real, "slices": slices}, 3, user_time)
        rows.append(
            Row(
                f"iteration in real space, {size} pixels, {count} tilts, three angles",
                f"{seconds['real']:.2f} s",
                f"Fourier slices, oversampling {ratio}: {seconds['slices']:.2f} s",
                f"{seconds['slices'] / seconds['real']:.2f}x",
            )
        )
    return rows


def run() -> list[Row]:
    """Rows of the table."""
    return images() + differences() + volumes() + times()
