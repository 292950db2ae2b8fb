"""Golden cases of the refinement as a projector, images, positions, species and parameters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from aet_port.refinement.projector import Projector, make_projector
from matlab_reference import golden_path

# The reference keeps rotated coordinates and Gaussians in single precision, the port does not.
SINGLE = 1e-5
DOUBLE = 1e-12


def load(name: str) -> dict[str, NDArray]:
    return loadmat(golden_path(f"{name}.mat"))


def number(case: dict[str, NDArray], name: str) -> float:
    return float(case[f"in_{name}"].item())


def stack(images: NDArray) -> NDArray[np.float64]:
    """MATLAB's (nx, ny, n) as (n, nx, ny)."""
    return np.ascontiguousarray(np.moveaxis(images, 2, 0), dtype=np.float64)


class GoldenSeries(NamedTuple):
    case: dict[str, NDArray]
    projector: Projector
    images: NDArray[np.float64]
    positions: NDArray[np.float64]
    types: NDArray[np.intp]
    heights: NDArray[np.float64]
    b_factors: NDArray[np.float64]

    @property
    def atoms(self) -> tuple[NDArray, NDArray, NDArray]:
        """Positions, heights and B' of every atom."""
        if len(self.heights) == len(self.positions):
            return self.positions, self.heights, self.b_factors
        return self.positions, self.heights[self.types], self.b_factors[self.types]


def golden_series(case: str | dict[str, NDArray], start: str = "para") -> GoldenSeries:
    """A case by name or as arrays; ``start`` names the input with its H and B'."""
    arrays = load(case) if isinstance(case, str) else case
    images = stack(arrays["in_ydata"])
    projector = make_projector(
        arrays["in_angles"],
        number(arrays, "Res"),
        images.shape[1:],
        arrays["in_Z_arr"].ravel().astype(int).tolist(),
        int(number(arrays, "halfWidth")),
        threads=1,
    )
    positions = arrays["in_model"].T.astype(np.float64)
    types = arrays.get("in_atoms", np.ones(len(positions))).ravel().astype(np.intp) - 1
    parameters = arrays.get(f"in_{start}", np.ones((2, types.max() + 1)))
    return GoldenSeries(arrays, projector, images, positions, types, *parameters)
