"""Resting entries, partial exits, scale-in, position limits: what each becomes, what each mistake says."""

import pytest

from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, OrderKind
from sptraderb.domain.plan import Plan
from sptraderb.domain.timeframe import H1
from sptraderb.errors import Fault
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET, StrategyTarget


def _text(rule: str = "", rest: str = "", side: str = "long") -> str:
    return (
        f"name: x\nparameters: {{away: 20 pips, level: 1.1, wait: 3}}\nindicators: {{floor_price: low}}\n"
        f"entry:\n  {side}:\n    when: close > open\n    size: 2%\n{rule}{rest}"
    )


def _plan(rule: str = "", rest: str = "") -> Plan:
    return compile_strategy(_text(rule, rest), target=DEFAULT_TARGET)


def _entry(order: str) -> EntryRule:
    return _plan(f"    order: {order}\n").entries[0]


def _one(text: str) -> Fault:
    faults = check_strategy(text, target=DEFAULT_TARGET)
    assert len(faults) == 1, [fault.rendered() for fault in faults]
    return faults[0]


@pytest.mark.parametrize(
    ("order", "kind", "stop", "limit"),
    [
        ("market", OrderKind.MARKET, "", ""),
        ("{limit: low}", OrderKind.LIMIT, "", "low"),
        ("{limit: low - 0.2 * atr(14)}", OrderKind.LIMIT, "", "low - 0.2 * atr(14)"),
        ("{limit: close - away}", OrderKind.LIMIT, "", "close - away"),
        ("{limit: floor_price}", OrderKind.LIMIT, "", "low"),
        ("{limit: 1.1}", OrderKind.LIMIT, "", "1.1"),
        ("{limit: level}", OrderKind.LIMIT, "", "1.1"),
        ("{limit: close * 0.99}", OrderKind.LIMIT, "", "close * 0.99"),
        ('{stop: "highest(high, 20)"}', OrderKind.STOP, "highest(high, 20)", ""),
        ('{stop: "highest(high, 20)", limit: high + 2 pips}', OrderKind.STOP_LIMIT, "highest(high, 20)", "x"),
    ],
)
def test_order_when_written_in_a_form_then_kind_and_prices_follow(
    order: str, kind: OrderKind, stop: str, limit: str
) -> None:
    """Each form of `order` becomes its kind with the nodes of its prices (X1 to X4)."""
    plan = _plan(f"    order: {order}\n")
    form = plan.entries[0].order
    assert form.kind is kind
    assert (form.stop_node >= 0, form.limit_node >= 0) == (bool(stop), bool(limit))
    if stop:
        assert plan.nodes[form.stop_node].text == stop
    elif limit:
        assert plan.nodes[form.limit_node].text == limit
    assert set(form.nodes()) <= plan.level_nodes()


@pytest.mark.parametrize(("order", "bars"), [("{limit: low, expires: 5 bars}", 5), ("{limit: low}", 0)])
def test_order_when_it_expires_then_its_bars_are_counted(order: str, bars: int) -> None:
    """X16: `expires` is a whole number of bars; none left out means no end."""
    assert _entry(order).order.expires_bars == bars
    assert _entry("{stop: high, expires: wait bars}").order.expires_bars == 3


def test_order_when_its_price_needs_bars_then_they_block_entries() -> None:
    """T2: a series that only an order's price reads counts for the first bar that may decide."""
    assert _plan('    order: {stop: "highest(high, 20)"}\n').first_value == 19


def test_rule_when_it_rests_then_cancel_and_oco_arrive() -> None:
    """X16: `cancel_when` is a condition of its own, `oco` is true unless it says false."""
    plan = _plan("    order: {limit: low}\n    cancel_when: close > sma(close, 9)\n    oco: false\n")
    rule = plan.entries[0]
    assert plan.nodes[rule.cancel_when].op == "greater"
    assert rule.cancel_when in plan.condition_nodes()
    assert not rule.oco
    assert plan.first_value == 8
    plain = _entry("{limit: low}")
    assert (plain.cancel_when, plain.oco) == (-1, True)
    assert _plan("    order: {limit: low}\n    oco: true\n").entries[0].oco


def test_entries_when_listed_with_names_then_each_keeps_its_own_order() -> None:
    """A side's named entries carry an order, an expiry and a condition to cancel of their own."""
    text = """
name: x
entry:
  long:
    - {name: dip, when: close < open, size: 2%, order: {limit: low, expires: 3 bars}}
    - name: breakout
      when: close > open
      size: 1%
      order: {stop: high}
      cancel_when: close < low[1]
      oco: false
    - {when: close > open + 5 pips, size: 1%}
"""
    rules = compile_strategy(text, target=DEFAULT_TARGET).entries
    assert [rule.name for rule in rules] == ["dip", "breakout", "long_3"]
    assert [rule.order.kind for rule in rules] == [OrderKind.LIMIT, OrderKind.STOP, OrderKind.MARKET]
    assert [rule.oco for rule in rules] == [True, False, True]
    assert [rule.cancel_when >= 0 for rule in rules] == [False, True, False]


