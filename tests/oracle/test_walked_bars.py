"""Finer candles decide what a bar alone leaves unknown, in both engines (X6, X14)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import ticks_from_text
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.timeframe import M15
from sptraderb.engine.simulate import simulate
from sptraderb.oracle.replay import replay
from sptraderb.testing.known_answers import KnownAnswer, case_from

_FIRST = ["1.10150 1.10200 1.10110 1.10130", *["1.10130 1.10130 1.10130 1.10130"] * 3]
# A quarter of an hour each: bar 2 rises through 1.10250 first, then falls through 1.10080.
_UP_FIRST = [
    "1.10130 1.10260 1.10120 1.10240",
    "1.10240 1.10240 1.10150 1.10160",
    "1.10160 1.10160 1.10070 1.10090",
    "1.10090 1.10200 1.10090 1.10200",
]


def _case(expect: dict[str, object]) -> KnownAnswer:
    return case_from(
        {
            "name": "walked",
            "rules": ["X6", "X14"],
            "source": "EXECUTION X6",
            "worked": "bought at 1.10150, target 1.10250; sell stop of bar 1 at 1.10080; bar 2 reaches both",
            "bars": [
                "1.10000 1.10300 1.09900 1.10150",
                "1.10150 1.10200 1.10110 1.10130",
                "1.10130 1.10260 1.10070 1.10200",
            ],
            "long_now": [0],
            "short": [1],
            "short_stop": {1: 1.1008},
            "take_profit": "100 ticks",
            "expect": expect,
        }
    )


def _finer(candles: Candles, bars: list[str]) -> Candles:
    """Return quarter hours of bars 1 and 2."""
    prices = np.array([[ticks_from_text(word, 5) for word in bar.split()] for bar in bars], dtype=np.int64)
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    times = int(candles.time_s[1]) + M15.seconds * np.arange(len(bars), dtype=np.int64)
    columns = {"time_s": times, **dict(zip(names, prices.T, strict=True))}
    return Candles.from_columns(columns, instrument=candles.instrument, timeframe=M15)


@pytest.mark.parametrize("engine", [replay, simulate], ids=["oracle", "engine"])
def test_bar_when_walked_then_the_target_comes_first_and_the_entry_after_it(
    engine: Callable[..., Outcome],
) -> None:
    """+1.00 at 1.10250, certain; then the sell stop fills from flat at 1.10080: -1.20 at the close."""
    case = _case(
        {
            "equity": ["10000.00", "9999.80", "9999.80"],
            "held_steps": [0, 1000, -1000],
            "trades": [
                {"exit_bar": 2, "exit_reason": "take_profit", "net_pnl_minor": "1.00", "ambiguous": 0}
            ],
        }
    )
    finer = _finer(case.candles, _FIRST + _UP_FIRST)
    outcome = engine(case.plan, case.candles, case.signals, case.terms, finer=finer)
    assert case.answers(outcome) == dict(case.expected)


@pytest.mark.parametrize("engine", [replay, simulate], ids=["oracle", "engine"])
def test_bar_when_finer_candles_do_not_make_it_up_then_it_is_not_walked(
    engine: Callable[..., Outcome],
) -> None:
    """A finer high of a tick more is not believed: the long is reversed at 1.10080, -0.70, ambiguous."""
    case = _case(
        {"trades": [{"exit_bar": 2, "exit_reason": "reversal", "net_pnl_minor": "-0.70", "ambiguous": 1}]}
    )
    broken = ["1.10130 1.10261 1.10120 1.10240", *_UP_FIRST[1:]]
    outcome = engine(
        case.plan, case.candles, case.signals, case.terms, finer=_finer(case.candles, _FIRST + broken)
    )
    assert case.answers(outcome) == dict(case.expected)


@pytest.mark.parametrize("engine", [replay, simulate], ids=["oracle", "engine"])
@pytest.mark.parametrize(
    ("profile", "reason", "net", "held"),
    [("tradingview", "reversal", "-0.70", -1000), ("tradingview_magnifier", "take_profit", "1.00", -2000)],
)
def test_bar_when_magnified_then_finer_bars_replace_its_assumed_way(
    engine: Callable[..., Outcome], profile: str, reason: str, net: str, held: int
) -> None:
    """The low 1.10070 is nearer to the open than the high: assumed first it reverses, walked not (X6).

    Walked the target comes first, +1.00, and the sell stop, placed for 1000 and the 1000 then held, opens
    2000 (X11).
    """
    case = _case({"trades": [{"exit_bar": 2, "exit_reason": reason, "net_pnl_minor": net, "ambiguous": 0}]})
    finer = _finer(case.candles, _FIRST + _UP_FIRST)
    terms = replace(case.terms, profile=PROFILES[profile])
    outcome = engine(case.plan, case.candles, case.signals, terms, finer=finer)
    assert case.answers(outcome) == dict(case.expected)
    assert int(outcome.held_steps[-1]) == held
    assert outcome.n_walked_bars == int(profile == "tradingview_magnifier") * 2
