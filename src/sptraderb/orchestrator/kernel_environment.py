"""The one place that sets what Numba and the numeric libraries read from the environment, or find.

Called before NumPy and Numba are first imported in the template process and when kernels are built.
Code for a ``generic`` processor costs under 15 % and keeps the built cache valid on another machine
(Numba throws the cache away when the processor's name differs). One thread per child: runs are
parallel by processes, and a library's own threads would only fight over the cores.
"""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from types import ModuleType
from typing import cast

_FIXED = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


_KEPT_OUT = ("pandas", "polars", "scipy", "rich")
"""What libraries load where they find it, and children never use: TA-Lib wraps series of pandas and polars
(up to 100 MB), Numba asks SciPy for linear algebra no kernel has, structlog colours tracebacks by rich."""


def keep_out() -> None:
    """Make this process do without large libraries that others import only if they are there.

    Call it first of all: what is loaded stays.
    """
    for name in _KEPT_OUT:
        # None in the table of modules makes an import fail.
        sys.modules.setdefault(name, cast(ModuleType, None))


def prepare_kernels(environ: MutableMapping[str, str] | None = None) -> None:
    """Set processor and threads for this process and those it starts; values already set win.

    Parameters
    ----------
    environ : mutable mapping, optional
        What to change; the process's environment unless given.
    """
    target = os.environ if environ is None else environ
    for name, value in _FIXED.items():
        target.setdefault(name, value)


def open_kernel_cache(data_dir: Path) -> None:
    """Choose where compiled kernels are kept; call it before any kernel is imported.

    Parameters
    ----------
    data_dir : Path
        They go below it if the program's own folder cannot be written.
    """
    prepare_kernels()
    from sptraderb.engine.kernel_cache import use_cache_folder

    use_cache_folder(data_dir / "kernels")
