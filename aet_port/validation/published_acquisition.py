"""Pixel sizes and numbers of projections of the published measurements, from their data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.errors import DataFileError
from aet_port.io.matlab import read_angles, read_array, read_positions
from aet_port.validation.published_models import FILM, FOLDERS, GLASS, KEYS, SAMPLE_GLASS, Find
from aet_port.validation.published_table import Computed

Named = Iterator[tuple[str, Computed]]
ANGLES = {
    SAMPLE_GLASS: (GLASS, "1_Measured_data", "Angles.mat"),
    **{name: (FILM, "1_Measured_data", folder, "angles.mat") for name, folder in FOLDERS.items()},
}
STATED = {"Ta_film": 0.322, "Pd1": 0.454, "Pd2": 0.454}  # angstrom, initial values of the fit
TA_ORIGIN = (201, 176, 171)  # voxel of the film's origin, 1-based
CENTRAL = 500  # atoms nearest the origin, least affected by a wrong pixel size
FINE = 3  # voxels of the upsampled volume in one of the reconstruction
ROUNDS, NEAREST = 8, 1e-3


def fit_pixel_size(
    peaks: NDArray[np.float64],
    positions: NDArray[np.float64],
    pixel_size: float,
    origin: NDArray[np.float64],
) -> float:
    """Fit the pixel size that maps a model in angstrom to the peaks it was made from.

    Pairs of a peak and the nearest atom give scale and origin by least squares, and these give
    better pairs, until only exact ones remain.

    Parameters
    ----------
    peaks
        Shape (m, 3), pixels.
    positions
        Shape (n, 3), angstrom.
    pixel_size
        Initial pixel size, angstrom, so close that the outermost atoms are within a pixel.
    origin
        Initial origin, shape (3,), pixels.

    Returns
    -------
    Pixel size in angstrom; NaN if fewer than half of the atoms match a peak.
    """
    tree, near = cKDTree(peaks), 1.0
    for _ in range(ROUNDS):
        distance, index = tree.query(positions / pixel_size + origin)
        on = distance <= near
        if on.mean() < 0.5:
            return float("nan")
        pixels, places = peaks[index[on]], positions[on]
        apart = pixels - pixels.mean(axis=0)
        pixel_size = float((apart * (places - places.mean(axis=0))).sum() / (apart**2).sum())
        origin = (pixels - places / pixel_size).mean(axis=0)
        near = max(0.3 * near, NEAREST)
    return pixel_size


def find_origin(
    peaks: NDArray[np.float64], positions: NDArray[np.float64], pixel_size: float
) -> NDArray[np.float64]:
    """Find the voxel of a model's origin in a cube, equal along all axes, with most atoms on peaks.

    Parameters
    ----------
    peaks
        Shape (m, 3), pixels.
    positions
        Shape (n, 3), angstrom.
    pixel_size
        Angstrom.

    Returns
    -------
    Shape (3,), pixels.
    """
    tree = cKDTree(peaks)
    inner = positions[np.argsort((positions**2).sum(axis=1))[:CENTRAL]] / pixel_size
    voxels = np.arange(np.floor(peaks.min()), np.ceil(peaks.max()) + 1)
    on = [(tree.query(inner + voxel, distance_upper_bound=0.5)[0] < 0.5).sum() for voxel in voxels]
    return np.full(3, voxels[int(np.argmax(on))])


def glass_acquisition(find: Find) -> Named:
    """Number of projections and pixel size of the glass particle.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    yield from _projections(find, SAMPLE_GLASS, "mg")
    traced = read_positions(
        find(GLASS, "4_Tracing_and_classification", "input", "traced_model_inPixel.mat")
    )
    place = find(GLASS, "5_Position_refinement", "input", "Local_classification_coord_OriOri.mat")
    model = read_positions(place)
    if model.shape != traced.shape:
        raise DataFileError(place, f"{len(model)} atoms", f"the {len(traced)} traced ones")
    apart = traced - traced.mean(axis=0)
    size = float((apart * (model - model.mean(axis=0))).sum() / (apart**2).sum())
    why = "printed digits; model in angstrom over traced model in pixels"
    yield "mg.pixel_size", Computed((size,), 5e-4, why)


def film_acquisition(find: Find, name: str) -> Named:
    """Number of projections and pixel size of a film sample.

    Parameters
    ----------
    name
        One of ``KEYS``.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    key = KEYS[name]
    yield from _projections(find, name, key)
    film = name == "Ta_film"
    peaks = _ta_peaks(find) if film else _particle_peaks(find, name)
    folder = FOLDERS[name]
    label = name if film else f"{name}_particle"
    model = read_positions(
        find(FILM, "5_Position_refinement", "Input", folder, f"atomic_model_{label}.mat")
    )
    start = STATED[name]
    origin = np.array(TA_ORIGIN, float) if film else find_origin(peaks, model, start)
    size = fit_pixel_size(peaks, model, start, origin)
    why = f"printed digits; {size:.5f} lays the traced model on the deposited peaks"
    yield f"{key}.pixel_size", Computed((size,), 5e-4, why)


def _projections(find: Find, name: str, key: str) -> Named:
    angles = read_angles(find(*ANGLES[name]))
    low, high = angles[:, 1].min(), angles[:, 1].max()
    why = f"count of the deposited angles, which as refined tilt by {low:.1f} to {high:.1f} degrees"
    yield f"{key}.n_projections", Computed((len(angles),), 0, why)


def _ta_peaks(find: Find) -> NDArray[np.float64]:
    file = find(FILM, "4_Atom_tracing", "Input", "Atom_tracing_all_peaks_Ta_film.mat")
    return read_array(file, "Allatom_pos").T.astype(np.float64)


def _particle_peaks(find: Find, name: str) -> NDArray[np.float64]:
    file = find(FILM, "4_Atom_tracing", "Input", f"Atom_tracing_all_peaks_{name}_particle.mat")
    fitted = read_array(file, "exitFlagArr").ravel() == 0
    return read_array(file, "TotPosArr")[fitted].astype(np.float64) / FINE
