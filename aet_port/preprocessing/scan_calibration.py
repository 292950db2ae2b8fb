"""Scan distortion from low-magnification images of particles at several tilts or scan rotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.filters import threshold_otsu

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.records import parsing, read_record, write_json
from aet_port.core.scan_distortion import LARGEST, ScanDistortion, UnsettledShear
from aet_port.preprocessing.noise import check_images

SMOOTHING = 1.5  # pixels, standard deviation of the Gaussian before particles are looked for
SMALLEST = 9  # pixels of a particle
FEWEST = 4  # particles in every image, and particles that are followed
TURNED = 5.0  # degrees of in-plane rotation from which the scale along y can be told
UNSETTLED = 0.02  # standard error of a shear or scale above which it says nothing
ROUNDS, STEPS = 8, 20
CALIBRATION = "a file of aet calibrate-scan"


@dataclass(frozen=True, repr=False)
class ScanCalibration(Shown):
    """Scan distortion found from particles, with standard errors.

    Attributes
    ----------
    distortion
        The distortion; its scale is one where the images don't tell it.
    errors
        Standard errors of ``shear_x``, ``shear_y`` and ``scale``; zero for what was not fitted.
    positions
        Shape (n, 3), pixels: the particles that were followed, relative to their mean.
    residual
        Root mean square distance of the measured positions from the fitted ones along one axis,
        pixels.
    measured
        Number of measured positions.
    """

    distortion: ScanDistortion
    errors: NDArray[np.float64]
    positions: NDArray[np.float64]
    residual: float
    measured: int

    def _facts(self) -> dict[str, object]:
        names = ("shear_x", "shear_y", "scale")
        values = {
            name: f"{getattr(self.distortion, name):.5f} +- {error:.5f}"
            for name, error in zip(names, self.errors, strict=True)
        }
        return {"particles": len(self.positions), **values, "residual": f"{self.residual:.3g} px"}


@checked
def find_particles(image: ArrayLike) -> NDArray[np.float64]:
    """Centres of the bright particles of an image that don't touch its border.

    The image is smoothed and divided at Otsu's threshold; a centre is the mean position of the
    connected pixels above it, weighted by how far they rise above it.

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
    above = smooth - threshold_otsu(smooth)
    labels, count = ndimage.label(above > 0)
    rim = {*labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]}
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    whole = [n for n in range(1, count + 1) if n not in rim and sizes[n] >= SMALLEST]
    centres = ndimage.center_of_mass(np.maximum(above, 0), labels, whole)
    return np.array(centres, dtype=np.float64).reshape(-1, 2)


