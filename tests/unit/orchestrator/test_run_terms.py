"""What a run's instrument and terms come to, from stored instrument, overrides and leverage."""

import dataclasses

import numpy as np
import pytest

from sptraderb.domain.candle import Candles
from sptraderb.domain.conversion import LegCloses, RouteLeg
from sptraderb.domain.costs import Costs, FundingRates, SpreadTable, SwapKind, SwapRates
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, CandleSide, Instrument
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.timeframe import H1, parse_timeframe
from sptraderb.errors import CandlesUnusable, InvalidInput
from sptraderb.orchestrator.run_costs import cost_notes, run_facts
from sptraderb.orchestrator.run_terms import overridden, rescaled, run_instrument, run_terms
from sptraderb.testing.run_requests import build_request

EURUSD = SEEDED_INSTRUMENTS["EURUSD"]
BTCUSDT = SEEDED_INSTRUMENTS["BTCUSDT"]


def _plan(costs: Costs | None = None) -> Plan:
    rule = EntryRule(
        name="long",
        side=1,
        when=0,
        size=SizeRule(kind=SizeKind.UNITS, amount=10**9),
        exits=ExitRules(),
    )
    nodes = (Node(op="constant", boolean=True),)
    return Plan(name="always", nodes=nodes, entries=(rule,), costs=costs or Costs())


def _candles(instrument: Instrument, *closes: int) -> Candles:
    prices = np.array(closes, dtype=np.int64)
    names = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    columns = {"time_s": np.arange(len(closes)) * 3600, **dict.fromkeys(names, prices)}
    return Candles.from_columns(columns, instrument=instrument, timeframe=H1)


@pytest.mark.parametrize(
    ("words", "field", "expected"),
    [
        ({"tick_size": "0.000001"}, "price_scale", 6),
        ({"tick_size": "0.000001"}, "pip_ticks", 100),
        ({"pip": "0.001"}, "pip_ticks", 100),
        ({"lot": "1000"}, "lot_units", 1000),
        ({"quantity_step": "0.01"}, "quantity_scale", 2),
        ({"quantity_step": "0.05"}, "quantity_step", 5),
        ({"quantity_step": "0.01", "quantity_min": "0.1"}, "quantity_min", 10),
        ({"point_value": "50"}, "point_value", 50),
        ({"side": "ask"}, "side", CandleSide.ASK),
        ({"margin_rate": "5%"}, "margin_rate_ppb", 50_000_000),
        ({"calendar": "crypto"}, "calendar", "crypto"),
    ],
)
def test_overridden_when_a_word_is_given_then_its_field_changes(
    words: dict[str, str], field: str, expected: object
) -> None:
    """An override replaces what is stored, in the instrument's own units."""
    assert getattr(overridden(EURUSD, words), field) == expected


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"ticksize": "0.1"}, "instrument.unknown_override"),
        ({"tick_size": "0.25"}, "instrument.bad_override"),
        ({"lot": "1.5"}, "instrument.bad_override"),
        ({"pip": "-1"}, "instrument.bad_override"),
        ({"pip": "0.000001"}, "price.not_on_scale"),
        ({"side": "both"}, "instrument.bad_override"),
        ({"calendar": "moon"}, "instrument.bad_override"),
    ],
)
def test_overridden_when_a_word_is_wrong_then_refused(words: dict[str, str], code: str) -> None:
    """An unknown word or an impossible value is an error, never ignored."""
    with pytest.raises(InvalidInput) as caught:
        overridden(EURUSD, words)
    assert caught.value.code == code


def test_run_instrument_when_leverage_is_asked_for_then_the_margin_rate_follows() -> None:
    """Leverage 30 is a margin rate of one thirtieth, rounded down; 1 is all of it (A3)."""
    assert run_instrument(EURUSD, build_request(leverage="30")).margin_rate_ppb == 33_333_333
    assert run_instrument(EURUSD, build_request(leverage="1")).margin_rate_ppb == 10**9
    assert run_instrument(EURUSD, build_request(leverage="2.5")).margin_rate_ppb == 400_000_000


