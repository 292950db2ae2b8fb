"""Frames of a turntable: atoms, networks of bipyramids, or a volume, once around the vertical."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import ase
import numpy as np
from ase.data.colors import jmol_colors
from matplotlib import colormaps
from matplotlib.colors import is_color_like, to_rgb
from numba import njit
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.errors import InputError, shown
from aet_port.core.geometry import axis_rotation
from aet_port.core.memory import check_memory
from aet_port.figures.bipyramid_networks import network_scene
from aet_port.figures.overview import BACKGROUND, render_balls
from aet_port.structure.structure_result import StructureResult

Frames = Iterator[NDArray[np.uint8]]
Floats = NDArray[np.float64]
ELEVATION = 15.0  # degrees from which the turntable is looked down upon
RADIUS = 0.75  # angstrom of an atom drawn, for all species
MARGIN = 1.0  # angstrom around what is drawn
TOP = 99.9  # percentile of the volume at which the colours end
MOST_FRAMES, MOST_PIXELS = 10_000, 4096


def turn_atoms(
    model: AtomicModel,
    frames: int,
    pixels: int,
    colours: Mapping[str, str] | None = None,
    radius: float = RADIUS,
) -> Frames:
    """Turn the atoms of a model once around the vertical (y), seen from slightly above.

    Parameters
    ----------
    model
        The atoms.
    frames
        Number of frames of a whole turn.
    pixels
        Number of pixels along each side.
    colours
        Colour by species, such as ``{"Ta": "#2a5d9f"}``; the customary ones for the others.
    radius
        Of an atom, angstrom.

    Returns
    -------
    Frames of shape (pixels, pixels, 3), one after the other.

    Raises
    ------
    InputError
        For numbers out of range, or an unknown colour or species.
    """
    table = _colours(model, colours or {})
    return _turned(model.positions, np.full(len(model), radius), table, frames, pixels)


def turn_networks(
    atoms: ase.Atoms,
    structure: StructureResult,
    frames: int,
    pixels: int,
    *,
    fold: int = 5,
    number: int = 5,
) -> Frames:
    """Turn the largest networks of bipyramids among the other atoms.

    Parameters
    ----------
    atoms, structure, fold, number
        As of :func:`~aet_port.figures.bipyramid_networks.draw_networks`.
    frames, pixels
        As of :func:`turn_atoms`.

    Raises
    ------
    InputError
        As in those functions.
    """
    return _turned(*network_scene(atoms, structure, fold, number), frames, pixels)


def turn_volume(volume: Volume, frames: int, pixels: int, colours: str = "inferno") -> Frames:
    """Turn a volume around y; each pixel shows the largest value along its line of sight.

    Parameters
    ----------
    volume
        The volume; values below zero are black.
    frames, pixels
        As of :func:`turn_atoms`; the width and height of a frame are those of the turning volume,
        the longer one of which has this many pixels.
    colours
        Name of a colour map of Matplotlib.

    Returns
    -------
    Frames of shape (height, width, 3).

    Raises
    ------
    InputError
        For numbers out of range, or a volume with nothing above zero.
    """
    _check_numbers(frames, pixels)
    if colours not in colormaps:
        raise InputError("colours", shown(colours), "a colour map of Matplotlib, such as inferno")
    check_memory("turning the volume", 12.0 * volume.array.size, "a smaller volume")
    positive = volume.array[volume.array > 0]
    if not positive.size:
        raise InputError(volume.name, "nothing above zero", "the volume of a sample")
    top = float(np.percentile(positive, TOP))
    # (y, x, z): planes that turn in themselves.
    planes = np.ascontiguousarray(volume.array.transpose(1, 0, 2), dtype=np.float32)
    ny, nx, nz = planes.shape
    diagonal = float(np.hypot(nx, nz))
    step = max(diagonal, ny) / pixels
    width, height = (max(2, 2 * round(one / step / 2)) for one in (diagonal, ny))
    across = (np.arange(width) - 0.5 * (width - 1)) * diagonal / width
    rows = (np.arange(height)[::-1] + 0.5) * ny / height - 0.5
    table = colormaps[colours]

    def made() -> Frames:
        for k in range(frames):
            angle = 2 * np.pi * k / frames
            seen = _largest(planes, np.cos(angle), np.sin(angle), across, rows, diagonal)
            yield (255 * table(np.clip(seen / top, 0, 1))[..., :3] + 0.5).astype(np.uint8)

    return made()


def _turned(points: Floats, radii: Floats, colours: Floats, frames: int, pixels: int) -> Frames:
    _check_numbers(frames, pixels)
    check_memory("a frame", 60.0 * pixels**2, "fewer pixels (--pixels)")
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    placed = points - middle
    # The farthest point turned to the side: the scale is that of all frames.
    half = float(np.max(np.linalg.norm(placed, axis=1) + radii)) + MARGIN
    background = np.array(to_rgb(BACKGROUND))
    # Rows times the transpose: x to the right, y up, z towards the viewer.
    down = axis_rotation([1.0, 0.0, 0.0], ELEVATION)

    def made() -> Frames:
        for k in range(frames):
            turn = axis_rotation([0.0, 1.0, 0.0], 360.0 * k / frames)
            picture = render_balls(placed @ (down @ turn).T, radii, colours, half, pixels)
            alpha = picture[..., 3:]
            mixed = alpha * picture[..., :3] + (1 - alpha) * background
            yield (255 * np.clip(mixed, 0, 1) + 0.5).astype(np.uint8)

    return made()


def _check_numbers(frames: int, pixels: int) -> None:
    for name, value, least, most in (
        ("frames", frames, 1, MOST_FRAMES),
        ("pixels", pixels, 16, MOST_PIXELS),
    ):
        if not least <= value <= most:
            raise InputError(name, shown(value), f"{least} to {most}")


def _colours(model: AtomicModel, given: Mapping[str, str]) -> Floats:
    """Colour of each atom, (n, 3)."""
    known = set(model.species)
    table = jmol_colors[model.atoms.numbers].copy()
    species = np.array(model.species)
    for symbol, colour in given.items():
        if symbol not in known:
            raise InputError("--colours", symbol, f"one of {', '.join(sorted(known))}")
        if not is_color_like(colour):
            raise InputError(f"--colours: {symbol}", shown(colour), "a colour such as #2a5d9f, red")
        table[species == symbol] = to_rgb(colour)
    return np.asarray(table, dtype=np.float64)


@njit(cache=True, nogil=True)
def _largest(planes, cosine, sine, across, rows, diagonal):  # type: ignore[no-untyped-def]
    """Largest value along each line of sight, interpolated between voxels of a plane."""
    ny, nx, nz = planes.shape
    seen = np.zeros((rows.size, across.size), np.float32)
    steps = int(np.ceil(diagonal))
    for i in range(rows.size):
        y = min(max(int(np.rint(rows[i])), 0), ny - 1)
        plane = planes[y]
        for j in range(across.size):
            best = np.float32(0)
            for k in range(steps):
                depth = k - 0.5 * (steps - 1)
                x = cosine * across[j] - sine * depth + 0.5 * (nx - 1)
                z = sine * across[j] + cosine * depth + 0.5 * (nz - 1)
                a, b = int(np.floor(x)), int(np.floor(z))
                if a < 0 or b < 0 or a >= nx - 1 or b >= nz - 1:
                    continue
                u, v = np.float32(x - a), np.float32(z - b)
                near = plane[a, b] + v * (plane[a, b + 1] - plane[a, b])
                far = plane[a + 1, b] + v * (plane[a + 1, b + 1] - plane[a + 1, b])
                best = max(best, near + u * (far - near))
            seen[i, j] = best
    return seen
