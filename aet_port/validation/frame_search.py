"""The frame of a model of unknown axes, handedness and origin, found by its truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.validation.settings import DEFAULTS

CORE = 600  # atoms around the middle by which the frame is found: a small turn moves them little
VOXELS_PER_ATOM = 3  # along a line, per distance of neighbours
FEWEST, MOST = 32, 144  # voxels along an axis of the density maps
CANDIDATES = 6  # of the 48 frames, refined by the positions of all atoms
AMBIGUOUS = 0.95  # of the pairs: another frame is as good
PREFERRED = 0.01  # of the atoms: another frame must be better by more than this to be preferred
HOPELESS = 0.6  # of the pairs of the best frame: another is given up
ROUNDS = 30  # of nearest neighbours and rigid motion
SETTLED = 1e-9


@dataclass(frozen=True, repr=False)
class Frame(Shown):
    """How the truth is moved into the frame of a model: ``x' = matrix x + shift``.

    Attributes
    ----------
    axes
        What lies along the model's x, y and z: an axis of the truth, such as ``"-z"``.
    matrix
        Shape (3, 3): these axes, and the small rotation that was fitted afterwards.
    shift
        Shape (3,), angstrom.
    pairs
        Number of mutual nearest neighbours within the radius.
    rmsd
        Their RMSD, angstrom.
    runner_up
        Number of pairs in the best other frame that was not given up early.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.random.default_rng(1).uniform(-9, 9, (200, 3))
    >>> find_frame(places, places[:, [1, 0, 2]])
    <Frame: axes y x z, mirrored yes, rotation 0 degrees, shift 0 0 0, pairs 200>
    """

    axes: tuple[str, str, str]
    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    pairs: int
    rmsd: float
    runner_up: int

    def _facts(self) -> dict[str, object]:
        return {
            "axes": " ".join(self.axes),
            "mirrored": "yes" if self.mirrored else "no",
            "rotation": f"{round(self.angle, 3) + 0.0:g} degrees",
            "shift": " ".join(f"{round(float(one), 3) + 0.0:g}" for one in self.shift),
            "pairs": self.pairs,
        }

    @property
    def mirrored(self) -> bool:
        """Whether the model has the other handedness."""
        return bool(np.linalg.det(self.matrix) < 0)

    @property
    def reordered(self) -> bool:
        """Whether the axes are not x, y, z."""
        return self.axes != ("x", "y", "z")

    @property
    def ambiguous(self) -> bool:
        """Whether another frame has nearly as many pairs, as in a crystal."""
        return self.runner_up >= AMBIGUOUS * self.pairs

    @property
    def angle(self) -> float:
        """Angle of the small rotation beside the exchange of axes, degrees."""
        turn = self.matrix @ _matrix(self.axes).T
        # By the sine: the cosine of a small angle loses half of the digits.
        axis = [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
        return float(np.degrees(np.arctan2(np.linalg.norm(axis), np.trace(turn) - 1)))

    def move(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Positions (n, 3) of the truth in the frame of the model, angstrom."""
        return np.asarray(positions, dtype=np.float64) @ self.matrix.T + self.shift

    def back(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Positions (n, 3) of the model in the frame of the truth, angstrom."""
        return (np.asarray(positions, dtype=np.float64) - self.shift) @ self.matrix

    def moved(self, model: AtomicModel) -> AtomicModel:
        """The truth in the frame of the model."""
        atoms = model.atoms.copy()
        atoms.positions = self.move(atoms.positions)
        return replace(model, atoms=atoms)


@checked
def find_frame(
    found: AtomicModel | ArrayLike, truth: AtomicModel | ArrayLike, radius: float = DEFAULTS.radius
) -> Frame:
    """Find the order and direction of axes, the handedness and the origin of a model.

    For each of the 48 signed permutations of the axes the shift is the highest maximum of the
    correlation of two density maps, that of the truth and that of the 600 atoms in the middle of
    the model, with the outline filtered away. The best six are refined: mutual nearest neighbours
    within the radius, the best rigid motion (Kabsch) and again, first of the atoms in the middle,
    then of more and more. The frame with most pairs is taken; that of the truth itself is
    preferred to one that is not better by more than 1 % of the atoms. Rotations other than by
    right angles are found up to about 5 degrees.

    Parameters
    ----------
    found, truth
        The models, or positions, shape (n, 3), angstrom.
    radius
        Largest distance of a pair, angstrom.

    Returns
    -------
    The frame.

    Raises
    ------
    InputError
        For a radius not above zero, or fewer than four atoms.

    References
    ----------
    W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A32,
    922 (1976).

    Notes
    -----
    MATLAB: none
    """
    here, there = (_positions(name, one) for name, one in (("found", found), ("truth", truth)))
    if not (np.isfinite(radius) and radius > 0):
        raise InputError("radius", f"{radius!r}", "a length above zero, in angstrom")
    middle = np.median(here, axis=0)
    order = np.argsort(np.sum((here - middle) ** 2, axis=1), kind="stable")
    spacing = float(np.median(cKDTree(there).query(there, k=2)[0][:, 1]))
    starts = _starts(here[order[:CORE]], there, max(spacing, 1e-3))
    tree = cKDTree(there)
    frames = [Frame(axes, _matrix(axes), shift, 0, np.inf, 0) for axes, shift in starts]
    size = CORE
    while True:
        frames = [_refine(one, here[order[:size]], there, tree, radius) for one in frames]
        if size >= len(here):
            break
        # Most frames are wrong, and seen to be so by few atoms.
        best_pairs = max(one.pairs for one in frames)
        frames = [one for one in frames if one.pairs >= HOPELESS * best_pairs or not one.reordered]
        size *= 2
    frames.sort(key=lambda one: (-one.pairs, one.rmsd))
    own = next((one for one in frames if not one.reordered), None)
    best = frames[0]
    if own is not None and own.pairs >= best.pairs - PREFERRED * min(len(here), len(there)):
        best = own
    others = [one.pairs for one in frames if one is not best]
    return replace(best, runner_up=max(others, default=0))


def _positions(name: str, values: AtomicModel | ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(
        values.positions if isinstance(values, AtomicModel) else values, dtype=np.float64
    )
    if table.ndim != 2 or table.shape[1] != 3 or len(table) < 4 or not np.isfinite(table).all():
        raise InputError(name, f"shape {table.shape}", "finite positions (n, 3) of 4 atoms or more")
    return table


def _matrix(axes: tuple[str, str, str]) -> NDArray[np.float64]:
    """Signed permutation: row i has the axis of the truth along axis i of the model."""
    matrix = np.zeros((3, 3))
    for row, name in enumerate(axes):
        matrix[row, "xyz".index(name[-1])] = -1.0 if name[0] == "-" else 1.0
    return matrix


def _starts(
    core: NDArray, there: NDArray, spacing: float
) -> list[tuple[tuple[str, str, str], NDArray[np.float64]]]:
    """The best of the 48 signed permutations with their shifts, and the frame as it is."""
    middle_here, middle_there = core.mean(axis=0), there.mean(axis=0)
    reach = float(np.abs(there - middle_there).max() + np.abs(core - middle_here).max())
    count = int(np.clip(np.ceil(2 * reach / spacing * VOXELS_PER_ATOM), FEWEST, MOST))
    count = fft.next_fast_len(count, real=True)
    voxel = 2 * reach / count
    q = fft.fftfreq(count, voxel)[:, None, None] ** 2
    q = q + fft.fftfreq(count, voxel)[:, None] ** 2 + fft.rfftfreq(count, voxel) ** 2
    # Atoms a few tenths of an angstrom apart count as the same; the outline does not count.
    blur = 0.15 * spacing
    window = np.exp(-4 * np.pi**2 * blur**2 * q) * (1 - np.exp(-2 * np.pi**2 * spacing**2 * q))
    mine = fft.rfftn(_histogram(core - middle_here, count, voxel)) * window.astype(np.float32)
    found = []
    for order, signs in product(permutations("xyz"), product(("", "-"), repeat=3)):
        axes = (signs[0] + order[0], signs[1] + order[1], signs[2] + order[2])
        matrix = _matrix(axes)
        turned = (there - middle_there) @ matrix.T
        map_there = fft.rfftn(_histogram(turned, count, voxel))
        field = fft.irfftn(mine * np.conj(map_there), s=(count, count, count))
        top = np.array(np.unravel_index(int(np.argmax(field)), field.shape))
        step = ((top + count // 2) % count - count // 2) * voxel
        shift = step + middle_here - matrix @ middle_there
        found.append((float(field.max()), axes, shift))
    found.sort(key=lambda one: -one[0])
    chosen = found[:CANDIDATES]
    if all(axes != ("x", "y", "z") for _, axes, _ in chosen):
        chosen += [one for one in found if one[1] == ("x", "y", "z")]
    return [(axes, shift) for _, axes, shift in chosen]


def _histogram(points: NDArray, count: int, voxel: float) -> NDArray[np.float32]:
    cells = np.floor(points / voxel + 0.5).astype(np.int64) % count
    flat = (cells[:, 0] * count + cells[:, 1]) * count + cells[:, 2]
    return np.bincount(flat, minlength=count**3).reshape(3 * (count,)).astype(np.float32)


def _refine(frame: Frame, points: NDArray, there: NDArray, tree: cKDTree, radius: float) -> Frame:
    """Rigid motion by mutual nearest neighbours, repeated until it stays."""
    matrix, shift = frame.matrix, frame.shift
    mine = cKDTree(points)
    for _ in range(ROUNDS):
        pairs = _mutual(points, mine, there, tree, matrix, shift, radius)
        if len(pairs) < 4:
            break
        a, b = there[pairs[:, 1]], points[pairs[:, 0]]
        u, _, v = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
        # The hand stays.
        hand = np.sign(np.linalg.det(u @ v) * np.linalg.det(matrix))
        new = (u @ np.diag([1, 1, hand]) @ v).T
        step = np.abs(new - matrix).max()
        matrix, shift = new, b.mean(0) - a.mean(0) @ new.T
        if step < SETTLED:
            break
    pairs = _mutual(points, mine, there, tree, matrix, shift, radius)
    rest = there[pairs[:, 1]] @ matrix.T + shift - points[pairs[:, 0]]
    rmsd = float(np.sqrt(np.mean(np.sum(rest**2, axis=1)))) if len(pairs) else np.inf
    return replace(frame, matrix=matrix, shift=shift, pairs=len(pairs), rmsd=rmsd)


def _mutual(
    points: NDArray,
    mine: cKDTree,
    there: NDArray,
    tree: cKDTree,
    matrix: NDArray,
    shift: NDArray,
    radius: float,
) -> NDArray[np.int64]:
    """Pairs of mutual nearest neighbours within the radius, shape (k, 2): found, true."""
    distance, nearest = tree.query((points - shift) @ matrix)
    own = np.flatnonzero(distance <= radius)
    partner = nearest[own]
    back = mine.query(there[partner] @ matrix.T + shift)[1]
    return np.stack([own, partner], axis=1)[back == own]
