"""Shape of bipyramids: bond lengths, the tilt of the capping bond, and the average bipyramid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.display import Shown, angstrom, average
from aet_port.core.errors import InputError
from aet_port.structure.polytetrahedral.bipyramids import LARGEST, Motifs
from aet_port.structure.voronoi.tetrahedra import Tetrahedra

LEAST = 4  # tetrahedra of a closed bipyramid; a triplet is an open fan


@dataclass(frozen=True, repr=False)
class BipyramidGeometry(Shown):
    """Bonds and tilts of n bipyramids of one fold.

    Attributes
    ----------
    fold
        Tetrahedra per bipyramid.
    motif
        Shape (n,): indices of the motifs.
    alpha
        Shape (n,): the capping bond, from cap to cap, angstrom.
    beta
        Shape (n, 2 fold): bonds from the first cap to the ring in its order, then from the second,
        angstrom.
    gamma
        Shape (n, fold): bonds between neighbours on the ring, in its order, angstrom.
    theta
        Shape (n,): angle between the capping bond and the normal of the ring's best plane, degrees,
        0 to 90; 0 in a regular bipyramid.
    """

    fold: int
    motif: NDArray[np.int64]
    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]
    gamma: NDArray[np.float64]
    theta: NDArray[np.float64]

    plot = methods.plot_bipyramids
    """Plot tilts of capping bonds: :func:`aet_port.figures.structure_results.plot_bipyramids`."""

    def _facts(self) -> dict[str, object]:
        return {
            "fold": self.fold,
            "bipyramids": len(self),
            "mean alpha": average(self.alpha, "angstrom"),
            "mean theta": average(self.theta, "degrees"),
        }

    def __len__(self) -> int:
        return len(self.motif)

    @property
    def alpha_over_gamma(self) -> float:
        """Capping bond over its bipyramid's mean ring bond, on average; NaN without bipyramids."""
        return _mean(self.alpha / self.gamma.mean(axis=1))

    @property
    def beta_over_gamma(self) -> float:
        """Mean bond from cap to ring over mean ring bond, likewise."""
        return _mean(self.beta.mean(axis=1) / self.gamma.mean(axis=1))

    @property
    def mean_theta(self) -> float:
        """Mean tilt of the capping bond, degrees; NaN without bipyramids."""
        return _mean(self.theta)


@dataclass(frozen=True, repr=False)
class AverageBipyramid(Shown):
    """Mean of superposed bipyramids.

    Attributes
    ----------
    positions
        Shape (fold + 2, 3): the two caps on the z axis, then the ring in the xy plane, angstrom.
    cap_spread, ring_spread
        Root mean square distance of the caps and of the ring's atoms from these positions,
        angstrom.
    number
        Number of bipyramids averaged.
    """

    positions: NDArray[np.float64]
    cap_spread: float
    ring_spread: float
    number: int

    def _facts(self) -> dict[str, object]:
        return {
            "averaged": self.number,
            "alpha": angstrom(self.alpha),
            "beta": angstrom(self.beta),
            "gamma": angstrom(self.gamma),
        }

    @property
    def alpha(self) -> float:
        """Capping bond, angstrom."""
        return float(np.linalg.norm(self.positions[1] - self.positions[0]))

    @property
    def beta(self) -> float:
        """Bond from cap to ring, angstrom."""
        return float(np.linalg.norm(self.positions[2] - self.positions[0]))

    @property
    def gamma(self) -> float:
        """Ring bond, angstrom."""
        return float(np.linalg.norm(self.positions[3] - self.positions[2]))


def choose_motifs(
    motifs: Motifs, fold: int, mask: NDArray[np.bool_] | None = None, least: int = LEAST
) -> NDArray[np.int64]:
    """Indices of the motifs of one fold, of those in ``mask``.

    Parameters
    ----------
    fold
        Tetrahedra per motif, from ``least`` to 8.
    mask
        Shape (number of motifs,): which motifs may take part, all unless given.

    Raises
    ------
    InputError
        For another fold, or a mask that is not one boolean per motif.

    Notes
    -----
    MATLAB: none
    """
    if fold not in range(least, LARGEST + 1):
        raise InputError("fold", f"{fold!r}", f"a number of tetrahedra from {least} to {LARGEST}")
    chosen = motifs.fold == fold
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != np.bool_ or mask.shape != (len(motifs),):
            raise InputError(
                "mask",
                f"{mask.dtype} of shape {mask.shape}",
                f"{len(motifs)} booleans, one per motif",
            )
        chosen = chosen & mask
    return np.flatnonzero(chosen)


