"""Statistics of windows and the cycle measurements of the Hilbert transform."""

from sptraderb.engine.indicator_families.family_parts import DIFFERENCE, SAME, after_window, outputs, period
from sptraderb.engine.indicator_spec import CLOSE_INPUT, IndicatorSpec, InputSpec, Parameters

_SETTLE = 300
_EHLERS = "John Ehlers, 2001"
_CYCLE_DIFFERS = "TradingView has it as a script of its users only; the settling is measured"
_PAIR = (CLOSE_INPUT[0], InputSpec(name="other", price="open", replaceable=True))


def _cycle(_params: Parameters) -> int:
    return _SETTLE


STATISTICS = (
    IndicatorSpec(
        name="beta",
        title="Beta of two series",
        inputs=_PAIR,
        parameters=(period(20, low=2),),
        first_value=after_window,
        formula="covariance / variance of the last n relative changes: those of the other on those of x",
        talib="BETA",
    ),
    IndicatorSpec(
        name="correl",
        title="Correlation of two series",
        inputs=_PAIR,
        parameters=(period(20, low=2),),
        formula="Pearson's r of the last n values",
        talib="CORREL",
    ),
    IndicatorSpec(
        name="linearreg",
        title="End of the least-squares line",
        parameters=(period(14, low=2),),
        outputs=SAME,
        formula="value of the least-squares line through the last n values at this bar",
        talib="LINEARREG",
    ),
    IndicatorSpec(
        name="linearreg_slope",
        title="Slope of the least-squares line",
        parameters=(period(14, low=2),),
        outputs=DIFFERENCE,
        formula="change per bar of the least-squares line through the last n values",
        talib="LINEARREG_SLOPE",
    ),
    IndicatorSpec(
        name="linearreg_angle",
        title="Angle of the least-squares line",
        parameters=(period(14, low=2),),
        formula="arc tangent of the slope, in degrees; of the price's unit, so near 0 where prices are small",
        talib="LINEARREG_ANGLE",
    ),
    IndicatorSpec(
        name="linearreg_intercept",
        title="Beginning of the least-squares line",
        parameters=(period(14, low=2),),
        outputs=SAME,
        formula="value of the least-squares line through the last n values at the window's first bar",
        talib="LINEARREG_INTERCEPT",
    ),
    IndicatorSpec(
        name="tsf",
        title="Time series forecast",
        parameters=(period(14, low=2),),
        outputs=SAME,
        formula="the least-squares line through the last n values, drawn on to the next bar",
        talib="TSF",
    ),
    IndicatorSpec(
        name="var",
        title="Variance of the population",
        parameters=(period(20, low=2),),
        formula="mean squared distance from the mean of the last n values",
        talib="VAR",
    ),
)
"""Statistics of windows."""

CYCLES = (
    IndicatorSpec(
        name="ht_dcperiod",
        title="Dominant cycle period",
        first_value=lambda _params, _output: 32,
        settle=_cycle,
        formula="bars of the dominant cycle by the Hilbert transform, smoothed, 6 to 50",
        source=_EHLERS,
        talib="HT_DCPERIOD",
        differs=_CYCLE_DIFFERS,
    ),
    IndicatorSpec(
        name="ht_dcphase",
        title="Dominant cycle phase",
        first_value=lambda _params, _output: 63,
        settle=_cycle,
        formula="phase of the dominant cycle in degrees, -45 to 315",
        source=_EHLERS,
        talib="HT_DCPHASE",
        differs=_CYCLE_DIFFERS,
    ),
    IndicatorSpec(
        name="ht_phasor",
        title="Phasor of the dominant cycle",
        outputs=outputs("inphase", "quadrature"),
        first_value=lambda _params, _output: 32,
        settle=_cycle,
        formula="in-phase and quadrature part of the detrended series by the Hilbert transform",
        source=_EHLERS,
        talib="HT_PHASOR",
        differs=_CYCLE_DIFFERS,
    ),
    IndicatorSpec(
        name="ht_sine",
        title="Sine of the dominant cycle phase",
        outputs=outputs("sine", "lead"),
        first_value=lambda _params, _output: 63,
        settle=_cycle,
        formula="sine = sin(phase); lead = sin(phase + 45 degrees)",
        source=_EHLERS,
        talib="HT_SINE",
        differs=_CYCLE_DIFFERS,
    ),
    IndicatorSpec(
        name="ht_trendmode",
        title="Trend or cycle",
        first_value=lambda _params, _output: 63,
        settle=_cycle,
        formula="1 while prices trend, 0 while they follow the dominant cycle",
        source=_EHLERS,
        talib="HT_TRENDMODE",
        differs=_CYCLE_DIFFERS,
    ),
)
"""Cycle measurements."""
