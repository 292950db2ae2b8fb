"""Tracing of a published Ta sub-area reconstruction: time per peak on one thread."""

from __future__ import annotations

import numba

from aet_port.io import read_volume
from aet_port.tracing.peak_search import trace
from aet_port.tracing.peaks import local_maxima
from aet_port.tracing.polynomial_fit import fit_peaks
from aet_port.tracing.upsampling import fine_grid
from benchmarks.timing import Row, least_seconds
from matlab_reference import locate_reference

FILE = (
    "AET-AmorphousMaterials",
    "2_RESIRE_package",
    "Output",
    "Ta_film_sub_area_reconstruction",
    "ReconObj_sub1.mat",
)


def run() -> list[Row]:
    """Rows of the table."""
    numba.set_num_threads(1)
    volume = read_volume(locate_reference(*FILE), 0.3216)
    grid = fine_grid(volume.array, "linear")
    maxima, _ = local_maxima(grid)
    seconds = least_seconds(
        {"fit": lambda: fit_peaks(grid, maxima, 14, 7, 0.5), "all": lambda: trace(volume)}, rounds=3
    )
    per_peak = {name: 1e3 * value / len(maxima) for name, value in seconds.items()}
    return [
        Row(
            "polynomial fit of a peak",
            f"{per_peak['fit']:.3f} ms",
            "reference, estimated 450 ms",
            f"{450 / per_peak['fit']:.0f}x",
        ),
        Row("the whole of tracing, per peak", f"{per_peak['all']:.3f} ms"),
    ]
