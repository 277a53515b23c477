"""What charting programs have and TA-Lib lacks, against plain definitions written here."""

import math
from datetime import date, timedelta

import numpy as np
import pytest

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.engine.frames import Frame
from sptraderb.engine.indicator_registry import FAMILIES, REGISTRY
from sptraderb.engine.indicators import compute_indicator
from sptraderb.testing.plain_series import Array, lag, mean, wilder, windows
from sptraderb.testing.random_runs import random_candles

N_BARS = 600
_FRAME = Frame(random_candles(SEEDED_INSTRUMENTS["EURUSD"], seed=31, n_bars=N_BARS))
OPEN, HIGH, LOW, CLOSE = (_FRAME.price(name) for name in ("open", "high", "low", "close"))
TYPICAL = _FRAME.price("hlc3")
VOLUME = _FRAME.price("volume") + 1.0
DAYS = _FRAME.session_day


def inputs_of(name: str, days: Array = DAYS) -> tuple[Array, ...]:
    """Return the default inputs of an indicator on the sample, with some volume on every bar."""
    spec = REGISTRY[name]
    inputs = tuple(VOLUME if row.price == "volume" else _FRAME.price(row.price) for row in spec.inputs)
    return (*inputs, days) if spec.reads_sessions else inputs


def weighted(n: int, x: Array) -> Array:
    """Return the mean weighted 1, 2, .. n."""
    return windows(lambda w: float(w @ np.arange(1, n + 1)) / (n * (n + 1) / 2), n, x)


