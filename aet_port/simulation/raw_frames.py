"""Raw frames of a tilt series: drift, line jitter, scan distortion, background, counted electrons.

:mod:`~aet_port.simulation.acquisition` applies errors to whole images; here each image is recorded
as several frames, line by line, as in the microscope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.simulation.acquisition import Project
from aet_port.simulation.linear import add_noise
from aet_port.simulation.settings import RawFrameSettings

SPLINE = 5
WAVES = 3  # long-wavelength components of the background in each image
FEWER_FRAMES = "fewer frames (n_frames), a narrower border, larger pixels or fewer tilts"


@dataclass(frozen=True)
class RawFrames:
    """Frames of a tilt series with their true parameters.

    Pixel ``p`` of line ``s`` of frame ``j`` of tilt ``i`` shows the point
    ``c + A^-1 (p - c - d) - shifts[i]`` of the clean image plus background, where ``c = n // 2``,
    ``A = settings.matrix`` and
    ``d = frame_shifts[i, j] + rates[i] (s - (n - 1) / 2) / n`` plus the jitter of the line.

    Parameters
    ----------
    frames
        Shape (n, m, nx, ny), single precision; fraction of incident electrons as in
        :func:`~.simulation.add_noise`.
    angles
        Shape (n, 3), degrees.
    pixel_size
        Angstrom.
    clean, backgrounds
        Shape (n, nx, ny), noise-free, neither shifted nor distorted.
    shifts
        Shape (n, 2), pixels: displacement of each tilt before scan distortion.
    frame_shifts
        Shape (n, m, 2), pixels: displacement of the middle of each frame; mean over frames zero.
    rates
        Shape (n, 2), pixels per frame.
    jitter
        Shape (n, m, lines), pixels.
    settings
        Settings of the simulation.
    """

    frames: NDArray[np.float32]
    angles: NDArray[np.float64]
    pixel_size: float
    clean: NDArray[np.float64]
    backgrounds: NDArray[np.float64]
    shifts: NDArray[np.float64]
    frame_shifts: NDArray[np.float64]
    rates: NDArray[np.float64]
    jitter: NDArray[np.float64]
    settings: RawFrameSettings

    def truth(self) -> dict[str, Any]:
        """The true parameters as plain numbers, without images."""
        return {
            "pixel_size": self.pixel_size,
            "angles": self.angles.tolist(),
            "shifts_in_pixels": self.shifts.tolist(),
            "frame_shifts_in_pixels": self.frame_shifts.tolist(),
            "drift_rates_in_pixels_per_frame": self.rates.tolist(),
            "line_jitter_in_pixels": self.jitter.tolist(),
            "scan_matrix": self.settings.matrix.tolist(),
            "settings": self.settings.plain(),
        }


def needed_memory(n_tilts: int, n_frames: int, shape: tuple[int, ...]) -> float:
    """Bytes of simulated frames, ``n_frames`` of ``shape`` pixels for each tilt.

    In double precision: frames, the same without negative values, electrons, counts, read noise.
    """
    return 8.0 * 5 * n_tilts * n_frames * math.prod(shape)


def take_frames(
    project: Project,
    angles: ArrayLike,
    pixel_size: float,
    settings: RawFrameSettings | None = None,
) -> RawFrames:
    """Simulate raw frames of a tilt series, with a record of all errors.

    The clean image of each tilt plus its background is interpolated, by B-splines of degree 5, at
    the sample positions of the drifting, jittering and sheared scan of each frame; outside the
    image is vacuum with continued background. Then the electrons of each frame are counted, with
    the dose divided equally. The background is a mean level plus long waves, fixed to the sample.

    Parameters
    ----------
    project
        Function from angles (n, 3) to noise-free images (n, nx, ny), as the fraction of incident
        electrons.
    angles
        Shape (n, 3): phi, theta, psi in degrees.
    pixel_size
        Angstrom.
    settings
        The errors; defaults of :class:`RawFrameSettings` unless given.

    Raises
    ------
    InputError
        For angles of another shape, a different number of images, and as in
        :func:`~.simulation.add_noise`.

    Notes
    -----
    MATLAB: none; the repositories start from denoised and aligned images
    """
    settings = settings or RawFrameSettings()
    table = np.asarray(angles, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != 3 or len(table) == 0:
        raise InputError("angles", f"shape {table.shape}", "shape (n, 3): phi, theta, psi")
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise InputError("pixel_size", f"{pixel_size!r}", "a length above zero, in angstrom")
    clean = np.asarray(project(table), dtype=np.float64)
    if clean.ndim != 3 or len(clean) != len(table) or not np.isfinite(clean).all():
        raise InputError(
            "project", f"images of shape {clean.shape}", f"({len(table)}, nx, ny), finite"
        )
    n, m, shape = len(table), settings.n_frames, clean.shape[1:]
    check_memory("simulate_frames", needed_memory(n, m, shape), FEWER_FRAMES)
    n_lines = shape[settings.slow]
    of_drift, of_jump, of_jitter, of_shift, of_ground, of_noise = np.random.default_rng(
        settings.seed
    ).spawn(6)
    rates = settings.drift_rate * of_drift.normal(size=(n, 2))
    jumps = settings.frame_jump * of_jump.normal(size=(n, m, 2))
    jitter = settings.line_jitter * of_jitter.normal(size=(n, m, n_lines))
    shifts = settings.shift_error * of_shift.normal(size=(n, 2))
    when = np.arange(m) - (m - 1) / 2
    moved = when[None, :, None] * rates[:, None, :] + jumps
    moved -= moved.mean(axis=1, keepdims=True)
    level = settings.background * float(clean.max())
    ground = [_draw_background(of_ground, level) for _ in range(n)]
    grid = np.stack(np.meshgrid(*(np.arange(k, dtype=float) for k in shape), indexing="ij"))
    backgrounds = np.stack([_background(grid, waves, shape) for waves in ground])
    frames = np.empty((n, m, *shape))
    for i in range(n):
        spline = ndimage.spline_filter(np.pad(clean[i], SPLINE * 2), order=SPLINE)
        for j in range(m):
            places = _scan(grid, settings, moved[i, j], rates[i], jitter[i, j], shifts[i])
            seen = ndimage.map_coordinates(
                spline,
                places + SPLINE * 2,
                order=SPLINE,
                mode="grid-constant",
                prefilter=False,
            )
            frames[i, j] = seen + _background(places, ground[i], shape)
    if settings.dose:
        # A spline rings at the edge of the image; electron counts can't be negative.
        counted = add_noise(
            np.maximum(frames, 0).reshape(n * m, *shape),
            pixel_size,
            settings.dose,
            settings.read_noise,
            of_noise,
        )
        frames = counted.reshape(frames.shape)
    return RawFrames(
        frames.astype(np.float32),
        table,
        float(pixel_size),
        clean,
        backgrounds,
        shifts,
        moved,
        rates,
        jitter,
        settings,
    )


def _scan(
    grid: NDArray[np.float64],
    settings: RawFrameSettings,
    frame_shift: NDArray[np.float64],
    rate: NDArray[np.float64],
    jitter: NDArray[np.float64],
    shift: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Position on the undistorted image for each pixel of a frame, shape (2, nx, ny)."""
    slow = settings.slow
    n = grid.shape[1 + slow]
    place = (np.arange(n) - (n - 1) / 2) / n
    drift = frame_shift[:, None] + np.outer(rate, place)
    drift[1 - slow] += jitter
    along = drift[:, :, None] if slow == 0 else drift[:, None, :]
    centre = np.array(grid.shape[1:])[:, None, None] // 2
    inverse = np.linalg.inv(settings.matrix)
    return centre + np.einsum("ab,bxy->axy", inverse, grid - along - centre) - shift[:, None, None]


def _draw_background(
    rng: np.random.Generator, level: float
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Level, and per wave: amplitude and phase, and cycles across the image along x and y."""
    phases = np.stack([rng.uniform(0.2, 0.5, WAVES), rng.uniform(0, 2 * np.pi, WAVES)])
    phases[0] *= 0.5 * level / phases[0].sum()
    turn = rng.uniform(0, 2 * np.pi, WAVES)
    # A tenth to four tenths of a cycle across the image.
    cycles = rng.uniform(0.1, 0.4, WAVES) * np.stack([np.cos(turn), np.sin(turn)])
    return level, phases, cycles


def _background(
    places: NDArray[np.float64],
    waves: tuple[float, NDArray[np.float64], NDArray[np.float64]],
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    level, (heights, phases), cycles = waves[0], waves[1], waves[2]
    total = np.full(places.shape[1:], level)
    for height, phase, (u, v) in zip(heights, phases, cycles.T, strict=True):
        total += height * np.sin(
            2 * np.pi * (u * places[0] / shape[0] + v * places[1] / shape[1]) + phase
        )
    return total