def joined_shifts(
    motifs: Motifs, tetrahedra: Tetrahedra, motif: NDArray[np.int64], fold: int
) -> NDArray[np.float64]:
    """Shifts that bring the tetrahedra of a motif next to its first one across periodic faces.

    Parameters
    ----------
    motif
        Shape (n,): motifs of the fold.

    Returns
    -------
    Shape (n, fold, 3), to be added to the corners of each tetrahedron, angstrom; zero where no face
    lies between.

    Raises
    ------
    InputError
        If the motifs were not found among these tetrahedra.

    Notes
    -----
    MATLAB: none
    """
    members = motifs.tetrahedra[motif, :fold]
    if members.size and members.max() >= len(tetrahedra):
        raise InputError(
            "motifs",
            f"tetrahedron {members.max()} of {len(tetrahedra)}",
            "motifs found among these tetrahedra",
        )
    cap = _corner_of(motifs.caps[motif, :1].repeat(fold, axis=1), members, tetrahedra)
    return cap[:, :1] - cap


def bipyramid_positions(
    motifs: Motifs,
    tetrahedra: Tetrahedra,
    fold: int = 5,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Atoms of each bipyramid next to each other, across the faces of a periodic cell.

    Returns
    -------
    Shape (n, fold + 2, 3): the two caps, then the ring in its order, angstrom.

    Raises
    ------
    InputError
        For a fold other than 4 to 8, an unusable mask, or motifs of other tetrahedra.

    Notes
    -----
    MATLAB: none
    """
    motif = choose_motifs(motifs, fold, mask)
    members = motifs.tetrahedra[motif, :fold]
    shifts = joined_shifts(motifs, tetrahedra, motif, fold)
    caps = [_corner_of(motifs.caps[motif, k : k + 1], members[:, :1], tetrahedra) for k in (0, 1)]
    # Ring atom k belongs to tetrahedra k - 1 and k.
    ring = _corner_of(motifs.ring[motif, :fold], members, tetrahedra) + shifts
    return np.concatenate([*caps, ring], axis=1)


def bipyramid_geometry(
    motifs: Motifs,
    tetrahedra: Tetrahedra,
    fold: int = 5,
    mask: NDArray[np.bool_] | None = None,
) -> BipyramidGeometry:
    """Bond lengths of bipyramids and the tilt of their capping bond.

    The ring's plane is the one with the least squared distances from its atoms.

    Parameters
    ----------
    fold
        Tetrahedra per bipyramid, 4 to 8; 5 for pentagonal ones.
    mask
        Shape (number of motifs,): which motifs may take part, all unless given.

    Raises
    ------
    InputError
        For a fold other than 4 to 8, an unusable mask, or motifs of other tetrahedra.

    Paper: Fig. 4b, c of Yuan et al., Nature Materials 21, 95 (2022); not in the public code
    """
    positions = bipyramid_positions(motifs, tetrahedra, fold, mask)
    caps, ring = positions[:, :2], positions[:, 2:]
    bond = caps[:, 1] - caps[:, 0]
    alpha = np.linalg.norm(bond, axis=1)
    beta = np.linalg.norm(ring[:, None] - caps[:, :, None], axis=3).reshape(-1, 2 * fold)
    gamma = np.linalg.norm(np.roll(ring, -1, axis=1) - ring, axis=2)
    normal = _plane_normals(ring)
    along = np.abs((bond * normal).sum(axis=1))
    # The arc tangent is exact near 0, where the arc cosine is not.
    across = np.linalg.norm(np.cross(bond, normal), axis=1)
    theta = np.degrees(np.arctan2(across, along))
    return BipyramidGeometry(fold, choose_motifs(motifs, fold, mask), alpha, beta, gamma, theta)


@checked
def ideal_bipyramid(fold: int = 5, edge: float = 1.0) -> NDArray[np.float64]:
    """Bipyramid of equilateral triangles: the two caps on the z axis, then the ring.

    With equal bonds on the ring and to the caps the capping bond of a pentagonal one is 1.0515
    times as long. Around a longer ring such triangles lie flat or overlap.

    Parameters
    ----------
    fold
        3, 4 (the octahedron) or 5.
    edge
        Angstrom.

    Returns
    -------
    Shape (fold + 2, 3), angstrom.

    Raises
    ------
    InputError
        For another fold or an edge that is not a length.

    Paper: Fig. 4a of Yuan et al., Nature Materials 21, 95 (2022)
    """
    if fold not in (3, 4, 5):
        raise InputError("fold", f"{fold!r}", "3, 4 or 5: the bipyramids with equal edges")
    if not (np.isfinite(edge) and edge > 0):
        raise InputError("edge", f"{edge!r}", "a length above zero, in angstrom")
    radius = edge / (2 * np.sin(np.pi / fold))
    return _regular(fold, np.sqrt(edge**2 - radius**2), radius)


def average_bipyramid(
    motifs: Motifs,
    tetrahedra: Tetrahedra,
    fold: int = 5,
    mask: NDArray[np.bool_] | None = None,
) -> AverageBipyramid:
    """Mean of all bipyramids of one fold after superposition.

    Each one is centred and rotated so that its atoms lie as close as possible (least squares) to an
    ideal bipyramid, for folds above 5 to the regular one with the mean capping and ring bonds. The
    choice of the first cap and ring atom is arbitrary, so the mean is also taken over all
    equivalent labellings: it has the full symmetry of the ideal bipyramid.

    Parameters
    ----------
    fold
        Tetrahedra per bipyramid, 4 to 8.
    mask
        Shape (number of motifs,): which motifs may take part, all unless given.

    Raises
    ------
    InputError
        If there is no such bipyramid, or as :func:`bipyramid_geometry`.

    Paper: Fig. 4a of Yuan et al., Nature Materials 21, 95 (2022); not in the public code
    """
    positions = bipyramid_positions(motifs, tetrahedra, fold, mask)
    if len(positions) == 0:
        raise InputError("motifs", f"no bipyramid of {fold} tetrahedra", "at least one")
    centred = positions - positions.mean(axis=1, keepdims=True)
    if fold <= 5:
        reference = ideal_bipyramid(fold)
    else:
        bond = np.linalg.norm(positions[:, 1] - positions[:, 0], axis=1).mean()
        ring = positions[:, 2:]
        side = np.linalg.norm(np.roll(ring, -1, axis=1) - ring, axis=2).mean()
        reference = _regular(fold, bond / 2, side / (2 * np.sin(np.pi / fold)))
    # The ring may run in either sense; only one of them is a rotation of the reference.
    axis = centred[:, 1] - centred[:, 0]
    ring = centred[:, 2:]
    sense = (np.cross(ring, np.roll(ring, -1, axis=1)).sum(axis=1) * axis).sum(axis=1)
    upright = np.cross(reference[2], reference[3]) @ (reference[1] - reference[0])
    other = sense * upright < 0
    centred[other] = centred[other][:, [1, 0, *range(2, fold + 2)]]
    turned = centred @ _rotations(centred, reference)
    outward = reference / np.linalg.norm(reference, axis=1)[:, None]
    along = (turned * outward).sum(axis=2).mean(axis=0)
    mean = _regular(fold, along[:2].mean(), along[2:].mean())
    squares = ((turned - mean) ** 2).sum(axis=2)
    return AverageBipyramid(
        mean,
        float(np.sqrt(squares[:, :2].mean())),
        float(np.sqrt(squares[:, 2:].mean())),
        len(positions),
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _corner_of(
    atom: NDArray[np.int64], members: NDArray[np.int64], tetrahedra: Tetrahedra
) -> NDArray[np.float64]:
    """Position (n, k, 3) of atom [n, k] as a corner of tetrahedron ``members[n, k]``."""
    here = tetrahedra.vertices[members] == atom[:, :, None]
    if not (here.sum(axis=2) == 1).all():
        raise InputError(
            "motifs", "atoms that are no corners", "motifs found among these tetrahedra"
        )
    return tetrahedra.corners[members][here].reshape(*members.shape, 3)


def _plane_normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normals (n, 3) of the best planes through groups of points (n, k, 3); sign arbitrary."""
    if len(points) == 0:
        return np.empty((0, 3))
    centred = points - points.mean(axis=1, keepdims=True)
    return np.linalg.svd(centred, full_matrices=False)[2][:, 2]


def _regular(fold: int, height: float, radius: float) -> NDArray[np.float64]:
    """Caps at -height and +height on the z axis, a regular ring in the plane between them."""
    angle = 2 * np.pi * np.arange(fold) / fold
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(fold)])
    return np.vstack([[0.0, 0.0, -height], [0.0, 0.0, height], ring])


def _rotations(points: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (n, 3, 3) that bring the centred points (n, k, 3) closest to the reference."""
    left, _, right = np.linalg.svd(points.transpose(0, 2, 1) @ reference)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right
