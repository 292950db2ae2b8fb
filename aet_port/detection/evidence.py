"""Evidence for each atom: covariance of its height and position, from the noise of the images."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import j0

from aet_port.core.arguments import checked
from aet_port.core.parallel import chunks, map_threads
from aet_port.refinement.likelihood import Atoms, Likelihood, Views

NEIGHBOURHOOD = 4.0  # angstrom within which atoms blur each other
TABLE_STEP = 0.02  # angstrom
TABLE_END = 9.0  # angstrom
BLUR = 1.5  # pixels over which the weights of an atom are averaged
BLOCK = 256
FARTHEST = 2.0  # angstrom, standard deviation of a position known from no image
SINGULAR = 1e-12  # of a diagonal element, the least that elimination may leave


@checked
def local_covariances(
    likelihood: Likelihood,
    atoms: Atoms,
    views: Views,
    profile: NDArray,
    expected: NDArray,
    least_height: float,
    which: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Covariance of height and position of each atom, its neighbours free as well.

    The inverse of the Fisher information ``sum_pixels w dM/da dM/db`` of the height and position of
    an atom and of its neighbours within 4 angstrom, with the weights ``w`` averaged over the atom.

    Parameters
    ----------
    likelihood
        Images and noise.
    atoms, views
        The fit.
    profile
        Transfer function of an atom at frequencies :func:`radial_frequencies`.
    expected
        Expected images.
    least_height
        Height given to atoms below it, whose positions would be undetermined.
    which
        Numbers of the atoms asked for; all unless given.

    Returns
    -------
    Shape (n, 4, 4): height in electrons, then x, y, z in angstrom.
    """
    which = np.arange(len(atoms)) if which is None else which
    none = np.empty((0, len(atoms), 4))
    return _solved(likelihood, atoms, views, profile, expected, least_height, which, none)[0]


