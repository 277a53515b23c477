"""One compiled code for all values of a type, where Numba would make one for each constant."""

from typing import Any

from numba.core import types
from numba.core.dispatcher import Dispatcher

_types: Any = types


def with_shared_code(kernel: Any) -> Any:
    """Let kernels call this one with a constant by the code for any value of its type; return it.

    Numba compiles a function anew for each constant it is called with: a third of all compiling.
    """
    if isinstance(kernel, Dispatcher):
        shared: Any = kernel
        template = shared.get_call_template
        shared.get_call_template = lambda args, kws: template([_types.unliteral(kind) for kind in args], kws)
    return kernel
