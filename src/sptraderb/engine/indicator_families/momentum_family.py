"""Momentum, volatility and directional movement: TA-Lib's oscillators of prices."""

from sptraderb.engine.indicator_families.family_parts import (
    BARS,
    DIFFERENCE,
    DISTANCE,
    EMA_SETTLE_PERIODS,
    HIGH_LOW,
    OPEN_BARS,
    WILDER_SETTLE_PERIODS,
    after_window,
    at_once,
    double_wilder_seed,
    ema_seed,
    outputs,
    period,
    wilder_seed,
)
from sptraderb.engine.indicator_spec import IndicatorSpec, Parameters

_WILDER = "J. Welles Wilder, 1978"
_SEEDED = "nothing; TA-Lib's own {} starts from other seeds and is not used"


def _slower_window(params: Parameters, _output: str) -> int:
    return int(max(params[0], params[1])) - 1


def _ultosc_first(params: Parameters, _output: str) -> int:
    return int(max(params))


def _stochf_first(params: Parameters, output: str) -> int:
    return int(params[0]) - 1 + (int(params[1]) - 1 if output == "d" else 0)


def _stochrsi_first(params: Parameters, output: str) -> int:
    rsi, window, k_smooth, d_period = (int(value) for value in params)
    k_first = rsi + window + k_smooth - 2
    return k_first if output == "k" else k_first + d_period - 1


OSCILLATORS = (
    IndicatorSpec(
        name="apo",
        title="Absolute price oscillator",
        parameters=(period(12, name="fast"), period(26, name="slow")),
        outputs=DIFFERENCE,
        first_value=_slower_window,
        settle=ema_seed,
        formula="ema(fast) - ema(slow)",
        differs=_SEEDED.format("APO"),
        talib="EMA",
    ),
    IndicatorSpec(
        name="ppo",
        title="Percentage price oscillator",
        parameters=(period(12, name="fast"), period(26, name="slow")),
        first_value=_slower_window,
        settle=ema_seed,
        formula="100 * (ema(fast) - ema(slow)) / ema(slow)",
        differs=_SEEDED.format("PPO"),
        talib="EMA",
    ),
    IndicatorSpec(
        name="aroon",
        title="Aroon",
        inputs=HIGH_LOW,
        parameters=(period(14, low=2),),
        outputs=outputs("up", "down"),
        first_value=after_window,
        formula="100 * (n - bars since the highest high (lowest low) of the last n + 1 bars) / n",
        source="Tushar Chande, 1995",
        talib="AROON",
    ),
    IndicatorSpec(
        name="aroonosc",
        title="Aroon oscillator",
        inputs=HIGH_LOW,
        parameters=(period(14, low=2),),
        first_value=after_window,
        formula="aroon up - aroon down",
        source="Tushar Chande, 1995",
        talib="AROONOSC",
    ),
    IndicatorSpec(
        name="bop",
        title="Balance of power",
        inputs=OPEN_BARS,
        first_value=at_once,
        formula="(close - open) / (high - low); 0 where the bar has no range",
        source="Igor Livshin, 2001",
        talib="BOP",
    ),
    IndicatorSpec(
        name="cmo",
        title="Chande momentum oscillator",
        parameters=(period(9, low=2),),
        first_value=after_window,
        formula="100 * (rises - falls) / (rises + falls), sums of the last n changes",
        source="Tushar Chande, 1994",
        talib="CMOU",
        differs="nothing; TA-Lib's CMO smooths as the RSI does, CMOU has Chande's sums",
    ),
    IndicatorSpec(
        name="rocp",
        title="Rate of change as a fraction",
        parameters=(period(10),),
        first_value=after_window,
        formula="(x - x[n]) / x[n]",
        talib="ROCP",
    ),
    IndicatorSpec(
        name="rocr",
        title="Rate of change as a ratio",
        parameters=(period(10),),
        first_value=after_window,
        formula="x / x[n]",
        talib="ROCR",
    ),
    IndicatorSpec(
        name="stochf",
        title="Fast stochastic oscillator",
        inputs=BARS,
        parameters=(period(5, name="k_period"), period(3, name="d_period")),
        outputs=outputs("k", "d"),
        first_value=_stochf_first,
        formula="k = 100 * (close - lowest low) / (highest high - lowest low); d = sma of k",
        source="George Lane",
        differs="undefined where the window has no range; TA-Lib's STOCHF gives 0 there",
    ),
    IndicatorSpec(
        name="stochrsi",
        title="Stochastic of the RSI",
        parameters=(
            period(14, name="rsi_period", low=2),
            period(14, name="k_period"),
            period(3, name="k_smooth"),
            period(3, name="d_period"),
        ),
        outputs=outputs("k", "d"),
        first_value=_stochrsi_first,
        settle=wilder_seed,
        formula="k = sma of 100 * (rsi - lowest rsi) / (highest rsi - lowest rsi); d = sma of k",
        source="Tushar Chande and Stanley Kroll, 1994",
        talib="RSI",
        differs="nothing; TA-Lib's STOCHRSI does not smooth k",
    ),
    IndicatorSpec(
        name="trix",
        title="Rate of change of a triple exponential average, in percent",
        parameters=(period(18),),
        first_value=lambda params, _output: 3 * (int(params[0]) - 1) + 1,
        settle=lambda params: 3 * EMA_SETTLE_PERIODS * int(params[0]),
        formula="100 * (e - e[1]) / e[1], e = ema of the ema of the ema",
        source="Jack Hutson, 1983",
        talib="TRIX",
        differs="TradingView takes 10000 * the change of the same averages of log(x)",
    ),
    IndicatorSpec(
        name="ultosc",
        title="Ultimate oscillator",
        inputs=BARS,
        parameters=(period(7, name="short"), period(14, name="middle"), period(28, name="long")),
        first_value=_ultosc_first,
        formula="100 * (4 * a + 2 * b + c) / 7, sums of buying pressure / true range, shortest first",
        source="Larry Williams, 1985",
        talib="ULTOSC",
        differs="nothing: undefined where the shortest window has no range; TA-Lib gives 0 there",
    ),
    IndicatorSpec(
        name="willr",
        title="Williams %R",
        inputs=BARS,
        parameters=(period(14),),
        formula="100 * (close - highest high) / (highest high - lowest low)",
        source="Larry Williams, 1973",
        differs="nothing: undefined where the window has no range; TA-Lib's WILLR gives 0 there",
    ),
)
"""Oscillators of momentum."""

