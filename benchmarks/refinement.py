"""Refinement of a particle of 18,356 atoms against 55 images of 370 x 370: ours, the published."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np

from aet_port.data import AtomicModel, TiltSeries
from aet_port.measure import peak_memory
from aet_port.refinement.forward import Forward
from aet_port.refinement.joint import refine
from aet_port.refinement.parameters import Parameters
from aet_port.validation.simulation import tilt_angles
from benchmarks.timing import Row

ATOMS, PIXELS, PIXEL = 18_356, 370, 0.347
HEIGHTS, B_FACTOR = {"Co": 1.0, "Pd": 1.36, "Pt": 2.58}, 13.3


def particle(n_atoms: int = ATOMS, spacing: float = 2.7, seed: int = 0) -> AtomicModel:
    """Atoms of three species on a shaken cubic lattice, cut to a sphere."""
    reach = int(np.ceil((n_atoms * 3 / (4 * np.pi)) ** (1 / 3))) + 1
    axis = np.arange(-reach, reach + 1.0)
    sites = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    sites = sites[np.argsort(np.linalg.norm(sites, axis=1), kind="stable")[:n_atoms]]
    rng = np.random.default_rng(seed)
    positions = spacing * (sites + rng.uniform(-0.1, 0.1, sites.shape))
    return AtomicModel.from_positions(positions, rng.choice(list(HEIGHTS), n_atoms).tolist())


def measured(model: AtomicModel, pixels: int = PIXELS) -> TiltSeries:
    """Its images."""
    angles = tilt_angles("glass", offset=0.3)
    forward = Forward(model.species, angles, PIXEL, (pixels, pixels))
    here = Parameters.start(
        model.positions, [HEIGHTS[kind] for kind in forward.kinds], [B_FACTOR] * 3, len(angles)
    )
    return TiltSeries(forward.project(here), angles, PIXEL)


def measure(method: str, threads: int, seed: int = 1) -> dict[str, float]:
    """Seconds of one step of the positions and peak memory in GB, in this process."""
    truth = particle()
    series = measured(truth)
    shaken = truth.positions + np.random.default_rng(seed).normal(0, 0.115, truth.positions.shape)
    start = AtomicModel.from_positions(shaken, truth.species)
    forward = Forward(truth.species, series.angles, PIXEL, series.detector, threads=threads)
    here = Parameters.start(shaken, list(HEIGHTS.values()), [B_FACTOR] * 3, len(series))
    if method == "lbfgs":
        forward.misfit(here, series.images)  # compiles
        seconds = _least(lambda: forward.misfit(here, series.images))
        refine(series, start, evaluations=3, threads=threads)
        return {"seconds": seconds, "gb": peak_memory()}
    from aet_port.refinement import descend_positions, make_projector, prepare_series

    prepared = prepare_series(series, padding=0, odd=True)
    projector = make_projector(
        series.angles, PIXEL, prepared.detector, list(HEIGHTS), threads=threads
    )
    heights = np.array([HEIGHTS[symbol] for symbol in truth.species])
    descend = (projector, prepared.images, shaken, heights, np.full(len(truth), B_FACTOR))
    descend_positions(*descend, 1)
    seconds = _least(lambda: descend_positions(*descend, 1))
    return {"seconds": seconds, "gb": peak_memory()}


def _least(work, rounds: int = 2) -> float:  # type: ignore[no-untyped-def]
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


def show(method: str, threads: int) -> None:
    """Print :func:`measure` as JSON."""
    print(json.dumps(measure(method, threads)))


def run() -> list[Row]:
    """Rows of the table, each figure from a process of its own."""
    found = {}
    for method, threads in (("lbfgs", 1), ("lbfgs", 2), ("published", 1)):
        code = f"from benchmarks import refinement as r; r.show({method!r}, {threads})"
        output = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        found[method, threads] = json.loads(output.stdout.splitlines()[-1])
    one, two, theirs = found["lbfgs", 1], found["lbfgs", 2], found["published", 1]
    what = "refinement, 18,356 atoms, 55 images of 370 x 370, exact gradient"
    figure = f"{one['seconds']:.2f} s, {one['gb']:.2f} GB"
    return [
        Row(
            what,
            figure,
            f"2 threads {two['seconds']:.2f} s, {two['gb']:.2f} GB",
            f"{one['seconds'] / two['seconds']:.2f}x",
        ),
        Row(
            what,
            figure,
            f"one step of the published descent {theirs['seconds']:.2f} s, {theirs['gb']:.2f} GB",
            f"{theirs['seconds'] / one['seconds']:.2f}x",
        ),
    ]
