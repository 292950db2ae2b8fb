"""Fused multiplication and addition inside compiled kernels.

The reference computes rotated coordinates by a single-precision matrix product. For the glass
paper's volume ``r1 x + r2 y + r3 z`` was rounded as ``fma(r3, z, fma(r2, y, r1 x))``, for the film
paper's as ``(r1 x + r2 y) + r3 z``; both show in the last digits of the published volumes.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


def _fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` rounded once; three reals of the same kind. For compiled code only."""
    if not (isinstance(a, types.Float) and a == b == c):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, b, c), generate


fma: Any = intrinsic(_fma)
