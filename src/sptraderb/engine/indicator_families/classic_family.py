"""The classic indicators: averages, oscillators, bands and trends that most strategies are made of."""

from sptraderb.engine.indicator_families.family_parts import (
    BARS,
    DIFFERENCE,
    EMA_SETTLE_PERIODS,
    HIGH_LOW,
    SAME,
    WILDER_SETTLE_PERIODS,
    after_window,
    at_once,
    double_wilder_seed,
    ema_seed,
    period,
    wilder_seed,
)
from sptraderb.engine.indicator_spec import IndicatorSpec, InputSpec, OutputSpec, Parameters, ParameterSpec

_BANDS = tuple(OutputSpec(name=name, kind="source") for name in ("upper", "middle", "lower"))
_PRICE_BANDS = tuple(OutputSpec(name=name, kind="price") for name in ("upper", "middle", "lower"))


def _macd_seed(params: Parameters) -> int:
    """Add the seeds of the slower average and of the signal, which averages it."""
    return EMA_SETTLE_PERIODS * int(max(params[0], params[1]) + params[2])


def _macd_first(params: Parameters, output: str) -> int:
    slow = int(max(params[0], params[1]))
    return slow - 1 if output == "line" else slow + int(params[2]) - 2


def _adx_first(params: Parameters, output: str) -> int:
    return 2 * int(params[0]) - 1 if output == "adx" else int(params[0])


def _stoch_first(params: Parameters, output: str) -> int:
    k_first = int(params[0]) + int(params[1]) - 2
    return k_first if output == "k" else k_first + int(params[2]) - 1


