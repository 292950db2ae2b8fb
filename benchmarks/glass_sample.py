"""The glass paper's sample, 64 x 64 x 41 at oversampling 3: literal code, our paths, ASTRA."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.io import read_tilt_series, read_volume
from aet_port.resire import back_projection, fourier_slice, reconstruct, single_axis
from aet_port.resire.grid import Grid, make_grid
from benchmarks.literal_resire import LiteralResire
from benchmarks.timing import Row, least_seconds
from matlab_reference import locate_reference

FOLDER = ("AET-MetallicGlass", "2_RESIRE_package")
PIXEL = 0.347  # angstrom


@cache
def sample() -> tuple[TiltSeries, Grid, NDArray]:
    """Tilt series, grid and ground truth."""
    series = read_tilt_series(
        locate_reference(*FOLDER, "input", "sample_projections_amorphous.mat"),
        locate_reference(*FOLDER, "input", "sample_angles_amorphous.mat"),
        PIXEL,
    )
    truth = read_volume(
        locate_reference(*FOLDER, "output", "ground_truth_amorphous_vol.mat"), PIXEL
    )
    return series, make_grid(series.detector, series.angles, 3), truth.array


def astra_sirt(series: TiltSeries, iterations: int, projector: str = "linear") -> NDArray:
    """SIRT with positivity by ASTRA's CPU code, slice by slice; returns (nx, ny, nz).

    Our rotation centre is pixel n // 2, half a pixel from ASTRA's for even n: the detector is
    shifted along itself to compensate.
    """
    import astra

    n_x, n_y = series.detector
    theta = np.deg2rad(series.angles[:, 1].astype(np.float64))
    c, s = np.cos(theta), np.sin(theta)
    off = n_x // 2 - (n_x - 1) / 2
    shift = -off + off * (c - s)
    vectors = np.column_stack([s, c, shift * c, -shift * s, c, -s])
    geometry = astra.create_proj_geom("parallel_vec", n_x, vectors)
    plane = astra.create_vol_geom(n_x, n_x)
    forward = astra.create_projector(projector, geometry, plane)
    volume = np.empty((n_x, n_y, n_x), np.float32)
    for y in range(n_y):
        data = astra.data2d.create("-sino", geometry, series.images[:, :, y])
        result = astra.data2d.create("-vol", plane)
        options = astra.astra_dict("SIRT")
        options |= {
            "ProjectorId": forward,
            "ProjectionDataId": data,
            "ReconstructionDataId": result,
        }
        options["option"] = {"MinConstraint": 0.0}
        algorithm = astra.algorithm.create(options)
        astra.algorithm.run(algorithm, iterations)
        volume[:, y] = astra.data2d.get(result)[::-1].T  # rows run from the largest z down
        astra.algorithm.delete(algorithm)
        astra.data2d.delete([data, result])
    astra.projector.delete(forward)
    return volume


def distance(volume: NDArray, truth: NDArray) -> float:
    """Relative L2 distance."""
    return float(np.linalg.norm(volume - truth) / np.linalg.norm(truth))


def run() -> list[Row]:
    """Rows of the table."""
    series, grid, truth = sample()
    measured = series.images.astype(np.float32)
    step = 2.0 / len(series) / series.detector[0]
    volume = np.maximum(truth, 0).astype(np.float32)
    other = np.ascontiguousarray(np.moveaxis(volume, 1, 2))
    literal = LiteralResire(series, grid, 2.0)

    def iterate(project: Any, descend: Any) -> None:
        descend(other, project(other, grid, 1) - measured, grid, step, True, 1)

    seconds = least_seconds(
        {
            "literal": lambda: literal.iterate(volume),
            "general": lambda: iterate(fourier_slice.project, back_projection.descend),
            "single": lambda: iterate(single_axis.project, single_axis.descend),
        }
    )
    rows = [
        Row(
            "RESIRE iteration, any angles",
            f"{1e3 * seconds['general']:.1f} ms",
            f"literal NumPy/Numba {1e3 * seconds['literal']:.0f} ms",
            f"{seconds['literal'] / seconds['general']:.1f}x",
        ),
        Row(
            "RESIRE iteration, tilts about y",
            f"{1e3 * seconds['single']:.1f} ms",
            f"literal NumPy/Numba {1e3 * seconds['literal']:.0f} ms",
            f"{seconds['literal'] / seconds['single']:.1f}x",
        ),
    ]
    return rows + _beside_astra(series, truth)


def _beside_astra(series: TiltSeries, truth: NDArray) -> list[Row]:
    try:
        import astra  # noqa: F401
    except ImportError:
        return [Row("ASTRA SIRT", "not installed: pip install 'aet-port[bench]'")]
    results: dict[str, NDArray] = {}

    def keep(name: str, volume: NDArray) -> None:
        results[name] = volume

    rivals: dict[str, Any] = {
        "ours": lambda: keep("ours", reconstruct(series, iterations=100, threads=1).volume.array),
    }
    for kind in ("linear", "line", "strip"):
        rivals[kind] = lambda kind=kind: keep(kind, astra_sirt(series, 100, kind))
    seconds = least_seconds(rivals, rounds=2)
    ours = f"{10 * seconds['ours']:.1f} ms, truth {distance(results['ours'], truth):.4f}"
    return [
        Row(
            "100 iterations, per iteration, distance to truth",
            ours,
            f"ASTRA SIRT ({kind}) {10 * seconds[kind]:.1f} ms, "
            f"truth {distance(results[kind], truth):.4f}",
            f"{seconds[kind] / seconds['ours']:.1f}x",
        )
        for kind in ("linear", "line", "strip")
    ]