@pytest.mark.parametrize("leverage", ["0.5", "1001", "0"])
def test_run_instrument_when_leverage_is_out_of_range_then_refused(leverage: str) -> None:
    """Leverage lies between 1 and 1000."""
    with pytest.raises(InvalidInput) as caught:
        run_instrument(EURUSD, build_request(leverage=leverage))
    assert caught.value.code == "leverage.out_of_range"


def test_terms_when_the_account_is_in_another_currency_then_its_digits_count() -> None:
    """Money of a yen account has 0 + 4 decimals, not the 5 of EURUSD (M1, C5)."""
    terms = run_terms(build_request(account_currency="JPY"), _plan(), EURUSD, start_bar=0)
    assert (terms.currency, terms.money_decimals, terms.capital_minor) == ("JPY", 4, 10_000 * 10**4)
    own = run_terms(build_request(), _plan(), EURUSD, start_bar=0)
    assert (own.currency, own.money_decimals, own.stop_out_ppb) == ("USD", 6, 500_000_000)


@pytest.mark.parametrize(("words", "expected"), [("80%", 800_000_000), ("0%", 0), ("100%", 10**9)])
def test_terms_when_a_stop_out_is_stated_then_taken(words: str, expected: int) -> None:
    """Positions are stopped out at the share of the used margin that a request names (A3)."""
    assert run_terms(build_request(stop_out=words), _plan(), EURUSD, start_bar=0).stop_out_ppb == expected
    with pytest.raises(InvalidInput) as caught:
        run_terms(build_request(stop_out="101%"), _plan(), EURUSD, start_bar=0)
    assert caught.value.code == "run.stop_out_out_of_range"


@pytest.mark.parametrize(
    ("swap", "expected"),
    [
        (SwapRates(kind=SwapKind.PIPS, long=-600_000, short=1), (SwapKind.POINTS, -6_000_000, 10)),
        (SwapRates(kind=SwapKind.MONEY, long=-5 * 10**9), (SwapKind.MONEY, -5_000_000, 0)),
        (SwapRates(kind=SwapKind.PERCENT, short=7), (SwapKind.PERCENT, 0, 7)),
    ],
)
def test_terms_when_swap_is_stated_then_in_the_engines_units(
    swap: SwapRates, expected: tuple[SwapKind, int, int]
) -> None:
    """A pip is ten points of EURUSD; money is counted in minor units, exactly or refused (C4, M2)."""
    terms = run_terms(build_request(), _plan(Costs(swap=swap)), EURUSD, start_bar=0)
    assert (terms.swap_kind, terms.swap_long, terms.swap_short) == expected
    fine = Costs(swap=SwapRates(kind=SwapKind.MONEY, long=1))
    with pytest.raises(InvalidInput) as caught:
        run_terms(build_request(), _plan(fine), EURUSD, start_bar=0)
    assert caught.value.code == "costs.too_fine"


def test_facts_when_costs_vary_then_one_value_a_bar() -> None:
    """Hours, days and funding are looked up for each bar; a cost that is not stated needs nothing."""
    candles = _candles(EURUSD, *[110_000] * 10)
    table = SpreadTable(hours_ppm=(0, 1, *[1_000_000] * 22), in_pips=False)
    costs = Costs(
        spread_table=table,
        swap=SwapRates(kind=SwapKind.POINTS, long=1),
        funding=FundingRates(every_s=28_800, rate_ppb=100),
    )
    facts = run_facts(costs, candles, (), start_bar=0)
    assert facts.spread_ticks is not None
    assert facts.spread_ticks.tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert facts.swap_days is not None
    assert facts.swap_days.tolist() == [0] * 10
    assert facts.funding_ppb is not None
    assert facts.funding_ppb.tolist() == [0] * 8 + [100, 0]
    nothing = run_facts(Costs(), candles, (), start_bar=0)
    assert (nothing.spread_ticks, nothing.swap_days, nothing.open_rates) == (None, None, None)
    notes = cost_notes(build_request(), _plan(costs), EURUSD)
    assert [note.code for note in notes] == ["costs.rounded", "costs.no_commission"]
    unused = cost_notes(build_request(), _plan(Costs(conversion_fee_ppb=1)), EURUSD)
    assert "costs.conversion_fee_unused" in {note.code for note in unused}