@checked
def calibrate_scan(images: ArrayLike, angles: ArrayLike) -> ScanCalibration:
    """Estimate the scan distortion from images of the same particles in several orientations.

    A particle at ``P_j`` appears in image k at ``A (R_k P_j)[:2] + t_k`` from the centre, where
    ``A = [[1, shear_x], [shear_y, scale]]`` is the distortion
    (:class:`aet_port.core.scan_distortion.ScanDistortion`), ``R_k`` the rotation of the sample
    and ``t_k`` the displacement of the image. Particles are located in every image
    (:func:`find_particles`) and followed by the positions that this predicts, at first for a flat
    sample; distortion, places and displacements are fitted by least squares (Gauss-Newton), and
    the particles followed again with what was found. Tilts about y tell both shears. The scale
    shows only between images turned in their plane (phi, by the holder or by the rotation of the
    scan), and stays at one without them.

    Parameters
    ----------
    images
        Shape (n, nx, ny), n >= 3: bright particles, most of them in every image.
    angles
        Shape (n, 3), degrees: phi, theta, psi; or (n,), tilts about y.

    Raises
    ------
    InputError
        For wrong shapes, orientations less than 20 degrees apart, images with fewer than four
        particles or in which those of the first can't be found again.
    UnsettledShear
        If a standard error is above 0.02, or the distortion above 0.2.

    Notes
    -----
    MATLAB: none; the papers' Methods describe the use of such images.

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port.preprocessing as pre
    >>> rng = np.random.default_rng(0)
    >>> places = rng.uniform(-80, 80, (12, 2))
    >>> x, y = np.mgrid[:256, :256] - 128
    >>> images = []
    >>> for theta in (0, 20, 40):
    ...     u, v = np.cos(np.radians(theta)) * places[:, 0], places[:, 1]
    ...     v = v + 0.01 * u  # shear_y
    ...     spots = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / 18) for a, b in zip(u, v)]
    ...     images.append(np.sum(spots, axis=0))
    >>> found = pre.calibrate_scan(np.array(images), [0, 20, 40])
    >>> round(found.distortion.shear_y, 3), round(found.distortion.shear_x, 3)
    (0.01, 0.0)
    """
    stack = check_images(images)
    table = np.asarray(angles, dtype=np.float64)
    if table.shape == (len(stack),):
        table = np.stack([np.zeros_like(table), table, np.zeros_like(table)], axis=1)
    if table.shape != (len(stack), 3) or not np.isfinite(table).all():
        raise InputError("angles", f"shape {np.shape(angles)}", f"{len(stack)} tilts or rows of 3")
    turned, tilted = np.ptp(table[:, 0]) >= TURNED, np.ptp(table[:, 1]) >= 20
    if len(stack) < 3 or not (tilted or np.ptp(table[:, 0]) >= 20):
        found = f"{len(stack)} images over {np.ptp(table[:, 1]):.3g} degrees"
        raise InputError("angles", found, "three images or more, over 20 degrees of theta or phi")
    rotations = euler_rotations(table)
    centre = np.array(stack.shape[1:]) // 2
    spots = [find_particles(image) - centre for image in stack]
    for number, some in enumerate(spots):
        if len(some) < FEWEST:
            found = f"{len(some)} whole particles"
            raise InputError(f"images: image {number}", found, f"{FEWEST} or more")
    start = int(np.argmax(np.abs(rotations[:, 2, 2])))
    places = np.zeros((len(spots[start]), 3))
    places[:, :2] = spots[start] @ np.linalg.inv(rotations[start][:2, :2]).T
    spacing = float(np.median(cKDTree(spots[start]).query(spots[start], k=2)[0][:, 1]))
    fit = _Fit(rotations, turned)
    reach, before = spacing / 3, None
    for _ in range(ROUNDS):
        pairs = [fit.pairs(k, places, some, reach) for k, some in enumerate(spots)]
        for number, some in enumerate(pairs):
            if len(some) < FEWEST:
                found = f"{len(some)} particles of image {start} found again"
                raise InputError(f"images: image {number}", found, "the same particles in each")
        seen = np.bincount(np.concatenate([p[:, 0] for p in pairs]), minlength=len(places))
        used = np.flatnonzero(seen >= max(3, len(stack) / 2))
        if len(used) < FEWEST:
            found = f"{len(used)} particles in half of the images"
            raise InputError("images", found, f"{FEWEST} or more")
        chosen = [p[np.isin(p[:, 0], used)] for p in pairs]
        places = fit.solve(chosen, spots, places)
        state = [p.tolist() for p in chosen]
        if state == before:
            break
        before = state
        reach = min(spacing / 3, max(2.0, 6 * fit.residual))
    if np.abs(fit.values - [0, 0, 1]).max() > LARGEST or fit.errors.max() > UNSETTLED:
        shown = ", ".join(
            f"{v:.3g} +- {e:.2g}" for v, e in zip(fit.values, fit.errors, strict=True)
        )
        raise UnsettledShear("images", f"shear_x, shear_y, scale of {shown}", "more tilts or turns")
    distortion = ScanDistortion(*(float(value) for value in fit.values))
    kept = places[used] - places[used].mean(axis=0)
    return ScanCalibration(distortion, fit.errors, kept, fit.residual, fit.measured)


class _Fit:
    """Distortion, displacements of the images and places of the particles."""

    def __init__(self, rotations: NDArray[np.float64], turned: bool) -> None:
        self.rotations = rotations
        self.values = np.array([0.0, 0.0, 1.0])  # shear_x, shear_y, scale
        self.free = np.array([True, True, turned])
        self.errors = np.zeros(3)
        self.shifts: NDArray[np.float64] | None = None
        self.residual, self.measured = 0.0, 0

    def matrix(self) -> NDArray[np.float64]:
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
            if np.abs(step[:3]).max() < 1e-9:
                break
        power = float(np.sum(rest**2))
        inverse = np.linalg.pinv(flat_design.T @ flat_design, rcond=1e-12, hermitian=True)
        self.errors = np.sqrt(np.diag(inverse)[:3] * power / max(2 * n - int(rank), 1)) * self.free
        self.residual, self.measured, self.shifts = float(np.sqrt(power / (2 * n))), n, shifts
        found = places.copy()
        found[names] = here
        return found


def write_calibration(path: str | Path, distortion: ScanDistortion, **facts: object) -> None:
    """Write a distortion as JSON, with further facts for people."""
    values = {name: getattr(distortion, name) for name in ("shear_x", "shear_y", "scale")}
    write_json(path, {**values, **facts}, sort_keys=False)


def read_calibration(path: str | Path) -> ScanDistortion:
    """Read a distortion that :func:`write_calibration` wrote.

    Raises
    ------
    DataFileError
        If the file is missing, damaged, or holds something else.
    """
    record = read_record(path, "shear_x", "shear_y", "scale", expected=CALIBRATION)
    with parsing(path, "scan distortion", CALIBRATION):
        return ScanDistortion(*(float(record[name]) for name in ("shear_x", "shear_y", "scale")))
