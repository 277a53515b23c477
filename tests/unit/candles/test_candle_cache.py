"""The cache on disk: whole or absent, bounded, keyed by content, readable after it is removed."""

import os
from pathlib import Path

import numpy as np
import pytest

from sptraderb.candles.cache import CacheKey, CandleCache, candles_from_array
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.timeframe import H1
from sptraderb.testing.candle_files import EURUSD

_BYTES_OF_1000 = 6 * 1000 * 8


def _key(revision: int = 1, symbol: str = "EURUSD", content_hash: str = "ab" * 32) -> CacheKey:
    return CacheKey(symbol=symbol, timeframe=H1, revision=revision, content_hash=content_hash)


async def _put(cache: CandleCache, key: CacheKey, *, n_bars: int = 1000, fill: int = 7) -> None:
    async with cache.writing(key, n_bars=n_bars, side=CandleSide.BID) as target:
        target[:] = fill


async def test_series_when_written_then_it_is_found_read_only(tmp_path: Path) -> None:
    """What was put in comes back mapped and cannot be changed."""
    cache = CandleCache(tmp_path / "candles")
    assert cache.find(_key(), side=CandleSide.BID) is None
    await _put(cache, _key())
    found = cache.find(_key(), side=CandleSide.BID)
    assert found is not None
    assert found.shape == (6, 1000)
    assert not found.flags.writeable
    candles = candles_from_array(found, instrument=EURUSD, timeframe=H1, revision=1)
    assert candles.close_ticks[3] == 7
    assert candles.volume.dtype == np.float64


@pytest.mark.parametrize("other", [_key(2), _key(symbol="EURUSD.mid"), _key(content_hash="cd" * 32)])
async def test_series_when_anything_of_its_key_differs_then_it_is_another(
    tmp_path: Path, other: CacheKey
) -> None:
    """Revision, symbol and history each make another file, so nothing stale is ever found."""
    cache = CandleCache(tmp_path)
    await _put(cache, _key())
    assert cache.find(other, side=CandleSide.BID) is None


async def test_writing_when_it_fails_then_nothing_is_left(tmp_path: Path) -> None:
    """A series that was not written wholly does not exist."""
    cache = CandleCache(tmp_path)
    with pytest.raises(RuntimeError):
        async with cache.writing(_key(), n_bars=10, side=CandleSide.BID):
            raise RuntimeError
    assert cache.find(_key(), side=CandleSide.BID) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"\x93NUMPY\x01\x00v\x00{'descr': '<i8'"])
async def test_file_when_damaged_then_it_is_taken_for_absent(tmp_path: Path, damage: bytes) -> None:
    """A file that is no such array is removed and made anew."""
    cache = CandleCache(tmp_path)
    (tmp_path / _key().file_name).write_bytes(damage)
    assert cache.find(_key(), side=CandleSide.BID) is None
    await _put(cache, _key())
    assert cache.find(_key(), side=CandleSide.BID) is not None


async def test_file_when_cut_short_then_it_is_taken_for_absent(tmp_path: Path) -> None:
    """A truncated array is no array."""
    cache = CandleCache(tmp_path)
    await _put(cache, _key())
    path = tmp_path / _key().file_name
    os.truncate(path, path.stat().st_size // 2)
    assert cache.find(_key(), side=CandleSide.BID) is None


async def test_folder_when_over_its_bound_then_the_least_lately_used_go(tmp_path: Path) -> None:
    """The bound holds after every write; a series used meanwhile stays, a mapped one stays readable."""
    cache = CandleCache(tmp_path, max_bytes=3 * (_BYTES_OF_1000 + 200))
    for revision in (1, 2, 3):
        await _put(cache, _key(revision), fill=revision)
        os.utime(tmp_path / _key(revision).file_name, ns=(revision * 10**9, revision * 10**9))
    mapped = cache.find(_key(2), side=CandleSide.BID)
    os.utime(tmp_path / _key(2).file_name, ns=(2 * 10**9, 2 * 10**9))
    assert cache.find(_key(1), side=CandleSide.BID) is not None
    await _put(cache, _key(4))
    left = {path.name for path in tmp_path.glob("*.npy")}
    assert left == {_key(revision).file_name for revision in (1, 3, 4)}
    assert mapped is not None
    assert (mapped == 2).all()


async def test_folder_when_a_write_was_abandoned_then_eviction_clears_it(tmp_path: Path) -> None:
    """What a killed process left half written goes after an hour, not before."""
    cache = CandleCache(tmp_path)
    old, fresh = tmp_path / "a.part", tmp_path / "b.part"
    old.write_bytes(b"x")
    fresh.write_bytes(b"x")
    os.utime(old, (1, 1))
    await _put(cache, _key())
    assert not old.exists()
    assert fresh.exists()


def test_series_when_larger_than_half_the_bound_then_it_is_not_kept() -> None:
    """One series never pushes out everything else."""
    cache = CandleCache(Path("unused"), max_bytes=1000)
    assert cache.takes(500)
    assert not cache.takes(501)
    assert not CandleCache(Path("unused"), max_bytes=0).takes(1)
