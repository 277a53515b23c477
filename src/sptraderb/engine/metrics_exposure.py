"""Figures of exposure: how much was held, how long, and how much was traded.

Place: part of ``engine/metrics``.
"""

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles, Float64Array
from sptraderb.domain.equity_curve import DailyMarks
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.terms import Terms
from sptraderb.engine.metrics_figures import Figures, Undefined


def exposure_figures(outcome: Outcome, candles: Candles, *, terms: Terms, marks: DailyMarks) -> Figures:
    """Return exposure, leverage at closes, margin use and turnover."""
    first, n_bars = outcome.first_tradable_bar, outcome.n_bars_done
    names = ("exposure", "mean_leverage", "max_leverage", "max_margin_use", "turnover")
    if first >= n_bars:
        return dict.fromkeys(names, Undefined("no_bars"))
    leverage = _leverage(outcome, candles)
    most = float(leverage.max()) if len(leverage) else 0.0
    mean_equity = float(marks.equity_minor.mean())
    traded = _traded_minor(outcome, candles)
    sound = mean_equity > 0 and marks.years > 0
    return {
        "exposure": float(outcome.exposed[first:n_bars].mean()),
        "mean_leverage": float(leverage.sum()) / (n_bars - first),
        "max_leverage": most,
        "max_margin_use": most * terms.margin_rate_ppb / 1e9,
        "turnover": traded / mean_equity / marks.years if sound else Undefined("not_positive"),
    }


def _leverage(outcome: Outcome, candles: Candles) -> Float64Array:
    """Return notional / equity of the bars that hold a position at their close, where equity is positive.

    The notional is taken at the candles' close; where both sides are stored, at the side that marks the
    position: a short at the ask (X5).
    """
    held = outcome.held_steps
    bars = np.flatnonzero((held != 0) & (outcome.equity_minor > 0))
    prices = candles.close_ticks[bars]
    if candles.ask_close_ticks is not None:
        prices = np.where(held[bars] < 0, candles.ask_close_ticks[bars], prices)
    notional = _value(outcome, candles, prices, np.abs(held[bars]))
    return np.asarray(notional / outcome.equity_minor[bars], dtype=np.float64)


def _value(outcome: Outcome, candles: Candles, ticks: Int64Array, steps: Int64Array) -> Float64Array:
    instrument = candles.instrument
    scale = outcome.money_decimals - instrument.price_scale - instrument.quantity_scale
    value = ticks.astype(np.float64) * steps * (instrument.point_value * 10.0**scale)
    return np.asarray(value, dtype=np.float64)


def _traded_minor(outcome: Outcome, candles: Candles) -> float:
    """Return the notional of all fills, entries and exits."""
    steps = outcome.trade_column("quantity_steps")
    traded = sum(
        float(_value(outcome, candles, outcome.trade_column(column), steps).sum())
        for column in ("entry_price_ticks", "exit_price_ticks")
    )
    position = outcome.open_position
    if position is not None:
        price, held = np.array([position.entry_price_ticks]), np.array([position.quantity_steps])
        traded += float(_value(outcome, candles, price, held)[0])
    return traded
