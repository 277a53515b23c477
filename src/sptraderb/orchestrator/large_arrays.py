"""Memory of large arrays, given back as soon as they are freed.

glibc keeps what a freed array had for the next one of its size, in each thread apart; in a run of a million
bars that is 25 MB which nothing uses again.
"""

import ctypes

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE_BYTES = 1 << 20


def give_back_large_arrays() -> None:
    """Let arrays of a megabyte and more have pages of their own in this process and those forked from it.

    Does nothing where the C library knows no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
