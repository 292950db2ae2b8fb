"""RESIRE: gradient descent on the misfit between measured and computed projections.

The volume minimises ``sum_k |P_k O - b_k|^2`` with O >= 0, where ``P_k`` projects along the
beam of tilt k; one iteration is ``O <- O - step / (n d) sum_k P_k^T (P_k O - b_k)`` (Methods of
both papers).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.checkpoint import INTERVAL, Checkpoint, fingerprint
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.display import Shown, angstrom, times
from aet_port.core.errors import InputError
from aet_port.core.geometry import EULER_AXES, Axes, crop_centred
from aet_port.core.memory import check_memory
from aet_port.core.parallel import check_threads
from aet_port.core.plausibility import check_series
from aet_port.core.progress import progress_bar as report_progress
from aet_port.resire.engine import Engine
from aet_port.resire.grid import make_grid
from aet_port.resire.judgement import check_step, objections
from aet_port.resire.memory import LESS, needed_memory
from aet_port.resire.settings import DEFAULTS, Precision, Projector, ReconstructSettings


@dataclass(frozen=True, repr=False)
class Reconstruction(Shown):
    """A reconstructed volume with its R factors and settings.

    Attributes
    ----------
    volume
        The object; its centre voxel is the rotation centre.
    r1, r2
        Shape (iterations, n_projections): ``sum|P O - b| / sum|b|`` and the same with square
        norms, for the volume before the update of each iteration.
    detector
        Number of pixels of a projection along x, y.
    settings
        Settings of the reconstruction; arrays take the place of the files named there.
    metadata
        Dictionary with further information.
    warnings
        What speaks against the series or the volume.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> found = aet.reconstruct(series, iterations=20)
    >>> found.r1.shape  # iterations, projections
    (20, 12)
    >>> bool(found.r1[0].mean() > found.r_factor)
    True
    """

    volume: Volume
    r1: NDArray[np.float64]
    r2: NDArray[np.float64]
    detector: tuple[int, int]
    settings: ReconstructSettings
    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    plot = methods.plot_reconstruction
    """Plot R1 against iteration: :func:`aet_port.figures.model_results.plot_reconstruction`."""

    def _facts(self) -> dict[str, object]:
        return {
            "voxels": times(self.volume.shape),
            "voxel size": angstrom(self.volume.voxel_size),
            "projections": self.r1.shape[1],
            "iterations": len(self.r1),
            "R1": f"{100 * self.r_factor:.2f} %",
        }

    @property
    def r_factor(self) -> float:
        """R1 of the last iteration, averaged over projections."""
        return float(self.r1[-1].mean())

    def cropped(self) -> Volume:
        """Part of the volume seen by the untilted detector, the size of the published film.

        MATLAB: 4_Atom_tracing/Main_atom_tracing_Ta_film.m (croppedOut of the loaded volume)
        """
        shape = (*self.detector, self.volume.shape[2])
        return Volume(
            crop_centred(self.volume.array, shape), self.volume.voxel_size, name=self.volume.name
        )


@checked
def r_factors(
    projected: NDArray, measured: NDArray, residual: NDArray | None = None
) -> tuple[NDArray, NDArray]:
    """R1 and R2 of each projection, ``|p - b| / |b|`` with absolute sums and with square norms.

    Parameters
    ----------
    projected, measured
        Shape (n, nx, ny).
    residual
        Their difference, if it is already computed or masked.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_reconstructor/reconstruct.m (Rarr, Rarr2)
    """
    first, second = np.empty(len(measured)), np.empty(len(measured))
    for k, image in enumerate(measured):
        difference = projected[k] - image if residual is None else residual[k]
        first[k] = np.abs(difference).sum(dtype=np.float64) / np.abs(image).sum(dtype=np.float64)
        second[k] = np.linalg.norm(difference.astype(np.float64)) / np.linalg.norm(
            image.astype(np.float64)
        )
    return first, second


def _checked(
    name: str, array: NDArray | None, shape: tuple[int, ...], larger: bool = False
) -> NDArray | None:
    if array is None:
        return None
    good = array.ndim == len(shape) and (
        all(a >= b for a, b in zip(array.shape, shape, strict=True))
        if larger
        else array.shape == shape
    )
    if not good:
        wanted = f"at least {shape}" if larger else f"{shape}"
        raise InputError(name, f"shape {array.shape}", f"shape {wanted}")
    if not np.isfinite(array).all():
        raise InputError(name, "NaN or infinite values", "finite numbers")
    return array


@checked
def reconstruct(
    series: TiltSeries,
    *,
    iterations: int = DEFAULTS.iterations,
    oversampling: float | Sequence[float] = DEFAULTS.oversampling,
    step: float = DEFAULTS.step,
    extended: bool = DEFAULTS.extended,
    n_z: int | None = DEFAULTS.n_z,
    positivity: bool = DEFAULTS.positivity,
    support: NDArray | None = None,
    mask: NDArray | None = None,
    initial: NDArray | None = None,
    projector: Projector = DEFAULTS.projector,
    precision: Precision = DEFAULTS.precision,
    axes: Axes = EULER_AXES,
    threads: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_interval: float = INTERVAL,
    progress: bool = False,
    check: bool = True,
) -> Reconstruction:
    """Reconstruct the volume of a tilt series by RESIRE (Methods of both papers).

    Minimises ``sum_k |P_k O - b_k|^2`` over volumes ``O >= 0`` by gradient descent, where ``P_k``
    projects along the beam of tilt k: ``O <- O - step / (n d) sum_k P_k^T (P_k O - b_k)`` for n
    projections of d pixels along x.

    Parameters
    ----------
    series
        Projections (n, nx, ny) and angles. Angles in single precision make single-precision
        coordinates, as in the published film.
    iterations
        Number of gradient-descent steps (papers: 100 to 500).
    oversampling
        Ratio of the Fourier grid to the object size, one number or one each for x, y, z.
    step
        Normalised step, divided by the number of projections and their x size; 1 to 3.
    extended
        Whether the sample is a film that extends beyond the field of view.
    n_z
        Number of voxels along z; the detector's x size unless given.
    positivity
        Whether to set negative voxels to zero in each iteration.
    support
        Array of the object's shape; voxels where it is zero are fixed at zero.
    mask
        Shape (n, nx, ny), weights of the residual, zero for pixels to be ignored. R factors compare
        the weighted residual with the whole image.
    initial
        Initial volume, cropped about its centre to the object; zero unless given.
    projector
        ``"fourier-slice"`` for any angles. ``"real-space"``, too, closer to the line integrals at
        the rim of the volume and without padding, but slower for more than a few tilts;
        ``oversampling`` has no effect on it. ``"radon"`` for tilts about y only, with momentum, as
        the film paper's code.
    precision
        ``"single"``; ``"double"``; ``"reference-glass"`` or ``"reference-film"`` to round as the
        published codes do, which is slow. With ``"real-space"`` either of these computes the sums
        of the glass paper's code for graphics cards (see
        :class:`aet_port.resire.real_space.RealSpaceProjector`).
    axes
        Euler axes; z, y, x unless given.
    threads
        Number of threads; all cores unless given. The result does not depend on it.
    checkpoint
        Checkpoint file. An interrupted reconstruction called again with the same data continues
        from it and gives an identical result, byte for byte. The file is not deleted at the end;
        the caller deletes it once the result is stored.
    checkpoint_interval
        Shortest time between saves (seconds).
    progress
        Whether to report progress on standard error.
    check
        Whether to check that series and volume are plausible
        (:mod:`aet_port.core.plausibility`); R1 from ten iterations on.

    Returns
    -------
    The volume with its R factors in each iteration and its settings.

    Raises
    ------
    InputError
        For arguments that do not match each other, more memory than there is, images without
        contrast or negative on the whole, a single tilt with a step of 2 or more, or a step with
        which the volume diverges.
    EmptyResultError
        If the volume is zero, or constant, everywhere.
    CheckpointError
        If ``checkpoint`` belongs to another reconstruction.

    Warns
    -----
    UserWarning
        For images that can't belong to the others, and for R factors that say that series and
        volume hardly agree.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_Reconstructor/reconstruct.m (glass),
    2_RESIRE_package/src/@RESIRE_reconstructor/{reconstruct,reconstruct3D2D,reconstruct_control}.m
    (film). Deviations: support and, except for Radon, mask are applied (the reference
    reads and ignores them).

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> found = aet.reconstruct(series, iterations=20, oversampling=2)
    >>> found.volume.shape, found.volume.voxel_size
    ((32, 32, 32), 0.6)
    >>> found.r_factor < 0.10
    True
    """
    ratios = np.asarray(oversampling, dtype=np.float64).reshape(-1).tolist()
    ratio: Any = ratios[0] if len(ratios) == 1 else tuple(ratios)
    settings = ReconstructSettings(
        iterations=iterations,
        oversampling=ratio,
        step=step,
        extended=extended,
        n_z=n_z,
        positivity=positivity,
        projector=projector,
        precision=precision,
    )
    threads = check_threads(threads)
    if check:
        check_series(series.images, series.name, positivity=positivity)
    check_step(series, step)
    grid = make_grid(series.detector, series.angles, oversampling, extended, n_z, axes)
    check_memory("reconstruct", needed_memory(grid, settings, threads), LESS)
    support = _checked("support", support, grid.shape)
    mask = _checked("mask", mask, series.images.shape)
    initial = _checked("initial", initial, grid.shape, larger=True)
    engine = Engine(grid, series, settings, threads)
    # (x, z, y) in memory: neighbours along the tilt axis are adjacent for every kernel.
    o_x, o_y, o_z = grid.shape
    volume = np.zeros((o_x, o_z, o_y), engine.dtype)
    if initial is not None:
        volume[:] = np.moveaxis(crop_centred(initial, grid.shape), 2, 1)
    allowed = None if support is None else np.ascontiguousarray(np.moveaxis(support, 2, 1) != 0)
    measured = series.images.astype(
        np.float64 if engine.literal or engine.radon else engine.dtype, copy=False
    )
    r1, r2 = np.empty((iterations, len(series))), np.empty((iterations, len(series)))

    # The number of iterations is left out: a longer run may continue a shorter one.
    same = settings.model_dump(exclude={"iterations"})
    parts = [a for a in (support, mask, initial) if a is not None]
    state = Checkpoint(
        checkpoint,
        fingerprint(series.images, series.angles, same, axes, *parts) if checkpoint else "",
        checkpoint_interval,
    )
    start = 0
    stored = state.load()
    with state.restoring():
        if stored is not None and int(stored["done"]) <= iterations:
            start = int(stored["done"])
            volume[:] = stored["volume"]
            r1[:start], r2[:start] = stored["r1"], stored["r2"]
            if engine.radon is not None:
                engine.radon.gradient[:] = stored["gradient"]

    def save(done: int) -> None:
        extra = {} if engine.radon is None else {"gradient": engine.radon.gradient}
        state.save(done=done, volume=volume, r1=r1[:done], r2=r2[:done], **extra)

    with report_progress("Reconstructing", iterations, progress) as reporter:
        reporter.advance(start)
        for iteration in range(start, iterations):
            projected = engine.project(volume)
            residual = projected - measured
            if mask is not None:
                residual *= mask
            r1[iteration], r2[iteration] = r_factors(projected, measured, residual)
            engine.descend(volume, projected, residual)
            if allowed is not None:
                volume *= allowed
            reporter.advance(note=f"R = {r1[iteration].mean():.4f}")
            if state.due():
                save(iteration + 1)
    if not np.isfinite(volume).all():
        raise InputError("step", f"{step:g}, with which the volume diverges", "--step 2 or less")
    array = np.ascontiguousarray(np.moveaxis(volume, 1, 2))
    said: tuple[str, ...] = ()
    if check:
        said = objections(series, array, r1, step, positivity)
        for text in said:
            warnings.warn(f"{series.name}: {text}", UserWarning, stacklevel=3)
    return Reconstruction(
        Volume(array, series.pixel_size, name=f"reconstruction of {series.name}"),
        r1,
        r2,
        series.detector,
        settings,
        {"grid": grid.shape, "padded": grid.padded, "threads": threads},
        said,
    )