def hull(n: int) -> Array:
    """Return Hull's average."""
    return weighted(math.isqrt(n), 2 * weighted(n // 2, CLOSE) - weighted(n, CLOSE))


def legoux(n: int, offset: float, sigma: float) -> Array:
    """Return Legoux's average, as TradingView's reference code has it."""
    m, s = offset * (n - 1), n / sigma

    def one(values: Array) -> float:
        weights = [math.exp(-((i - m) ** 2) / (2 * s * s)) for i in range(n)]
        return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)

    return windows(one, n, CLOSE)


def middle(n: int) -> Array:
    """Return the middle of the range of the last n bars."""
    return windows(lambda h, lo: (h.max() + lo.min()) / 2, n, HIGH, LOW)


def cloud(conversion: int, base: int, wide: int, displacement: int) -> tuple[Array, ...]:
    """Return Ichimoku's lines, the spans where they are drawn."""
    fast, slow = middle(conversion), middle(base)
    return fast, slow, lag((fast + slow) / 2, displacement - 1), lag(middle(wide), displacement - 1)


def smoothed_bars() -> tuple[Array, ...]:
    """Return Heikin-Ashi bars one by one."""
    rows = []
    for o, h, lo, c in zip(OPEN, HIGH, LOW, CLOSE, strict=True):
        close = (o + h + lo + c) / 4
        opening = (rows[-1][0] + rows[-1][3]) / 2 if rows else (o + c) / 2
        rows.append((opening, max(h, opening, close), min(lo, opening, close), close))
    return tuple(np.array(rows).T)


def pivots() -> tuple[Array, ...]:
    """Return the levels of the session before, from the third loaded session on."""
    out = np.full((7, N_BARS), np.nan)
    order = list(dict.fromkeys(DAYS.tolist()))
    for t in range(N_BARS):
        at = order.index(DAYS[t])
        if at >= 2:
            before = order[at - 1] == DAYS
            h, lo, c = HIGH[before].max(), LOW[before].min(), CLOSE[before][-1]
            p = (h + lo + c) / 3
            out[:, t] = (p, 2 * p - lo, p + h - lo, h + 2 * (p - lo), 2 * p - h, p - h + lo, lo - 2 * (h - p))
    return tuple(out)


def anchored(keys: list[object]) -> Array:
    """Return the volume-weighted mean since the key changed."""
    out, value, volume = [], 0.0, 0.0
    for t, key in enumerate(keys):
        if t and key != keys[t - 1]:
            value = volume = 0.0
        value, volume = value + TYPICAL[t] * VOLUME[t], volume + VOLUME[t]
        out.append(value / volume)
    return np.array(out)


def dates(days: Array) -> list[date]:
    """Return the dates of session days."""
    return [date(1970, 1, 1) + timedelta(days=int(day)) for day in days]


def true_range() -> Array:
    """Return the true range, the first one high - low."""
    return np.fmax(HIGH - LOW, np.fmax(np.abs(HIGH - lag(CLOSE)), np.abs(LOW - lag(CLOSE))))


def vortex(n: int) -> tuple[Array, Array]:
    """Return both vortex lines."""
    reach = true_range()
    reach[0] = np.nan
    total = windows(np.sum, n, reach)
    plus = windows(np.sum, n, np.abs(HIGH - lag(LOW))) / total
    return plus, windows(np.sum, n, np.abs(LOW - lag(HIGH))) / total


def choppiness(n: int) -> Array:
    """Return the choppiness index."""
    return windows(
        lambda r, h, lo: 100 * math.log10(r.sum() / (h.max() - lo.min())) / math.log10(n),
        n, true_range(), HIGH, LOW,
    )  # fmt: skip


def channel(n: int, width: float) -> tuple[Array, Array, Array]:
    """Return the end of each window's line and its distance from the values."""

    def line(values: Array) -> Array:
        return np.polyval(np.polyfit(np.arange(n), values, 1), np.arange(n))

    centre = windows(lambda w: float(line(w)[-1]), n, CLOSE)
    reach = width * windows(lambda w: math.sqrt(np.mean((w - line(w)) ** 2)), n, CLOSE)
    return centre + reach, centre, centre - reach


def rsi(x: Array, n: int) -> Array:
    """Return the relative strength index."""
    change = x - lag(x)
    up, down = (wilder(np.maximum(sign * change, 0), n) for sign in (1, -1))
    return 100 * up / (up + down)


def connors(n: int, streak: int, rank: int) -> Array:
    """Return Connors' mean of three."""
    runs = [0.0]
    for t in range(1, N_BARS):
        sign = float(np.sign(CLOSE[t] - CLOSE[t - 1]))
        runs.append(runs[-1] + sign if sign * runs[-1] > 0 else sign)
    change = CLOSE / lag(CLOSE) - 1
    share = windows(lambda w: 100 * float(np.mean(w[:-1] <= w[-1])), rank + 1, change)
    return (rsi(CLOSE, n) + rsi(np.array(runs), streak) + share) / 3


CASES: dict[str, tuple[tuple[float, ...], tuple[Array, ...]]] = {
    "hma": ((21,), (hull(21),)),
    "alma": ((9, 0.8, 5), (legoux(9, 0.8, 5),)),
    "rma": ((9,), (wilder(CLOSE, 9),)),
    "ichimoku": ((9, 26, 52, 26), cloud(9, 26, 52, 26)),
    "heikin_ashi": ((), smoothed_bars()),
    "pivot_points": ((), pivots()),
    "vwap_week": ((), (anchored([day.isocalendar()[:2] for day in dates(DAYS)]),)),
    "vwap_month": ((), (anchored([(day.year, day.month) for day in dates(DAYS)]),)),
    "vortex": ((14,), vortex(14)),
    "choppiness": ((14,), (choppiness(14),)),
    "zscore": ((20,), ((CLOSE - mean(20, CLOSE)) / windows(np.std, 20, CLOSE),)),
    "linreg_channel": ((30, 2.5), channel(30, 2.5)),
    "connors_rsi": ((3, 2, 50), (connors(3, 2, 50),)),
}
_COARSE = frozenset({"zscore", "linreg_channel"})


@pytest.mark.parametrize("name", sorted(CASES))
def test_trader_indicator_when_computed_then_equals_its_definition(name: str) -> None:
    """Every output equals a plain computation of the definition, window by window or step by step."""
    params, expected = CASES[name]
    found = compute_indicator(name, inputs_of(name), tuple(float(value) for value in params))
    assert len(found) == len(expected) == len(REGISTRY[name].outputs)
    for got, wanted in zip(found, expected, strict=True):
        rtol = 1e-6 if name in _COARSE else 1e-9
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * float(np.nanmax(np.abs(wanted))))


@pytest.mark.parametrize(("name", "step"), [("vwap_week", 1), ("vwap_month", 3)])
def test_anchored_vwap_when_weeks_and_months_pass_then_it_starts_anew(name: str, step: int) -> None:
    """The mean starts anew on a Monday's session, and on the first session of a month."""
    days = 19_000.0 + step * (np.arange(N_BARS) // 10)
    keys = [day.isocalendar()[:2] if name == "vwap_week" else (day.year, day.month) for day in dates(days)]
    assert len(set(keys)) > 5
    (found,) = compute_indicator(name, inputs_of(name, days), ())
    np.testing.assert_allclose(found, anchored(keys), rtol=1e-12)


def test_trader_family_when_listed_then_every_indicator_is_tested_here() -> None:
    """Each indicator of the family has a definition in this file."""
    assert set(CASES) == {spec.name for spec in FAMILIES["Charts"]}
