"""Particles as fiducial markers: found in each image, followed over a series, placed in 3D."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.filters import threshold_otsu

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.preprocessing.noise import check_images

SMOOTHING = 1.5  # pixels, standard deviation of the Gaussian before particles are looked for
ABOVE = 6.0  # standard deviations of the noise
SMALLEST = 9  # pixels of a particle
FEWEST = 4  # particles in every image, and particles that are followed
CLOSE = 0.5  # pixels within which a particle may always be looked for
ROUNDS, STEPS = 12, 20


@checked
def find_particles(image: ArrayLike) -> NDArray[np.float64]:
    """Centres of the bright particles of an image that don't touch its border.

    The image is smoothed and divided at Otsu's threshold, or six standard deviations of the noise
    above the median if that is higher; a centre is the mean position of the connected pixels above
    it, weighted by how far they rise above it.

    Parameters
    ----------
    image
        Shape (nx, ny), particles brighter than what lies between them.

    Returns
    -------
    Positions (n, 2), pixels.

    Raises
    ------
    InputError
        For another shape, NaN, or a constant image.

    Notes
    -----
    MATLAB: none.

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.preprocessing import find_particles
    >>> x, y = np.mgrid[:40, :50]
    >>> image = np.exp(-((x - 12.25) ** 2 + (y - 30.5) ** 2) / 18)
    >>> find_particles(image).round(2)
    array([[12.25, 30.5 ]])
    """
    values = check_images(np.asarray(image)[None], "image")[0]
    smooth = ndimage.gaussian_filter(values, SMOOTHING)
    level = float(np.median(smooth))
    noise = 1.4826 * float(np.median(np.abs(smooth - level)))
    # Where particles cover less than about a hundredth, Otsu's threshold divides the noise.
    above = smooth - max(float(threshold_otsu(smooth)), level + ABOVE * noise)
    labels, count = ndimage.label(above > 0)
    rim = {*labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]}
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    whole = [n for n in range(1, count + 1) if n not in rim and sizes[n] >= SMALLEST]
    centres = ndimage.center_of_mass(np.maximum(above, 0), labels, whole)
    return np.array(centres, dtype=np.float64).reshape(-1, 2)


class Fit:
    """Distortion, displacements of the images and places of the particles, fitted together.

    Parameters
    ----------
    rotations
        Shape (n, 3, 3), of the sample in each image.
    free
        Which of ``shear_x``, ``shear_y`` and ``scale`` to fit; the others stay at 0, 0, 1.
    """

    def __init__(self, rotations: NDArray[np.float64], free: tuple[bool, bool, bool]) -> None:
        self.rotations = rotations
        self.values = np.array([0.0, 0.0, 1.0])  # shear_x, shear_y, scale
        self.free = np.array(free)
        self.errors = np.zeros(3)
        self.shifts: NDArray[np.float64] | None = None
        self.shift_errors = np.zeros((len(rotations), 2))
        self.residual, self.spread, self.measured = 0.0, 0.0, 0
        self.apart = np.zeros((0, 2))  # particle and distance of each position from the fit

    def matrix(self) -> NDArray[np.float64]:
        """The distortion, shape (2, 2)."""
        return np.array([[1.0, self.values[0]], [self.values[1], self.values[2]]])

    def pairs(self, k: int, places: NDArray, spots: NDArray, reach: float) -> NDArray[np.int64]:
        """Rows (particle, spot) of image k that are each other's nearest within the reach."""
        predicted = places @ (self.matrix() @ self.rotations[k][:2]).T
        if self.shifts is None:
            # The displacement with which most particles have a spot near them.
            tree, best = cKDTree(spots), (-1, 0.0, np.zeros(2))
            for shift in (spots[:, None] - predicted[None]).reshape(-1, 2):
                far = tree.query(predicted + shift, distance_upper_bound=reach)[0]
                near = far[np.isfinite(far)]
                best = max(best, (len(near), -float(near.sum()), shift), key=lambda one: one[:2])
            predicted = predicted + best[2]
        else:
            predicted = predicted + self.shifts[k]
        far, spot = cKDTree(spots).query(predicted, distance_upper_bound=reach)
        _, back = cKDTree(predicted).query(spots)
        rows = [(i, s) for i, s in enumerate(spot) if np.isfinite(far[i]) and back[int(s)] == i]
        return np.array(rows, dtype=np.int64).reshape(-1, 2)

    def solve(self, pairs: list[NDArray], spots: list[NDArray], places: NDArray) -> NDArray:
        """Fit to the pairs; returns the places and keeps the rest."""
        image = np.repeat(np.arange(len(pairs)), [len(p) for p in pairs])
        particle = np.concatenate([p[:, 0] for p in pairs])
        goal = np.concatenate([s[p[:, 1]] for s, p in zip(spots, pairs, strict=True)])
        names, own = np.unique(particle, return_inverse=True)
        here = places[names].copy()
        shifts = np.zeros((len(pairs), 2)) if self.shifts is None else self.shifts.copy()
        n, rows = len(goal), np.arange(len(goal))
        for _ in range(STEPS):
            flat = np.einsum("nij,nj->ni", self.rotations[image, :2], here[own])
            matrix = self.matrix()
            rest = goal - flat @ matrix.T - shifts[image]
            design = np.zeros((n, 2, 3 + 3 * len(names) + 2 * len(pairs)))
            design[:, 0, 0], design[:, 1, 1], design[:, 1, 2] = flat[:, 1], flat[:, 0], flat[:, 1]
            design[:, :, :3] *= self.free
            through = np.einsum("ij,njk->nik", matrix, self.rotations[image, :2])
            for axis in range(3):
                design[rows, :, 3 + 3 * own + axis] = through[:, :, axis]
            for axis in range(2):
                design[rows, axis, 3 + 3 * len(names) + 2 * image + axis] = 1
            flat_design = design.reshape(2 * n, -1)
            # A displacement of the whole sample is undetermined: least change.
            step, _, rank, _ = np.linalg.lstsq(flat_design, rest.ravel(), rcond=1e-9)
            self.values = self.values + step[:3] * self.free
            here += step[3 : 3 + 3 * len(names)].reshape(-1, 3)
            shifts += step[3 + 3 * len(names) :].reshape(-1, 2)
            if np.abs(step).max() < 1e-9:  # all of it, or ``rest`` would be of the start
                break
        power = float(np.sum(rest**2))
        inverse = np.linalg.pinv(flat_design.T @ flat_design, rcond=1e-12, hermitian=True)
        errors = np.sqrt(np.diag(inverse) * power / max(2 * n - int(rank), 1))
        self.errors = errors[:3] * self.free
        self.shift_errors = errors[3 + 3 * len(names) :].reshape(-1, 2)
        self.apart = np.column_stack([particle, np.abs(rest).max(axis=1)])
        self.spread = 1.4826 * float(np.median(np.abs(rest)))
        self.residual, self.measured, self.shifts = float(np.sqrt(power / (2 * n))), n, shifts
        found = places.copy()
        found[names] = here
        return found


