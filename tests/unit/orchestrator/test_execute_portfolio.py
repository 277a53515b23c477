"""An account from loaded candles to its stored result, computed by the oracle: what it says adds up."""

import zlib
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from sptraderb.domain.backtest import PositionMode
from sptraderb.domain.portfolio_columns import units_of_document
from sptraderb.domain.result_columns import read_columns
from sptraderb.orchestrator.execute_portfolio import execute_portfolio
from sptraderb.orchestrator.progress import ProgressMeter
from sptraderb.orchestrator.result_storing import Executed
from sptraderb.store.result_rows import unpack_document
from sptraderb.testing.account_runs import replay_as_simulator, wavy_account

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
