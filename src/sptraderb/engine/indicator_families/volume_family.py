"""Indicators of price and volume."""

from sptraderb.engine.indicator_families.family_parts import (
    BARS,
    EMA_SETTLE_PERIODS,
    SAME,
    SOURCE,
    TYPICAL,
    VOLUME,
    after_window,
    at_once,
    period,
)
from sptraderb.engine.indicator_spec import IndicatorSpec, Parameters

_BARS_VOLUME = (*BARS, VOLUME)
_NO_VOLUME = "nothing: undefined where no volume traded in the window"


def _slow_window(params: Parameters, _output: str) -> int:
    return int(max(params)) - 1


VOLUMES = (
    IndicatorSpec(
        name="ad",
        title="Accumulation and distribution line",
        inputs=_BARS_VOLUME,
        first_value=at_once,
        formula="running sum of volume * ((close - low) - (high - close)) / (high - low), 0 without a range",
        source="Marc Chaikin",
        talib="AD",
        differs="counts from the first loaded bar: use its changes, not its level",
    ),
    IndicatorSpec(
        name="adosc",
        title="Chaikin oscillator",
        inputs=_BARS_VOLUME,
        parameters=(period(3, name="fast"), period(10, name="slow")),
        first_value=_slow_window,
        settle=lambda params: EMA_SETTLE_PERIODS * int(max(params)),
        formula="ema(ad, fast) - ema(ad, slow)",
        source="Marc Chaikin",
        talib="AD, EMA",
        differs="nothing; TA-Lib's ADOSC seeds its averages with the first value and is not used",
    ),
    IndicatorSpec(
        name="mfi",
        title="Money flow index",
        inputs=(TYPICAL, VOLUME),
        parameters=(period(14, low=2),),
        first_value=after_window,
        formula="100 * up / (up + down), sums of x * volume over n bars by whether x rose or fell",
        source="Gene Quong and Avrum Soudack, 1989",
        differs=(
            "undefined where no money flowed in the window (TA-Lib's MFI gives 0 below a flow of 1); "
            "TradingView counts the very first bar as a rise"
        ),
    ),
    IndicatorSpec(
        name="vwma",
        title="Volume-weighted moving average",
        inputs=(SOURCE, VOLUME),
        parameters=(period(20),),
        outputs=SAME,
        formula="sma(x * volume) / sma(volume)",
        talib="SMA",
        differs=_NO_VOLUME,
    ),
    IndicatorSpec(
        name="cmf",
        title="Chaikin money flow",
        inputs=_BARS_VOLUME,
        parameters=(period(20),),
        formula="sum of volume * ((close - low) - (high - close)) / (high - low) / sum of volume, n bars",
        source="Marc Chaikin",
        talib="SUM",
        differs=_NO_VOLUME,
    ),
)
"""Indicators that read the volume."""
