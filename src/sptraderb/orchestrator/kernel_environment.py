"""The one place that sets what Numba and the numeric libraries read from the environment.

Called before NumPy and Numba are first imported in the template process and when kernels are built.
Code for a ``generic`` processor costs under 15 % and keeps the built cache valid on another machine
(Numba throws the cache away when the processor's name differs). One thread per child: runs are
parallel by processes, and a library's own threads would only fight over the cores.
"""

import importlib.util
import os
from collections.abc import MutableMapping
from pathlib import Path

_FIXED = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def prepare_kernels(data_dir: Path, environ: MutableMapping[str, str] | None = None) -> None:
    """Set Numba's cache folder and processor for this process and those it starts.

    Parameters
    ----------
    data_dir : Path
        Where compiled kernels go if the program's own folder cannot be written.
    environ : mutable mapping, optional
        What to change; the process's environment unless given.

    Notes
    -----
    Values already set win. Without a writable folder Numba raises at import, so the folder is made.
    """
    target = os.environ if environ is None else environ
    for name, value in _FIXED.items():
        target.setdefault(name, value)
    if "NUMBA_CACHE_DIR" not in target and not _beside_source():
        folder = data_dir / "kernels"
        folder.mkdir(parents=True, exist_ok=True)
        target["NUMBA_CACHE_DIR"] = str(folder)


def _beside_source() -> bool:
    """Return whether kernels can be cached beside their source, where the set-up builds them."""
    spec = importlib.util.find_spec("sptraderb")
    if spec is None or spec.origin is None:
        return False
    engine = Path(spec.origin).parent / "engine"
    folders = (engine, engine / "kernels")
    caches = [folder / "__pycache__" for folder in folders]
    return all(os.access(cache if cache.is_dir() else cache.parent, os.W_OK) for cache in caches)
