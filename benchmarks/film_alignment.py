"""Films aligned by the particles on them: time, memory, and the largest error of a shift."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from aet_port.core.geometry import euler_rotations
from aet_port.core.timings import peak_memory, reset_peak
from aet_port.preprocessing import align_by_particles
from benchmarks.timing import Row

PARTICLES, DRIFT = 60, 1.5  # rms step from image to image, pixels
CASES = ((9, 1024), (21, 2048), (5, 4096))  # images, pixels along an edge


def film(tilts: NDArray, size: int, seed: int) -> tuple[NDArray[np.float32], NDArray, NDArray]:
    """Noisy images of Gaussian particles on both sides of a film, their drift, and rotations."""
    rng = np.random.default_rng(seed)
    flat, height = rng.uniform(-0.6, 0.6, (PARTICLES, 2)) * size, rng.uniform(-20, 20, PARTICLES)
    places = np.column_stack([flat, height])
    widths, heights = rng.uniform(4, 7, PARTICLES), rng.uniform(4, 8, PARTICLES)
    drift = np.cumsum(rng.normal(0, DRIFT, (len(tilts), 2)), axis=0)
    rotations = euler_rotations(np.stack([0 * tilts, tilts, 0 * tilts], axis=1))
    axis = np.arange(size) - size // 2
    images = np.empty((len(tilts), size, size), np.float32)
    for k, tilt in enumerate(tilts):
        at = places @ rotations[k, :2].T + drift[k]
        lines = np.exp(-((axis - at[..., None]) ** 2) / (2 * widths[:, None, None] ** 2))
        clean = (heights * lines[:, 0].T) @ lines[:, 1] + 20 / np.cos(np.radians(tilt))
        images[k] = clean + rng.normal(0, 1, clean.shape)
    return images, drift, rotations


def largest_error(shifts: NDArray, drift: NDArray, rotations: NDArray) -> float:
    """Largest error along an axis, pixels, but for a displacement of the whole sample."""
    rows = rotations[:, :2].reshape(-1, 3)
    wrong = (shifts + drift).ravel()
    whole = np.linalg.lstsq(rows, wrong, rcond=None)[0]
    return float(np.abs(wrong - rows @ whole).max())


def run() -> list[Row]:
    """Rows of the table."""
    rows = []
    for count, size in CASES:
        tilts = np.linspace(-45, 45, count)
        images, drift, rotations = film(tilts, size, seed=33)
        reset_peak()
        start = time.process_time()
        found = align_by_particles(images, tilts)
        seconds = time.process_time() - start
        error = largest_error(found.shifts, drift, rotations)
        figure = f"{seconds:.1f} s, process {peak_memory():.2f} GB, {error:.2f} pixels off"
        what = f"film of {count} images of {size} x {size} pixels, {PARTICLES} particles"
        rows.append(Row(what, figure))
    return rows
