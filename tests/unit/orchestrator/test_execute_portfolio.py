"""An account from loaded candles to its stored result, computed by the oracle: what it says adds up."""

import dataclasses
import zlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from sptraderb.domain.backtest import PositionMode
from sptraderb.domain.conversion import RouteLeg
from sptraderb.domain.instrument import fx_instrument
from sptraderb.domain.portfolio import Leg, PortfolioOutcome
from sptraderb.domain.portfolio_columns import units_of_document
from sptraderb.domain.result_columns import read_columns
from sptraderb.engine.simulate_portfolio import simulate_portfolio
from sptraderb.orchestrator.conversion_data import LoadedConversion
from sptraderb.orchestrator.execute_portfolio import execute_portfolio
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.result_storing import Executed
from sptraderb.store.result_rows import unpack_document
from sptraderb.testing.account_runs import (
    CROSSING,
    account_request,
    loaded_account,
    replay_as_simulator,
    run_of,
    wavy_account,
    wavy_candles,
)

MODES = [PositionMode.NETTING, PositionMode.HEDGING]


@cache
def _executed(mode: PositionMode, profiles: tuple[str, ...] = ()) -> Executed:
    run, loaded = wavy_account(position_mode=mode, more_profiles=profiles)
    meter = ProgressMeter(lambda _report: None)
    found = execute_portfolio(
        run, loaded, should_stop=lambda: False, meter=meter, simulator=replay_as_simulator
    )
    assert found is not None
    return found


def _document(mode: PositionMode, profiles: tuple[str, ...] = ()) -> dict[str, Any]:
    return msgspec.json.decode(unpack_document(_executed(mode, profiles).result.document))


@pytest.mark.parametrize("mode", MODES)
def test_document_when_two_symbols_ran_then_their_parts_add_up_to_the_account(mode: PositionMode) -> None:
    """Net profits, trades and costs of the symbols are the account's, exactly (A1, M6)."""
    document = _document(mode)
    rows = document["symbols"]
    assert [row["symbol"] for row in rows] == ["EURUSD", "GBPUSD"]
    assert sum(Decimal(row["net_profit"]) for row in rows) == Decimal(document["total_pnl"])
    assert sum(row["total_trades"] for row in rows) == document["total_trades"] > 20
    costs = document["metrics"]["total_costs"]["value"]
    assert sum(Decimal(row["total_costs"]) for row in rows) == Decimal(costs)
    ledger = document["ledger"]
    assert sum(map(Decimal, ledger["totals"].values())) == Decimal(ledger["balance"])
    assert Decimal(ledger["balance"]) + Decimal(ledger["open_pnl"]) == Decimal(document["end_capital"])
    manifest = document["manifest"]
    assert (manifest["symbols"], manifest["position_mode"]) == (["EURUSD", "GBPUSD"], mode.value)
    assert manifest["data_by_symbol"].keys() == manifest["instruments"].keys() == {"EURUSD", "GBPUSD"}


def test_modes_when_compared_then_hedging_never_reverses() -> None:
    """With hedging the other side opens beside; nothing is closed by a reversal (A1)."""
    reasons = {
        mode: {trade["exit_reason"] for trade in _document(mode)["completed_trades"]} for mode in MODES
    }
    assert "reversal" in reasons[PositionMode.NETTING]
    assert "reversal" not in reasons[PositionMode.HEDGING]


def _rows(table: str) -> list[dict[str, Any]]:
    units = units_of_document(_document(PositionMode.NETTING))
    rows: list[dict[str, Any]] = []
    for chunk in _executed(PositionMode.NETTING).result.chunks:
        if chunk.table == table:
            data = zlib.decompress(chunk.data)
            columns = read_columns(table, chunk.n_rows, data=data, names=units.stored_columns(table))
            rows += units.rows(table, columns, first_row=chunk.first_row)
    return rows


def test_tables_when_stored_then_each_row_has_its_symbol() -> None:
    """Stored trades are the document's; the deposit is the account's; equity ascends in time."""
    document = _document(PositionMode.NETTING)
    assert _rows("trades") == document["completed_trades"]
    ledger = _rows("ledger")
    assert (ledger[0]["kind"], ledger[0]["symbol"]) == ("deposit", None)
    assert {row["symbol"] for row in ledger[1:]} == {"EURUSD", "GBPUSD"}
    assert ledger[-1]["balance"] == document["ledger"]["balance"]
    equity = _rows("equity")
    assert [row["time"] for row in equity] == sorted({row["time"] for row in equity})
    assert equity[-1]["equity"] == document["end_capital"]
    assert {row["positions"] for row in equity} == {0, 1, 2}
    assert {row["symbol"] for row in _rows("orders")} == {"EURUSD", "GBPUSD"}


