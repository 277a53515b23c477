"""TA-Lib's candlestick patterns: one row of the table each."""

from sptraderb.engine.indicator_families.family_parts import OPEN_BARS, factor
from sptraderb.engine.indicator_spec import IndicatorSpec, Parameters

_FORMULA = "100 where the pattern is bullish, -100 where it is bearish, 0 where there is none"
_CONFIRMED = f"{_FORMULA}; 200 and -200 where a later bar confirms it"
_TOUCHING = f"{_FORMULA}; 80 and -80 where the bodies share one end"
_DIFFERS = "TradingView's patterns have other thresholds"
_SOURCE = "TA-Lib; patterns of Steve Nison and Thomas Bulkowski"

# TA-Lib's name after CDL, what it is, its first value, the default penetration of those that have one
_TABLE: tuple[tuple[str, str, int, float | None], ...] = (
    ("2CROWS", "two crows", 12, None),
    ("3BLACKCROWS", "three black crows", 13, None),
    ("3INSIDE", "three inside up/down", 12, None),
    ("3LINESTRIKE", "three-line strike", 8, None),
    ("3OUTSIDE", "three outside up/down", 3, None),
    ("3STARSINSOUTH", "three stars in the south", 12, None),
    ("3WHITESOLDIERS", "three advancing white soldiers", 12, None),
    ("ABANDONEDBABY", "abandoned baby", 12, 0.3),
    ("ADVANCEBLOCK", "advance block", 12, None),
    ("BELTHOLD", "belt-hold", 10, None),
    ("BREAKAWAY", "breakaway", 14, None),
    ("CLOSINGMARUBOZU", "closing marubozu", 10, None),
    ("CONCEALBABYSWALL", "concealing baby swallow", 13, None),
    ("COUNTERATTACK", "counterattack", 11, None),
    ("DARKCLOUDCOVER", "dark cloud cover", 11, 0.5),
    ("DOJI", "doji", 10, None),
    ("DOJISTAR", "doji star", 11, None),
    ("DRAGONFLYDOJI", "dragonfly doji", 10, None),
    ("ENGULFING", "engulfing pattern", 2, None),
    ("EVENINGDOJISTAR", "evening doji star", 12, 0.3),
    ("EVENINGSTAR", "evening star", 12, 0.3),
    ("GAPSIDESIDEWHITE", "up/down-gap side-by-side white lines", 7, None),
    ("GRAVESTONEDOJI", "gravestone doji", 10, None),
    ("HAMMER", "hammer", 11, None),
    ("HANGINGMAN", "hanging man", 11, None),
    ("HARAMI", "harami pattern", 11, None),
    ("HARAMICROSS", "harami cross pattern", 11, None),
    ("HIGHWAVE", "high-wave candle", 10, None),
    ("HIKKAKE", "hikkake pattern", 5, None),
    ("HIKKAKEMOD", "modified hikkake pattern", 10, None),
    ("HOMINGPIGEON", "homing pigeon", 11, None),
    ("IDENTICAL3CROWS", "identical three crows", 12, None),
    ("INNECK", "in-neck pattern", 11, None),
    ("INVERTEDHAMMER", "inverted hammer", 11, None),
    ("KICKING", "kicking", 11, None),
    ("KICKINGBYLENGTH", "kicking - bull/bear determined by the longer marubozu", 11, None),
    ("LADDERBOTTOM", "ladder bottom", 14, None),
    ("LONGLEGGEDDOJI", "long legged doji", 10, None),
    ("LONGLINE", "long line candle", 10, None),
    ("MARUBOZU", "marubozu", 10, None),
    ("MATCHINGLOW", "matching low", 6, None),
    ("MATHOLD", "mat hold", 14, 0.5),
    ("MORNINGDOJISTAR", "morning doji star", 12, 0.3),
    ("MORNINGSTAR", "morning star", 12, 0.3),
    ("ONNECK", "on-neck pattern", 11, None),
    ("PIERCING", "piercing pattern", 11, None),
    ("RICKSHAWMAN", "rickshaw man", 10, None),
    ("RISEFALL3METHODS", "rising/falling three methods", 14, None),
    ("SEPARATINGLINES", "separating lines", 11, None),
    ("SHOOTINGSTAR", "shooting star", 11, None),
    ("SHORTLINE", "short line candle", 10, None),
    ("SPINNINGTOP", "spinning top", 10, None),
    ("STALLEDPATTERN", "stalled pattern", 12, None),
    ("STICKSANDWICH", "stick sandwich", 7, None),
    ("TAKURI", "takuri (dragonfly doji with very long lower shadow)", 10, None),
    ("TASUKIGAP", "tasuki gap", 7, None),
    ("THRUSTING", "thrusting pattern", 11, None),
    ("TRISTAR", "tristar pattern", 12, None),
    ("UNIQUE3RIVER", "unique 3 river", 12, None),
    ("UPSIDEGAP2CROWS", "upside gap two crows", 12, None),
    ("XSIDEGAP3METHODS", "upside/downside gap three methods", 2, None),
)


def _formula(name: str) -> str:
    if name.startswith("HIKKAKE"):
        return _CONFIRMED
    return _TOUCHING if name in ("ENGULFING", "HARAMI", "HARAMICROSS") else _FORMULA


def _spec(name: str, title: str, first: int, penetration: float | None) -> IndicatorSpec:
    def first_value(_params: Parameters, _output: str) -> int:
        return first

    return IndicatorSpec(
        name=f"cdl{name.lower()}",
        title=f"Candlestick pattern: {title}",
        inputs=OPEN_BARS,
        parameters=() if penetration is None else (factor("penetration", penetration, low=0, high=10),),
        first_value=first_value,
        formula=_formula(name),
        source=_SOURCE,
        talib=f"CDL{name}",
        differs=_DIFFERS,
    )


CANDLESTICKS = tuple(_spec(*row) for row in _TABLE)
"""Every candlestick pattern of TA-Lib."""