def follow(spots: list[NDArray[np.float64]], fit: Fit) -> NDArray[np.float64]:
    """Follow particles from the least tilted image through a series and fit to them.

    Parameters
    ----------
    spots
        Positions (m, 2) in each image relative to its centre, pixels.
    fit
        The model, whose values are found.

    Returns
    -------
    Places (n, 3) of the particles that are seen in half of the images, pixels.

    Raises
    ------
    InputError
        For images with fewer than four particles, or in which those of the first aren't found.
    """
    for number, some in enumerate(spots):
        if len(some) < FEWEST:
            found = f"{len(some)} whole particles"
            raise InputError(f"images: image {number}", found, f"{FEWEST} or more")
    rotations = fit.rotations
    start = int(np.argmax(np.abs(rotations[:, 2, 2])))
    places = np.zeros((len(spots[start]), 3))
    places[:, :2] = spots[start] @ np.linalg.inv(rotations[start][:2, :2]).T
    spacing = float(np.median(cKDTree(spots[start]).query(spots[start], k=2)[0][:, 1]))
    reach, before = spacing / 3, None
    single = np.ones(len(places), dtype=bool)
    for _ in range(ROUNDS):
        pairs = [fit.pairs(k, places, some, reach) for k, some in enumerate(spots)]
        for number, near in enumerate(pairs):
            if len(near) < FEWEST:
                found = f"{len(near)} particles of image {start} found again"
                raise InputError(f"images: image {number}", found, "the same particles in each")
        seen = np.bincount(np.concatenate([p[:, 0] for p in pairs]), minlength=len(places))
        used = np.flatnonzero(single & (seen >= max(3, len(spots) / 2)))
        if len(used) < FEWEST:
            found = f"{len(used)} particles in half of the images"
            raise InputError("images", found, f"{FEWEST} or more")
        chosen = [p[np.isin(p[:, 0], used)] for p in pairs]
        places = fit.solve(chosen, spots, places)
        state = [p.tolist() for p in chosen]
        if state == before:
            break
        before = state
        # Particles that overlap others at some tilt are far from where they should be.
        apart, limit = fit.apart, max(CLOSE, 5 * fit.spread)
        single[apart[:, 0][apart[:, 1] > limit].astype(np.int64)] = False
        reach = min(spacing / 3, max(CLOSE, 5 * fit.spread))
    return np.asarray(places[used])
