"""Request bodies: what is read, what is refused, all at once."""

from typing import Any

import msgspec
import pytest

from sptraderb.api.run_defaults import read_run_request
from sptraderb.domain.backtest import Mode, PositionMode
from sptraderb.domain.costs import Costs, FundingRates, SpreadTable, SwapKind, SwapRates
from sptraderb.errors import InvalidInput

BODY: dict[str, Any] = {
    "strategy_name": "ma",
    "symbol": "EURUSD",
    "timeframe": "1h",
    "start_date": "2017-02-01",
    "end_date": "2017-12-31",
    "initial_capital": 10000,
}


def _read(**changes: Any) -> Any:
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not None}
    return read_run_request(msgspec.json.encode(body))


def _codes(**changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        _read(**changes)
    return {fault.path: fault.code for fault in caught.value.faults}


def test_run_when_minimal_then_normal_form() -> None:
    """The least body gives a request with the documented defaults; a plain end is the end of its day."""
    request = _read()
    assert (request.strategy_name, request.strategy_text, request.symbols) == ("ma", "", ("EURUSD",))
    assert (request.start_s, request.end_s) == (1_485_907_200, 1_514_764_799)
    assert (request.initial_capital, request.mode, request.profile) == ("10000", Mode.RESEARCH, "strict")
    assert request.costs == Costs()


def test_run_when_everything_is_given_then_everything_is_kept() -> None:
    """Every documented key arrives in the domain in exact integers or plain text."""
    request = _read(
        symbol=None,
        symbols=["EURUSD"],
        initial_capital="10000.50",
        parameters={"fast": 10, "risk": "1%", "level": 0.00001, "on": True},
        costs={"commission": "0.002%", "spread": "0.8 pips", "slippage": "1 tick"},
        account_currency="usd",
        leverage=30,
        instruments={"EURUSD": {"pip": "0.0001", "lot": 100000}},
        profiles=["strict"],
        mode="paper",
        seed=7,
        close_at_end=True,
        name="mine",
        tags=["a", "b", "a"],
        webhook_url="https://example.com/hook",
    )
    assert request.initial_capital == "10000.50"
    assert request.parameters == {"fast": "10", "risk": "1%", "level": "0.00001", "on": "true"}
    assert request.costs == Costs(
        commission_ppb=20_000, spread_ppm_pips=800_000, slippage_ppm_ticks=1_000_000
    )
    assert (request.account_currency, request.leverage) == ("USD", "30")
    assert request.instruments == {"EURUSD": {"pip": "0.0001", "lot": "100000"}}
    assert (request.mode, request.seed, request.close_at_end) == (Mode.PAPER, 7, True)
    assert (request.name, request.tags) == ("mine", ("a", "b"))
    assert request.webhook_url == "https://example.com/hook"


def test_run_when_several_symbols_are_given_then_they_share_an_account_in_that_order() -> None:
    """Symbols keep their order; the mode and the costs of single symbols arrive with them (A1)."""
    request = _read(
        symbol=None,
        symbols=["GBPUSD", "EURUSD"],
        position_mode="Hedging",
        symbol_costs={"EURUSD": {"spread": "0.5 pips"}},
    )
    assert request.symbols == ("GBPUSD", "EURUSD")
    assert request.position_mode is PositionMode.HEDGING
    assert request.symbol_costs == {"EURUSD": Costs(spread_ppm_pips=500_000)}
    assert request.shares_account
    assert not _read().shares_account


def test_run_when_the_strategy_names_symbols_then_they_are_the_default() -> None:
    """`backtest.symbols` and `backtest.position_mode` stand in for what the request leaves out."""
    block = "backtest: {symbols: [EURUSD, GBPUSD], position_mode: hedging}"
    request = _read(symbol=None, strategy_name=None, strategy=f"name: x\n{block}\n")
    assert request.symbols == ("EURUSD", "GBPUSD")
    assert request.position_mode is PositionMode.HEDGING


def test_run_when_dates_are_unix_seconds_then_understood() -> None:
    """Unix seconds are taken as numbers and as text, as the hint of a refusal promises."""
    for start in (1_485_907_200, "1485907200"):
        assert _read(start_date=start).start_s == 1_485_907_200


def test_run_when_the_old_spelling_of_mode_then_understood() -> None:
    """`execution_mode: Research|Paper|Live` is how the first server's clients say `mode`."""
    assert _read(execution_mode="Live").mode is Mode.LIVE


def test_run_when_several_things_are_wrong_then_all_are_told() -> None:
    """Unknown keys, missing keys, wrong types and wrong values come back together, each with its place."""
    codes = _codes(
        strategy_name=None,
        strateg_name="ma",
        symbol=5,
        timeframe="7x",
        initial_capital="-1",
        start_date=None,
        tags="a",
    )
    assert codes == {
        "strateg_name": "body.unknown_key",
        "symbol": "body.wrong_type",
        "tags": "body.wrong_type",
        "start_date": "body.missing_key",
    }
    values = _codes(timeframe="7x", initial_capital="-1", end_date="2016-01-01", leverage="0", mode="fast")
    assert values == {
        "timeframe": "timeframe.unknown",
        "initial_capital": "run.capital_out_of_range",
        "leverage": "run.leverage_out_of_range",
        "mode": "run.unknown_mode",
        "end_date": "run.dates_reversed",
    }


def test_run_when_a_key_is_misspelt_then_the_near_one_is_suggested() -> None:
    """A near miss names the key that was probably meant, an old key what to write now."""
    with pytest.raises(InvalidInput) as caught:
        _read(strateg_name="x", to="2017-12-31", costs={"spred": "1 pip"})
    hints = {fault.path: fault.hint for fault in caught.value.faults}
    assert hints == {
        "strateg_name": "did you mean `strategy_name`?",
        "to": "write `end_date`",
        "costs.spred": "did you mean `spread`?",
    }


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"strategy": "name: x"}, "strategy_name", "run.one_strategy"),
        ({"strategy_name": None}, "strategy_name", "run.one_strategy"),
        ({"strategy_name": "  "}, "strategy_name", "run.one_strategy"),
        ({"symbols": ["GBPUSD"]}, "symbol", "run.one_symbol"),
        ({"symbol": None}, "symbol", "run.one_symbol"),
        ({"symbol": "EUR USD;"}, "symbol", "run.bad_symbol"),
        ({"symbol": None, "symbols": []}, "symbol", "run.one_symbol"),
        ({"symbol": None, "symbols": ["EURUSD", "EURUSD"]}, "symbol", "run.duplicate_symbol"),
        ({"symbol": None, "symbols": [f"S{n}" for n in range(33)]}, "symbol", "run.too_many_symbols"),
        ({"position_mode": "both"}, "position_mode", "run.unknown_position_mode"),
        (
            {"symbol_costs": {"GBPUSD": {"spread": "1 pip"}}},
            "symbol_costs.GBPUSD",
            "run.symbol_not_run",
        ),
        (
            {"symbol_costs": {"EURUSD": {"spred": "1 pip"}}},
            "symbol_costs.EURUSD.spred",
            "body.unknown_key",
        ),
        (
            {"symbol_costs": {"EURUSD": {"spread": "1"}}},
            "symbol_costs.EURUSD.spread",
            "costs.malformed",
        ),
        (
            {"symbol": None, "symbols": ["EURUSD", "GBPUSD"], "instruments": {"USDJPY": {"pip": 1}}},
            "instruments.USDJPY",
            "run.symbol_not_run",
        ),
        ({"start_date": "01.02.2017"}, "start_date", "time.malformed"),
        ({"start_date": "2017-02-01T00:00:00"}, "start_date", "time.without_zone"),
        ({"initial_capital": "ten"}, "initial_capital", "number.malformed"),
        ({"initial_capital": "NaN"}, "initial_capital", "number.malformed"),
        ({"initial_capital": True}, "initial_capital", "body.wrong_type"),
        ({"costs": {"spread": 0.8}}, "costs.spread", "costs.malformed"),
        ({"costs": {"spread": {"24": "1 pip"}}}, "costs.spread", "costs.malformed"),
        ({"costs": {"spread": {"7": "1 pip", "default": "1 tick"}}}, "costs.spread", "costs.malformed"),
        ({"costs": {"spread": {"7": "1 pip", "timezone": "Mars"}}}, "costs.spread", "costs.malformed"),
        ({"costs": {"slippage": "120% of range"}}, "costs.slippage", "costs.malformed"),
        ({"costs": {"swap": {}}}, "costs.swap", "costs.malformed"),
        ({"costs": {"swap": {"long": "3"}}}, "costs.swap", "costs.malformed"),
        ({"costs": {"swap": {"long": "3 pips", "short": "2%"}}}, "costs.swap", "costs.malformed"),
        ({"costs": {"swap": {"long": "3 pips", "triple": "sun"}}}, "costs.swap", "costs.malformed"),
        ({"costs": {"funding": "0.01%"}}, "costs.funding", "costs.malformed"),
        (
            {"costs": {"funding": [["2024-01-01", "1%"], ["2024-01-01", "1%"]]}},
            "costs.funding",
            "costs.malformed",
        ),
        ({"costs": {"funding": [["2024-01-01", "0.01"]]}}, "costs.funding", "costs.malformed"),
        ({"costs": {"funding": [["yesterday", "1%"]]}}, "costs.funding", "time.malformed"),
        ({"stop_out": "101%"}, "stop_out", "run.stop_out_out_of_range"),
        ({"stop_out": "0.5"}, "stop_out", "run.stop_out_out_of_range"),
        ({"costs": {"commission": "1 pip"}}, "costs.commission", "costs.malformed"),
        ({"costs": {"spread": "0.00000001 pips"}}, "costs.spread", "price.not_on_scale"),
        ({"account_currency": "€"}, "account_currency", "run.bad_currency"),
        ({"profile": "optimistic"}, "profile", "run.unknown_profile"),
        ({"seed": -1}, "seed", "run.seed_out_of_range"),
        ({"name": "x" * 256}, "name", "run.bad_length"),
        ({"tags": [""]}, "tags", "run.bad_length"),
        ({"tags": [str(n) for n in range(21)]}, "tags", "run.too_many_tags"),
        ({"webhook_url": "file:///etc/passwd"}, "webhook_url", "run.bad_webhook"),
        ({"webhook_url": "http://[::1"}, "webhook_url", "run.bad_webhook"),
        ({"parameters": {"a": [1]}}, "parameters", "body.wrong_type"),
    ],
)
def test_run_when_one_value_is_wrong_then_its_code_and_place(
    changes: dict[str, Any], path: str, code: str
) -> None:
    """Each wrong value is told by its own code at its own key."""
    assert _codes(**changes) == {path: code}