def test_run_instrument_when_overrides_name_another_symbol_then_nothing_changes() -> None:
    """Overrides belong to their symbol."""
    assert run_instrument(EURUSD, build_request(instruments={"GBPUSD": {"lot": "10"}})) == EURUSD


def test_rescaled_when_the_tick_is_finer_then_prices_are_multiplied_exactly() -> None:
    """1.09250 is 109250 ticks of 0.00001 and 1092500 of 0.000001."""
    finer = overridden(EURUSD, {"tick_size": "0.000001"})
    assert rescaled(_candles(EURUSD, 109_250), finer).close_ticks.tolist() == [1_092_500]


def test_rescaled_when_the_tick_is_coarser_then_exact_or_refused() -> None:
    """Digits are never rounded away (M2)."""
    coarser = overridden(EURUSD, {"tick_size": "0.0001"})
    assert rescaled(_candles(EURUSD, 109_250), coarser).close_ticks.tolist() == [10_925]
    with pytest.raises(CandlesUnusable) as caught:
        rescaled(_candles(EURUSD, 109_251), coarser)
    assert caught.value.code == "candles.off_scale"


@pytest.mark.parametrize(
    ("instrument", "capital", "decimals"),
    [(EURUSD, "10000", 6), (BTCUSDT, "10000", 10), (SEEDED_INSTRUMENTS["USDJPY"], "10000000000", 4)],
)
def test_run_terms_when_capital_is_given_then_money_has_the_decimals_of_the_rule(
    instrument: Instrument, capital: str, decimals: int
) -> None:
    """M1: as many decimals as price and quantity need, fewer for large capital; FX at 1:30."""
    terms = run_terms(build_request(initial_capital=capital), _plan(), instrument, start_bar=7)
    assert (terms.money_decimals, terms.start_bar) == (decimals, 7)
    assert terms.capital_minor == int(capital) * 10**decimals


def test_run_terms_when_request_and_plan_state_costs_then_the_request_wins() -> None:
    """What the request leaves open comes from the strategy (C1, C2)."""
    plan = _plan(Costs(commission_ppb=20_000, spread_ppm_pips=800_000))
    request = build_request(costs=Costs(spread_ppm_pips=1_500_000))
    terms = run_terms(request, plan, EURUSD, start_bar=0)
    assert (terms.commission_ppb, terms.spread_ticks) == (20_000, 15)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"initial_capital": "0"}, "capital.not_positive"),
        ({"initial_capital": "90000000000000"}, "money.capital_too_large"),
        ({"profile": "broker"}, "profile.unknown"),
    ],
)
def test_run_terms_when_the_request_cannot_be_run_then_refused(changes: dict[str, str], code: str) -> None:
    """Capital and profile are judged before a run is accepted."""
    with pytest.raises(InvalidInput) as caught:
        run_terms(build_request(**changes), _plan(), EURUSD, start_bar=0)
    assert caught.value.code == code


def test_cost_notes_when_costs_are_rounded_or_missing_then_the_result_says_so() -> None:
    """A spread finer than a tick rounds up, one never stated is 0; both are told (M2, C2)."""
    rounded = cost_notes(build_request(costs=Costs(spread_ppm_pips=850_000)), _plan(), EURUSD)
    assert [note.code for note in rounded] == ["costs.rounded", "costs.no_commission"]
    assert "0.00009" in rounded[0].text
    missing = cost_notes(build_request(), _plan(), EURUSD)
    assert [note.code for note in missing] == ["costs.no_spread", "costs.no_commission"]


