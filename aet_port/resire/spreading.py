"""Kernels of the real-space projector: rows of voxels are spread over an image or collected.

An image of samples is (columns, fine, rows), with ``fine`` samples a pixel, three for the splines
and one for the published weights; those along y are split so that the samples of neighbouring
voxels are adjacent in memory. Three, because planes of voxels across a diagonal are 0.6 voxels
apart, which two samples a pixel would turn into a longer period. Along y the detector coordinates
are almost those of the voxel, so runs of voxels share their offsets and need no gathers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_LONGEST = 126  # voxels of a run, so that its weights stay in the cache
_WIDTH = _LONGEST + 2  # of a row of weights, with a zero at either end


@njit(cache=True, nogil=True)
def _cubic_weights(fraction, slope, steps, first, out):  # type: ignore[no-untyped-def]
    """Weights of the four samples around each voxel, cubic B-splines; rows ``first..first + 3``.

    ``fraction + slope * steps`` is how far a voxel lies beyond the sample before it.
    """
    real = out.dtype.type
    one, sixth, four = real(1), real(1 / 6), real(4)
    three, six = real(3), real(6)
    start = first * _WIDTH + 1
    for i in range(steps.size):
        t = fraction + slope * steps[i]
        s = one - t
        out[start + i] = sixth * s * s * s
        out[start + _WIDTH + i] = sixth * (four + t * t * (three * t - six))
        out[start + 2 * _WIDTH + i] = sixth * (four + s * s * (three * s - six))
        out[start + 3 * _WIDTH + i] = sixth * t * t * t
    for row in range(4):
        out[(first + row) * _WIDTH] = 0
        out[start + row * _WIDTH + steps.size] = 0


@njit(cache=True, nogil=True)
def _spread_cubic(line, image, column, row, weights, products):  # type: ignore[no-untyped-def]
    """Add a run of voxels to four samples by four; weights across in rows 0..3, along in 4..7."""
    n = line.size
    for b in range(4):
        start = (4 + b) * _WIDTH + 1
        for i in range(n):
            products[b * _WIDTH + 1 + i] = weights[start + i] * line[i]
        products[b * _WIDTH] = 0
        products[b * _WIDTH + 1 + n] = 0
    for a in range(4):
        across = a * _WIDTH
        for b in range(3):
            start = (row + b) // 3
            out = image[column + a, (row + b) % 3, start : start + n + 1]
            near = b * _WIDTH
            if b:
                for i in range(n):
                    out[i] += weights[across + i + 1] * products[near + i + 1]
            else:
                # The fourth sample of a voxel is the first of the next voxel.
                far = 3 * _WIDTH
                for i in range(n + 1):
                    out[i] += (
                        weights[across + i + 1] * products[near + i + 1]
                        + weights[across + i] * products[far + i]
                    )


@njit(cache=True, nogil=True)
def _collect_cubic(line, image, column, row, weights):  # type: ignore[no-untyped-def]
    """Transpose of :func:`_spread_cubic`."""
    n = line.size
    for a in range(4):
        one = image[column + a, row % 3, row // 3 : row // 3 + n + 1]
        two = image[column + a, (row + 1) % 3, (row + 1) // 3 : (row + 1) // 3 + n]
        three = image[column + a, (row + 2) % 3, (row + 2) // 3 : (row + 2) // 3 + n]
        across, along = a * _WIDTH + 1, 4 * _WIDTH + 1
        for i in range(n):
            line[i] += weights[across + i] * (
                (weights[along + i] * one[i] + weights[along + 3 * _WIDTH + i] * one[i + 1])
                + (
                    weights[along + _WIDTH + i] * two[i]
                    + weights[along + 2 * _WIDTH + i] * three[i]
                )
            )


@njit(cache=True, nogil=True)
def _share_bilinearly(line, image, i, j, u, v, transpose):  # type: ignore[no-untyped-def]
    """Spread or collect a run by the four pixels around each voxel; one sample a pixel.

    ``u`` and ``v`` are the fraction of the first voxel and its change from voxel to voxel.
    """
    (fu, us), (fv, vs) = u, v
    for n in range(line.size):
        t, s = fu + us * n, fv + vs * n
        low, high = image[i, 0], image[i + 1, 0]
        m = j + n
        if transpose:
            near = (1 - s) * low[m] + s * low[m + 1]
            far = (1 - s) * high[m] + s * high[m + 1]
            line[n] += (1 - t) * near + t * far
        else:
            value = line[n]
            low[m] += (1 - t) * (1 - s) * value
            low[m + 1] += (1 - t) * s * value
            high[m] += t * (1 - s) * value
            high[m + 1] += t * s * value


@njit(cache=True, nogil=True)
def _inside(start, slope, low, high, first, last):  # type: ignore[no-untyped-def]
    """Range of n in ``first..last`` where ``low <= start + slope * n <= high``."""
    if slope != 0:
        a, b = (low - start) / slope, (high - start) / slope
        a, b = min(a, b), max(a, b)
        first = max(first, int(np.ceil(max(min(a, 1e9), -1e9))))
        last = min(last, int(np.floor(max(min(b, 1e9), -1e9))) + 1)
    # The rounded quotient may be off by one.
    while first < last and not low <= start + slope * first <= high:
        first += 1
    while first < last and not low <= start + slope * (last - 1) <= high:
        last -= 1
    return first, last


@njit(cache=True, nogil=True)
def _room(fraction, slope):  # type: ignore[no-untyped-def]
    """Number of voxels, at least one, until a fraction leaves the interval from zero to one."""
    if slope == 0:
        return 1_000_000_000
    distance = (1.0 - fraction) / slope if slope > 0 else fraction / -slope
    return int(min(distance, 1e9)) + 1


@njit(cache=True, nogil=True)
def _row(  # type: ignore[no-untyped-def]
    line, image, rotation, x, z, origin, bounds, points, steps, weights, products, transpose
):
    """Spread a row of voxels over an image, or collect it from there.

    ``origin`` is the sample of the rotation centre, ``bounds`` the lowest and highest coordinates
    along x and y, ``points`` (n, 2) the offsets along x and z of the parts of a voxel. Weights are
    continuous from one sample to the next, so that a run which ends one voxel late by rounding
    changes nothing.
    """
    real = line.dtype.type
    fine = image.shape[1]
    us, vs = fine * rotation[0, 1], fine * rotation[1, 1]
    slope = vs - fine
    y0 = -(line.size // 2)
    for sub in range(points.shape[0]):
        sx, sz = x + points[sub, 0], z + points[sub, 1]
        u0 = fine * (rotation[0, 0] * sx + rotation[0, 2] * sz) + us * y0 + origin[0]
        v0 = fine * (rotation[1, 0] * sx + rotation[1, 2] * sz) + vs * y0 + origin[1]
        n, stop = _inside(u0, us, bounds[0, 0], bounds[0, 1], 0, line.size)
        n, stop = _inside(v0, vs, bounds[1, 0], bounds[1, 1], n, stop)
        while n < stop:
            u, v = u0 + us * n, v0 + vs * n
            # On the upper bound a voxel belongs to the last interval.
            i, j = min(int(u), int(bounds[0, 1]) - 1), min(int(v), int(bounds[1, 1]) - 1)
            fu, fv = u - i, v - j
            room = min(_LONGEST, (int(bounds[1, 1]) - 1 - j) // fine + 1)
            length = min(min(stop - n, room), min(_room(fu, us), _room(fv, slope)))
            part = line[n : n + length]
            if fine == 1:
                _share_bilinearly(part, image, i, j, (fu, us), (fv, slope), transpose)
            else:
                step = steps[:length]
                _cubic_weights(real(fu), real(us), step, 0, weights)
                _cubic_weights(real(fv), real(slope), step, 4, weights)
                if transpose:
                    _collect_cubic(part, image, i - 1, j - 1, weights)
                else:
                    _spread_cubic(part, image, i - 1, j - 1, weights, products)
            n += length


@njit(cache=True, nogil=True)
def _buffers(example):  # type: ignore[no-untyped-def]
    steps = np.empty(_LONGEST, example.dtype)
    for i in range(_LONGEST):
        steps[i] = i
    return steps, np.empty(8 * _WIDTH, example.dtype), np.empty(4 * _WIDTH, example.dtype)


@njit(cache=True, nogil=True)
def spread(volume, image, rotation, geometry, first, last):  # type: ignore[no-untyped-def]
    """Add the slab ``first..last`` of x of a volume (nx, nz, ny) to an image."""
    o_x, o_z, _ = volume.shape
    origin, bounds, points = geometry
    steps, weights, products = _buffers(volume)
    for x in range(first, last):
        for z in range(o_z):
            row = volume[x, z]
            _row(
                row, image, rotation, x - o_x // 2, z - o_z // 2,
                origin, bounds, points, steps, weights, products, False,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def descend(volume, images, rotations, geometry, step, positivity, first, last):  # type: ignore[no-untyped-def]
    """Subtract ``step`` times what the slab ``first..last`` of x collects from all images."""
    o_x, o_z, o_y = volume.shape
    origin, bounds, points = geometry
    steps, weights, products = _buffers(volume)
    total = np.empty(o_y, volume.dtype)
    for x in range(first, last):
        for z in range(o_z):
            total[:] = 0
            for k in range(rotations.shape[0]):
                _row(
                    total, images[k], rotations[k], x - o_x // 2, z - o_z // 2,
                    origin, bounds, points, steps, weights, products, True,
                )  # fmt: skip
            row = volume[x, z]
            for n in range(o_y):
                row[n] -= step * total[n]
            if positivity:
                for n in range(o_y):
                    row[n] = max(row[n], volume.dtype.type(0))


@njit(cache=True, nogil=True)
def to_pixels(image, kernel, first, out):  # type: ignore[no-untyped-def]
    """Filter an image (columns, fine, rows) of samples along both axes, to pixels (nx, ny).

    ``first`` is the sample, along both axes, that meets the first number of the kernel at pixel 0.
    """
    _, fine, rows = image.shape
    work = np.empty((fine, rows), image.dtype)
    for p in range(out.shape[0]):
        work[:] = 0
        for t in range(kernel.size):
            for parity in range(fine):
                source, target = image[fine * p + first + t, parity], work[parity]
                for i in range(rows):
                    target[i] += kernel[t] * source[i]
        row = out[p]
        row[:] = 0
        for t in range(kernel.size):
            start = (first + t) // fine
            part = work[(first + t) % fine, start : start + row.size]
            for i in range(row.size):
                row[i] += kernel[t] * part[i]


@njit(cache=True, nogil=True)
def to_samples(pixels, kernel, first, out):  # type: ignore[no-untyped-def]
    """Transpose of :func:`to_pixels`; adds to ``out``."""
    _, fine, rows = out.shape
    work = np.empty((fine, rows), out.dtype)
    for p in range(pixels.shape[0]):
        work[:] = 0
        row = pixels[p]
        for t in range(kernel.size):
            start = (first + t) // fine
            part = work[(first + t) % fine, start : start + row.size]
            for i in range(row.size):
                part[i] += kernel[t] * row[i]
        for t in range(kernel.size):
            for parity in range(fine):
                target, source = out[fine * p + first + t, parity], work[parity]
                for i in range(rows):
                    target[i] += kernel[t] * source[i]