def test_profiles_when_several_then_each_gives_a_result_of_the_account() -> None:
    """A further profile is computed on the same account, and laid beside trade by trade."""
    document = _document(PositionMode.NETTING, ("tradingview",))
    assert document["profiles"]["tradingview"]["symbols"][1]["symbol"] == "GBPUSD"
    assert document["profile_differences"]["profiles"] == ["strict", "tradingview"]
    (row,) = document["profile_differences"]["trades"]
    assert row["n_trades"] == row["exact"] + row["same_entry"] + row["only_here"]


def _stopping(n_chunks: int) -> Executed | None:
    """Return what the engine gives where a cancel comes after some chunks of 40 instants."""
    run, loaded = wavy_account()
    looks = iter(range(1000))

    def simulator(legs: Sequence[Leg], *, should_stop: object, **rest: Any) -> PortfolioOutcome:
        del should_stop
        return simulate_portfolio(
            legs, should_stop=lambda: next(looks) >= n_chunks, chunk_instants=40, **rest
        )

    return execute_portfolio(
        run,
        loaded,
        should_stop=lambda: False,
        meter=ProgressMeter(lambda _report: None),
        simulator=simulator,
    )


@pytest.mark.parametrize("n_looks", range(4))
def test_account_when_cancelled_while_series_are_computed_then_there_is_no_result(n_looks: int) -> None:
    """A cancel is heard before the first instant is walked, between any two series of any symbol."""
    run, loaded = wavy_account()
    looks, meter = iter(range(1000)), ProgressMeter(lambda _report: None)
    found = execute_portfolio(
        run, loaded, should_stop=lambda: next(looks) >= n_looks, meter=meter, simulator=_unreached
    )
    assert found is None


def _unreached(*_args: object, **_facts: object) -> PortfolioOutcome:
    raise AssertionError("nothing is walked after a cancel")


def test_account_when_cancelled_then_what_was_done_is_its_result() -> None:
    """A partial result ends at the instant reached; its books balance, and it says that it is partial."""
    found = _stopping(3)
    assert found is not None
    assert found.is_partial
    document = msgspec.json.decode(unpack_document(found.result.document))
    whole = _document(PositionMode.NETTING)
    assert document["partial"] is True
    assert 0 < document["total_trades"] < whole["total_trades"]
    n_trades = document["total_trades"]
    assert document["completed_trades"] == whole["completed_trades"][:n_trades]
    ledger = document["ledger"]
    assert sum(map(Decimal, ledger["totals"].values())) == Decimal(ledger["balance"])
    assert Decimal(ledger["balance"]) + Decimal(ledger["open_pnl"]) == Decimal(document["end_capital"])
    assert document["equity"][-1][0] < whole["equity"][-1][0]


def test_account_when_cancelled_before_its_first_tradable_instant_then_no_result() -> None:
    """There is nothing to keep."""
    assert _stopping(0) is None


def test_account_when_a_quote_currency_differs_then_its_money_converts() -> None:
    """The same trades in a pair quoted in pounds bring the same pounds, each at its exit's rate (C5)."""
    free = CROSSING[: CROSSING.index("costs:")]
    request = account_request(("EURUSD", "EURGBP"), strategy_text=free)
    candles = {symbol: wavy_candles(fx_instrument(symbol), 300) for symbol in request.symbols}
    rates = wavy_candles(fx_instrument("GBPUSD"), 300)
    loaded = loaded_account(request, candles)
    route = RouteLeg(base="GBP", quote="USD", inverse=False)
    conversion = LoadedConversion(account="USD", legs=((route, rates),))
    runs = (loaded.runs[0], dataclasses.replace(loaded.runs[1], conversion=conversion))
    found = execute_portfolio(
        run_of(request),
        dataclasses.replace(loaded, runs=runs),
        should_stop=lambda: False,
        meter=ProgressMeter(lambda _report: None),
    )
    assert found is not None
    document = msgspec.json.decode(unpack_document(found.result.document))
    assert document["conversions"][0]["from"] == "GBP"
    closes = dict(zip(rates.close_times_s.tolist(), rates.close_ticks.tolist(), strict=True))
    trades = document["completed_trades"]
    dollars, pounds = ([trade for trade in trades if trade["symbol"] == name] for name in request.symbols)
    assert len(dollars) == len(pounds) > 20
    for first, second in zip(dollars, pounds, strict=True):
        assert (first["entry_time"], first["exit_price"]) == (second["entry_time"], second["exit_price"])
        known = datetime.fromisoformat(second["exit_time"]).timestamp()
        converted = Decimal(first["pnl"]) * closes[int(known)] / 100_000
        assert Decimal(second["pnl"]) == round(converted, document["units"]["money_decimals"])


def test_notes_when_a_profile_calls_margin_then_the_account_s_rules_are_named() -> None:
    """An account keeps the margin call and stop-out of A3 under TradingView's profile, and says so."""
    codes = [note["code"] for note in _document(PositionMode.NETTING, ("tradingview",))["notes"]]
    assert "profile.margin_by_account" in codes
    assert "profile.margin_by_account" not in [
        note["code"] for note in _document(PositionMode.NETTING)["notes"]
    ]
