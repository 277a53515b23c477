"""Every fault of a file comes back, each with its code, place and a suggestion."""

import pytest

from sptraderb.domain.timeframe import H1
from sptraderb.errors import Fault, StrategyInvalid
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

_HEAD = "name: x\n"
_ENTRY = "entry: {long: {when: close > open, size: 2%}}\n"


def _faults(text: str) -> tuple[Fault, ...]:
    return check_strategy(text, target=DEFAULT_TARGET)


def _one(text: str) -> Fault:
    faults = _faults(text)
    assert len(faults) == 1, [fault.rendered() for fault in faults]
    return faults[0]


def _when(expression: str, indicators: str = "", parameters: str = "") -> str:
    return f"""name: x
parameters: {{{parameters}}}
indicators: {{{indicators}}}
entry:
  long:
    when: {expression}
    size: 2%
"""


def test_fault_when_a_key_is_misspelt_then_place_line_and_guess_are_told() -> None:
    """An unknown key shows its line with a caret and what was probably meant."""
    fault = _one(f"{_HEAD}{_ENTRY}exit:\n  stop_los: 2%\n")
    assert fault.rendered() == (
        "strategy.unknown_key, line 4, column 3: `exit.stop_los` is not a key here\n"
        "      stop_los: 2%\n"
        "      ^~~~~~~~  did you mean `stop_loss`?"
    )


def test_faults_when_there_are_many_then_all_come_together_in_order() -> None:
    """One compile tells every fault, in the order of the text."""
    text = """name: x
parmeters: {a: 1}
parameters: {sma: 3, fast: {default: 10, range: [20, 30]}}
entry:
  long:
    when: crosses_abov(close, open) and rsi(1) > 30 and macd(12, 26, 9) > 0
    size: 0.1
exit:
  stop_loss: low
  take_profit: 0.02
costs: {commission: 1 pip}
"""
    with pytest.raises(StrategyInvalid) as raised:
        compile_strategy(text, target=DEFAULT_TARGET)
    assert raised.value.code == "strategy.invalid"
    assert [fault.code.removeprefix("strategy.") for fault in raised.value.faults] == [
        "unknown_key",
        "name",
        "out_of_range",
        "unknown_function",
        "out_of_range",
        "output",
        "unit_needed",
        "distance_needed",
        "unit_needed",
        "wrong_unit",
    ]


@pytest.mark.parametrize(
    ("expression", "code", "hint"),
    [
        ("clos > 1", "strategy.unknown_name", "did you mean `close`?"),
        ("rsi > 30", "strategy.arguments", "write `rsi(close, period = 14)`"),
        ("emma(close, 3) > 1", "strategy.unknown_function", "did you mean `ema`?"),
        ("sma(close) > 1", "strategy.arguments", "write `sma(close, period)`"),
        ("sma(close, open, 3) > 1", "strategy.arguments", ""),
        ("sma(close, 2.5) > 1", "strategy.out_of_range", ""),
        ("sma(close, 0) > 1", "strategy.out_of_range", ""),
        ("sma(close, 3 pips) > 1", "strategy.not_constant", "write `sma(close, period)`"),
        ("close", "strategy.wrong_type", "compare it, such as `x > 0`"),
        ("close > 1 and volume", "strategy.wrong_type", "compare it, such as `x > 0`"),
        ("(close > 1) + 1 > 0", "strategy.wrong_type", "write `if_else(condition, 1, 0)` for a number"),
        ("(close > 1) > 0", "strategy.wrong_type", "join conditions by `and`, `or`, `not`"),
        ("not close", "strategy.wrong_type", "compare it, such as `x > 0`"),
        ("close > 2%", "strategy.unit_not_allowed", "write `2` for the number, `0.02 * x` for a share of x"),
        ("close > 2 R", "strategy.unit_not_allowed", ""),
        ("close[-1] > 1", "strategy.lag", "a negative lag would look into the future"),
        ("close[1.5] > 1", "strategy.lag", ""),
        ("close[open] > 1", "strategy.lag", ""),
        ("close@7m > 1", "strategy.timeframe", ""),
        ("close@30m > 1", "strategy.timeframe", ""),
        ("close@banana > 1", "strategy.timeframe", ""),
        ("(close + 1)@4h > 1", "strategy.timeframe", "such as `sma(close@4h, 50)`"),
        ("macd(12, 26, 9) > 0", "strategy.output", ""),
        ("macd(12, 26, 9).signl > 0", "strategy.output", "did you mean `signal`?"),
        ("sma(close, 5).value > 0", "strategy.output", ""),
        (
            "close.value > 0",
            "strategy.output",
            "name the output in `indicators`: `signal: macd(12, 26, 9).signal`",
        ),
        ("1 / 0 > close", "strategy.number_undefined", ""),
        ("close = 1", "strategy.expression_syntax", "write `==` to compare"),
        ("close > 1 && open > 1", "strategy.expression_syntax", "write `and`"),
        ("close > 1 AND open > 1", "strategy.expression_syntax", "write `and`"),
        ("close >", "strategy.expression_syntax", ""),
        ("(close > 1", "strategy.expression_syntax", "a bracket that was opened is not closed"),
        ("close % 2 > 1", "strategy.expression_syntax", "write `mod(a, b)` for a remainder; `%` is a unit"),
        ("forming(close) > 1", "strategy.arguments", "write `forming(close@4h)`"),
        ("forming(close@4h, 2) > 1", "strategy.arguments", "write `forming(close@4h)`"),
        ("forming(rsi(14)@4h) > 1", "strategy.arguments", "write `forming(close@4h)`"),
        (
            "forming(vwap@4h) > 1",
            "strategy.arguments",
            "an indicator may read it: `sma(forming(close@4h), 5)`",
        ),
        ("forming(close@30m) > 1", "strategy.timeframe", ""),
        ("forming > 1", "strategy.arguments", "write `forming(close@4h)`"),
        ("count_true(close > 1, 0) > 1", "strategy.lag", ""),
        ("change(close, 1, 2) > 1", "strategy.arguments", ""),
        ("min(close) > 1", "strategy.arguments", ""),
    ],
)
def test_expression_when_it_is_wrong_then_code_and_hint_say_how(
    expression: str, code: str, hint: str
) -> None:
    """Each mistake in an expression has its code; a hint where one is known."""
    fault = _one(_when(expression))
    assert (fault.code, fault.hint) == (code, hint)
    assert fault.line == 6
    assert fault.column is not None
    assert 11 <= fault.column <= 11 + len(expression)


