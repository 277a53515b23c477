"""Where each bar opens at the close before it, fills on close are those of the next open."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.outcome import EVENT_COLUMNS, TRADE_COLUMNS, EventCode, Outcome
from sptraderb.domain.plan import RiskLimits
from sptraderb.domain.profile import TRADINGVIEW, TRADINGVIEW_ON_CLOSE, Profile
from sptraderb.engine.simulate import simulate
from sptraderb.errors import InvalidInput, MoneyOverflow
from sptraderb.testing.random_runs import RandomRun
from sptraderb.testing.resting_runs import resting_runs

_SAME = [
    TRADE_COLUMNS.index(name)
    for name in (
        "side",
        "entry_rule",
        "quantity_steps",
        "entry_price_ticks",
        "exit_price_ticks",
        "entry_reference_ticks",
        "exit_reference_ticks",
        "initial_stop_ticks",
        "exit_level_ticks",
        "exit_reason",
        "price_pnl_minor",
        "net_pnl_minor",
        "mae_ticks",
        "mfe_ticks",
    )
]
_ENDS = (EventCode.RUINED, EventCode.MARGIN_CALL)


def _joined(columns: list[Int64Array]) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return open, high and low where each bar opens at the close before it."""
    first, high, low, close = columns
    opens = np.concatenate([first[:1], close[:-1]])
    return opens, np.maximum(high, opens), np.minimum(low, opens)


def _without_gaps(candles: Candles) -> Candles:
    changed = {}
    for side in ("", "ask_"):
        names = [f"{side}{price}_ticks" for price in ("open", "high", "low", "close")]
        columns = [getattr(candles, name) for name in names]
        if columns[0] is not None:
            changed |= dict(zip(names, _joined(columns), strict=False))
    return replace(candles, **changed)


def _by(run: RandomRun, profile: Profile) -> Outcome | None:
    """Return the outcome under a profile; None where a number left 64 bits, cash ran out or margin called."""
    try:
        terms = replace(run.terms, profile=profile)
        outcome = simulate(run.plan, run.candles, run.signals, terms)
    except (MoneyOverflow, InvalidInput):
        return None
    return None if np.isin(outcome.events[:, EVENT_COLUMNS.index("code")], _ENDS).any() else outcome


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(run=resting_runs(), data=st.data())
def test_trades_when_bars_join_then_those_on_close_are_those_at_the_next_open(
    run: RandomRun, data: st.DataObject
) -> None:
    """Fills on close change times alone, but for the fills of the last close (X1 to X4, X11, X15).

    Left out is what counts bars from the fill, what is judged between close and open, and costs of the night.
    """
    entries = tuple(
        replace(rule, exits=replace(rule.exits, max_bars=0, max_duration_s=0, live_from_next_bar=False))
        for rule in run.plan.entries
    )
    terms = replace(
        run.terms,
        risk=RiskLimits(max_position_size_ppb=run.terms.risk.max_position_size_ppb),
        margin_rate_ppb=data.draw(st.sampled_from((1_000_000, 10_000_000))),
        slippage_range_ppb=0,
        limit_through_ticks=0,
        close_at_end=False,
    )
    run = replace(
        run, plan=replace(run.plan, entries=entries), candles=_without_gaps(run.candles), terms=terms
    )
    at_open, on_close = _by(run, TRADINGVIEW), _by(run, TRADINGVIEW_ON_CLOSE)
    if at_open is None or on_close is None:
        return
    n_trades = len(at_open.trades)
    np.testing.assert_array_equal(at_open.trades[:, _SAME], on_close.trades[:n_trades, _SAME])
    later = on_close.trades[n_trades:, TRADE_COLUMNS.index("exit_bar")]
    assert (later == len(run.candles) - 1).all()