CLASSIC = (
    IndicatorSpec(
        name="sma",
        title="Simple moving average",
        parameters=(period(),),
        outputs=SAME,
        formula="mean of the last n values",
        talib="SMA",
    ),
    IndicatorSpec(
        name="ema",
        title="Exponential moving average",
        parameters=(period(),),
        outputs=SAME,
        settle=ema_seed,
        formula="a * x + (1 - a) * previous, a = 2 / (n + 1), from the mean of the first n values",
        talib="EMA",
    ),
    IndicatorSpec(
        name="wma",
        title="Weighted moving average",
        parameters=(period(),),
        outputs=SAME,
        formula="mean of the last n values weighted n for the newest down to 1",
        talib="WMA",
    ),
    IndicatorSpec(
        name="rsi",
        title="Relative strength index",
        parameters=(period(14, low=2),),
        first_value=after_window,
        settle=wilder_seed,
        formula="100 * up / (up + down), Wilder means of rises and falls, from the mean of the first n",
        source="J. Welles Wilder, 1978",
        talib="RSI",
    ),
    IndicatorSpec(
        name="macd",
        title="Moving average convergence divergence",
        parameters=(period(12, name="fast"), period(26, name="slow"), period(9, name="signal")),
        outputs=tuple(
            OutputSpec(name=name, kind="source_distance") for name in ("line", "signal", "histogram")
        ),
        first_value=_macd_first,
        settle=_macd_seed,
        formula="line = ema(fast) - ema(slow); signal = ema of the line; histogram = line - signal",
        source="Gerald Appel",
        talib="EMA",
    ),
    IndicatorSpec(
        name="bbands",
        title="Bollinger bands",
        parameters=(
            period(20, low=2),
            ParameterSpec(name="deviations", low=0.001, high=50, default=2, integer=False),
        ),
        outputs=_BANDS,
        formula="sma +- deviations * population standard deviation",
        source="John Bollinger",
        talib="BBANDS",
    ),
    IndicatorSpec(
        name="atr",
        title="Average true range",
        inputs=BARS,
        parameters=(period(14),),
        outputs=(OutputSpec(kind="distance"),),
        settle=wilder_seed,
        formula="Wilder mean of the true range, from the mean of the first n; the first range is high - low",
        source="J. Welles Wilder, 1978",
    ),
    IndicatorSpec(
        name="adx",
        title="Average directional index",
        inputs=BARS,
        parameters=(period(14, low=2),),
        outputs=tuple(OutputSpec(name=name) for name in ("adx", "plus_di", "minus_di")),
        first_value=_adx_first,
        settle=double_wilder_seed,
        formula="Wilder mean of 100 * |+DI - -DI| / (+DI + -DI); DI = 100 * Wilder(DM) / Wilder(TR)",
        source="J. Welles Wilder, 1978",
    ),
    IndicatorSpec(
        name="stoch",
        title="Stochastic oscillator",
        inputs=BARS,
        parameters=(period(14, name="k_period"), period(1, name="k_smooth"), period(3, name="d_period")),
        outputs=tuple(OutputSpec(name=name) for name in ("k", "d")),
        first_value=_stoch_first,
        formula="k = sma of 100 * (close - lowest low) / (highest high - lowest low); d = sma of k",
        source="George Lane",
    ),
    IndicatorSpec(
        name="cci",
        title="Commodity channel index",
        inputs=BARS,
        parameters=(period(20, low=2),),
        formula="(hlc3 - sma) / (0.015 * mean absolute deviation)",
        source="Donald Lambert, 1980",
        talib="CCI",
    ),
    IndicatorSpec(
        name="mom",
        title="Momentum",
        parameters=(period(10),),
        outputs=DIFFERENCE,
        first_value=after_window,
        formula="x - x[n]",
    ),
    IndicatorSpec(
        name="roc",
        title="Rate of change, in percent",
        parameters=(period(9),),
        first_value=after_window,
        formula="100 * (x - x[n]) / x[n]",
    ),
    IndicatorSpec(
        name="obv",
        title="On-balance volume",
        inputs=(
            InputSpec(name="source", price="close", replaceable=True),
            InputSpec(name="volume", price="volume"),
        ),
        first_value=at_once,
        formula="running sum of volume, added on a rise, taken off on a fall; 0 on the first loaded bar",
        source="Joseph Granville, 1963",
        differs="counts from the first loaded bar: use its changes, not its level",
    ),
    IndicatorSpec(
        name="stdev",
        title="Standard deviation of the population",
        parameters=(period(20, low=2),),
        outputs=DIFFERENCE,
        formula="square root of the mean squared distance from the mean of the last n values",
        talib="STDDEV",
    ),
    IndicatorSpec(
        name="stdev_sample",
        title="Standard deviation of a sample",
        parameters=(period(20, low=2),),
        outputs=DIFFERENCE,
        formula="stdev * sqrt(n / (n - 1))",
        talib="STDDEV",
    ),
    IndicatorSpec(
        name="highest",
        title="Highest of the last n values, this bar included",
        inputs=(InputSpec(name="source", price="high", replaceable=True),),
        parameters=(period(),),
        outputs=SAME,
        formula="max(x, x[1], ..., x[n - 1])",
    ),
    IndicatorSpec(
        name="lowest",
        title="Lowest of the last n values, this bar included",
        inputs=(InputSpec(name="source", price="low", replaceable=True),),
        parameters=(period(),),
        outputs=SAME,
        formula="min(x, x[1], ..., x[n - 1])",
    ),
    IndicatorSpec(
        name="donchian",
        title="Donchian channel",
        inputs=HIGH_LOW,
        parameters=(period(20),),
        outputs=_PRICE_BANDS,
        formula="upper = highest high; lower = lowest low; middle = their mean",
        source="Richard Donchian",
    ),
    IndicatorSpec(
        name="keltner",
        title="Keltner channel",
        inputs=BARS,
        parameters=(
            period(20),
            ParameterSpec(name="multiplier", low=0.001, high=50, default=2, integer=False),
        ),
        outputs=_PRICE_BANDS,
        settle=lambda params: EMA_SETTLE_PERIODS * int(params[0]),
        formula="ema(close) +- multiplier * ema of the true range",
        source="Chester Keltner; the form of TradingView's ta.kc",
        talib="EMA",
    ),
    IndicatorSpec(
        name="vwap",
        title="Volume-weighted average price of the session day",
        inputs=(
            InputSpec(name="source", price="hlc3", replaceable=True),
            InputSpec(name="volume", price="volume"),
        ),
        outputs=SAME,
        first_value=at_once,
        settle_sessions=1,
        reads_sessions=True,
        formula="sum(x * volume) / sum(volume) since the session day began; undefined while no volume traded",
    ),
    IndicatorSpec(
        name="supertrend",
        title="Supertrend",
        inputs=BARS,
        parameters=(
            ParameterSpec(name="factor", low=0.001, high=100, default=3, integer=False),
            period(10),
        ),
        outputs=(OutputSpec(name="line", kind="price"), OutputSpec(name="direction")),
        first_value=lambda params, _output: int(params[1]) - 1,
        settle=lambda params: WILDER_SETTLE_PERIODS * int(params[1]),
        formula="hl2 +- factor * atr, tightened only, until the close passes it; direction 1 up, -1 down",
        differs="direction: TradingView has -1 for up",
    ),
    IndicatorSpec(
        name="sma_legacy",
        title="Simple moving average of the first server",
        parameters=(period(),),
        outputs=SAME,
        formula="pandas rolling(n).mean()",
        talib="SMA",
        source="first SPtraderB server",
    ),
    IndicatorSpec(
        name="ema_legacy",
        title="Exponential moving average of the first server",
        parameters=(period(name="span"),),
        outputs=SAME,
        settle=ema_seed,
        formula="pandas ewm(span=n, adjust=False).mean() from the first loaded value; rules wait n - 1 bars",
        source="first SPtraderB server",
    ),
)
"""The indicators that most strategies are made of, and the first server's averages."""