def test_partial_when_listed_then_each_part_arrives_in_order() -> None:
    """X9: a part is where it is taken, how much of the largest size, and what follows."""
    rest = """exit:
  stop_loss: 1%
  partial:
    - {at: 1 R, close: 50%, then: break_even}
    - {at: 40 pips, close: 12.5%}
    - {at: 2 * atr(14), close: 10%}
    - {at: {price: high + away}, close: 5%}
"""
    parts = _plan(rest=rest).entries[0].exits.partial
    assert [part.close_ppb for part in parts] == [500_000_000, 125_000_000, 100_000_000, 50_000_000]
    assert [part.then_break_even for part in parts] == [True, False, False, False]
    assert [part.at.kind for part in parts] == [
        DistanceKind.R,
        DistanceKind.TICKS,
        DistanceKind.SERIES,
        DistanceKind.PRICE,
    ]


def test_partial_when_a_side_states_its_own_then_the_whole_list_wins() -> None:
    """The keys of one side win over those of both, the list as a whole."""
    rest = """exit:
  partial: [{at: 10 pips, close: 50%}, {at: 20 pips, close: 50%}]
  long: {partial: [{at: 2%, close: 30%}]}
"""
    plan = _plan(rest=rest)
    assert [part.close_ppb for part in plan.exits_long.partial] == [300_000_000]
    assert len(plan.exits_short.partial) == 2
    assert plan.entries[0].exits.partial == plan.exits_long.partial


@pytest.mark.parametrize(
    ("distance", "kind", "amount"),
    [
        ("10 pips", DistanceKind.TICKS, 100_000_000),
        ("0.5%", DistanceKind.RATE, 5_000_000),
        ("0.5 * atr(14)", DistanceKind.SERIES, 0),
    ],
)
def test_scale_in_when_stated_then_entries_and_distance_arrive(
    distance: str, kind: DistanceKind, amount: int
) -> None:
    """X17: how many fills in all, and how far from the last one."""
    found = _plan(rest=f"scale_in: {{max_entries: 3, min_distance: {distance}}}\n").scale_in
    assert found is not None
    assert isinstance(found.min_distance, Distance)
    assert (found.max_entries, found.min_distance.kind, found.min_distance.amount) == (3, kind, amount)


def test_scale_in_when_without_distance_then_there_is_none() -> None:
    """The distance may be left out; without the block a position is never added to."""
    found = _plan(rest="scale_in: {max_entries: 2}\n").scale_in
    assert found is not None
    assert found.min_distance is None
    assert _plan().scale_in is None


def test_overrides_when_a_request_gives_them_then_orders_follow() -> None:
    """A request's parameters reach order prices, expiries, parts and distances alike."""
    text = _text(
        "    order: {limit: close - away, expires: wait bars}\n",
        "exit: {partial: [{at: away, close: 50%}]}\nscale_in: {max_entries: wait, min_distance: away}\n",
    )
    target = StrategyTarget(timeframe=H1, instrument=SEEDED_INSTRUMENTS["EURUSD"])
    plan = compile_strategy(text, parameters={"away": "10 pips", "wait": 4}, target=target)
    rule = plan.entries[0]
    assert rule.order.expires_bars == 4
    assert rule.exits.partial[0].at.amount == 100_000_000
    assert plan.scale_in is not None
    assert plan.scale_in.max_entries == 4