DIRECTIONAL = (
    IndicatorSpec(
        name="adxr",
        title="Average directional index rating",
        inputs=BARS,
        parameters=(period(14, low=2),),
        first_value=lambda params, _output: 3 * int(params[0]) - 2,
        settle=double_wilder_seed,
        formula="(adx + adx[n - 1]) / 2",
        source=_WILDER,
        differs=_SEEDED.format("ADXR"),
    ),
    IndicatorSpec(
        name="dx",
        title="Directional movement index",
        inputs=BARS,
        parameters=(period(14, low=2),),
        first_value=after_window,
        settle=wilder_seed,
        formula="100 * |+DI - -DI| / (+DI + -DI)",
        source=_WILDER,
        differs=_SEEDED.format("DX"),
    ),
    IndicatorSpec(
        name="plus_di",
        title="Upward directional indicator",
        inputs=BARS,
        parameters=(period(14, low=2),),
        first_value=after_window,
        settle=wilder_seed,
        formula="100 * Wilder mean of +DM / Wilder mean of the true range",
        source=_WILDER,
        differs=_SEEDED.format("PLUS_DI"),
    ),
    IndicatorSpec(
        name="minus_di",
        title="Downward directional indicator",
        inputs=BARS,
        parameters=(period(14, low=2),),
        first_value=after_window,
        settle=wilder_seed,
        formula="100 * Wilder mean of -DM / Wilder mean of the true range",
        source=_WILDER,
        differs=_SEEDED.format("MINUS_DI"),
    ),
    IndicatorSpec(
        name="plus_dm",
        title="Upward directional movement",
        inputs=HIGH_LOW,
        parameters=(period(14),),
        outputs=DISTANCE,
        first_value=after_window,
        settle=wilder_seed,
        formula="Wilder mean of +DM: high - high[1] where it is above 0 and above low[1] - low, else 0",
        source=_WILDER,
        differs="nothing; TA-Lib's PLUS_DM is the sum, about n times as much",
    ),
    IndicatorSpec(
        name="minus_dm",
        title="Downward directional movement",
        inputs=HIGH_LOW,
        parameters=(period(14),),
        outputs=DISTANCE,
        first_value=after_window,
        settle=wilder_seed,
        formula="Wilder mean of -DM: low[1] - low where it is above 0 and above high - high[1], else 0",
        source=_WILDER,
        differs="nothing; TA-Lib's MINUS_DM is the sum, about n times as much",
    ),
    IndicatorSpec(
        name="trange",
        title="True range",
        inputs=BARS,
        outputs=DISTANCE,
        first_value=at_once,
        settle=lambda _params: 1,
        formula="max(high - low, |high - close[1]|, |low - close[1]|); high - low on the first bar",
        source=_WILDER,
    ),
    IndicatorSpec(
        name="natr",
        title="Average true range in percent of the close",
        inputs=BARS,
        parameters=(period(14),),
        settle=lambda params: WILDER_SETTLE_PERIODS * int(params[0]),
        formula="100 * atr / close",
        source="John Forman, 2006",
    ),
)
"""Directional movement and true range."""