def test_run_terms_when_a_commission_has_parts_then_they_are_exact_money() -> None:
    """C1, M2: fees become minor units exactly; a finer one is refused."""
    costs = Costs(commission_per_lot=3_500_000_000, commission_min=1_000_000, slippage_ppb=7)
    terms = run_terms(build_request(costs=costs), _plan(), EURUSD, start_bar=0)
    one = 10**terms.money_decimals
    assert (terms.commission_per_lot_minor, terms.commission_min_minor) == (35 * one // 10, one // 1000)
    assert terms.slippage_ppb == 7
    with pytest.raises(InvalidInput) as caught:
        run_terms(build_request(costs=Costs(commission_per_order=1)), _plan(), EURUSD, start_bar=0)
    assert caught.value.code == "costs.too_fine"


def test_cost_notes_when_candles_carry_both_sides_then_a_stated_spread_is_unused() -> None:
    """C2: the spread comes from bid and ask; stating another is told."""
    both = dataclasses.replace(EURUSD, side=CandleSide.BOTH)
    request = build_request(costs=Costs(spread_ppm_pips=850_000))
    assert [note.code for note in cost_notes(request, _plan(), both)] == [
        "costs.spread_unused",
        "costs.no_commission",
    ]
    assert run_terms(request, _plan(), both, start_bar=0).spread_ticks == 0
    assert [note.code for note in cost_notes(build_request(), _plan(), both)] == ["costs.no_commission"]


@pytest.mark.parametrize(
    ("profile", "leverage", "words", "expected"),
    [
        ("tradingview", "", {}, 10**9),
        ("tradingview", "10", {}, 10**8),
        ("tradingview", "", {"margin_rate": "5%"}, 50_000_000),
        ("strict", "", {}, EURUSD.margin_rate_ppb),
    ],
)
def test_run_terms_when_no_leverage_is_stated_then_tradingview_asks_full_margin(
    profile: str, leverage: str, words: dict[str, str], expected: int
) -> None:
    """Under `tradingview` margin is 100 % unless the request states a leverage or the margin rate (A3)."""
    request = dataclasses.replace(
        build_request(), profile=profile, leverage=leverage, instruments={"EURUSD": words}
    )
    terms = run_terms(request, _plan(), run_instrument(EURUSD, request), start_bar=0)
    assert terms.margin_rate_ppb == expected


def test_run_facts_under_tradingview_then_a_day_converts_at_the_close_of_the_day_before() -> None:
    """The rate of a bar, open and close, is the last close known when its UTC day began (C5).

    Six bars of eight hours from 2024-01-01; the pair closes at 1.10, 1.20, ... 1.60. On the first day no
    close of a day before is known: its bars convert as ever, at the last close known then.
    """
    candles = _candles(EURUSD, *[109250] * 6)
    columns = {name: getattr(candles, name) for name in ("open_ticks", "high_ticks", "low_ticks")}
    times_s = 1_704_067_200 + 28_800 * np.arange(6)
    candles = Candles.from_columns(
        {"time_s": times_s, **columns, "close_ticks": candles.close_ticks},
        instrument=EURUSD,
        timeframe=parse_timeframe("8h"),
    )
    leg = RouteLeg(base="USD", quote="JPY", inverse=False)
    closes = LegCloses(leg=leg, known_s=times_s + 28_800, closes=np.array([11, 12, 13, 14, 15, 16]), one=10)
    facts = run_facts(Costs(), candles, (closes,), start_bar=0, profile=PROFILES["tradingview"])
    assert facts.open_rates is not None
    assert facts.close_rates is not None
    rates = facts.open_rates.numerator / facts.open_rates.denominator
    assert rates[1:].tolist() == [1.1, 1.2, 1.3, 1.3, 1.3]
    rates = facts.close_rates.numerator / facts.close_rates.denominator
    assert rates.tolist() == [1.1, 1.2, 1.3, 1.3, 1.3, 1.3]