def test_run_when_further_costs_are_stated_then_in_the_domains_integers() -> None:
    """Hours, range, swap, funding and the conversion's fee in words with units (C2 to C5)."""
    costs = _read(
        costs={
            "spread": {"22-6": "1.5 pips", "default": 0, "timezone": "Europe/London"},
            "slippage": "10% of range",
            "swap": {"long": "-0.6 points", "short": "+1 point", "triple": "thu"},
            "funding": [["2024-01-01", "0.01%"], [1_704_096_000, "-0.02%"]],
            "conversion_fee": "0.5%",
        },
        stop_out="80%",
    ).costs
    hours = tuple(1_500_000 if hour >= 22 or hour <= 6 else 0 for hour in range(24))
    assert costs == Costs(
        spread_table=SpreadTable(hours_ppm=hours, in_pips=True, timezone="Europe/London"),
        slippage_range_ppb=100_000_000,
        swap=SwapRates(kind=SwapKind.POINTS, long=-600_000, short=1_000_000, triple_weekday=3),
        funding=FundingRates(series=((1_704_067_200, 100_000), (1_704_096_000, -200_000))),
        conversion_fee_ppb=5_000_000,
    )
    assert _read(stop_out="80%").stop_out == "80%"
    money = _read(costs={"swap": {"long": "-5 per lot"}, "funding": "0.01% every 8h"}).costs
    assert money.swap == SwapRates(kind=SwapKind.MONEY, long=-5 * 10**9)
    assert money.funding == FundingRates(every_s=28_800, rate_ppb=100_000)
    yearly = _read(costs={"swap": {"short": "-2.5% a year"}}).costs.swap
    assert yearly == SwapRates(kind=SwapKind.PERCENT, short=-25_000_000)


