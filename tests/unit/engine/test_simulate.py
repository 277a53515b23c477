"""What `simulate` does around the walk: progress, cancel, refusals, and the shape of its outcome."""

from dataclasses import replace

import numpy as np
import pytest

from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, CandleSide
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.outcome import (
    EVENT_COLUMNS,
    LEDGER_COLUMNS,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    LedgerKind,
)
from sptraderb.domain.outcome_differences import outcome_differences
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.domain.timeframe import H1
from sptraderb.engine.kernels import codes
from sptraderb.engine.simulate import simulate
from sptraderb.errors import InvalidInput, MoneyOverflow
from sptraderb.testing.random_runs import random_candles

EURUSD = SEEDED_INSTRUMENTS["EURUSD"]
CANDLES = random_candles(EURUSD, seed=1, n_bars=100)
TERMS = Terms(money_decimals=6, capital_minor=10**10, margin_rate_ppb=33_333_333)
SIZE = SizeRule(kind=SizeKind.UNITS, amount=1000 * 10**9)
PLAN = Plan(name="p", nodes=(), entries=(EntryRule(name="l", side=1, when=0, size=SIZE, exits=ExitRules()),))


def entering_at(bar: int, n_bars: int = 100) -> Signals:
    """Return signals with one entry."""
    condition = np.zeros(n_bars, dtype=np.bool_)
    condition[bar : bar + 1] = True
    allowed = np.ones(n_bars, dtype=np.bool_)
    return Signals(conditions={0: condition}, levels={}, entry_allowed=allowed, ready_bar=0)


def test_entry_when_decided_at_a_close_then_fills_at_the_next_open() -> None:
    """A condition true on bar t fills at the open of t + 1, at the ask; the deposit comes first (T1, X1)."""
    outcome = simulate(PLAN, CANDLES, entering_at(10), replace(TERMS, spread_ticks=8, commission_ppb=20_000))
    held = outcome.open_position
    assert held is not None
    assert held.entry_bar == 11
    assert held.entry_reference_ticks == CANDLES.open_ticks[11]
    assert held.entry_price_ticks == CANDLES.open_ticks[11] + 8
    commission = round(held.entry_price_ticks * 1000 * 10 * 20_000 / 10**9)
    assert outcome.ledger.tolist() == [
        [1, LedgerKind.DEPOSIT, 10**10, -1],
        [11, LedgerKind.SPREAD, -8 * 1000 * 10, 0],
        [11, LedgerKind.COMMISSION, -commission, 0],
    ]
    assert outcome.exposed.tolist() == [False] * 11 + [True] * 89


def test_progress_when_chunks_are_walked_then_told_after_each() -> None:
    """Progress names bars done and bars in all, once a chunk, the last one complete."""
    told: list[tuple[int, int]] = []
    simulate(
        PLAN,
        CANDLES,
        entering_at(3),
        TERMS,
        on_progress=lambda done, total: told.append((done, total)),
        chunk_bars=40,
    )
    assert told == [(40, 100), (80, 100), (100, 100)]


def test_run_when_stopped_before_it_begins_then_it_is_empty() -> None:
    """A run cancelled at once has walked nothing and holds its deposit."""
    outcome = simulate(PLAN, CANDLES, entering_at(3), TERMS, should_stop=lambda: True)
    assert outcome.n_bars_done == 0
    assert len(outcome.equity_minor) == 0
    assert outcome.balance_minor == 10**10


def test_candles_when_none_then_only_the_deposit() -> None:
    """No bars are a run without events."""
    outcome = simulate(PLAN, CANDLES.sliced(0, 0), entering_at(0, 0), TERMS)
    assert outcome.ledger.tolist() == [[0, LedgerKind.DEPOSIT, 10**10, -1]]
    assert outcome.first_tradable_bar == 0


def test_short_when_candles_hold_both_sides_then_ask_is_paid_and_marked() -> None:
    """X5, M6: a short entered at the bid is marked at the ask; the spread stated is not read."""
    columns = {"time_s": CANDLES.time_s}
    for name, ask in zip(PRICE_COLUMNS, ASK_COLUMNS, strict=True):
        columns |= {name: getattr(CANDLES, name), ask: getattr(CANDLES, name) + 3}
    both = Candles.from_columns(columns, instrument=replace(EURUSD, side=CandleSide.BOTH), timeframe=H1)
    short = replace(PLAN, entries=(replace(PLAN.entries[0], side=-1),))
    derived = simulate(short, CANDLES, entering_at(3), replace(TERMS, spread_ticks=3, close_at_end=True))
    outcome = simulate(short, both, entering_at(3), replace(TERMS, spread_ticks=99, close_at_end=True))
    assert outcome_differences(outcome, derived) == ()


def test_costs_when_larger_than_a_price_then_refused() -> None:
    """Spread and slippage that could bring a fill to zero are refused before the walk."""
    with pytest.raises(InvalidInput) as caught:
        simulate(PLAN, CANDLES, entering_at(3), replace(TERMS, slippage_ticks=10**6))
    assert caught.value.code == "costs.exceed_price"


@pytest.mark.parametrize("amount", [10**27, 2**63 * 10**9])
def test_size_when_it_leaves_64_bits_then_an_error_and_never_a_wrap(amount: int) -> None:
    """A size that does not fit is `money.overflow` (M3)."""
    rule = replace(PLAN.entries[0], size=SizeRule(kind=SizeKind.UNITS, amount=amount))
    with pytest.raises(MoneyOverflow) as caught:
        simulate(
            replace(PLAN, entries=(rule,)),
            CANDLES,
            entering_at(3),
            replace(TERMS, slippage_ticks=10**4, margin_rate_ppb=1, capital_minor=2**62),
        )
    assert caught.value.code == "money.overflow"


def test_tables_when_read_by_name_then_columns_are_where_the_kernel_writes() -> None:
    """The widths of the kernel's rows are those of the outcome's columns."""
    widths = (codes.TRADE_WIDTH, codes.LEDGER_WIDTH, codes.ORDER_WIDTH, codes.EVENT_WIDTH)
    assert widths == tuple(map(len, (TRADE_COLUMNS, LEDGER_COLUMNS, ORDER_COLUMNS, EVENT_COLUMNS)))


def test_inputs_when_writable_or_not_then_one_kernel_serves() -> None:
    """Candles and signals of any flags run the kernel that is already compiled."""
    from sptraderb.engine.kernels.bars import walk_bars_nb

    simulate(PLAN, CANDLES, entering_at(3), TERMS)
    columns = {name: getattr(CANDLES, name).copy() for name in ("time_s", *PRICE_COLUMNS)}
    loose = Candles(instrument=EURUSD, timeframe=H1, volume=CANDLES.volume.copy(), **columns)
    simulate(PLAN, loose, entering_at(3), TERMS)
    simulate(PLAN, CANDLES.sliced(7, 60), entering_at(3, 53), TERMS)
    assert len(walk_bars_nb.signatures) == 1
