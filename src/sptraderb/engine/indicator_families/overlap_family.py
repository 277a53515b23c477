"""Averages and levels that lie over the price: TA-Lib's overlap studies and price transforms."""

from sptraderb.engine.indicator_families.family_parts import (
    BARS,
    EMA_SETTLE_PERIODS,
    HIGH_LOW,
    OPEN_BARS,
    PRICE,
    SAME,
    WILDER_SETTLE_PERIODS,
    at_once,
    factor,
    outputs,
    period,
)
from sptraderb.engine.indicator_spec import IndicatorSpec, Parameters

KAMA_SLOWEST = 3_320
"""Bars until a seed weighs less than 1e-6 where prices do not trend at all: weight (2 / 31)^2 a bar."""
CYCLE_SETTLE = 300
SAR_SETTLE = 100

_NO_BUILT_IN = "TradingView has it as a script of its users only"


def _mama_seed(params: Parameters) -> int:
    """Add the slowest weight of fama, half of mama's, to the cycle measurement's own seed."""
    return CYCLE_SETTLE + int(2 * WILDER_SETTLE_PERIODS / min(params)) + 1


OVERLAP = (
    IndicatorSpec(
        name="dema",
        title="Double exponential moving average",
        parameters=(period(),),
        outputs=SAME,
        first_value=lambda params, _output: 2 * (int(params[0]) - 1),
        settle=lambda params: 2 * EMA_SETTLE_PERIODS * int(params[0]),
        formula="2 * ema - ema of the ema",
        source="Patrick Mulloy, 1994",
        talib="DEMA",
    ),
    IndicatorSpec(
        name="tema",
        title="Triple exponential moving average",
        parameters=(period(),),
        outputs=SAME,
        first_value=lambda params, _output: 3 * (int(params[0]) - 1),
        settle=lambda params: 3 * EMA_SETTLE_PERIODS * int(params[0]),
        formula="3 * ema - 3 * ema of the ema + ema of the ema of the ema",
        source="Patrick Mulloy, 1994",
        talib="TEMA",
    ),
    IndicatorSpec(
        name="trima",
        title="Triangular moving average",
        parameters=(period(),),
        outputs=SAME,
        formula="mean of the last n values, weights rising by one to the middle and falling after it",
        talib="TRIMA",
        differs=_NO_BUILT_IN,
    ),
    IndicatorSpec(
        name="kama",
        title="Kaufman's adaptive moving average",
        parameters=(period(10, low=2),),
        outputs=SAME,
        first_value=lambda params, _output: int(params[0]),
        settle=lambda _params: KAMA_SLOWEST,
        formula=(
            "previous + c * (x - previous) from x[1] at bar n; c = (e * (2/3 - 2/31) + 2/31)^2, "
            "e = |x - x[n]| / sum of the last n |changes|"
        ),
        source="Perry Kaufman, 1995",
        talib="KAMA",
        differs=f"{_NO_BUILT_IN}; the settling is the worst case of prices that go nowhere",
    ),
    IndicatorSpec(
        name="t3",
        title="Tillson's T3 average",
        parameters=(period(5), factor("volume_factor", 0.7, low=0, high=1)),
        outputs=SAME,
        first_value=lambda params, _output: 6 * (int(params[0]) - 1),
        settle=lambda params: 6 * EMA_SETTLE_PERIODS * int(params[0]),
        formula="(1 + v) * e - v * ema(e) applied three times, e = ema; v the volume factor",
        source="Tim Tillson, 1998",
        talib="T3",
        differs=_NO_BUILT_IN,
    ),
    IndicatorSpec(
        name="mama",
        title="MESA adaptive moving average",
        parameters=(
            factor("fast_limit", 0.5, low=0.01, high=0.99),
            factor("slow_limit", 0.05, low=0.01, high=0.99),
        ),
        outputs=outputs("mama", "fama", kind="source"),
        first_value=lambda _params, _output: 32,
        settle=_mama_seed,
        formula="a mean weighted by the change of the Hilbert phase, within the limits; fama follows it",
        source="John Ehlers, 2001",
        talib="MAMA",
        differs=_NO_BUILT_IN,
    ),
    IndicatorSpec(
        name="ht_trendline",
        title="Instantaneous trend line of the Hilbert transform",
        outputs=SAME,
        first_value=lambda _params, _output: 63,
        settle=lambda _params: CYCLE_SETTLE,
        formula="mean of x over the dominant cycle, smoothed by (4, 3, 2, 1) / 10",
        source="John Ehlers, 2001",
        talib="HT_TRENDLINE",
        differs=f"{_NO_BUILT_IN}; the settling is measured",
    ),
    IndicatorSpec(
        name="midpoint",
        title="Middle of the last n values",
        parameters=(period(14, low=2),),
        outputs=SAME,
        formula="(highest(x, n) + lowest(x, n)) / 2",
        talib="MIDPOINT",
    ),
    IndicatorSpec(
        name="midprice",
        title="Middle of the range of the last n bars",
        inputs=HIGH_LOW,
        parameters=(period(14, low=2),),
        outputs=PRICE,
        formula="(highest high + lowest low) / 2",
        talib="MIDPRICE",
    ),
    IndicatorSpec(
        name="sar",
        title="Parabolic stop and reverse",
        inputs=HIGH_LOW,
        parameters=(factor("acceleration", 0.02, high=1), factor("maximum", 0.2, high=1)),
        outputs=PRICE,
        first_value=lambda _params, _output: 1,
        settle=lambda _params: SAR_SETTLE,
        formula="previous + a * (extreme - previous); a grows by the acceleration at each new extreme",
        source="J. Welles Wilder, 1978",
        talib="SAR",
        differs="the direction of the first bar; equal from the first reversal both have (settling measured)",
    ),
    IndicatorSpec(
        name="avgprice",
        title="Mean of the bar's four prices",
        inputs=OPEN_BARS,
        outputs=PRICE,
        first_value=at_once,
        formula="(open + high + low + close) / 4, the price `ohlc4`",
        talib="AVGPRICE",
    ),
    IndicatorSpec(
        name="medprice",
        title="Middle of the bar's range",
        inputs=HIGH_LOW,
        outputs=PRICE,
        first_value=at_once,
        formula="(high + low) / 2, the price `hl2`",
        talib="MEDPRICE",
    ),
    IndicatorSpec(
        name="typprice",
        title="Typical price",
        inputs=BARS,
        outputs=PRICE,
        first_value=at_once,
        formula="(high + low + close) / 3, the price `hlc3`",
        talib="TYPPRICE",
    ),
    IndicatorSpec(
        name="wclprice",
        title="Price weighted to the close",
        inputs=BARS,
        outputs=PRICE,
        first_value=at_once,
        formula="(high + low + 2 * close) / 4",
        talib="WCLPRICE",
    ),
)
"""Averages of one series, parabolic stops and price transforms."""
