"""On which side of a plane or sphere a point lies, decided exactly for whole coordinates.

Coordinates are whole numbers from 0 to 2^48, held in floating point. Their differences are then
exact, and so are the determinants below in integers of 256 bits (252 are needed); these are
evaluated only where rounding may have changed the sign of the determinant in floating point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

BITS = 48
# Errors of the determinants relative to the sum of the magnitudes of their terms: twice those of
# J. R. Shewchuk, Discrete & Computational Geometry 18, 305 (1997).
_ORIENT_ERROR = 7 * np.finfo(np.float64).eps
_SPHERE_ERROR = 16 * np.finfo(np.float64).eps
Code = Callable[[ir.IRBuilder, Sequence[Any]], Any]
_NARROW, _WIDE = ir.IntType(128), ir.IntType(256)


class _Integers:
    """Arithmetic of wide integers in the code that Numba makes (its own have 64 bits)."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    def minor(self, p: Any, q: Any, r: Any, s: Any) -> Any:
        """``p s - r q`` of differences, as a wide integer."""
        b = self.builder
        return b.sext(b.sub(b.mul(p, s), b.mul(r, q)), _WIDE)

    def square(self, x: Any, y: Any, z: Any) -> Any:
        """Squared length of a vector of differences, as a wide integer."""
        b = self.builder
        return b.sext(b.add(b.add(b.mul(x, x), b.mul(y, y)), b.mul(z, z)), _WIDE)

    def sum_of_products(self, *pairs: tuple[Any, Any]) -> Any:
        """Sum of the products of wide integers."""
        b = self.builder
        total = b.mul(*pairs[0])
        for one, two in pairs[1:]:
            total = b.add(total, b.mul(one, two))
        return total

    def sign(self, value: Any) -> Any:
        """-1, 0 or 1, 64 bits."""
        b, zero, short = self.builder, ir.Constant(_WIDE, 0), ir.IntType(64)
        above = b.zext(b.icmp_signed(">", value, zero), short)
        return b.sub(above, b.zext(b.icmp_signed("<", value, zero), short))


def _orientation_code(builder: ir.IRBuilder, arguments: Sequence[Any]) -> Any:
    """Sign of the determinant of three vectors of differences."""
    do = _Integers(builder)
    ax, ay, az, bx, by, bz, cx, cy, cz = (builder.sext(v, _NARROW) for v in arguments)
    a, b, c = (builder.sext(v, _WIDE) for v in (az, bz, cz))
    return do.sign(
        do.sum_of_products(
            (a, do.minor(bx, by, cx, cy)),
            (b, do.minor(cx, cy, ax, ay)),
            (c, do.minor(ax, ay, bx, by)),
        )
    )


def _sphere_code(builder: ir.IRBuilder, arguments: Sequence[Any]) -> Any:
    """Sign of the determinant of four vectors of differences with their squared lengths."""
    do = _Integers(builder)
    ax, ay, az, bx, by, bz, cx, cy, cz, dx, dy, dz = (builder.sext(v, _NARROW) for v in arguments)
    a, b, c, d = (builder.sext(v, _WIDE) for v in (az, bz, cz, dz))
    ab, bc = do.minor(ax, ay, bx, by), do.minor(bx, by, cx, cy)
    cd, da = do.minor(cx, cy, dx, dy), do.minor(dx, dy, ax, ay)
    ac, bd = do.minor(ax, ay, cx, cy), do.minor(bx, by, dx, dy)
    ca, db = builder.neg(ac), builder.neg(bd)
    volumes = [
        do.sum_of_products((b, cd), (c, db), (d, bc)),  # b c d
        do.sum_of_products((c, da), (d, ac), (a, cd)),  # c d a
        do.sum_of_products((d, ab), (a, bd), (b, da)),  # d a b
        do.sum_of_products((a, bc), (b, ca), (c, ab)),  # a b c
    ]
    squares = [
        do.square(ax, ay, az),
        builder.neg(do.square(bx, by, bz)),
        do.square(cx, cy, cz),
        builder.neg(do.square(dx, dy, dz)),
    ]
    return do.sign(do.sum_of_products(*zip(squares, volumes, strict=True)))


