"""The result document says exactly what the outcome decided, in the words of the contract."""

import json
from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from sptraderb.domain import result_document
from sptraderb.domain.candle import Candles
from sptraderb.domain.metric import Metric
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.outcome import Outcome
from sptraderb.domain.plan import Node, Note, Plan, Signals
from sptraderb.domain.result_document import RunFacts, Simulated, build, document_bytes, summary
from sptraderb.domain.terms import Terms
from sptraderb.engine.metrics import measure
from sptraderb.errors import InvariantBroken
from sptraderb.oracle.replay import replay
from sptraderb.testing.outcomes import EURUSD
from sptraderb.testing.random_runs import random_candles

_API_KEYS = [
    "backtest_id",
    "start_capital",
    "end_capital",
    "total_trades",
    "winning_trades",
    "losing_trades",
    "total_pnl",
    "max_drawdown",
    "sharpe_ratio",
    "signals_generated",
    "completed_trades",
    "daily_returns",
    "metrics",
    "conventions",
    "equity",
    "drawdown",
    "ledger",
    "open_positions",
    "events",
    "bounds",
    "notes",
    "manifest",
    "digest",
]
_TRADE_KEYS = [
    "id",
    "symbol",
    "side",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "quantity",
    "pnl",
    "pnl_percent",
    "exit_reason",
    "holding_period_hours",
    "mae",
    "mfe",
    "bars",
    "ambiguous",
    "entry_rule",
]
_NOTE = Note(code="strategy.example", text="said by the compiler", line=3)


@cache
def _simulated(n_bars: int = 600) -> Simulated:
    candles = random_candles(EURUSD, seed=3, n_bars=n_bars)
    chance = np.random.default_rng(4).random((2, n_bars))
    signals = Signals(
        conditions={0: chance[0] < 0.1, 1: chance[1] < 0.1},
        levels={},
        entry_allowed=np.ones(n_bars, dtype=np.bool_),
        ready_bar=0,
    )
    exits = ExitRules(stop_loss=Distance(kind=DistanceKind.TICKS, amount=60_000_000), max_bars=9)
    size = SizeRule(kind=SizeKind.UNITS, amount=1000 * 10**9)
    entries = tuple(
        EntryRule(name=name, side=side, when=node, size=size, exits=exits)
        for name, side, node in (("up", 1, 0), ("down", -1, 1))
    )
    plan = Plan(
        name="random", nodes=(Node(op="constant", boolean=True),) * 2, entries=entries, notes=(_NOTE,)
    )
    terms = Terms(
        money_decimals=6,
        capital_minor=10_000 * 10**6,
        commission_ppb=20_000,
        spread_ticks=8,
        margin_rate_ppb=33_333_333,
        start_bar=5,
    )
    return Simulated(plan=plan, candles=candles, signals=signals, terms=terms)


@cache
def _outcome() -> Outcome:
    run = _simulated()
    return replay(run.plan, run.candles, run.signals, run.terms)


@cache
def _metrics() -> tuple[Metric, ...]:
    return measure(_outcome(), _simulated().candles, _simulated().terms)


def _document(outcome: Outcome | None = None, **facts: object) -> dict[str, object]:
    chosen = _outcome() if outcome is None else outcome
    known = RunFacts(backtest_id="b", strategy_name="s", **facts)  # type: ignore[arg-type]
    document = build(known, chosen, simulated=_simulated(), metrics=_metrics())
    decoded: dict[str, object] = json.loads(document_bytes(document))
    return decoded


def test_document_when_built_then_has_every_key_of_the_contract() -> None:
    """The names of API.md `results` are all there, a trade's too, and JSON carries them."""
    document = _document()
    assert set(_API_KEYS) <= set(document)
    trades = document["completed_trades"]
    assert isinstance(trades, list)
    assert len(trades) == document["total_trades"] > 20
    assert all(set(_TRADE_KEYS) <= set(trade) for trade in trades)


