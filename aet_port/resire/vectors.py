"""Arithmetic on four numbers at once (SIMD) for compiled kernels.

Numba vectorises loops, but not the eight scattered neighbours of a trilinear interpolation; here
the vector instructions are requested explicitly.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INDEX = types.uint64


def _blend_pairs(
    typing_context: Any, lower: Any, upper: Any, near: Any, far: Any,
    a: Any, b: Any, c: Any, d: Any, t: Any,
) -> Any:  # fmt: skip
    """Interpolate two neighbouring complex numbers of four rows, first across rows, then along.

    ``v = a lower[near:near+4] + b lower[far:far+4] + c upper[near:near+4] + d upper[far:far+4]``
    is real, imaginary, real, imaginary; the result is ``v[:2] + t (v[2:] - v[:2])``. For compiled
    code only; the offsets are not checked.
    """
    real = lower.dtype
    given = (upper.dtype, a, b, c, d, t)
    if any(kind != real for kind in given) or near != _INDEX or far != _INDEX:
        return None
    signature = types.UniTuple(real, 2)(lower, upper, near, far, a, b, c, d, t)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_value_type(real)
        four, two = ir.VectorType(element, 4), ir.VectorType(element, 2)
        lanes = ir.IntType(32)

        def load(array_type: Any, array: Any, offset: Any) -> Any:
            data = context.make_array(array_type)(context, builder, array).data
            pointer = builder.gep(data, [offset])
            value = builder.load(builder.bitcast(pointer, four.as_pointer()))
            value.align = element.get_abi_size(context.target_data)
            return value

        def splat(scalar: Any, kind: Any) -> Any:
            single = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, lanes(0))
            mask = ir.Constant(ir.VectorType(lanes, kind.count), [0] * kind.count)
            return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), mask)

        def part(vector: Any, first: int) -> Any:
            mask = ir.Constant(ir.VectorType(lanes, 2), [first, first + 1])
            return builder.shuffle_vector(vector, ir.Constant(four, ir.Undefined), mask)

        low, up, close, away, *weights, fraction = arguments
        rows = [
            load(kind, array, offset)
            for kind, array in ((signature.args[0], low), (signature.args[1], up))
            for offset in (close, away)
        ]
        total = builder.fmul(rows[0], splat(weights[0], four))
        for row, weight in zip(rows[1:], weights[1:], strict=True):
            total = builder.fadd(total, builder.fmul(row, splat(weight, four)))
        first, second = part(total, 0), part(total, 2)
        change = builder.fmul(builder.fsub(second, first), splat(fraction, two))
        result = builder.fadd(first, change)
        values = [builder.extract_element(result, lanes(i)) for i in range(2)]
        return cgutils.pack_array(builder, values)

    return signature, generate


blend_pairs: Any = intrinsic(_blend_pairs)
