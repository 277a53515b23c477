"""Candles put straight into the store, for tests that read them and do not care how they came."""

import math
from datetime import UTC, datetime

from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.store.pool import Pool

MONDAY_S = 1_483_315_200
"""2017-01-02T00:00:00Z, a Monday."""

_INSERT = """
INSERT INTO sptraderb.candles_{timeframe}
    (instrument_id, derived, time, open, high, low, close, volume, revision)
SELECT id, false, $2, $3, $4, $5, $6, $7, $8 FROM sptraderb.instruments WHERE symbol = $1
"""
_CATALOGUE = """
INSERT INTO sptraderb.candle_series (instrument_id, timeframe, origin, revision, content_hash, first_time,
                                     last_time, n_bars, n_native)
SELECT id, $2, $3, $4, 'test', $5, $6, $7, $7 FROM sptraderb.instruments WHERE symbol = $1
"""

Bar = tuple[int, int, int, int, int, float]


def wavy_bars(n_bars: int, *, start_s: int = MONDAY_S, step_s: int = 3600) -> list[Bar]:
    """Return bars that swing about 1.10000: open time, open, high, low, close in ticks of 10^-5, volume."""
    closes = [110_000 + round(800 * math.sin(n / 9) + 300 * math.sin(n / 2.3)) for n in range(n_bars)]
    opens = [closes[0], *closes[:-1]]
    return [
        (
            start_s + n * step_s,
            open_,
            max(open_, close) + 7,
            min(open_, close) - 6,
            close,
            float(100 + n % 50),
        )
        for n, (open_, close) in enumerate(zip(opens, closes, strict=True))
    ]


async def store_bars(
    pool: Pool,
    bars: list[Bar],
    *,
    symbol: str = "EURUSD",
    timeframe: str = "1h",
    revision: int = 1,
) -> None:
    """Store bars as one own series with its row in the catalogue.

    Parameters
    ----------
    pool : Pool
        Of a migrated database in which the series is not there yet.
    bars : list of Bar
        Ascending.
    symbol, timeframe : str
        A seeded instrument and a stored timeframe.
    revision : int
        The series' revision.
    """
    name = parse_timeframe(timeframe).name
    rows = [(symbol, datetime.fromtimestamp(bar[0], UTC), *bar[1:], revision) for bar in bars]
    async with pool.acquire() as connection:
        await connection.executemany(_INSERT.format(timeframe=name), rows)
        await connection.execute(
            _CATALOGUE, symbol, name, "own", revision, rows[0][1], rows[-1][1], len(rows)
        )