@pytest.mark.parametrize(
    ("spelling", "place"),
    [
        ("when: close > clos", (4, 19, 4)),
        ('when: "close > clos"', (4, 20, 4)),
        ("when: 'close > clos'", (4, 20, 4)),
        ("when: >-\n      close >\n      clos", (6, 7, 4)),
        ("when: |\n      close >\n      clos", (6, 7, 4)),
        ("when: close >\n      clos", (5, 7, 4)),
        ("when: &a close > clos", (4, 22, 4)),
    ],
)
def test_place_when_yaml_spells_a_scalar_otherwise_then_the_caret_still_fits(
    spelling: str, place: tuple[int, int, int]
) -> None:
    """Quoted, folded, block and anchored scalars: the caret stands under the word."""
    fault = _one(f"name: x\nentry:\n  long:\n    {spelling}\n    size: 2%\n")
    assert (fault.line, fault.column, fault.width) == place


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "strategy.not_a_mapping"),
        ("- a\n", "strategy.not_a_mapping"),
        ("name: [1\n", "strategy.yaml_syntax"),
        ("name: x\n\tentry: y\n", "strategy.yaml_syntax"),
        ("name: \x00\n", "strategy.yaml_syntax"),
        ("name: %x\n", "strategy.yaml_syntax"),
        ("a: 1\n---\nb: 2\n", "strategy.yaml_feature"),
        ("a: *nothing\n", "strategy.yaml_feature"),
        ("a: &a [*a]\n", "strategy.yaml_feature"),
        ("[" * 60_000, "strategy.too_deep"),
        ("a: " + "{b: " * 30 + "1" + "}" * 30, "strategy.too_deep"),
        ("a: [" + "1, " * 6_000 + "1]", "strategy.too_many_nodes"),
        ("a: " + "x" * 200_000, "strategy.too_large"),
        ("a: \ud800", "strategy.not_text"),
    ],
)
def test_document_when_it_cannot_be_read_then_one_fault_says_why(text: str, code: str) -> None:
    """A text that is no sound document gives one fault and nothing else."""
    assert _one(text).code == code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("version: !!str 1", "strategy.yaml_feature"),
        ("<<: {version: 1}", "strategy.yaml_feature"),
        ("? [a, b]\n: 1", "strategy.yaml_feature"),
        ("name: y", "strategy.duplicate_key"),
        ("version:", "strategy.empty_value"),
        ("costs:", "strategy.empty_value"),
        ("costs: 5", "strategy.wrong_shape"),
        ("session: {hours: 7-17}", "strategy.value"),
        ("session: {days: mon-fry}", "strategy.value"),
        ("session: {timezone: Europe/Lundon}", "strategy.value"),
        ("session: {timezone: ../../etc/passwd}", "strategy.value"),
        ("risk: {max_drawdown: 0.15}", "strategy.unit_needed"),
        ("risk: {max_drawdown: 150%}", "strategy.out_of_range"),
        ("risk: {max_positions: 1.5}", "strategy.out_of_range"),
        ("risk: {max_position_size: 2 pips}", "strategy.wrong_unit"),
        ("risk: {max_position_size: 0 units}", "strategy.out_of_range"),
        ("risk: {max_position_size: 2}", "strategy.unit_needed"),
        ("costs: {spread: 0.00000001 pips}", "strategy.too_fine"),
        ("costs: {spread: -1 pips}", "strategy.out_of_range"),
        ("costs: {spread: {hours: 3 pips}}", "strategy.unknown_key"),
        ("costs: {spread: {'24': 3 pips}}", "strategy.unknown_key"),
        ("costs: {spread: {'7': 3 pips, default: 1 ticks}}", "strategy.wrong_unit"),
        ("costs: {spread: {'7': 3 pips, timezone: Europe/Lundon}}", "strategy.value"),
        ("costs: {spread: {'7': 3%}}", "strategy.wrong_unit"),
        ("costs: {slippage: 120% of range}", "strategy.out_of_range"),
        ("costs: {slippage: 3 pips of range}", "strategy.wrong_unit"),
        ("costs: {funding: 0.01%}", "strategy.value"),
        ("costs: {funding: 0.01% every 7h}", "strategy.value"),
        ("costs: {funding: 3 every 8h}", "strategy.unit_needed"),
        ("costs: {swap: {long: 1 ticks, short: 2%}}", "strategy.wrong_unit"),
        ("costs: {swap: {long: 1 ticks, triple: sunday}}", "strategy.value"),
        ("costs: {swap: {long: 5 pips per lot}}", "strategy.wrong_unit"),
        ("costs: {conversion_fee: 101%}", "strategy.out_of_range"),
        ("costs: {commission: {per_lot: 3%}}", "strategy.wrong_unit"),
        ("costs: {commission: {per_order: -3}}", "strategy.out_of_range"),
        ("costs: {commission: {maximum: 0}}", "strategy.out_of_range"),
        ("costs: {commission: {minimum: 3, maximum: 2}}", "strategy.out_of_range"),
        ("costs: {commission: {rate: 3%}}", "strategy.unknown_key"),
        ("costs: {slippage: 200%}", "strategy.out_of_range"),
        ("costs: {swap: {long: 3}}", "strategy.unit_needed"),
        ("backtest: {timeframe: 7x}", "strategy.value"),
        ("backtest: {initial_capital: -5}", "strategy.value"),
        ("backtest: {start_date: yesterday}", "strategy.value"),
        ("parameters: {Fast: 1}", "strategy.name"),
        ("parameters: {close: 1}", "strategy.name"),
        ("parameters: {a: {default: 5, range: [9, 1]}}", "strategy.out_of_range"),
        ("parameters: {a: {default: 5, range: [1]}}", "strategy.wrong_shape"),
        ("parameters: {a: {default: 5, step: 0}}", "strategy.out_of_range"),
        ("parameters: {a: {default: 5 pips, range: [1, 9 pips]}}", "strategy.unit_needed"),
        ("indicators: {a: a + 1}", "strategy.cycle"),
        ("indicators: {a: b + 1, b: c, c: a}", "strategy.cycle"),
        ("optimization: {parameters: {nothing: [1]}}", "strategy.parameter_unknown"),
        ("exit: {stop_loss: 1 R}", "strategy.wrong_unit"),
        ("exit: {take_profit: 2 R}", "strategy.r_without_stop"),
        ("exit: {stop_loss: close}", "strategy.distance_needed"),
        ("exit: {stop_loss: rsi(14)}", "strategy.distance_needed"),
        ("exit: {stop_loss: -1%}", "strategy.out_of_range"),
        ("exit: {stop_loss: {price: atr(14)}}", "strategy.price_needed"),
        ("exit: {stop_loss: {price: 20 pips}}", "strategy.price_needed"),
        ("exit: {max_bars: 0}", "strategy.out_of_range"),
        ("exit: {max_bars: close}", "strategy.not_constant"),
        ("exit: {live_from: now}", "strategy.value"),
        ("exit: {max_duration: 2}", "strategy.value"),
        ("exit: {max_duration: 0 days}", "strategy.value"),
        ("exit: {trailing_stop: 1 R}", "strategy.r_without_stop"),
        ("exit: {trailing_stop: {activate: 20 pips}}", "strategy.missing_key"),
        ("exit: {trailing_stop: {distance: close}}", "strategy.distance_needed"),
        ("exit: {trailing_stop: {distance: 20 pips, activate: 1 R}}", "strategy.r_without_stop"),
        ("exit: {break_even: {price: close}}", "strategy.wrong_shape"),
        ("exit: {break_even: 1 R}", "strategy.r_without_stop"),
    ],
)
def test_block_when_a_value_is_wrong_then_one_fault_has_its_code(line: str, code: str) -> None:
    """Each rule of each block has a code; nothing else is reported beside it."""
    fault = _one(f"{_HEAD}{_ENTRY}{line}\n")
    assert fault.code == code
    assert fault.line is not None
    assert fault.line >= 3


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("{when: close > open}", "strategy.missing_key"),
        ("{size: 2%}", "strategy.missing_key"),
        ("{when: close > open, size: 2}", "strategy.unit_needed"),
        ("{when: close > open, size: 20 pips}", "strategy.wrong_unit"),
        ("{when: close > open, size: close}", "strategy.not_constant"),
        ("{when: close > open, size: 0%}", "strategy.out_of_range"),
        ("{when: close > open, size: {risk: 1%}}", "strategy.risk_without_stop"),
        ("{when: close > open, size: {risk: 1%, notional: 5}}", "strategy.wrong_shape"),
        ("{when: close > open, size: 1%, order: fast}", "strategy.value"),
        ("{when: close > open, size: 1%, oco: false}", "strategy.without_effect"),
        ("{when: close > open, size: 1%, cancel_when: close > 1}", "strategy.without_effect"),
        ("{when: highest(high, 20) < close, size: 1%}", "strategy.unquoted_expression"),
        ("{when: close > open, size: 1%, name: ''}", "strategy.empty_value"),
    ],
)
def test_entry_when_a_rule_is_wrong_then_one_fault_has_its_code(rule: str, code: str) -> None:
    """Each rule of an entry has a code; nothing else is reported beside it."""
    assert _one(f"{_HEAD}entry:\n  long: {rule}\n").code == code


