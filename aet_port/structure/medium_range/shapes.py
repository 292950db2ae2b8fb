"""Shape of networks of solute centres: convex hull, sphericity and extents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from aet_port.core.arguments import checked
from aet_port.core.display import Shown, average
from aet_port.structure.medium_range.assignment import Network

FLAT = 1e-9  # of the longest extent: thinner networks span no volume


@dataclass(frozen=True, repr=False)
class NetworkShapes(Shown):
    """Shapes of n networks, each by its centres alone.

    Attributes
    ----------
    volume, surface
        Shape (n,): of the convex hull, cubic and square angstrom; NaN where the centres lie in a
        plane.
    sphericity
        Shape (n,): surface of the sphere of that volume over that of the hull, 1 for a sphere; NaN
        where the centres lie in a plane.
    extents
        Shape (n, 3): standard deviations of the centres along their principal axes, the longest
        first, angstrom.
    """

    volume: NDArray[np.float64]
    surface: NDArray[np.float64]
    sphericity: NDArray[np.float64]
    extents: NDArray[np.float64]

    def _facts(self) -> dict[str, object]:
        solid = np.isfinite(self.sphericity)
        return {
            "networks": len(self),
            "with a volume": int(solid.sum()),
            "mean sphericity": average(self.sphericity[solid]),
        }

    def __len__(self) -> int:
        return len(self.volume)

    @property
    def elongation(self) -> NDArray[np.float64]:
        """Longest over second longest extent, shape (n,); infinite for centres on a line."""
        with np.errstate(divide="ignore"):
            return self.extents[:, 0] / self.extents[:, 1]


@checked
def network_shapes(networks: Sequence[Network]) -> NetworkShapes:
    """Convex hulls of networks and how close they are to spheres.

    The sphericity of a body of volume V and surface A is ``pi^(1/3) (6 V)^(2/3) / A`` (Wadell
    1935): 0.671 for a tetrahedron, 0.806 for a cube, 0.905 for a cuboctahedron.

    Parameters
    ----------
    networks
        Such as those of
        :meth:`aet_port.structure.medium_range.correction.MediumRangeOrder.chosen`.

    Returns
    -------
    The shapes, in the order of the networks.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.structure.medium_range.correction import find_mro
    >>> cube = 4.5 * np.argwhere(np.ones((2, 2, 2)))
    >>> found = find_mro(cube, types=("sc",))
    >>> f"{network_shapes(found.networks).sphericity[0]:.3f}"
    '0.806'
    """
    volume, surface = np.full(len(networks), np.nan), np.full(len(networks), np.nan)
    extents = np.zeros((len(networks), 3))
    for k, network in enumerate(networks):
        centred = network.positions - network.positions.mean(axis=0)
        values = np.linalg.svd(centred, compute_uv=False)
        extents[k, : len(values)] = values / np.sqrt(len(centred))
        if len(centred) > 3 and values[2] > FLAT * values[0]:
            hull = ConvexHull(centred)
            volume[k], surface[k] = hull.volume, hull.area
    sphericity = np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface
    return NetworkShapes(volume, surface, sphericity, extents)