def test_document_when_summed_by_a_client_then_money_is_exact() -> None:
    """Start capital, trades and open positions add up to the end, in decimals (M6)."""
    document = _document()
    trades, positions = document["completed_trades"], document["open_positions"]
    assert isinstance(trades, list)
    assert isinstance(positions, list)
    closed = sum((Decimal(trade["pnl"]) for trade in trades), Decimal(0))
    held = sum((Decimal(position["net_pnl"]) for position in positions), Decimal(0))
    assert closed + held == Decimal(str(document["total_pnl"]))
    start, end = Decimal(str(document["start_capital"])), Decimal(str(document["end_capital"]))
    assert end - start == Decimal(str(document["total_pnl"]))


def test_trade_when_shown_then_parts_sum_and_times_are_candle_times() -> None:
    """P&L is price P&L less costs; entry and exit times equal a candle's time, spelt with Z."""
    document = _document()
    times = {result_document.time_text(int(time)) for time in _simulated().candles.time_s}
    trades = document["completed_trades"]
    assert isinstance(trades, list)
    for trade in trades:
        parts = ("price_pnl", "spread", "slippage", "commission", "swap", "funding", "conversion")
        assert sum(Decimal(trade[part]) for part in parts) == Decimal(trade["pnl"])
        assert trade["entry_time"] in times
        assert trade["exit_time"] in times
        assert trade["side"] == {"up": "long", "down": "short"}[trade["entry_rule"]]
        assert trade["pnl_percent"] == pytest.approx(
            float(trade["pnl"]) / (float(trade["entry_price"]) * float(trade["quantity"])), rel=1e-9
        )


def test_money_when_shown_then_keeps_cents_and_drops_further_zeros() -> None:
    """10000 is 10000.00; what is finer than a cent is written out, never rounded."""
    document = _document()
    assert document["start_capital"] == "10000.00"
    trades = document["completed_trades"]
    assert isinstance(trades, list)
    assert any(len(trade["pnl"].split(".")[1]) > 2 for trade in trades)


def test_curves_when_long_then_keep_extremes_in_two_thousand_points() -> None:
    """The lowest and highest equity and the deepest drawdown survive thinning."""
    run = _long_run()
    outcome = replay(run.plan, run.candles, run.signals, run.terms)
    metrics = measure(outcome, run.candles, run.terms)
    document = build(RunFacts(backtest_id="b", strategy_name="s"), outcome, simulated=run, metrics=metrics)
    equity, drawdown = document["equity"], document["drawdown"]
    assert isinstance(equity, list)
    assert isinstance(drawdown, list)
    assert max(len(equity), len(drawdown)) <= 2000
    values = [Decimal(value).scaleb(6) for _, value in equity]
    first = outcome.first_tradable_bar
    assert max(values) == int(outcome.equity_minor[first:].max())
    assert min(values) == int(outcome.equity_minor[first:].min())
    assert max(value for _, value in drawdown) == document["max_drawdown"]
    assert "result.curve_thinned" in [note["code"] for note in document["notes"]]  # type: ignore[union-attr]


def _long_run() -> Simulated:
    return _simulated(5000)


