"""Tracing: from a volume to the positions of its peaks, resumable."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from aet_port.core.arguments import checked
from aet_port.core.checkpoint import check_content, save_npz
from aet_port.core.data import Volume
from aet_port.core.errors import CheckpointError, InputError
from aet_port.core.memory import check_memory
from aet_port.core.progress import progress_bar as reporting
from aet_port.core.records import parsing, read_npz
from aet_port.tracing.peaks import Peaks, local_maxima
from aet_port.tracing.polynomial_fit import TERMS, Fits, fit_peaks, keep_apart
from aet_port.tracing.settings import TRACE, TraceSettings, Upsampling
from aet_port.tracing.upsampling import FACTOR, fine_grid

PUBLISHED_DISTANCE = 2.0  # angstrom, of all samples of the papers
# Covalent radii, three quarters of a bond: Si is found 1.89 angstrom apart (1.70 radii), and traced
# positions err by some tenths of an angstrom.
SHORTEST = 1.5
# Metals bond to more neighbours, further away: none closer than 2.2 angstrom.
NON_METALS = (
    *("H", "He", "B", "C", "N", "O", "F", "Ne", "Si", "P", "S", "Cl", "Ar"),
    *("Ge", "As", "Se", "Br", "Kr", "Sb", "Te", "I", "Xe", "At", "Rn"),
)  # and metalloids
_CHUNK = 2000  # fits between two updates of the progress bar and between two checkpoints
_FITS = ("shifts", "flags", "settled", "coefficients")


@checked
def trace(
    volume: Volume,
    *,
    upsampling: Upsampling = TRACE.upsampling,
    threshold: float = TRACE.threshold,
    smoothing: float = TRACE.smoothing,
    minimum_distance: float | None = TRACE.minimum_distance,
    species: str | Sequence[str] = (),
    max_peaks: int = TRACE.max_peaks,
    max_iterations: int = TRACE.max_iterations,
    settled_iterations: int = TRACE.settled_iterations,
    maximum_shift: float = TRACE.maximum_shift,
    coefficients: bool = False,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Peaks:
    """Find the positions of the peaks of a volume by polynomial tracing.

    The volume is upsampled threefold; every local maximum above the threshold is fitted by a
    weighted fourth-order polynomial (:mod:`aet_port.tracing.polynomial_fit`); from bright to
    faint, peaks too close to an accepted one are rejected. The upsampled volume is never stored as
    a whole (Methods of both papers, "Determination of 3D atomic coordinates").

    Parameters
    ----------
    volume
        The reconstruction, shape (nx, ny, nz).
    upsampling
        ``"linear"`` (published for the Ta film) or ``"spline"`` (glass and Pd particles).
    threshold
        Smallest height of a maximum in units of the volume; zero or more (published: 0 or 1). With
        ``smoothing``, of the smoothed volume.
    smoothing
        Standard deviation, angstrom, of a Gaussian with which the volume is convolved before the
        search and the fits; 0: none (published). It removes maxima of the noise, and lowers those
        of atoms; they stay where they are as far as their neighbours allow.
    minimum_distance
        Smallest distance between accepted peaks, angstrom (published: 2; 1.75 and 1.8 in the glass
        paper's simulations). None: :func:`distance_between` the ``species``.
    species
        Chemical symbols of the sample, if ``minimum_distance`` is to come from them.
    max_peaks
        Largest number of maxima to fit, brightest first.
    max_iterations, settled_iterations, maximum_shift
        Parameters of the fit, see :func:`aet_port.tracing.polynomial_fit.fit_peaks`.
    coefficients
        Whether to keep the 35 coefficients of each peak.
    checkpoint
        Checkpoint file with finished fits (.npz). If it exists, tracing resumes from it and gives
        the same result as an uninterrupted run. It is not deleted at the end; the caller deletes it
        once the result is stored.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    All fitted peaks, brightest first; :attr:`Peaks.accepted` holds the accepted ones.

    Raises
    ------
    InputError
        For parameters out of range or a volume too small to be upsampled.
    CheckpointError
        If the checkpoint is unreadable or belongs to another volume or other parameters.
    OutputError
        If the checkpoint cannot be written.

    Warns
    -----
    UserWarning
        If there are more maxima than ``max_peaks``.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_atom_tracing_Ta_film.m, Main_atom_tracing_Pd1_nanoparticle.m (film
    paper), 4_Tracing_and_classification/Main_polynomial_tracing.m (glass paper). There a rejected
    peak has the position zero; here it keeps its fitted one and is marked by its flag.

    Examples
    --------
    Two Gaussian blobs 4 angstrom apart:

    >>> import numpy as np
    >>> import aet_port as aet
    >>> x, y, z = 0.4 * (np.indices((24, 24, 24)) - 12)  # angstrom
    >>> blobs = sum(np.exp(-((x - a) ** 2 + y**2 + z**2) / 1.28) for a in (-2, 2))
    >>> volume = aet.Volume(blobs, voxel_size=0.4)
    >>> peaks = aet.trace(volume, threshold=0.5)
    >>> places = volume.to_positions(peaks.accepted)
    >>> float(np.linalg.norm(places[0] - places[1]).round(1))
    4.0
    """
    TraceSettings(
        upsampling=upsampling,
        threshold=threshold,
        smoothing=smoothing,
        minimum_distance=minimum_distance,
        max_peaks=max_peaks,
        max_iterations=max_iterations,
        settled_iterations=settled_iterations,
        maximum_shift=maximum_shift,
    )
    if minimum_distance is None:
        minimum_distance = distance_between(species)
    if upsampling == "spline" or smoothing:
        check_memory("trace", 8.0 * volume.array.size, "linear upsampling without smoothing")
    grid = fine_grid(volume.array, upsampling, smoothing / volume.voxel_size)
    maxima, heights = local_maxima(grid, threshold)
    n_maxima = len(maxima)
    maxima, heights = maxima[:max_peaks], heights[:max_peaks]
    rules = (max_iterations, settled_iterations, maximum_shift)
    fits = Fits(
        np.zeros((0, 3)),
        np.zeros(0, np.int8),
        np.zeros(0, bool),
        np.zeros((0, TERMS if coefficients else 0)),
    )
    identity = ""
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        identity = _identity(
            volume, upsampling, threshold, smoothing, max_peaks, rules, coefficients
        )
        fits = _resume(checkpoint, identity, len(maxima)) or fits
    with reporting("tracing", len(maxima), progress) as report:
        report.advance(len(fits.flags))
        while len(fits.flags) < len(maxima):
            start = len(fits.flags)
            part = fit_peaks(grid, maxima[start : start + _CHUNK], *rules)
            fits = _join(fits, part, coefficients)
            if checkpoint is not None:
                _store(checkpoint, identity, fits)
            report.advance(len(part.flags))
    fine_distance = minimum_distance / (volume.voxel_size / FACTOR)
    flags = keep_apart(maxima + fits.shifts, fits, fine_distance)
    peaks = Peaks(
        maxima, fits.shifts, heights, flags, volume.shape, volume.voxel_size,
        fits.coefficients if coefficients else None, n_maxima,
    )  # fmt: skip
    text = peaks.warning(volume.name)
    if text is not None:
        warnings.warn(text, UserWarning, stacklevel=3)
    return peaks


def distance_between(species: str | Sequence[str]) -> float:
    """Smallest distance between two atoms of a sample that tracing accepts, angstrom.

    The published 2.0, or 1.5 covalent radii of the smallest species that is no metal if that is
    less: bonds of light species are as short as 2.0, and of two atoms closer than the distance the
    fainter one is lost.

    Parameters
    ----------
    species
        Chemical symbols of the sample; none if not known.

    Raises
    ------
    InputError
        For an unknown symbol.

    Notes
    -----
    MATLAB: none; the papers' samples are metals, with 2 angstrom for all of them

    Examples
    --------
    >>> from aet_port.tracing.peak_search import distance_between
    >>> [round(distance_between(one), 2) for one in ("Ta", "Si", ["Si", "Ge"], ["Co", "Pd", "Pt"])]
    [2.0, 1.67, 1.67, 2.0]
    """
    symbols = (species,) if isinstance(species, str) else tuple(species)
    for symbol in symbols:
        if atomic_numbers.get(symbol, 0) == 0:
            raise InputError("species", repr(symbol), "chemical symbols, such as Si")
    radii = [float(covalent_radii[atomic_numbers[one]]) for one in symbols if one in NON_METALS]
    return min([PUBLISHED_DISTANCE, *(SHORTEST * radius for radius in radii)])


def _join(done: Fits, part: Fits, coefficients: bool) -> Fits:
    more = part.coefficients if coefficients else part.coefficients[:, :0]
    return Fits(
        np.concatenate([done.shifts, part.shifts]),
        np.concatenate([done.flags, part.flags]),
        np.concatenate([done.settled, part.settled]),
        np.concatenate([done.coefficients, more]),
    )


def _identity(volume: Volume, *parameters: object) -> str:
    """Hash of everything the fits depend on (the smallest distance is applied afterwards)."""
    digest = hashlib.sha256(repr((volume.shape, volume.array.dtype.str, parameters)).encode())
    for plane in volume.array:  # one plane at a time: no copy of the volume
        digest.update(np.ascontiguousarray(plane).data)
    return digest.hexdigest()


def _store(path: Path, identity: str, fits: Fits) -> None:
    save_npz(path, {"identity": np.array(identity), **vars(fits)})


def _resume(path: Path, identity: str, peaks: int) -> Fits | None:
    """Finished fits stored at ``path`` by an earlier run; None if there are none."""
    advice = "the checkpoint of this run; delete it to start again"
    if not path.exists():
        return None
    content = read_npz(path, expected=advice, kind=CheckpointError)
    check_content(path, content)
    with parsing(path, "checkpoint", advice, CheckpointError):
        found, fits = str(content["identity"]), Fits(*(content[name] for name in _FITS))
    if found != identity or len(fits.flags) > peaks:
        raise CheckpointError(path, "tracing of another volume or with other parameters", advice)
    return fits
