"""Finer candles that make up given ones, for runs whose bars are walked (X6).

Each bar is split into a few finer ones that open, reach and close where it does; some bars are left
without, and some get finer ones that do not add up, which nobody may believe.
"""

import numpy as np

from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.timeframe import H1, H4, M5, M15, Timeframe

_FINER: dict[int, Timeframe] = {M15.seconds: M5, H1.seconds: M15, H4.seconds: H1}
Bar = tuple[int, int, int, int]


def finer_parts(candles: Candles, *, seed: int, missing: float = 0.1, broken: float = 0.05) -> Candles:
    """Return finer candles of 15 minutes, hours or four hours, the same for the same seed.

    Parameters
    ----------
    candles : Candles
        What they make up.
    seed : int
        Of the generator.
    missing, broken : float
        Share of bars without finer ones, and of bars whose finer ones do not add up.
    """
    generator = np.random.default_rng(seed)
    finer = _FINER[candles.timeframe.seconds]
    most = candles.timeframe.seconds // finer.seconds
    sides = [PRICE_COLUMNS] if candles.ask_open_ticks is None else [PRICE_COLUMNS, ASK_COLUMNS]
    columns: dict[str, list[int]] = {name: [] for names in sides for name in names}
    times: list[int] = []
    for bar in range(len(candles)):
        if generator.random() < missing and times:
            continue
        slots = np.sort(generator.choice(most, generator.integers(1, most + 1), replace=False))
        times += (candles.time_s[bar] + finer.seconds * slots).tolist()
        bid = _split(_bar(candles, PRICE_COLUMNS, bar), len(slots), generator)
        if generator.random() < broken:
            open_, high, _, close = bid[-1]
            bid[-1] = (open_, high, int(candles.low_ticks[bar]) - 1, close)
        rows = {PRICE_COLUMNS: bid}
        if len(sides) > 1:
            rows[ASK_COLUMNS] = _split_above(_bar(candles, ASK_COLUMNS, bar), bid, generator)
        for names, parts in rows.items():
            for name, values in zip(names, zip(*parts, strict=True), strict=True):
                columns[name] += values
    arrays = {name: np.array(values, dtype=np.int64) for name, values in columns.items()}
    return Candles.from_columns(
        {"time_s": np.array(times, dtype=np.int64), **arrays}, instrument=candles.instrument, timeframe=finer
    )


def _bar(candles: Candles, names: tuple[str, ...], bar: int) -> Bar:
    open_, high, low, close = (int(getattr(candles, name)[bar]) for name in names)
    return open_, high, low, close


def _split(bar: Bar, n_parts: int, generator: np.random.Generator) -> list[Bar]:
    """Return bars that aggregate to one, its extremes in any of them; at times they follow without gaps."""
    open_, high, low, close = bar
    opens, closes = (generator.integers(low, high + 1, n_parts) for _ in range(2))
    if generator.random() < 0.5:
        opens[1:] = closes[:-1]
    opens[0], closes[-1] = open_, close
    tops, bottoms = np.maximum(opens, closes), np.minimum(opens, closes)
    highs, lows = generator.integers(tops, high + 1), generator.integers(low, bottoms + 1)
    highs[generator.integers(n_parts)], lows[generator.integers(n_parts)] = high, low
    return list(zip(*(column.tolist() for column in (opens, highs, lows, closes)), strict=True))


def _split_above(bar: Bar, below: list[Bar], generator: np.random.Generator) -> list[Bar]:
    """Return bars that aggregate to one and lie, price by price, not below others: an ask over its bid."""
    open_, high, low, close = bar
    opens, highs, lows, closes = (np.array(column) for column in zip(*below, strict=True))
    asks = np.maximum(np.array([row[::3] for row in _split(bar, len(below), generator)]), low)
    ask_opens, ask_closes = np.maximum(asks[:, 0], opens), np.maximum(asks[:, 1], closes)
    ask_opens[0], ask_closes[-1] = open_, close
    tops, bottoms = np.maximum(ask_opens, ask_closes), np.minimum(ask_opens, ask_closes)
    ask_highs = generator.integers(np.minimum(np.maximum(tops, highs), high), high + 1)
    ask_lows = generator.integers(np.minimum(np.maximum(low, lows), bottoms), bottoms + 1)
    ask_highs[generator.integers(len(below))], ask_lows[int(np.argmin(lows))] = high, low
    return list(zip(*(c.tolist() for c in (ask_opens, ask_highs, ask_lows, ask_closes)), strict=True))
