"""Products of whole numbers as the processor makes them: 128 bits at once, and whether 64 suffice.

Numba knows neither. `arithmetic` has the same in plain Python, which is what runs, and what tests
compare, where Numba is switched off.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # has no types
from numba.core import types as numba_types
from numba.extending import intrinsic as numba_intrinsic

types: Any = numba_types
intrinsic: Any = numba_intrinsic

_WORD, _WIDE = ir.IntType(64), ir.IntType(128)
_SMALLEST = ir.Constant(_WORD, -(2**63))


def _full_product(typing: Any, a: Any, b: Any) -> Any:
    """Return the high and the low 64 bits of the product of two uint64 numbers."""
    del typing, a, b

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        product = builder.mul(*(builder.zext(value, _WIDE) for value in args))
        high = builder.trunc(builder.lshr(product, ir.Constant(_WIDE, 64)), _WORD)
        return context.make_tuple(builder, signature.return_type, (high, builder.trunc(product, _WORD)))

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


def _fitting_product(typing: Any, a: Any, b: Any) -> Any:
    """Return the product of two int64 numbers and True, or 0 and False where it passes 63 bits."""
    del typing, a, b

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = builder.smul_with_overflow(*args)
        product, overflows = builder.extract_value(found, 0), builder.extract_value(found, 1)
        fits = builder.and_(builder.not_(overflows), builder.icmp_signed("!=", product, _SMALLEST))
        product = builder.select(fits, product, ir.Constant(_WORD, 0))
        return context.make_tuple(builder, signature.return_type, (product, fits))

    return types.Tuple((types.int64, types.boolean))(types.int64, types.int64), generate


full_product: Callable[[np.uint64, np.uint64], tuple[np.uint64, np.uint64]] = intrinsic(_full_product)
fitting_product: Callable[[int, int], tuple[int, bool]] = intrinsic(_fitting_product)
