"""Where compiled kernels are kept on disk, so that nothing compiles twice.

Numba judges a cached kernel by its own file only; a kernel also holds the code of those it calls.
So each version of the kernels' sources has a folder of its own, named by their digest. The folder
lies beside the sources, or where they cannot be written, in the folder `use_cache_folder` was given
(the data directory), which starts as a copy of what was built at install.
"""

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import config as numba_config

_ENGINE = Path(__file__).parent
_PREFIX = "kernels-"
config: Any = numba_config
"""Numba's settings; made at import, so type checkers do not see them."""


@cache
def kernel_digest() -> str:
    """Return a short digest of the sources of all kernels and the compiler's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted((_ENGINE / "kernels").glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def built_cache_folder() -> Path:
    """Return the folder beside the sources where an installation keeps its compiled kernels."""
    return _ENGINE / "kernels" / "__pycache__" / f"{_PREFIX}{kernel_digest()}"


def use_cache_folder(root: Path) -> Path:
    """Keep compiled kernels under ``root`` if the installation's own folder cannot be written.

    Call it before the kernels are imported: afterwards it changes nothing for those loaded.

    Parameters
    ----------
    root : Path
        A folder of this program, such as ``DATA_DIR/kernels``; made if missing.

    Returns
    -------
    Path
        The folder in use.

    Notes
    -----
    What an installation (an image, say) has built is copied once, so the first run compiles nothing.
    """
    built = built_cache_folder()
    if _can_write(built):
        return _use(built)
    folder = root / f"{_PREFIX}{kernel_digest()}"
    if not folder.exists() and built.exists():
        root.mkdir(parents=True, exist_ok=True)
        copy = root / f".{folder.name}.{os.getpid()}"
        shutil.copytree(built, copy)
        try:
            copy.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(copy, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return _use(folder)


def use_default_cache_folder() -> None:
    """Choose the folder beside the sources unless one was chosen or it cannot be written."""
    chosen = str(config.CACHE_DIR or "")
    if Path(chosen).name.startswith(_PREFIX):
        return
    if chosen:
        _use(Path(chosen) / f"{_PREFIX}{kernel_digest()}")
    elif _can_write(built_cache_folder()):
        _use(built_cache_folder())


def _use(folder: Path) -> Path:
    config.CACHE_DIR = str(folder)
    return folder


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