def test_cut_expression_when_not_quoted_then_the_whole_of_it_is_shown() -> None:
    """`{price: highest(high, 20)}` is told as an expression to quote, never as an unknown key."""
    fault = _one(f"{_HEAD}{_ENTRY}exit: {{stop_loss: {{price: lowest(low, 20)}}}}\n")
    assert fault.code == "strategy.unquoted_expression"
    assert fault.hint == 'write "lowest(low, 20)"'


def test_series_when_it_has_a_fault_then_its_users_are_silent() -> None:
    """One mistake is told once, not again wherever the series is used."""
    assert _one(_when("a > 1 and b > a", "a: clos + 1, b: a * 2")).code == "strategy.unknown_name"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"fast": 31}, "strategy.parameter_out_of_range"),
        ({"fast": "lots"}, "strategy.parameter_malformed"),
        ({"fast": "5%"}, "strategy.parameter_malformed"),
        ({"fast": True}, "strategy.parameter_malformed"),
        ({"fast": float("nan")}, "strategy.parameter_malformed"),
        ({"fast": "9" * 5000}, "strategy.parameter_malformed"),
        ({"fst": 5}, "strategy.parameter_unknown"),
    ],
)
def test_override_when_it_does_not_fit_then_it_is_refused(given: dict[str, int | str], code: str) -> None:
    """A request's parameters must exist and lie in their ranges."""
    text = f"{_HEAD}parameters: {{fast: {{default: 10, range: [5, 30]}}}}\n{_ENTRY}"
    with pytest.raises(StrategyInvalid) as raised:
        compile_strategy(text, parameters=given, target=DEFAULT_TARGET)
    assert [fault.code for fault in raised.value.faults] == [code]
    assert raised.value.faults[0].path == f"parameters.{next(iter(given))}"


def test_graph_when_it_is_too_large_then_it_is_refused() -> None:
    """The number of distinct subexpressions is bounded."""
    rows = "".join(f"  s{at}: close + {at}\n" for at in range(1500))
    assert _one(f"{_HEAD}{_ENTRY}indicators:\n{rows}").code == "strategy.too_many_nodes"


def test_faults_when_there_are_hundreds_then_fifty_are_kept() -> None:
    """A hopeless file gives fifty faults, not a flood."""
    rows = "".join(f"key_{at}: 1\n" for at in range(400))
    assert len(_faults(_HEAD + _ENTRY + rows)) == 50


def test_default_target_when_the_text_names_none_then_it_is_eurusd_1h() -> None:
    """Texts are checked for EURUSD on 1h unless they say otherwise."""
    assert DEFAULT_TARGET.timeframe is H1
    assert DEFAULT_TARGET.instrument.symbol == "EURUSD"