def test_document_when_trades_are_many_then_the_first_are_inside_and_a_note_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`total_trades` stays the full count."""
    monkeypatch.setattr(result_document, "MOST_TRADES", 7)
    document = _document()
    trades, notes = document["completed_trades"], document["notes"]
    assert isinstance(trades, list)
    assert isinstance(notes, list)
    assert [trade["id"] for trade in trades] == [1, 2, 3, 4, 5, 6, 7]
    assert document["total_trades"] == len(_outcome().trades)
    assert [note["code"] for note in notes] == ["strategy.example", "result.trades_paged"]


def test_bounds_when_a_best_case_is_given_then_both_profits_are_shown() -> None:
    """Against is the run itself, for is the best case; without one it is null (X6)."""
    run = _simulated()
    best = replay(run.plan, run.candles, run.signals, replace(run.terms, for_position=True))
    facts = RunFacts(backtest_id="b", strategy_name="s")
    with_best = build(facts, _outcome(), simulated=run, metrics=_metrics(), best=best)["bounds"]
    assert with_best["against"]["net_profit"] == _document()["total_pnl"]  # type: ignore[index]
    assert with_best["for"] is not None  # type: ignore[index]
    without = _document()["bounds"]
    assert without["for"] is None  # type: ignore[index]


def test_document_when_facts_are_given_then_manifest_notes_and_partial_are_kept() -> None:
    """What the orchestrator knows is written as it is."""
    note = Note(code="instrument.inferred", text="EURUSD looks like FX")
    document = _document(partial=True, manifest={"seed": 1}, notes=(note,))
    assert document["partial"] is True
    assert document["manifest"] == {"seed": 1}
    assert document["notes"][1] == {
        "code": "instrument.inferred",
        "text": "EURUSD looks like FX",
        "line": None,
    }  # type: ignore[index]


def test_bytes_when_built_twice_then_equal() -> None:
    """Nothing in the document depends on a clock or on chance (M8)."""
    assert document_bytes(_document()) == document_bytes(_document())


def test_summary_when_taken_then_is_small_and_holds_the_headline() -> None:
    """The row keeps a few figures and the digest."""
    document = _document()
    assert summary(document)["digest"] == document["digest"]
    assert len(document_bytes(summary(document))) < 1000


def test_build_when_a_headline_metric_is_missing_then_broken() -> None:
    """A document without Sharpe or drawdown is a defect, not a result."""
    facts = RunFacts(backtest_id="b", strategy_name="s")
    kept = [metric for metric in _metrics() if metric.name != "sharpe"]
    with pytest.raises(InvariantBroken, match="sharpe"):
        build(facts, _outcome(), simulated=_simulated(), metrics=kept)


def test_document_when_no_bar_was_done_then_still_complete() -> None:
    """A run cancelled before its first bar has a document of zeros and reasons."""
    run = _simulated()
    empty = Candles.from_columns(
        {name: [] for name in ("time_s", "open_ticks", "high_ticks", "low_ticks", "close_ticks")},
        instrument=EURUSD,
        timeframe=run.candles.timeframe,
    )
    nothing = Signals(
        conditions={0: np.empty(0, dtype=np.bool_), 1: np.empty(0, dtype=np.bool_)},
        levels={},
        entry_allowed=np.empty(0, dtype=np.bool_),
        ready_bar=0,
    )
    outcome = replay(run.plan, empty, nothing, run.terms)
    simulated = Simulated(plan=run.plan, candles=empty, signals=nothing, terms=run.terms)
    metrics = measure(outcome, empty, run.terms)
    document = build(
        RunFacts(backtest_id="b", strategy_name="s"), outcome, simulated=simulated, metrics=metrics
    )
    assert document["total_pnl"] == "0.00"
    assert document["max_drawdown"] == 0.0
    assert document["sharpe_ratio"] is None
    assert document["daily_returns"] == []


def test_document_when_the_run_was_stopped_then_counts_only_the_bars_done() -> None:
    """A partial outcome is measured, drawn and stored up to its last bar."""
    run = _simulated()
    whole = _outcome()
    stopped = replace(
        whole,
        n_bars_done=300,
        equity_minor=whole.equity_minor[:300],
        trough_minor=whole.trough_minor[:300],
        held_steps=whole.held_steps[:300],
        exposed=whole.exposed[:300],
        trades=whole.trades[whole.trade_column("exit_bar") < 300],
    )
    metrics = measure(stopped, run.candles, run.terms)
    facts = RunFacts(backtest_id="b", strategy_name="s", partial=True)
    document = build(facts, stopped, simulated=run, metrics=metrics)
    equity, conventions = document["equity"], document["conventions"]
    assert isinstance(equity, list)
    assert isinstance(conventions, dict)
    assert equity[-1][0] == result_document.time_text(int(run.candles.time_s[299]))
    assert conventions["bars"] == 300
    assert document["end_capital"] == equity[-1][1]