def test_run_when_costs_are_zero_then_no_unit_is_needed() -> None:
    """Nothing is nothing in any unit; what is not stated stays open."""
    costs = _read(costs={"commission": 0, "spread": "0"}).costs
    assert (costs.commission_ppb, costs.spread_ppm_ticks, costs.slippage_ppm_ticks) == (0, 0, None)


def test_run_when_a_commission_has_parts_then_each_is_read() -> None:
    """C1, C3: a mapping of parts in account money, slippage in percent; a wrong part is told."""
    parts = {"percent": "0.002%", "per_lot": "3.5", "minimum": 2}
    costs = _read(costs={"commission": parts, "slippage": "0.01%"}).costs
    assert (costs.commission_ppb, costs.commission_per_lot, costs.commission_min) == (
        20_000,
        3_500_000_000,
        2_000_000_000,
    )
    assert costs.slippage_ppb == 100_000
    for wrong in ({"per_trade": 1}, {"minimum": 3, "maximum": 2}, {"per_order": -1}):
        assert _codes(costs={"commission": wrong}) == {"costs.commission": "costs.malformed"}


def test_run_when_not_an_object_then_refused() -> None:
    """A list is no request."""
    with pytest.raises(InvalidInput) as caught:
        read_run_request(b"[]")
    assert (caught.value.code, caught.value.message) == (
        "body.not_an_object",
        "the body must be a JSON object, was a list",
    )


