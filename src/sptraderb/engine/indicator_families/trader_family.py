"""What traders expect and chart by: clouds, smoothed bars, levels of the session before, adaptive bands."""

from sptraderb.engine.indicator_families.family_parts import (
    BARS,
    HIGH_LOW,
    OPEN_BARS,
    SAME,
    TYPICAL,
    VOLUME,
    after_window,
    at_once,
    factor,
    outputs,
    period,
    wilder_seed,
)
from sptraderb.engine.indicator_spec import IndicatorSpec, Parameters, ParameterSpec

HEIKIN_ASHI_SETTLE = 20
"""Halvings of the first bar's weight until it is below 1e-6."""
MAX_PASSES = 500
"""Longest window of what takes one pass over the series per bar of the window."""
_WEEK_SESSIONS, _MONTH_SESSIONS = 7, 31


def _ichimoku_first(params: Parameters, output: str) -> int:
    conversion, base, span_b, displacement = (int(value) for value in params)
    if output in ("conversion", "base"):
        return (conversion if output == "conversion" else base) - 1
    return (span_b if output == "span_b" else max(conversion, base)) - 1 + displacement - 1


def _hull_first(params: Parameters, _output: str) -> int:
    whole = int(params[0])
    return whole - 1 + int(whole**0.5) - 1


def _connors_first(params: Parameters, _output: str) -> int:
    rsi, streak, rank = (int(value) for value in params)
    return max(rsi, streak, rank + 1)


TRADERS = (
    IndicatorSpec(
        name="hma",
        title="Hull moving average",
        parameters=(period(9),),
        outputs=SAME,
        first_value=_hull_first,
        formula="wma(2 * wma(x, n / 2) - wma(x, n), sqrt(n)), both rounded down",
        source="Alan Hull, 2005",
        talib="WMA",
    ),
    IndicatorSpec(
        name="alma",
        title="Arnaud Legoux moving average",
        parameters=(
            ParameterSpec(name="period", low=1, high=MAX_PASSES, default=9),
            factor("offset", 0.85, low=0, high=1),
            factor("sigma", 6),
        ),
        outputs=SAME,
        formula="mean of the last n values with Gaussian weights around offset * (n - 1), width n / sigma",
        source="Arnaud Legoux and Dimitrios Kouzis-Loukas, 2009",
    ),
    IndicatorSpec(
        name="rma",
        title="Wilder's moving average",
        parameters=(period(),),
        outputs=SAME,
        settle=wilder_seed,
        formula="(previous * (n - 1) + x) / n, from the mean of the first n values",
        source="J. Welles Wilder, 1978",
    ),
    IndicatorSpec(
        name="ichimoku",
        title="Ichimoku cloud, each span on the bar where it is drawn",
        inputs=HIGH_LOW,
        parameters=(
            period(9, name="conversion"),
            period(26, name="base"),
            period(52, name="span_b"),
            period(26, name="displacement"),
        ),
        outputs=outputs("conversion", "base", "span_a", "span_b", kind="price"),
        first_value=_ichimoku_first,
        formula=(
            "conversion, base: (highest high + lowest low) / 2; span_a: their mean, span_b: the same of its "
            "own window, both of displacement - 1 bars ago"
        ),
        source="Goichi Hosoda, 1969",
        differs=(
            "nothing; programs that shift the spans by 26 bars want a displacement of 27; the lagging span "
            "is the close drawn back: compare close with close[25] for it"
        ),
    ),
    IndicatorSpec(
        name="heikin_ashi",
        title="Heikin-Ashi bars",
        inputs=OPEN_BARS,
        outputs=outputs("open", "high", "low", "close", kind="price"),
        first_value=at_once,
        settle=lambda _params: HEIKIN_ASHI_SETTLE,
        formula=(
            "close = ohlc4; open = mean of the open and close before, (open + close) / 2 on the first bar; "
            "high, low = the extremes of high, low, open and close"
        ),
        source="Dan Valcu, 2004",
        talib="HA",
        differs="no order ever fills at these prices, only at those of the bars",
    ),
    IndicatorSpec(
        name="pivot_points",
        title="Classic pivot points of the session day before",
        inputs=BARS,
        outputs=outputs("pivot", "r1", "r2", "r3", "s1", "s2", "s3", kind="price"),
        first_value=at_once,
        first_sessions=2,
        reads_sessions=True,
        formula=(
            "pivot p = (h + l + c) / 3; r1 = 2p - l; s1 = 2p - h; r2 = p + h - l; s2 = p - h + l; "
            "r3 = h + 2(p - l); s3 = l - 2(h - p)"
        ),
        source="floor traders; TradingView's Traditional",
        differs="the first loaded session is never used: its beginning may be missing",
    ),
    IndicatorSpec(
        name="vwap_week",
        title="Volume-weighted average price since the session week began",
        inputs=(TYPICAL, VOLUME),
        outputs=SAME,
        first_value=at_once,
        settle_sessions=_WEEK_SESSIONS,
        reads_sessions=True,
        formula="sum(x * volume) / sum(volume) since Monday's session; undefined while nothing traded",
    ),
    IndicatorSpec(
        name="vwap_month",
        title="Volume-weighted average price since the month's first session began",
        inputs=(TYPICAL, VOLUME),
        outputs=SAME,
        first_value=at_once,
        settle_sessions=_MONTH_SESSIONS,
        reads_sessions=True,
        formula="sum(x * volume) / sum(volume) since its first session; undefined while nothing traded",
    ),
    IndicatorSpec(
        name="vortex",
        title="Vortex indicator",
        inputs=BARS,
        parameters=(period(14, low=2),),
        outputs=outputs("plus", "minus"),
        first_value=after_window,
        formula="plus = sum |high - low[1]|, minus = sum |low - high[1]|; each / sum of the true range",
        source="Etienne Botes and Douglas Siepman, 2010",
        talib="VORTEX",
    ),
    IndicatorSpec(
        name="choppiness",
        title="Choppiness index",
        inputs=BARS,
        parameters=(period(14, low=2),),
        settle=lambda _params: 1,
        formula="100 * log(sum of the true range / (highest high - lowest low)) / log(n)",
        source="Bill Dreiss, 1993",
        talib="SUM",
    ),
    IndicatorSpec(
        name="zscore",
        title="Standard score",
        parameters=(period(20, low=2),),
        formula="(x - sma) / standard deviation of the population; undefined where nothing moves",
        talib="SMA, STDDEV",
    ),
    IndicatorSpec(
        name="linreg_channel",
        title="Linear regression channel",
        parameters=(period(100, low=3), factor("deviations", 2)),
        outputs=outputs("upper", "middle", "lower", kind="source"),
        formula="end of the least-squares line +- deviations * root mean square distance from it",
        source="Gilbert Raff, 1991; width of TradingView's drawing",
        talib="LINEARREG",
        differs="TradingView draws one channel for the last bar; here each bar has the end of its own",
    ),
    IndicatorSpec(
        name="connors_rsi",
        title="Connors RSI",
        parameters=(
            period(3, name="rsi_period", low=2),
            period(2, name="streak_period", low=2),
            ParameterSpec(name="rank_period", low=2, high=MAX_PASSES, default=100),
        ),
        first_value=_connors_first,
        settle=lambda params: wilder_seed((max(params[0], params[1]),)),
        formula=(
            "mean of rsi(x), rsi of the streak of rises (falls below 0) and the percentage of the last n "
            "relative changes that were not larger than this one"
        ),
        source="Larry Connors, 2012",
        talib="RSI",
    ),
)
"""Indicators of charting programs."""
