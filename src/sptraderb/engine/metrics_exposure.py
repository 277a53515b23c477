"""Figures of exposure: how much was held, how long, and how much was traded.

Place: part of ``engine/metrics``; the pass over the bars is ``kernels/curve_figures``.
"""

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import DailyMarks
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.terms import Terms
from sptraderb.engine.kernels import curve_figures as f
from sptraderb.engine.metrics_figures import Figures, Undefined, minor_a_tick, readable


def exposure_figures(
    outcome: Outcome, candles: Candles, *, terms: Terms, marks: DailyMarks, traded_minor: float
) -> Figures:
    """Return exposure, leverage at closes, margin use and turnover.

    Parameters
    ----------
    outcome, candles, terms : Outcome, Candles, Terms
        The run. The notional is taken at the candles' close; where both sides are stored, at the side
        that marks the position: a short at the ask (X5).
    marks : DailyMarks
        For the mean equity.
    traded_minor : float
        Notional of the entries and exits of closed trades.
    """
    first, n_bars = outcome.first_tradable_bar, outcome.n_bars_done
    names = ("exposure", "mean_leverage", "max_leverage", "max_margin_use", "turnover")
    if first >= n_bars:
        return dict.fromkeys(names, Undefined("no_bars"))
    scale = minor_a_tick(outcome, candles.instrument, terms.facts, at_close=True)
    ask_closes = candles.close_ticks if candles.ask_close_ticks is None else candles.ask_close_ticks
    integers, doubles = np.zeros(f.N_INTEGERS, dtype=np.int64), np.zeros(f.N_DOUBLES)
    f.exposure_pass_nb(
        first,
        scale,
        readable(outcome.equity_minor),
        readable(outcome.held_steps),
        readable(outcome.exposed.view(np.uint8)),
        readable(candles.close_ticks),
        readable(ask_closes),
        integers,
        doubles,
    )
    position = outcome.open_position
    if position is not None:
        worth = minor_a_tick(outcome, candles.instrument, terms.facts)
        entry_worth = float(worth[position.entry_bar if len(worth) > 1 else 0])
        traded_minor += position.entry_price_ticks * position.quantity_steps * entry_worth
    most = float(doubles[f.MOST_LEVERAGE])
    mean_equity = float(np.add.reduce(marks.equity_minor, dtype=np.float64)) / len(marks.equity_minor)
    sound = mean_equity > 0 and marks.years > 0
    return {
        "exposure": int(integers[f.EXPOSED_BARS]) / (n_bars - first),
        "mean_leverage": float(doubles[f.LEVERAGE]) / (n_bars - first),
        "max_leverage": most,
        "max_margin_use": most * terms.margin_rate_ppb / 1e9,
        "turnover": traded_minor / mean_equity / marks.years if sound else Undefined("not_positive"),
    }
