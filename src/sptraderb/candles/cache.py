"""Candles on disk: one memory-mapped array per series and revision, shared by all processes.

A file is written under another name, synced and renamed, so it is whole or absent; its name carries the
revision and the hash of the series' history, so it is never stale: a new revision is a new name. Files
used least lately go first when the folder grows over its bound; a mapped file stays readable after that.
"""

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.timeframe import Timeframe

MAX_BYTES = 2 * 2**30
_ABANDONED_AFTER_S = 3600
_USED_WITHIN_S = 60
"""How exactly the last use is noted: noting it waits for the disk's journal."""

_PART, _WHOLE = ".part", ".npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKey:
    """What names a file.

    Parameters
    ----------
    symbol : str
        Series.
    timeframe : Timeframe
        Stored timeframe.
    revision : int
        Data revision.
    content_hash : str
        Hash of the series' history up to that revision, hexadecimal.
    """

    symbol: str
    timeframe: Timeframe
    revision: int
    content_hash: str

    @property
    def file_name(self) -> str:
        """The name, safe on any file system."""
        symbol = quote(self.symbol, safe="").replace(".", "%2E")
        return f"{symbol}_{self.timeframe.name}_{self.revision}_{self.content_hash[:32]}{_WHOLE}"


def n_columns(side: CandleSide) -> int:
    """Return how many columns a series has: time, four prices, volume, and four of the ask for both."""
    return 10 if side is CandleSide.BOTH else 6


def candles_from_array(
    array: Int64Array, *, instrument: Instrument, timeframe: Timeframe, revision: int | None
) -> Candles:
    """Return candles over the rows of a cached array, without a copy or a second check.

    Parameters
    ----------
    array : ndarray of shape (6 or 10, n_bars), dtype=int64
        Time, open, high, low, close, the bits of the volume as float64, then the ask's prices.
    """
    asks = dict(zip(ASK_COLUMNS, array[6:], strict=False))
    prices = dict(zip(PRICE_COLUMNS, array[1:5], strict=True))
    return Candles(
        instrument=instrument,
        timeframe=timeframe,
        revision=revision,
        time_s=array[0],
        volume=array[5].view(np.float64),
        **prices,
        **asks,
    )


class CandleCache:
    """A bounded folder of cached series.

    Parameters
    ----------
    folder : Path
        Made when first needed.
    max_bytes : int
        Bound of its size; 0 keeps nothing.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def takes(self, n_bytes: int) -> bool:
        """Return whether a series of this size is kept at all: half of the bound at most."""
        return 0 < n_bytes <= self.max_bytes // 2

    def find(self, key: CacheKey, *, side: CandleSide) -> Int64Array | None:
        """Return a series' columns, mapped read-only, or None.

        Parameters
        ----------
        key : CacheKey
            Series and revision.
        side : CandleSide
            Decides how many columns there must be.

        Notes
        -----
        A file that is no array of that shape is taken for absent and removed.
        """
        path = self.folder / key.file_name
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if time.time() - path.stat().st_mtime > _USED_WITHIN_S:
                os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            path.unlink(missing_ok=True)
            return None
        if array.dtype != np.int64 or array.ndim != 2 or array.shape[0] != n_columns(side):
            path.unlink(missing_ok=True)
            return None
        return np.asarray(array)

    @asynccontextmanager
    async def writing(self, key: CacheKey, *, n_bars: int, side: CandleSide) -> AsyncIterator[Int64Array]:
        """Give an array to fill; it becomes the cached series when the block ends without an error.

        Parameters
        ----------
        key : CacheKey
            Series and revision.
        n_bars : int
            Bars it will hold.
        side : CandleSide
            Decides how many columns there are.

        Raises
        ------
        OSError
            If the disk is full or the folder cannot be written; the caller reads without a cache then.

        Notes
        -----
        What waits for the disk waits in a thread, so that a server goes on answering.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{key.file_name}.{os.getpid()}.{secrets.token_hex(4)}{_PART}"
        try:
            array = await asyncio.to_thread(_reserve, part, (n_columns(side), n_bars))
            yield np.asarray(array)
            await asyncio.to_thread(_sync, part)
            part.replace(self.folder / key.file_name)
        finally:
            part.unlink(missing_ok=True)
        self.evict(keep=key.file_name)

    def evict(self, *, keep: str = "") -> int:
        """Remove files used least lately until the folder fits its bound; return how many went.

        Parameters
        ----------
        keep : str
            A file name that stays.

        Notes
        -----
        One process at a time: who finds the lock taken leaves the work to its holder.
        """
        try:
            with (self.folder / ".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self._evict_locked(keep)
        except (BlockingIOError, FileNotFoundError):
            return 0

    def _evict_locked(self, keep: str) -> int:
        now = time.time()
        found = []
        for path in self.folder.iterdir():
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            if path.suffix == _PART and now - stat.st_mtime > _ABANDONED_AFTER_S:
                path.unlink(missing_ok=True)
            elif path.suffix == _WHOLE:
                found.append((stat.st_mtime_ns, stat.st_size, path))
        total = sum(size for _, size, _ in found)
        n_removed = 0
        for _, size, path in sorted(found, key=lambda entry: entry[0]):
            if total <= self.max_bytes:
                break
            if path.name != keep:
                path.unlink(missing_ok=True)
                total -= size
                n_removed += 1
        return n_removed


def _reserve(part: Path, shape: tuple[int, int]) -> Int64Array:
    """Return a new file's array, all of its room on disk taken: writing to it later cannot fail."""
    array = np.lib.format.open_memmap(part, mode="w+", dtype=np.int64, shape=shape)
    with part.open("rb+") as file:
        os.posix_fallocate(file.fileno(), 0, part.stat().st_size)
    return array


def _sync(part: Path) -> None:
    """Bring a file to the disk, with what was written to it through a map."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
