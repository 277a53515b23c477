"""Stored columns give back every value, page by page, and the digest covers every table."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from sptraderb.domain import result_columns
from sptraderb.domain.digest import outcome_digest
from sptraderb.domain.equity_curve import thinned_bars
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.result_columns import (
    RESULT_TABLES,
    ROWS_PER_CHUNK,
    STORED_COLUMNS,
    Units,
    column_chunks,
    read_columns,
    table_columns,
    table_rows,
)
from sptraderb.errors import MoneyOverflow
from sptraderb.oracle.replay import replay
from sptraderb.testing.outcomes import flat_candles, outcome_of
from sptraderb.testing.random_runs import RandomRun, random_runs

_UNITS = Units(
    symbol="EURUSD",
    currency="USD",
    price_scale=5,
    quantity_scale=0,
    money_decimals=2,
    rule_names=("a", "b", "c"),
)


@settings(max_examples=25, deadline=None)
@given(random_runs(max_bars=60))
def test_chunks_when_read_back_then_equal_the_tables(run: RandomRun) -> None:
    """Chunks of every table, joined, are its columns; and every row can be put in words."""
    try:
        outcome = replay(run.plan, run.candles, run.signals, run.terms)
    except MoneyOverflow:
        return
    chunks = list(column_chunks(outcome, run.candles))
    for table in RESULT_TABLES:
        parts = [
            read_columns(table, chunk.n_rows, data=chunk.data) for chunk in chunks if chunk.table == table
        ]
        expected = table_columns(outcome, run.candles, table=table)
        for name, column in zip(STORED_COLUMNS[table], expected, strict=True):
            joined = np.concatenate([part[name] for part in parts]) if parts else column[:0]
            assert np.array_equal(joined, column)
        for part in parts:
            assert len(table_rows(table, part, _UNITS)) == len(next(iter(part.values())))


def test_chunks_when_tables_are_long_then_each_stays_within_a_megabyte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Row r lies in chunk r // ROWS_PER_CHUNK; the largest chunk is a megabyte."""
    assert all(rows * 8 * len(STORED_COLUMNS[table]) <= 1_000_000 for table, rows in ROWS_PER_CHUNK.items())
    monkeypatch.setattr(result_columns, "ROWS_PER_CHUNK", dict.fromkeys(RESULT_TABLES, 40))
    outcome = outcome_of([100 + bar for bar in range(100)], deposit_minor=100)
    chunks = [chunk for chunk in column_chunks(outcome, flat_candles(100)) if chunk.table == "equity"]
    assert [(chunk.number, chunk.first_row, chunk.n_rows) for chunk in chunks] == [
        (0, 0, 40),
        (1, 40, 40),
        (2, 80, 20),
    ]
    assert read_columns("equity", 20, data=chunks[2].data)["equity_minor"].tolist() == list(range(180, 200))


def test_columns_when_values_are_extreme_then_differences_wrap_back() -> None:
    """The largest and smallest int64 beside each other survive."""
    extremes = [2**63 - 1, -(2**63) + 1, 0, 2**62]
    outcome = outcome_of(extremes, deposit_minor=1)
    chunk = next(chunk for chunk in column_chunks(outcome, flat_candles(4)) if chunk.table == "equity")
    assert read_columns("equity", 4, data=chunk.data)["equity_minor"].tolist() == extremes


def test_units_when_shown_then_decimal_text() -> None:
    """Prices keep their scale, money its cents, quantities nothing they do not need."""
    coin = replace(_UNITS, currency="USDT", price_scale=2, quantity_scale=8, money_decimals=10)
    assert _UNITS.price(109250) == "1.09250"
    assert _UNITS.level(0) is None
    assert (_UNITS.money(-5), _UNITS.money(123400)) == ("-0.05", "1234.00")
    assert coin.quantity(12_345_600) == "0.123456"
    assert coin.money(123_469_125_678) == "12.3469125678"
    assert replace(_UNITS, currency="JPY", money_decimals=4).money(1_000_000) == "100"


def test_units_when_read_from_a_document_then_equal() -> None:
    """What the document states is enough to read its columns."""
    stated = {
        "symbol": "EURUSD",
        "currency": "USD",
        "price_scale": 5,
        "quantity_scale": 0,
        "money_decimals": 2,
        "point_value": 1,
        "rule_names": ["a", "b", "c"],
    }
    assert Units.from_document({"units": stated}) == _UNITS


@pytest.mark.parametrize(
    "change",
    [
        lambda outcome: replace(outcome, equity_minor=outcome.equity_minor + 1),
        lambda outcome: replace(outcome, trough_minor=outcome.trough_minor - 1),
        lambda outcome: replace(outcome, ledger=outcome.ledger[:-1]),
        lambda outcome: replace(outcome, events=np.array([[0, 1, 0]], dtype=np.int64)),
        lambda outcome: replace(outcome, orders=np.zeros((1, 9), dtype=np.int64)),
        lambda outcome: replace(outcome, trades=np.zeros((1, 23), dtype=np.int64)),
        lambda outcome: replace(outcome, money_decimals=3),
    ],
)
def test_digest_when_any_table_changes_then_changes(change: Callable[[Outcome], Outcome]) -> None:
    """Trades, orders, ledger, equity, troughs, events and their scale are all covered (M8)."""
    outcome = outcome_of([100, 120], deposit_minor=100)
    assert outcome_digest(change(outcome)) != outcome_digest(outcome)


def test_digest_when_memory_layout_differs_then_equal() -> None:
    """Columns in another memory order, or a view, are the same table."""
    outcome = outcome_of([100, 120], deposit_minor=100)
    other = replace(outcome, ledger=np.asfortranarray(outcome.ledger), equity_minor=outcome.equity_minor[::1])
    assert outcome_digest(other) == outcome_digest(outcome)
    assert len(outcome_digest(outcome)) == 64


def test_thinning_when_a_spike_lies_anywhere_then_it_stays() -> None:
    """Each stretch keeps its lowest and highest point; the ends stay."""
    for spike in (0, 1, 4999, 5000, 9998, 9999):
        values = np.zeros(10_000, dtype=np.int64)
        values[spike] = 5
        bars = thinned_bars(values, 100)
        assert len(bars) <= 100
        assert spike in bars
        assert {0, 9999} <= set(bars.tolist())
        assert (np.diff(bars) > 0).all()


def test_equity_table_when_stored_then_begins_at_the_first_tradable_bar() -> None:
    """Warm-up bars are nobody's result: the table starts where an order could first fill (T2)."""
    outcome = replace(outcome_of([100, 100, 120, 130], deposit_minor=100), first_tradable_bar=2)
    candles = flat_candles(4)
    times, equity, _, peaks, _ = table_columns(outcome, candles, table="equity")
    assert times.tolist() == candles.time_s[2:].tolist()
    assert equity.tolist() == [120, 130]
    assert peaks.tolist() == [100, 120]
