"""320 x 320 x 55 at oversampling 4, the size of a whole particle: time and memory per iteration."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np

from aet_port.core.timings import peak_memory
from aet_port.resire import back_projection, fourier_slice, single_axis
from aet_port.resire.grid import make_grid
from benchmarks.timing import Row

PIXELS, TILTS, OVERSAMPLING = 320, 55, 4


def measure(single: bool, threads: int, rounds: int = 2) -> dict[str, float]:
    """Least seconds of one iteration and peak memory in GB, in this process."""
    angles = np.zeros((TILTS, 3))
    angles[:, 1] = np.linspace(-70, 70, TILTS)
    if not single:
        angles[:, 0], angles[:, 2] = np.linspace(-1, 1, TILTS), np.linspace(0.5, -0.5, TILTS)
    grid = make_grid((PIXELS, PIXELS), angles, OVERSAMPLING)
    project, descend = (
        (single_axis.project, single_axis.descend)
        if single
        else (fourier_slice.project, back_projection.descend)
    )
    _warm_up(project, descend, angles)
    rng = np.random.default_rng(0)
    volume = rng.random((PIXELS, PIXELS, PIXELS), dtype=np.float32)
    measured = rng.random((TILTS, PIXELS, PIXELS), dtype=np.float32)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        residual = project(volume, grid, threads)
        residual -= measured
        descend(volume, residual, grid, 1e-6, True, threads)
        best = min(best, time.perf_counter() - start)
    return {"seconds": best, "gb": peak_memory()}


def show(single: bool, threads: int) -> None:
    """Print :func:`measure` as JSON."""
    print(json.dumps(measure(single, threads)))


def _warm_up(project, descend, angles) -> None:  # type: ignore[no-untyped-def]
    small = make_grid((8, 8), angles, 2)
    volume = np.ones((8, 8, 8), np.float32)
    descend(volume, project(volume, small, 1), small, 1e-6, True, 1)


def run() -> list[Row]:
    """Rows of the table, each figure from a separate process."""
    rows = []
    for single, name in ((True, "tilts about y"), (False, "three angles")):
        found = {}
        for threads in (1, 2):
            code = f"from benchmarks import full_size as f; f.show({single}, {threads})"
            output = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
            found[threads] = json.loads(output.stdout.splitlines()[-1])
        one, two = found[1], found[2]
        rows.append(
            Row(
                f"320 x 320 x 55, oversampling 4, {name}",
                f"{one['seconds']:.2f} s, {one['gb']:.2f} GB",
                f"2 threads {two['seconds']:.2f} s, {two['gb']:.2f} GB",
                f"{one['seconds'] / two['seconds']:.2f}x",
            )
        )
    return rows