def _call(builder: ir.IRBuilder, name: str, code: Code, arguments: Sequence[Any]) -> Any:
    """Call a function of 64-bit integers that is never copied to where it is used.

    It is rarely needed, and would make the compilation of its users several times longer.
    """
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)] * len(arguments))
        function = ir.Function(builder.module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        inner = ir.IRBuilder(function.append_basic_block())
        inner.ret(code(inner, function.args))
    return builder.call(function, arguments)


@intrinsic
def _exact_orientation(typing, ax, ay, az, bx, by, bz, cx, cy, cz):  # type: ignore[no-untyped-def]
    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return _call(builder, "aet_orientation", _orientation_code, arguments)

    return types.int64(*[types.int64] * 9), build


@intrinsic
def _exact_sphere(typing, ax, ay, az, bx, by, bz, cx, cy, cz, dx, dy, dz):  # type: ignore[no-untyped-def]
    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return _call(builder, "aet_sphere", _sphere_code, arguments)

    return types.int64(*[types.int64] * 12), build


@njit(cache=True)
def orientation(points, p, q, r, s):  # type: ignore[no-untyped-def]
    """Sign of ``det(q - p, r - p, s - p)`` of four rows of ``points``: 1, 0 (coplanar) or -1."""
    x, y, z = points[p, 0], points[p, 1], points[p, 2]
    ax, ay, az = points[q, 0] - x, points[q, 1] - y, points[q, 2] - z
    bx, by, bz = points[r, 0] - x, points[r, 1] - y, points[r, 2] - z
    cx, cy, cz = points[s, 0] - x, points[s, 1] - y, points[s, 2] - z
    bxcy, bycx, cxay = bx * cy, by * cx, cx * ay
    cyax, axby, aybx = cy * ax, ax * by, ay * bx
    six = az * (bxcy - bycx) + bz * (cxay - cyax) + cz * (axby - aybx)
    terms = (
        abs(az) * (abs(bxcy) + abs(bycx))
        + abs(bz) * (abs(cxay) + abs(cyax))
        + abs(cz) * (abs(axby) + abs(aybx))
    )
    bound = _ORIENT_ERROR * terms
    if six > bound:
        return 1
    if six < -bound:
        return -1
    return _exact_orientation(  # type: ignore[call-arg]
        np.int64(ax),
        np.int64(ay),
        np.int64(az),
        np.int64(bx),
        np.int64(by),
        np.int64(bz),
        np.int64(cx),
        np.int64(cy),
        np.int64(cz),
    )


@njit(cache=True)
def _exact_in_sphere(points, p, q, r, s, t):  # type: ignore[no-untyped-def]
    x, y, z = points[t, 0], points[t, 1], points[t, 2]
    return _exact_sphere(  # type: ignore[call-arg]
        np.int64(points[p, 0] - x),
        np.int64(points[p, 1] - y),
        np.int64(points[p, 2] - z),
        np.int64(points[q, 0] - x),
        np.int64(points[q, 1] - y),
        np.int64(points[q, 2] - z),
        np.int64(points[r, 0] - x),
        np.int64(points[r, 1] - y),
        np.int64(points[r, 2] - z),
        np.int64(points[s, 0] - x),
        np.int64(points[s, 1] - y),
        np.int64(points[s, 2] - z),
    )


@njit(cache=True)
def in_sphere(points, p, q, r, s, t):  # type: ignore[no-untyped-def]
    """Where row ``t`` lies with respect to the sphere through four rows: 1 inside, 0 on it, or -1.

    The four must have a positive ``orientation``.
    """
    x, y, z = points[t, 0], points[t, 1], points[t, 2]
    ax, ay, az = points[p, 0] - x, points[p, 1] - y, points[p, 2] - z
    bx, by, bz = points[q, 0] - x, points[q, 1] - y, points[q, 2] - z
    cx, cy, cz = points[r, 0] - x, points[r, 1] - y, points[r, 2] - z
    dx, dy, dz = points[s, 0] - x, points[s, 1] - y, points[s, 2] - z
    axby, bxay, bxcy, cxby = ax * by, bx * ay, bx * cy, cx * by
    cxdy, dxcy, dxay, axdy = cx * dy, dx * cy, dx * ay, ax * dy
    axcy, cxay, bxdy, dxby = ax * cy, cx * ay, bx * dy, dx * by
    ab, bc, cd = axby - bxay, bxcy - cxby, cxdy - dxcy
    da, ac, bd = dxay - axdy, axcy - cxay, bxdy - dxby
    a = ax * ax + ay * ay + az * az
    b = bx * bx + by * by + bz * bz
    c = cx * cx + cy * cy + cz * cz
    d = dx * dx + dy * dy + dz * dz
    bcd = bz * cd - cz * bd + dz * bc
    cda = cz * da + dz * ac + az * cd
    dab = dz * ab + az * bd + bz * da
    abc = az * bc - bz * ac + cz * ab
    power = (a * bcd - b * cda) + (c * dab - d * abc)
    az, bz, cz, dz = abs(az), abs(bz), abs(cz), abs(dz)
    ab, bc, cd = abs(axby) + abs(bxay), abs(bxcy) + abs(cxby), abs(cxdy) + abs(dxcy)
    da, ac, bd = abs(dxay) + abs(axdy), abs(axcy) + abs(cxay), abs(bxdy) + abs(dxby)
    terms = (
        a * (bz * cd + cz * bd + dz * bc)
        + b * (cz * da + dz * ac + az * cd)
        + c * (dz * ab + az * bd + bz * da)
        + d * (az * bc + bz * ac + cz * ab)
    )
    bound = _SPHERE_ERROR * terms
    if power > bound:
        return 1
    if power < -bound:
        return -1
    return _exact_in_sphere(points, p, q, r, s, t)
