"""Locks the process it is called in: limits, no network, no new files, an unprivileged user.

For the process that runs a user's Python (`component_process`), and only there: nothing here can be
undone. What the kernel does not offer is left out and said in the answer; whoever asks decides whether
that is enough. Linux: resource limits, a network namespace, a user of its own where the server is root,
Landlock (files, TCP, signals). Elsewhere: resource limits only.

References
----------
landlock(7), unshare(2), setrlimit(2), prctl(2).
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SYS_CREATE_RULESET, _SYS_ADD_RULE, _SYS_RESTRICT_SELF = 444, 445, 446
_VERSION_QUERY = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FS_BITS_FROM_5 = 16
_TCP = 0b11
_SCOPES = 0b11
_ABI_TCP, _ABI_SCOPES = 4, 6
_NEW_NETWORK, _NEW_USER = 0x4000_0000, 0x1000_0000
_DEATH_SIGNAL, _NO_NEW_PRIVILEGES = 1, 38
_FIRST_USER, _USERS = 61_184, 4_000
_MOST_FILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """How much a confined process may use.

    Parameters
    ----------
    memory_bytes : int
        Address space.
    cpu_s : int
        Processor seconds; the kernel ends the process then.
    """

    memory_bytes: int
    cpu_s: int


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def confine(limits: ProcessLimits, *, readable: Sequence[str]) -> frozenset[str]:
    """Lock this process, for good.

    Parameters
    ----------
    limits : ProcessLimits
        Memory and processor time.
    readable : sequence of str
        Folders and files that may still be read: where Python's own modules are.

    Returns
    -------
    frozenset of str
        What holds now: ``limits`` always; ``network``, ``user``, ``files``, ``signals`` where the system
        has the means.
    """
    held = {"limits"}
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        held |= _without_network(libc)
        _limit(limits)
        held |= _as_nobody()
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        held |= _with_landlock(libc, readable)
    else:
        _limit(limits)
    return frozenset(held)


def limit_use(limits: ProcessLimits) -> None:
    """Bound this process's memory and processor time, for good; all that holds for trusted components."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _limit(limits: ProcessLimits) -> None:
    limit_use(limits)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_FILES, _MOST_FILES))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _without_network(libc: ctypes.CDLL) -> set[str]:
    """Move into a network namespace with nothing in it; a user namespace allows it without root."""
    for flags in (_NEW_NETWORK, _NEW_NETWORK | _NEW_USER):
        if libc.unshare(flags) == 0:
            return {"network"}
    return set()


def _as_nobody() -> set[str]:
    """Give up root for a user that nothing else runs as."""
    if os.geteuid() != 0:
        return set()
    number = _FIRST_USER + os.getpid() % _USERS
    try:
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)
    except OSError:
        return set()
    return {"user"}


def _with_landlock(libc: ctypes.CDLL, readable: Sequence[str]) -> set[str]:
    """Forbid every file but the readable ones, TCP, and signals to other processes."""
    abi = libc.syscall(_SYS_CREATE_RULESET, None, 0, _VERSION_QUERY)
    if abi < 1:
        return set()
    rules = _Ruleset(
        fs=(1 << _FS_BITS.get(abi, _FS_BITS_FROM_5)) - 1,
        net=_TCP if abi >= _ABI_TCP else 0,
        scoped=_SCOPES if abi >= _ABI_SCOPES else 0,
    )
    ruleset = libc.syscall(_SYS_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if ruleset < 0:
        return set()
    for path in readable:
        _allow_reading(libc, ruleset, path)
    done = libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    if done != 0:
        return set()
    return {"files", *(("signals",) if abi >= _ABI_SCOPES else ())}


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    access = _READ_FILE | (_READ_DIR if Path(path).is_dir() else 0)
    rule = _PathBeneath(access=access, parent_fd=file)
    libc.syscall(_SYS_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    os.close(file)
