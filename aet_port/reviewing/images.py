"""Measured and calculated images about the place of an atom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.refinement.forward import Forward
from aet_port.refinement.parameters import Parameters

HALF_WIDTH = 10.0  # angstrom around the atom
B_FACTOR = 5.0  # square angstrom, where none was fitted
KEPT = 8  # calculated images kept in memory


@dataclass
class ImagesOfAtoms:
    """The images of a run, and those calculated from the atoms as they are.

    Parameters
    ----------
    series
        The images.
    heights, b_factors
        By species, as refined; unless given, heights as the atomic numbers.
    """

    series: TiltSeries
    heights: Mapping[str, float] = field(default_factory=dict)
    b_factors: Mapping[str, float] = field(default_factory=dict)
    _made: dict[tuple[int, str], NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.series)

    def calculated(
        self, number: int, positions: NDArray[np.float64], species: Sequence[str], version: str
    ) -> NDArray[np.float32]:
        """One image of the atoms, with scale and offset fitted to the measured one.

        Parameters
        ----------
        number
            Of the image, from 0.
        positions, species
            The atoms.
        version
            Name of this state of the atoms.
        """
        key = (number, version)
        if key not in self._made:
            from ase.data import atomic_numbers

            series = self.series
            known = [symbol if symbol != "X" else "C" for symbol in species]
            forward = Forward(
                known, series.angles[number : number + 1], series.pixel_size, series.detector,
                threads=1,
            )  # fmt: skip
            heights = [self.heights.get(one, float(atomic_numbers[one])) for one in forward.kinds]
            widths = [self.b_factors.get(one, B_FACTOR) for one in forward.kinds]
            image = forward.project(Parameters.start(positions, heights, widths, 1))[0]
            columns = np.stack([image.ravel(), np.ones(image.size)], axis=1).astype(np.float64)
            measured = series.images[number].ravel().astype(np.float64)
            scale, offset = np.linalg.lstsq(columns.T @ columns, columns.T @ measured)[0]
            while len(self._made) >= KEPT:
                self._made.pop(next(iter(self._made)))
            self._made[key] = (scale * image + offset).astype(np.float32)
        return self._made[key]

    def around(
        self,
        number: int,
        place: Sequence[float],
        positions: NDArray[np.float64],
        species: Sequence[str],
        version: str,
    ) -> tuple[dict[str, object], NDArray[np.uint8]]:
        """Measured, calculated and residual image about a place, as grey values.

        Returns
        -------
        What the page needs to draw them, and an array (3, rows, columns), x to the right and y
        upward.

        Raises
        ------
        InputError
            For an image that does not exist.
        """
        if not 0 <= number < len(self):
            raise InputError("image", str(number), f"0 to {len(self) - 1}")
        series, size = self.series, self.series.pixel_size
        calculated = self.calculated(number, positions, species, version)
        measured = np.asarray(series.images[number], dtype=np.float32)
        seen = Forward(["C"], series.angles[number : number + 1], size, series.detector, threads=1)
        one = Parameters.start([list(place)], [1.0], [1.0], 1)
        at = seen.detector(one, 0)[0]
        half = max(4, round(HALF_WIDTH / size))
        middle = np.round(at).astype(int)
        low, high = float(measured.min()), float(np.percentile(measured, 99.9))
        noise = float(np.std(measured - calculated)) or 1.0
        parts = [
            _grey(_window(measured, middle, half), low, high),
            _grey(_window(calculated, middle, half), low, high),
            _grey(_window(measured - calculated, middle, half), -4 * noise, 4 * noise),
        ]
        facts: dict[str, object] = {
            "number": number,
            "tilt": round(float(series.angles[number, 1]), 2),
            "side": 2 * half + 1,
            "mark": [float(at[0] - middle[0] + half), float(at[1] - middle[1] + half)],
            "inside": bool(np.all(at >= 0) and np.all(at <= np.array(series.detector) - 1)),
            "pixel": size,
        }
        return facts, np.stack(parts)


def _window(image: NDArray[np.float32], middle: NDArray, half: int) -> NDArray[np.float32]:
    """A square about a pixel; NaN outside of the image."""
    out = np.full((2 * half + 1, 2 * half + 1), np.nan, np.float32)
    low, high = middle - half, middle + half + 1
    first, last = np.maximum(low, 0), np.minimum(high, image.shape)
    if np.all(first < last):
        inner = tuple(slice(int(a), int(b)) for a, b in zip(first - low, last - low, strict=True))
        out[inner] = image[first[0] : last[0], first[1] : last[1]]
    return out


def _grey(part: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    filled = np.nan_to_num(part, nan=low)
    grey = np.clip((filled - low) * (255 / max(high - low, 1e-30)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(grey.T[::-1])