@checked
def image_displacements(
    likelihood: Likelihood,
    atoms: Atoms,
    views: Views,
    profile: NDArray,
    expected: NDArray,
    least_height: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each image alone pulls each atom away from where all images together have it.

    ``F^-1 g_i`` with the Fisher information ``F`` of :func:`local_covariances` and the derivative
    ``g_i`` of the log-likelihood of image ``i``; their sum vanishes at the maximum.

    Parameters
    ----------
    likelihood, atoms, views, profile, expected, least_height
        As of :func:`local_covariances`.

    Returns
    -------
    Covariances as of :func:`local_covariances`, and displacements of shape (n, n_images, 4): height
    in electrons, then x, y, z in angstrom; zero for images that do not show the atom.
    """
    rotations = views.rows()
    pulls = np.zeros((len(likelihood), len(atoms), 4))

    def look(number: int) -> None:
        _, _, found = likelihood.slopes_of_image(atoms, views, rotations[number], number)
        pulls[number, :, 0] = -found[:, 0]
        for axis in range(3):  # no BLAS, whose threads would compete with ours
            pulls[number, :, 1 + axis] = -np.sum(found[:, 1:] * rotations[number, :, axis], axis=1)

    map_threads(look, range(len(likelihood)), likelihood.threads)
    which = np.arange(len(atoms))
    return _solved(likelihood, atoms, views, profile, expected, least_height, which, pulls)


def _solved(
    likelihood: Likelihood,
    atoms: Atoms,
    views: Views,
    profile: NDArray,
    expected: NDArray,
    least_height: float,
    which: NDArray[np.int64],
    pulls: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariances of atoms, and what derivatives (n_pulls, n_atoms, 4) displace them by."""
    heights = np.maximum(atoms.heights, least_height)
    rotations = np.ascontiguousarray(views.rows())
    weights = np.zeros((len(atoms), len(likelihood)), np.float32)

    def look(number: int) -> None:
        blurred = ndimage.gaussian_filter(likelihood.weights(expected[number]), BLUR)
        places = likelihood.places(atoms, views, number)
        inside = likelihood.on_image(places)
        seen = ndimage.map_coordinates(blurred, places.T, order=1, mode="nearest")
        weights[:, number] = np.where(inside, seen, 0)

    map_threads(look, range(len(likelihood)), likelihood.threads)
    tables = overlap_tables(profile, likelihood.pixel_size)
    # As well known as if it were some times the height of an atom, even if no image shows it.
    weakest = 1 / (30 * max(least_height, 1e-9)) ** 2
    tree = cKDTree(atoms.positions)
    result = np.empty((len(which), 4, 4))
    moved = np.zeros((len(which), len(pulls), 4))

    def block(bounds: tuple[int, int]) -> None:
        first, last = bounds
        own = which[first:last]
        near = tree.query_ball_point(atoms.positions[own], NEIGHBOURHOOD)
        starts = np.cumsum([0] + [len(one) for one in near])
        flat = np.concatenate([np.asarray(one, dtype=np.int64) for one in near])
        _covariances(
            atoms.positions, heights, weights, rotations, *tables, flat, starts, own, weakest,
            pulls, result[first:last], moved[first:last],
        )  # fmt: skip

    map_threads(block, chunks(len(which), BLOCK), likelihood.threads)
    return result, moved


def radial_frequencies(pixel_size: float) -> NDArray[np.float64]:
    """Frequencies at which a profile is tabulated, 0 to Nyquist, 1/angstrom."""
    return np.linspace(0, 1 / (2 * pixel_size), 1500)


def overlap_tables(profile: NDArray, pixel_size: float) -> tuple[NDArray, NDArray, NDArray]:
    """Overlap of two atoms' images against their distance, and its first two derivatives.

    ``A(r) = sum_pixels P(u) P(u - r) = pixel^2 2 pi int P(q)^2 J_0(2 pi q r) q dq`` for atoms of
    height one, ``profile`` sampled at :func:`radial_frequencies`; every 0.02 up to 9 angstrom.
    """
    q = radial_frequencies(pixel_size)
    power = profile**2 * q
    r = np.arange(0, TABLE_END, TABLE_STEP)
    waves = j0(2 * np.pi * q * r[:, None])
    overlap = pixel_size**2 * 2 * np.pi * np.trapezoid(power * waves, q)
    first = np.gradient(overlap, TABLE_STEP)
    second = np.gradient(first, TABLE_STEP)
    first[0] = 0
    second[0] = -(pixel_size**2) * 2 * np.pi * np.trapezoid(power * 0.5 * (2 * np.pi * q) ** 2, q)
    return overlap, first, second


@njit(cache=True, nogil=True)
def _inverse_corner(f, size, out):  # type: ignore[no-untyped-def]
    """First 4 x 4 block of the inverse of a positive matrix, by Cholesky; its factor replaces f."""
    for i in range(size):
        for j in range(i + 1):
            total = f[i, j]
            for k in range(j):
                total -= f[i, k] * f[j, k]
            if i == j:
                f[i, i] = np.sqrt(max(total, SINGULAR * f[i, i] + 1e-30))
            else:
                f[i, j] = total / f[j, j]
    # With the wanted variables last, their block of the inverse needs only the last corner.
    n = size - 4
    inverse = np.zeros((4, 4))
    for c in range(4):
        for i in range(c, 4):
            total = 1.0 if i == c else 0.0
            for k in range(c, i):
                total -= f[n + i, n + k] * inverse[k, c]
            inverse[i, c] = total / f[n + i, n + i]
    for a in range(4):
        for b in range(4):
            total = 0.0
            for k in range(max(a, b), 4):
                total += inverse[k, a] * inverse[k, b]
            out[a, b] = total


@njit(cache=True, nogil=True)
def _covariances(p, h, w, R, A, d1, d2, flat, starts, which, weakest, pulls, out, moved):  # type: ignore[no-untyped-def]
    for index in range(out.shape[0]):
        own = which[index]
        near = flat[starts[index] : starts[index + 1]]
        m = near.size
        order = np.empty(m, np.int64)
        n = 0
        for k in range(m):
            if near[k] != own:
                order[n] = near[k]
                n += 1
        order[m - 1] = own
        f = np.zeros((4 * m, 4 * m))
        for s in range(m):
            for t in range(s + 1):
                part = f[4 * s : 4 * s + 4, 4 * t : 4 * t + 4]
                _overlap(p, h, w, R, A, d1, d2, order[s], order[t], part)
        for i in range(4 * m):
            f[i, i] = f[i, i] * (1 + 1e-6) + (weakest if i % 4 == 0 else 1 / FARTHEST**2)
        _inverse_corner(f, 4 * m, out[index])
        _displaced(f, 4 * m, order, pulls, moved[index])
        # Atoms in one place make the matrix singular; what is known beforehand bounds the errors.
        known = out[index, 0, 0] <= 1 / weakest
        for i in range(1, 4):
            known = known and out[index, i, i] <= FARTHEST**2
        if not known:
            for a in range(4):
                for b in range(4):
                    out[index, a, b] = 0.0
                out[index, a, a] = FARTHEST**2
            out[index, 0, 0] = 1 / weakest
            moved[index] = 0.0


@njit(cache=True, nogil=True)
def _displaced(f, size, order, pulls, moved):  # type: ignore[no-untyped-def]
    """Last four of the variables that derivatives displace, by the Cholesky factor in ``f``."""
    n = size - 4
    y = np.empty(size)
    for one in range(pulls.shape[0]):
        for i in range(size):
            total = pulls[one, order[i // 4], i % 4]
            for k in range(i):
                total -= f[i, k] * y[k]
            y[i] = total / f[i, i]
        for i in range(3, -1, -1):
            total = y[n + i]
            for k in range(i + 1, 4):
                total -= f[n + k, n + i] * moved[one, k]
            moved[one, i] = total / f[n + i, n + i]


@njit(cache=True, nogil=True)
def _overlap(p, h, w, R, A, d1, d2, i, j, f):  # type: ignore[no-untyped-def]
    """Fisher block of atoms i (rows) and j (columns)."""
    e0, e1, e2 = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1], p[j, 2] - p[i, 2]
    last = A.size - 2
    g0 = g1 = g2 = total = 0.0
    m00 = m01 = m02 = m11 = m12 = m22 = 0.0
    for k in range(R.shape[0]):
        ww = np.sqrt(w[i, k] * w[j, k])
        if ww == 0:
            continue
        x = R[k, 0, 0] * e0 + R[k, 0, 1] * e1 + R[k, 0, 2] * e2
        y = R[k, 1, 0] * e0 + R[k, 1, 1] * e1 + R[k, 1, 2] * e2
        r = np.sqrt(x * x + y * y)
        t = r / TABLE_STEP
        n = int(t)
        if n > last:
            continue
        t -= n
        a = A[n] * (1 - t) + A[n + 1] * t
        b = d1[n] * (1 - t) + d1[n + 1] * t
        c = d2[n] * (1 - t) + d2[n + 1] * t
        if r > 1e-6:
            ux, uy, br = x / r, y / r, b / r
        else:
            ux, uy, br = 1.0, 0.0, c
        xx, yy, xy = c * ux * ux + br * uy * uy, c * uy * uy + br * ux * ux, (c - br) * ux * uy
        total += ww * a
        sx, sy = ww * b * ux, ww * b * uy
        g0 += sx * R[k, 0, 0] + sy * R[k, 1, 0]
        g1 += sx * R[k, 0, 1] + sy * R[k, 1, 1]
        g2 += sx * R[k, 0, 2] + sy * R[k, 1, 2]
        r00, r01, r02 = R[k, 0, 0], R[k, 0, 1], R[k, 0, 2]
        r10, r11, r12 = R[k, 1, 0], R[k, 1, 1], R[k, 1, 2]
        q0, q1, q2 = xx * r00 + xy * r10, xx * r01 + xy * r11, xx * r02 + xy * r12
        s0, s1, s2 = xy * r00 + yy * r10, xy * r01 + yy * r11, xy * r02 + yy * r12
        m00 += ww * (r00 * q0 + r10 * s0)
        m01 += ww * (r00 * q1 + r10 * s1)
        m02 += ww * (r00 * q2 + r10 * s2)
        m11 += ww * (r01 * q1 + r11 * s1)
        m12 += ww * (r01 * q2 + r11 * s2)
        m22 += ww * (r02 * q2 + r12 * s2)
    hi, hj = h[i], h[j]
    f[0, 0] = total
    f[0, 1], f[0, 2], f[0, 3] = hj * g0, hj * g1, hj * g2
    f[1, 0], f[2, 0], f[3, 0] = -hi * g0, -hi * g1, -hi * g2
    f[1, 1], f[2, 2], f[3, 3] = -hi * hj * m00, -hi * hj * m11, -hi * hj * m22
    f[1, 2] = f[2, 1] = -hi * hj * m01
    f[1, 3] = f[3, 1] = -hi * hj * m02
    f[2, 3] = f[3, 2] = -hi * hj * m12
