"""Figures of drawdown: equity against its running peak, at closes and inside bars.

Place: part of ``engine/metrics``. The peak starts at the deposit and rises on marks only; the pass over
the bars is ``kernels/curve_figures``.
"""

import numpy as np

from sptraderb.domain.candle import Candles
from sptraderb.domain.equity_curve import DailyMarks
from sptraderb.domain.outcome import Outcome
from sptraderb.engine.kernels import curve_figures as f
from sptraderb.engine.metrics_figures import Figures, Undefined, ratio, readable


def drawdown_figures(outcome: Outcome, candles: Candles, *, marks: DailyMarks, net_minor: int) -> Figures:
    """Return depth and duration of drawdowns.

    Parameters
    ----------
    outcome, candles : Outcome, Candles
        The run.
    marks : DailyMarks
        For the indices on daily closes.
    net_minor : int
        Net profit, for the recovery factor.
    """
    first = outcome.first_tradable_bar
    if first >= outcome.n_bars_done:
        return dict.fromkeys(_NAMES, Undefined("no_bars"))
    integers, doubles = np.zeros(f.N_INTEGERS, dtype=np.int64), np.zeros(f.N_DOUBLES)
    f.drawdown_pass_nb(
        first,
        marks.deposit_minor,
        readable(outcome.equity_minor),
        readable(outcome.trough_minor),
        readable(candles.time_s),
        readable(candles.close_times_s),
        integers,
        doubles,
    )
    found, shares = integers.tolist(), doubles.tolist()
    count = found[f.EPISODES]
    return {
        "max_drawdown": shares[f.TROUGH_FRACTION],
        "max_drawdown_money": found[f.TROUGH_MONEY],
        "max_drawdown_close": shares[f.CLOSE_FRACTION],
        "max_drawdown_close_money": found[f.CLOSE_MONEY],
        "recovery_factor": ratio(net_minor, found[f.TROUGH_MONEY]),
        "max_drawdown_duration": found[f.LONGEST_S],
        "average_drawdown_duration": found[f.TOTAL_S] / count if count else 0.0,
        "max_recovery_time": found[f.LONGEST_RECOVERY_S],
        "drawdown_is_open": found[f.IS_OPEN],
        "drawdown_episodes": count,
        "average_drawdown": shares[f.DEPTHS] / count if count else 0.0,
        **_daily_figures(marks),
    }


_NAMES = (
    *("max_drawdown", "max_drawdown_money", "max_drawdown_close", "max_drawdown_close_money"),
    *(
        "recovery_factor",
        "max_drawdown_duration",
        "average_drawdown_duration",
        "max_recovery_time",
        "drawdown_is_open",
    ),
    *("drawdown_episodes", "average_drawdown", "ulcer_index", "pain_index"),
)


def _daily_figures(marks: DailyMarks) -> Figures:
    equity = marks.equity_minor
    peaks = np.maximum(np.maximum.accumulate(equity), marks.deposit_minor)
    depth = (peaks - equity) / peaks
    return {
        "ulcer_index": float(np.sqrt(np.dot(depth, depth) / len(depth))),
        "pain_index": float(np.add.reduce(depth)) / len(depth),
    }