@pytest.mark.parametrize(
    ("rule", "code", "hint"),
    [
        ("order: fast", "value", ""),
        ("order: markt", "value", "did you mean `market`?"),
        ("order: limit", "value", "write `{limit: price}`, such as `{limit: low}`"),
        ("order: [low]", "value", ""),
        ("order: {expires: 5 bars}", "missing_key", None),
        ("order: {limt: low}", "unknown_key", "did you mean `limit`?"),
        ("order: {limit: 20 pips}", "price_needed", "a price is such as `close - 20 pips`"),
        ("order: {stop: 20 pips}", "price_needed", "a price is such as `close + 20 pips`"),
        ("order: {limit: atr(14)}", "price_needed", "a price is such as `close - atr(14)`"),
        ("order: {limit: rsi(14)}", "price_needed", None),
        ("order: {limit: close > open}", "price_needed", None),
        ("order: {limit: 2%}", "unit_not_allowed", None),
        ("order: {limit: {price: low}}", "wrong_shape", None),
        ("order: {limit: low, expires: 5}", "unit_needed", "such as `5 bars`"),
        ("order: {limit: low, expires: 0 bars}", "out_of_range", None),
        ("order: {limit: low, expires: 2.5 bars}", "out_of_range", None),
        ("order: {limit: low, expires: 2 days}", "expression_syntax", None),
        ("order: {stop: highest(high, 20)}", "unquoted_expression", 'write "highest(high, 20)"'),
        ("{cancel_when: close > open}", "without_effect", None),
        ("{order: market, oco: false}", "without_effect", None),
        ("{order: {limit: low}, oco: maybe}", "value", ""),
        ("{order: {limit: low}, cancel_when: close}", "wrong_type", "compare it, such as `x > 0`"),
    ],
)
def test_order_when_it_is_wrong_then_code_and_hint_say_how(rule: str, code: str, hint: str | None) -> None:
    """Each mistake in an order is told once, at its place."""
    keys = rule.strip("{}") if rule.startswith("{") else rule
    if rule.startswith("{"):
        text = f"name: x\nentry:\n  long: {{when: close > open, size: 2%, {keys}}}\n"
        text = text.replace("{limit: low, oco", "{limit: low}, oco").replace(
            "{limit: low, cancel", "{limit: low}, cancel"
        )
    else:
        text = f"name: x\nentry:\n  long:\n    when: close > open\n    size: 2%\n    {rule}\n"
    fault = _one(text)
    assert fault.code == f"strategy.{code}", fault.rendered()
    assert fault.line is not None
    assert fault.line >= 3
    if hint is not None:
        assert fault.hint == hint


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("exit: {partial: 50%}", "wrong_shape"),
        ("exit: {partial: []}", "empty_value"),
        ("exit: {partial: [{at: 20 pips}]}", "missing_key"),
        ("exit: {partial: [{close: 50%}]}", "missing_key"),
        ("exit: {partial: [{at: 1 R, close: 50%}]}", "r_without_stop"),
        ("exit: {partial: [{at: close, close: 50%}]}", "distance_needed"),
        ("exit: {partial: [{at: 20, close: 50%}]}", "unit_needed"),
        ("exit: {partial: [{at: 20 pips, close: 0.5}]}", "unit_needed"),
        ("exit: {partial: [{at: 20 pips, close: 120%}]}", "out_of_range"),
        ("exit: {partial: [{at: 20 pips, close: 0%}]}", "out_of_range"),
        ("exit: {partial: [{at: 20 pips, close: 60%}, {at: 30 pips, close: 60%}]}", "out_of_range"),
        ("exit: {partial: [{at: 20 pips, close: 50%, then: breakeven}]}", "value"),
        ("exit: {partial: [" + "{at: 20 pips, close: 1%}, " * 11 + "]}", "too_many_nodes"),
        ("scale_in: 3", "wrong_shape"),
        ("scale_in: {min_distance: 10 pips}", "missing_key"),
        ("scale_in: {max_entries: 1}", "out_of_range"),
        ("scale_in: {max_entries: 3 lots}", "wrong_unit"),
        ("scale_in: {max_entries: 3, min_distance: 1 R}", "wrong_unit"),
        ("scale_in: {max_entries: 3, min_distance: close}", "distance_needed"),
        ("scale_in: {max_entries: 3, min_distance: {price: close}}", "wrong_shape"),
        ("scale_in: {entries: 3, max_entries: 3}", "unknown_key"),
    ],
)
def test_block_when_it_is_wrong_then_one_fault_has_its_code(rest: str, code: str) -> None:
    """Each mistake in `partial` and `scale_in` is told once, at its place."""
    fault = _one(_text(rest=f"{rest}\n"))
    assert fault.code == f"strategy.{code}", fault.rendered()
    assert fault.line == 8


@pytest.mark.parametrize(
    ("limit", "share_ppb", "units_ppb"),
    [
        ("1000%", 10_000_000_000, 0),
        ("2 lots", 0, 200_000 * 10**9),
        ("5000 units", 0, 5_000 * 10**9),
        ("level units", 0, 1_100_000_000),
    ],
)
def test_position_limit_when_written_in_a_unit_then_it_is_a_share_or_units(
    limit: str, share_ppb: int, units_ppb: int
) -> None:
    """A4: a share of equity stays one, lots become units of the instrument."""
    risk = _plan(rest=f"risk: {{max_position_size: {limit}}}\n").risk
    assert (risk.max_position_size_ppb, risk.max_position_units_ppb) == (share_ppb, units_ppb)
