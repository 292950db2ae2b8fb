"""Single stages with the settings of a configuration, and the files their results go into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from aet_port.config import Reconstruct, Select, Trace
from aet_port.data import AtomicModel, TiltSeries, Volume
from aet_port.io import matlab, read_images, read_volume, write_model
from aet_port.io.files import check_target, write_whole
from aet_port.parallel import check_threads
from aet_port.resire import Reconstruction, reconstruct
from aet_port.tracing import AtomSelection, Peaks, remove_non_atoms, tight_support
from aet_port.tracing.trace import trace

PEAK_SUFFIXES = (".npz", ".mat", ".xyz")


def reconstruct_with(
    series: TiltSeries,
    settings: Reconstruct,
    file: Callable[[str], Path] = Path,
    **options: Any,
) -> Reconstruction:
    """:func:`aet_port.resire.reconstruct` with settings that name files.

    Parameters
    ----------
    series
        The projections.
    settings
        Section ``[reconstruct]`` of a configuration.
    file
        Turns the name of support, mask or initial volume into a path.
    options
        ``threads``, ``checkpoint``, ``checkpoint_interval``, ``progress`` of that function.
    """
    arrays: dict[str, Any] = {}
    for role in ("support", "initial"):
        name = getattr(settings, role)
        if name is not None:
            arrays[role] = read_volume(file(name), series.pixel_size).array
    if settings.mask is not None:
        arrays["mask"] = read_images(file(settings.mask))
    roles = ("support", "initial", "mask")
    plain: dict[str, Any] = {k: v for k, v in asdict(settings).items() if k not in roles}
    return reconstruct(series, **plain, **arrays, **options)


def trace_with(
    volume: Volume, settings: Trace, threads: int | None = None, **options: Any
) -> Peaks:
    """:func:`aet_port.tracing.trace` with section ``[trace]`` of a configuration.

    Parameters
    ----------
    volume
        The reconstruction.
    settings
        Section ``[trace]``.
    threads
        All cores unless given.
    options
        ``checkpoint``, ``progress`` of that function.
    """
    with _kernel_threads(threads):
        return trace(volume, **asdict(settings), **options)


def select_with(
    volume: Volume,
    peaks: NDArray[np.float64],
    settings: Select,
    file: Callable[[str], Path] = Path,
    threads: int | None = None,
) -> AtomSelection:
    """:func:`aet_port.tracing.remove_non_atoms` with section ``[select]`` of a configuration.

    Parameters
    ----------
    volume
        The reconstruction.
    peaks
        Shape (n, 3): traced peaks, 0-based voxel coordinates.
    settings
        Section ``[select]``.
    file
        Turns the name of the support into a path.
    threads
        All cores unless given.
    """
    support = None
    if settings.support == "tight":
        support = tight_support(volume.array)
    elif settings.support is not None:
        support = read_volume(file(settings.support), volume.voxel_size).array
    plain = {k: v for k, v in asdict(settings).items() if k != "support"}
    with _kernel_threads(threads):
        return remove_non_atoms(volume.array, peaks, support=support, **plain)


@contextmanager
def _kernel_threads(threads: int | None) -> Iterator[None]:
    """Context in which parallel Numba kernels use ``threads`` threads, as far as there are any."""
    before = numba.get_num_threads()
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]  # made at run time
    numba.set_num_threads(min(check_threads(threads), most))
    try:
        yield
    finally:
        numba.set_num_threads(before)


def write_peaks(path: str | Path, peaks: Peaks, volume: Volume) -> None:
    """Store traced peaks by the suffix of the file.

    ``.npz`` keeps everything; ``.mat`` holds ``peaks``, 3 x n, 1-based voxel coordinates of the
    accepted ones; ``.xyz`` their positions in angstrom under the symbol X.

    Raises
    ------
    InputError
        For another suffix, or no accepted peak in an ``.xyz`` file.
    OutputError
        If the file cannot be written.
    """
    check_target(path, PEAK_SUFFIXES)
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        peaks.save(path)
    elif suffix == ".mat":
        matlab.write_positions(path, peaks.accepted + 1, name="peaks")
    else:
        write_model(path, AtomicModel.from_positions(volume.to_positions(peaks.accepted), "X"))


def write_r_factors(path: str | Path, result: Reconstruction) -> None:
    """Store the history of R factors: R1 and R2, shape (iterations, n_projections), as .npz."""
    write_whole(path, lambda partial: np.savez(partial, r1=result.r1, r2=result.r2))
