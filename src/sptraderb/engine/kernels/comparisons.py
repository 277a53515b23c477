"""Comparisons of series in one pass: three-valued answers, equal within 1e-12 (M9).

A comparison of two series whose order is not asked for again needs no order written down first.
"""

import numpy as np
import numpy.typing as npt

from sptraderb.engine.kernels.codes import kernel_jit

Float64Array = npt.NDArray[np.float64]
Truth = npt.NDArray[np.uint8]

_TIE = 1e-12


@kernel_jit
def above_into_nb(a: Float64Array, b: Float64Array, ties: int, out: Truth) -> None:
    """Write where ``a`` is above ``b``, or level with it if ``ties`` is 1: 0 no, 1 undefined, 2 yes.

    The tolerance is relative to the larger magnitude.
    """
    if ties == 1:
        for bar in range(len(out)):
            difference = a[bar] - b[bar]
            reach = -_TIE * max(abs(a[bar]), abs(b[bar]))
            out[bar] = np.uint8(1) + np.uint8(difference >= reach) - np.uint8(difference < reach)
    else:
        for bar in range(len(out)):
            difference = a[bar] - b[bar]
            reach = _TIE * max(abs(a[bar]), abs(b[bar]))
            out[bar] = np.uint8(1) + np.uint8(difference > reach) - np.uint8(difference <= reach)


@kernel_jit
def beyond_level_into_nb(a: Float64Array, level: float, direction: float, ties: int, out: Truth) -> None:
    """Write where ``a`` is above (``direction`` 1.0) or below (-1.0) one value, as `above_into_nb` does."""
    near = _TIE * abs(level)
    if ties == 1:
        for bar in range(len(out)):
            difference = (a[bar] - level) * direction
            reach = -max(_TIE * abs(a[bar]), near)
            out[bar] = np.uint8(1) + np.uint8(difference >= reach) - np.uint8(difference < reach)
    else:
        for bar in range(len(out)):
            difference = (a[bar] - level) * direction
            reach = max(_TIE * abs(a[bar]), near)
            out[bar] = np.uint8(1) + np.uint8(difference > reach) - np.uint8(difference <= reach)
