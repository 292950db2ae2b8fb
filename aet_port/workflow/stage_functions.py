"""Single stages with the settings of a configuration, and the files their results go into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from aet_port.alignment.from_volume import AngleRefinement, refine_angles
from aet_port.core.data import AtomicModel, TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.core.parallel import check_threads
from aet_port.io import matlab, read_images, read_volume, write_model
from aet_port.refinement.joint import Refinement, refine
from aet_port.refinement.r_factors import IMAGE_FITS, cross_validate
from aet_port.refinement.record import refinement_record
from aet_port.resire import Reconstruction, reconstruct
from aet_port.tracing import AtomSelection, Peaks, remove_non_atoms, tight_support
from aet_port.tracing.peak_search import trace
from aet_port.tracing.species import classify
from aet_port.workflow.sections import Classify, Reconstruct, Refine, RefineAngles, Select, Trace

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
    """:func:`aet_port.tracing.peak_search` with section ``[trace]`` of a configuration.

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
    plain = {k: v for k, v in asdict(settings).items() if k not in ("support", "edits")}
    with _kernel_threads(threads):
        return remove_non_atoms(volume.array, peaks, support=support, **plain)


def selected_model(
    volume: Volume,
    peaks: NDArray[np.float64],
    settings: Select,
    symbol: str,
    where: str,
    file: Callable[[str], Path] = Path,
    threads: int | None = None,
) -> AtomicModel:
    """The peaks that :func:`select_with` takes for atoms, as a model of one symbol.

    Parameters
    ----------
    volume, peaks, settings, file, threads
        As of that function.
    symbol
        Of all atoms; X where the species is not known yet.
    where
        Names the peaks in an error.

    Raises
    ------
    InputError
        If none of the peaks is an atom.
    """
    selection = select_with(volume, peaks, settings, file, threads)
    if not selection.is_atom.any():
        raise InputError(
            f"{where}: peaks",
            f"{len(peaks)} peaks, none of them an atom",
            "atoms; look at the volume and section [select], or take a higher dose or more"
            " iterations",
        )
    return AtomicModel.from_positions(volume.to_positions(selection.atoms), symbol)


def refine_angles_with(
    series: TiltSeries,
    settings: RefineAngles,
    reconstruction: Reconstruct,
    file: Callable[[str], Path] = Path,
    **options: Any,
) -> AngleRefinement:
    """:func:`aet_port.alignment.from_volume.refine_angles` with section ``[refine_angles]``.

    Parameters
    ----------
    series
        The projections.
    settings, reconstruction
        Sections ``[refine_angles]`` and ``[reconstruct]``, which has the other settings of RESIRE.
    file
        Turns the name of the support into a path.
    options
        ``threads``, ``progress`` of that function.
    """
    support = None
    if reconstruction.support is not None:
        support = read_volume(file(reconstruction.support), series.pixel_size).array
    shared = ("oversampling", "step", "extended", "thickness")
    plain = {name: getattr(reconstruction, name) for name in shared}
    return refine_angles(series, support=support, **plain, **asdict(settings), **options)


def classify_with(
    volume: Volume,
    model: AtomicModel,
    species: Sequence[str],
    settings: Classify,
    retyped: Mapping[int, str],
    threads: int | None = None,
) -> AtomicModel:
    """:func:`aet_port.tracing.species.classify` with section ``[classify]``, as a model.

    Parameters
    ----------
    volume
        The reconstruction.
    model
        The atoms, of any species.
    species
        Symbols, lightest first.
    settings
        Section ``[classify]``.
    retyped
        Species given by hand, by number of the atom.
    threads
        All cores unless given.
    """
    none = None if settings.non_atoms == "none" else settings.non_atoms
    plain = asdict(settings) | {"radius": settings.radius or None, "non_atoms": none}
    with _kernel_threads(threads):
        found = classify(volume, model.positions, species, **plain)
    return found.retyped(retyped).model(model.positions, name=model.name)


def refine_with(
    series: TiltSeries, model: AtomicModel, settings: Refine, **options: Any
) -> tuple[Refinement, dict[str, Any]]:
    """:func:`aet_port.refinement.joint.refine` with section ``[refine]``, and its R factors.

    Parameters
    ----------
    series
        The projections.
    model
        The atoms.
    settings
        Section ``[refine]``.
    options
        ``threads``, ``checkpoint``, ``progress`` of that function.

    Returns
    -------
    The refinement, and what is to be told of it: see
    :func:`aet_port.refinement.record.refinement_record`.
    """
    plain = asdict(settings) | {"restraint": settings.restraint or None}
    folds = plain.pop("folds")
    del plain["images"]  # which series it is
    done = refine(series, model, **plain, **options)
    crossed = None
    if folds is not None:
        own = [name for name in IMAGE_FITS if plain[name]]
        shared = {k: v for k, v in (plain | options).items() if k not in ("method", "checkpoint")}
        crossed = cross_validate(series, model, folds, own, **shared)
    return done, refinement_record(series, done, crossed)


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
