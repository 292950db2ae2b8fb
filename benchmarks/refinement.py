"""Refinement of 18,356 atoms against 55 images of 370 x 370, by our and the published method."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.timings import peak_memory
from aet_port.refinement import descend_positions, descend_thermal, make_projector, prepare_series
from aet_port.refinement.forward import Forward
from aet_port.refinement.joint import refine
from aet_port.refinement.parameters import Parameters
from aet_port.simulation.linear import tilt_angles
from benchmarks.timing import Row, least_seconds
from matlab_reference import golden_path
from tests.refinement.golden_series import golden_series, number

ATOMS, PIXELS, PIXEL = 18_356, 370, 0.347
HEIGHTS, B_FACTOR = {"Co": 1.0, "Pd": 1.36, "Pt": 2.58}, 13.3


def particle(n_atoms: int = ATOMS, spacing: float = 2.7, seed: int = 0) -> AtomicModel:
    """Atoms of three species on a randomly displaced cubic lattice, cut to a sphere."""
    reach = int(np.ceil((n_atoms * 3 / (4 * np.pi)) ** (1 / 3))) + 1
    axis = np.arange(-reach, reach + 1.0)
    sites = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    sites = sites[np.argsort(np.linalg.norm(sites, axis=1), kind="stable")[:n_atoms]]
    rng = np.random.default_rng(seed)
    positions = spacing * (sites + rng.uniform(-0.1, 0.1, sites.shape))
    return AtomicModel.from_positions(positions, rng.choice(list(HEIGHTS), n_atoms).tolist())


def measured(model: AtomicModel, pixels: int = PIXELS) -> TiltSeries:
    """Images of a model."""
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
        refine(series, start, max_evaluations=3, threads=threads)
        return {"seconds": seconds, "gb": peak_memory()}
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


def against_octave() -> list[Row]:
    """The reference's functions on the same inputs, as their golden outputs were made.

    Octave's times were recorded then (Octave 7.3, another machine), so these ratios compare two
    runs, unlike all others.
    """
    manifest = json.loads(golden_path("manifest.json").read_text(encoding="utf-8"))
    recorded = {case["file"]: case["runtime_octave_s"] for case in manifest["cases"]}

    def descend(name: str) -> Callable[[], object]:
        given = golden_series(name)
        steps, step = int(number(given.case, "iterations")), given.case["in_step_sz"]
        if "XYZ" in name:
            home = given.case["in_model_ori"].T
            atoms = (given.projector, given.images, *given.atoms)
            return lambda: descend_positions(*atoms, steps, step, origin=home)
        return lambda: descend_thermal(given.projector, *given[2:], steps, step.item(), "relative")

    cases = {
        "three steps of the positions": "am__gradient_fixHB_XYZ__three_types_3it",
        "four steps of H and B'": "mg__gradient_B_2type_difB__three_types_4it",
    }
    rows = []
    for what, name in cases.items():
        ours = least_seconds({"ours": descend(name)})["ours"]
        theirs = recorded[f"data/{name}.mat"]
        row = Row(
            f"published refinement, {what}, golden case",
            f"{1e3 * ours:.2f} ms",
            f"the reference in Octave, recorded: {1e3 * theirs:.0f} ms",
            f"{theirs / ours:.0f}x",
        )
        rows.append(row)
    return rows


def run() -> list[Row]:
    """Rows of the table, each figure of the large case from a separate process."""
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
        *against_octave(),
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