_COMPLETE = """
name: x
entry: {long: {when: close > open, size: 1%}}
backtest: {symbol: USDJPY, timeframe: 15m, start_date: 2024-01-02, end_date: 2024-02-01, leverage: 20,
  initial_capital: 500000}
"""


def test_run_when_the_strategy_states_the_rest_then_it_is_taken_from_there() -> None:
    """What a request leaves out comes from the strategy's `backtest` block; what it says wins."""
    request = read_run_request(msgspec.json.encode({"strategy": _COMPLETE, "timeframe": "1h"}))
    assert (request.symbols, request.timeframe, request.leverage) == (("USDJPY",), "1h", "20")
    assert request.initial_capital == "500000"
    assert request.end_s - request.start_s == 31 * 86_400 - 1
    symbols = read_run_request(msgspec.json.encode({"strategy": _COMPLETE, "symbols": ["EURUSD"]}))
    assert symbols.symbols == ("EURUSD",)


@pytest.mark.parametrize("strategy", ["name: x", "name: [", "backtest: 5"])
def test_run_when_nobody_states_it_then_each_missing_key_is_told(strategy: str) -> None:
    """Without a statement anywhere each key is asked for, with a hint where it may stand."""
    with pytest.raises(InvalidInput) as caught:
        read_run_request(msgspec.json.encode({"strategy": strategy}))
    missing = [fault for fault in caught.value.faults if fault.code == "body.missing_key"]
    assert {fault.path for fault in missing} == {"timeframe", "start_date", "end_date", "initial_capital"}
    assert {fault.hint for fault in missing} == {"or state it in the strategy's `backtest` block"}
