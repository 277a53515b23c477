"""Kernels come from disk, one folder per version of their sources, and a read-only program still works."""

import subprocess
import sys
from pathlib import Path

import pytest

from sptraderb.engine import kernel_cache
from sptraderb.engine.warm import warm_kernels


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> object:
    """Give Numba's settings and put the cache folder back afterwards."""
    monkeypatch.setattr(kernel_cache.config, "CACHE_DIR", kernel_cache.config.CACHE_DIR)
    return kernel_cache.config


def test_folder_when_the_program_can_be_written_then_beside_the_sources(
    settings: object, tmp_path: Path
) -> None:
    """An installation keeps its own kernels, under the digest of their sources."""
    del settings
    folder = kernel_cache.use_cache_folder(tmp_path)
    assert folder == kernel_cache.built_cache_folder()
    assert kernel_cache.kernel_digest() in folder.name


def test_folder_when_the_program_is_read_only_then_a_copy_in_the_data_folder(
    settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was built at install is copied once to where it can be written."""
    del settings
    built = tmp_path / "program" / "kernels-0"
    built.mkdir(parents=True)
    (built / "one.nbi").write_bytes(b"x")
    monkeypatch.setattr(kernel_cache, "built_cache_folder", lambda: built)
    monkeypatch.setattr(kernel_cache, "_can_write", lambda folder: folder != built)
    folder = kernel_cache.use_cache_folder(tmp_path / "data")
    assert folder.parent == tmp_path / "data"
    assert (folder / "one.nbi").read_bytes() == b"x"
    assert kernel_cache.use_cache_folder(tmp_path / "data") == folder


def test_kernels_when_warm_then_a_new_process_compiles_nothing() -> None:
    """A second process finds every kernel on disk: no request waits for the compiler."""
    warm_kernels()
    script = (
        "from sptraderb.engine.warm import warm_kernels as w; r = w(); print(r.n_kernels, len(r.compiled))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    n_kernels, n_compiled = (int(word) for word in done.stdout.split())
    assert n_kernels > 10
    assert n_compiled == 0


def test_rehearsal_when_the_kernels_are_warm_then_compiles_none() -> None:
    """What is compiled at install is all that a run needs, for every kind of array a run hands over."""
    script = """
import sys
from numba.core.registry import CPUDispatcher
from sptraderb.engine.warm import warm_kernels
from sptraderb.orchestrator.rehearsal import rehearse

def compiled():
    modules = [module for name, module in sys.modules.items() if name.startswith("sptraderb.engine.kernels.")]
    kernels = [kernel for module in modules for kernel in vars(module).values()]
    return {(k.__name__, str(s)) for k in kernels if isinstance(k, CPUDispatcher) for s in k.signatures}

warm_kernels()
before = compiled()
rehearse()
print(len(before), sorted(compiled() - before))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    n_kernels, later = done.stdout.strip().split(" ", 1)
    assert int(n_kernels) > 20
    assert later == "[]"
