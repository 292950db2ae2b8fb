"""Single steps with the settings of a configuration, for the stages of a run and for commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.checkpoint import INTERVAL
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.core.parallel import kernel_threads
from aet_port.io import matlab, read_images, read_volume, write_model
from aet_port.refinement.joint import Refinement, refine
from aet_port.refinement.r_factors import CrossValidation, cross_validate
from aet_port.refinement.settings import RefineSettings
from aet_port.resire import Reconstruction, reconstruct
from aet_port.resire.settings import ReconstructSettings
from aet_port.tracing import AtomSelection, Classification, Peaks, classify, remove_non_atoms
from aet_port.tracing.peak_search import trace
from aet_port.tracing.settings import ClassifySettings, SelectSettings, TraceSettings
from aet_port.tracing.support import tight_support

PEAK_SUFFIXES = (".npz", ".mat", ".xyz")


def reconstruct_series(
    series: TiltSeries,
    settings: ReconstructSettings,
    file: Callable[[str], Path] = Path,
    *,
    threads: int | None = None,
    checkpoint: Path | None = None,
    checkpoint_interval: float = INTERVAL,
    progress: bool = False,
) -> Reconstruction:
    """Call :func:`aet_port.resire.reconstruction.reconstruct` with settings that name files.

    Parameters
    ----------
    series
        The projections.
    settings
        Section ``[reconstruct]`` of a configuration.
    file
        Turns the name of support, mask or initial volume into a path.
    threads, checkpoint, checkpoint_interval, progress
        As in that function.
    """
    arrays: dict[str, Any] = {}
    for role in ("support", "initial"):
        name = getattr(settings, role)
        if name is not None:
            arrays[role] = read_volume(file(name), series.pixel_size).array
    if settings.mask is not None:
        arrays["mask"] = read_images(file(settings.mask))
    return reconstruct(
        series,
        **dict(settings) | {"support": None, "initial": None, "mask": None} | arrays,
        threads=threads,
        checkpoint=checkpoint,
        checkpoint_interval=checkpoint_interval,
        progress=progress,
    )


def trace_volume(
    volume: Volume,
    settings: TraceSettings,
    species: Sequence[str] = (),
    *,
    threads: int | None = None,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Peaks:
    """Call :func:`aet_port.tracing.peak_search.trace` with section ``[trace]``.

    Parameters
    ----------
    volume
        The reconstruction.
    settings
        Section ``[trace]``.
    species
        Chemical symbols of the sample, for the smallest distance; none if not known.
    threads
        Number of threads; all cores unless given.
    checkpoint, progress
        As in that function.

    Raises
    ------
    InputError
        For a volume with one value everywhere.
    """
    if not np.ptp(volume.array):
        raise InputError(volume.name, "one value in all voxels", "the reconstruction of a sample")
    with kernel_threads(threads):
        return trace(
            volume, **dict(settings), species=species, checkpoint=checkpoint, progress=progress
        )


def select_peaks(
    volume: Volume,
    peaks: NDArray[np.float64],
    settings: SelectSettings,
    file: Callable[[str], Path] = Path,
    threads: int | None = None,
) -> AtomSelection:
    """Call :func:`aet_port.tracing.remove_non_atoms` with section ``[select]``.

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
        Number of threads; all cores unless given.
    """
    support = None
    if settings.support == "tight":
        support = tight_support(volume.array)
    elif settings.support is not None:
        support = read_volume(file(settings.support), volume.voxel_size).array
    with kernel_threads(threads):
        return remove_non_atoms(
            volume,
            peaks,
            support=support,
            rule=settings.rule,
            merge_distance=settings.merge_distance,
            class_thirds=settings.class_thirds,
            histogram_thirds=settings.histogram_thirds,
        )


def selected_model(
    volume: Volume,
    peaks: NDArray[np.float64],
    settings: SelectSettings,
    symbol: str,
    where: str,
    file: Callable[[str], Path] = Path,
    threads: int | None = None,
) -> AtomicModel:
    """Model of the peaks that :func:`select_peaks` accepts as atoms, all with one symbol.

    Parameters
    ----------
    volume, peaks, settings, file, threads
        As in that function.
    symbol
        Chemical symbol of all atoms; X if the species is not known yet.
    where
        Name of the peaks in error messages.

    Raises
    ------
    InputError
        If none of the peaks is an atom.
    """
    selection = select_peaks(volume, peaks, settings, file, threads)
    if not selection.is_atom.any():
        raise InputError(
            f"{where}: peaks",
            f"{len(peaks)} peaks, none of them an atom",
            "atoms; check the volume and section [select], or use a higher dose or more iterations",
        )
    return AtomicModel.from_positions(volume.to_positions(selection.atoms), symbol)


def classify_model(
    volume: Volume,
    model: AtomicModel,
    species: Sequence[str],
    settings: ClassifySettings,
    retyped: Mapping[int, str],
    threads: int | None = None,
) -> Classification:
    """Call :func:`aet_port.tracing.species.classify` with section ``[classify]``.

    Parameters
    ----------
    volume
        The reconstruction.
    model
        The atoms; their species are ignored.
    species
        Symbols, lightest first.
    settings
        Section ``[classify]``.
    retyped
        Species assigned by hand, by atom number.
    threads
        Number of threads; all cores unless given.
    """
    with kernel_threads(threads):
        found = classify(volume, model.positions, species, **dict(settings))
    return found.retyped(retyped)


def refine_model(
    series: TiltSeries,
    model: AtomicModel,
    settings: RefineSettings,
    *,
    heights: Mapping[str, float] | None = None,
    b_factors: float | Mapping[str, float] | None = None,
    threads: int | None = None,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> tuple[Refinement, CrossValidation | None]:
    """Call :func:`aet_port.refinement.joint.refine` with section ``[refine]``, with R factors.

    Parameters
    ----------
    series
        The projections.
    model
        The atoms.
    settings
        Section ``[refine]``.
    heights, b_factors, threads, checkpoint, progress
        As in that function.

    Returns
    -------
    The refinement and, with ``folds``, the R factors of projections left out of the fit.
    """
    shared: dict[str, Any] = {
        "heights": heights,
        "b_factors": b_factors,
        "threads": threads,
        "progress": progress,
        **{
            name: getattr(settings, name)
            for name in (
                "refine_shifts",
                "refine_scales",
                "refine_offsets",
                "scan_shear",
                "max_displacement",
                "max_evaluations",
                "tolerance",
                "precision",
            )
        },
    }
    if settings.method == "published":
        checkpoint = None  # this method has no checkpoints
    done = refine(
        series,
        model,
        settings.method,
        schedule=settings.schedule,
        rounds=settings.rounds,
        checkpoint=checkpoint,
        **shared,
    )
    if settings.folds is None:
        return done, None
    return done, cross_validate(series, model, settings.folds, settings.image_fits, **shared)


def write_peaks(path: str | Path, peaks: Peaks, volume: Volume) -> None:
    """Store traced peaks in the format given by the file suffix.

    ``.npz`` stores everything; ``.mat`` stores ``peaks`` (3 x n), 1-based voxel coordinates of the
    accepted ones; ``.xyz`` their positions in angstrom with the symbol X.

    Raises
    ------
    InputError
        For another suffix, or an ``.xyz`` file without accepted peaks.
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
    """Store R1 and R2, shape (iterations, n_projections), and the warnings as .npz."""
    said = np.array(result.warnings, dtype=np.str_)
    write_whole(path, lambda partial: np.savez(partial, r1=result.r1, r2=result.r2, warnings=said))
