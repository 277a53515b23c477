"""Switches, words and named series in higher timeframes: what they become, and what each mistake says."""

import json
import time

import pytest

from sptraderb.domain.plan import Node, Plan
from sptraderb.errors import StrategyInvalid
from sptraderb.strategy.compiler import ParameterText, check_strategy, compile_strategy
from sptraderb.strategy.json_schema import json_schema
from sptraderb.strategy.target import DEFAULT_TARGET

_PARAMETERS = (
    "{use_filter: true, fast: {default: false, description: x}, "
    "side: {default: long, choices: [long, short, both]}, kind: {default: ema, choices: [ema, sma]}, n: 3}"
)


def _text(when: str, *, parameters: str = _PARAMETERS, rest: str = "") -> str:
    rule = f"entry:\n  long:\n    when: {when}\n    size: 2%\n"
    return f"name: x\nparameters: {parameters}\n{rest}{rule}"


def _plan(when: str, overrides: dict[str, ParameterText] | None = None, rest: str = "") -> Plan:
    return compile_strategy(_text(when, rest=rest), parameters=overrides or {}, target=DEFAULT_TARGET)


def _root(plan: Plan) -> Node:
    return plan.nodes[plan.entries[0].when]


def _read_by(plan: Plan, root: int) -> set[int]:
    found = {root}
    for node in range(root, -1, -1):
        if node in found:
            found.update(plan.nodes[node].args)
    return found


def _codes(text: str) -> list[str]:
    return [fault.code for fault in check_strategy(text, target=DEFAULT_TARGET)]


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ("use_filter", "true"),
        ("fast", "false"),
        ("true", "true"),
        ("not use_filter or close > open", "close > open"),
        ("use_filter and close > open", "close > open"),
        ("fast and close > sma(close, 200)", "false"),
        ("use_filter or close > sma(close, 200)", "true"),
        ("not fast", "true"),
        ("use_filter == fast", "false"),
        ("use_filter != fast", "true"),
        ("side == long", "true"),
        ("side != long and close > open", "false"),
        ("short == side", "false"),
        ("if_else(fast, close, open) > low", "if_else(fast, close, open) > low"),
        ("if_else(kind == ema, ema(close, n), sma(close, n)) > low", "x"),
    ],
)
def test_word_when_known_before_the_run_then_the_rest_is_left_out(when: str, text: str) -> None:
    """What a switch or a word decides is not computed and needs no warm-up."""
    plan = _plan(when)
    if text != "x":
        assert _root(plan).text == text
    assert _root(plan).boolean
    assert "sma" not in {plan.nodes[node].name for node in _read_by(plan, plan.entries[0].when)}
    assert plan.first_value <= 2


def test_switch_when_a_request_overrides_it_then_the_other_branch_is_in_force() -> None:
    """A request says true or false, as a JSON boolean or as text, and one of the words."""
    when = "(side == short or close > open) and (use_filter == false or close > sma(close, 20))"
    assert _plan(when).first_value == 19
    assert _plan(when, {"use_filter": False}).first_value == 0
    assert _plan(when, {"use_filter": "false"}).parameters["use_filter"] == "false"
    assert _plan("side == short", {"side": "short"}).parameters == {
        "use_filter": "true",
        "fast": "false",
        "side": "short",
        "kind": "ema",
        "n": "3",
    }


@pytest.mark.parametrize(
    ("overrides", "hint"),
    [
        ({"use_filter": "yes"}, ""),
        ({"use_filter": 1}, ""),
        ({"side": "lonk"}, "did you mean `long`?"),
        ({"side": True}, ""),
    ],
)
def test_override_when_it_is_none_of_the_words_then_it_is_refused(
    overrides: dict[str, ParameterText], hint: str
) -> None:
    """A request's word must be one of the choices."""
    with pytest.raises(StrategyInvalid) as raised:
        _plan("close > open", overrides)
    assert [fault.code for fault in raised.value.faults] == ["strategy.parameter_out_of_range"]
    assert raised.value.faults[0].hint == hint


@pytest.mark.parametrize(
    ("when", "code", "hint"),
    [
        ("side", "wrong_type", "write `side == long`"),
        ("side == lonk", "value", "did you mean `long`?"),
        ("side == close > open", "wrong_type", "join conditions by `and`, `or`, `not`"),
        ("side > long", "wrong_type", "join conditions by `and`, `or`, `not`"),
        ("side == 3", "wrong_type", "choices are `long`, `short`, `both`"),
        ("use_filter + 1 > 0", "wrong_type", "write `if_else(condition, 1, 0)` for a number"),
        ("use_filter > 0", "wrong_type", "join conditions by `and`, `or`, `not`"),
        ("close > open + side pips", "unit_not_allowed", ""),
        ("side(3) > 1", "arguments", "write `side` without parentheses"),
        ("sid == long", "unknown_name", None),
    ],
)
def test_expression_when_a_word_is_misused_then_code_and_hint_say_how(
    when: str, code: str, hint: str | None
) -> None:
    """Each mistake about a word is told at its place."""
    faults = check_strategy(_text(when), target=DEFAULT_TARGET)
    assert faults[0].code == f"strategy.{code}", [fault.rendered() for fault in faults]
    if hint is not None:
        assert [fault.hint for fault in faults] == [hint]


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("long", "value"),
        ("{default: long}", "value"),
        ("{default: long, choices: [short, both]}", "value"),
        ("{default: long, choices: [long]}", "wrong_shape"),
        ("{default: long, choices: long}", "wrong_shape"),
        ("{default: long, choices: [long, long]}", "value"),
        ("{default: long, choices: [long, Short]}", "value"),
        ("{default: long, choices: [long, and]}", "value"),
        ("{default: true, range: [1, 2]}", "without_effect"),
        ("{choices: [long, short]}", "missing_key"),
    ],
)
def test_parameter_when_its_word_is_wrong_then_one_fault_has_its_code(parameter: str, code: str) -> None:
    """A faulty word is told once, wherever it is used."""
    text = _text("s == long or close > open", parameters=f"{{s: {parameter}}}")
    assert _codes(text) == [f"strategy.{code}"]


def test_sweep_when_it_varies_words_then_they_are_listed() -> None:
    """A sweep takes a list of words, never a range of them."""
    rest = "optimization: {parameters: {use_filter: [true, false], side: [long, short]}}\n"
    assert _plan("use_filter", rest=rest).optimization == {
        "parameters": {"use_filter": ["true", "false"], "side": ["long", "short"]}
    }
    wrong = "optimization: {parameters: {use_filter: {from: 1, to: 2, step: 1}, side: [left]}}\n"
    assert _codes(_text("use_filter", rest=wrong)) == ["strategy.wrong_shape", "strategy.value"]


def test_json_schema_when_a_word_is_written_then_it_passes() -> None:
    """An editor accepts switches and words."""
    schemas = pytest.importorskip("jsonschema_rs")
    document = {
        "name": "x",
        "parameters": {"a": True, "b": {"default": "long", "choices": ["long", "short"]}},
        "entry": {"long": {"when": True, "size": "2%", "order": {"limit": "low"}, "oco": False}},
        "exit": {"partial": [{"at": "1 R", "close": "50%", "then": "break_even"}]},
        "scale_in": {"max_entries": 3},
    }
    validator = schemas.Draft202012Validator(json_schema())
    assert validator.is_valid(json.loads(json.dumps(document)))
    wrong = {**document, "exit": {"live_from": "now"}}
    assert not validator.is_valid(wrong)


_SERIES = """indicators:
  fast_ma: ema(close, n)
  gap: fast_ma - sma(close, 5)
  up: close > open
  trend: sma(close@4h, 5)
"""


@pytest.mark.parametrize(
    ("when", "same"),
    [
        ("close > fast_ma@4h", "close > ema(close@4h, n)"),
        ("gap@4h > 0", "ema(close@4h, n) - sma(close@4h, 5) > 0"),
        ("fast_ma@4h[1] > 1", "ema(close@4h, n)[1] > 1"),
        ("up@4h", "close@4h > open@4h"),
        ("fast_ma@1h > 1", "ema(close, n) > 1"),
        ("gap@4h > gap@1d", "ema(close@4h, n) - sma(close@4h, 5) > ema(close@1d, n) - sma(close@1d, 5)"),
    ],
)
def test_series_when_read_in_a_higher_timeframe_then_every_price_is_of_it(when: str, same: str) -> None:
    """`fast_ma@4h` is what the series stands for, with every price of 4h."""
    found, plain = _plan(when, rest=_SERIES), _plan(same, rest=_SERIES)
    assert found.entries[0].when == plain.entries[0].when
    assert [(node.op, node.args, node.timeframe_s) for node in found.nodes] == [
        (node.op, node.args, node.timeframe_s) for node in plain.nodes
    ]


@pytest.mark.parametrize("when", ["close > trend@1d", "close > fast_ma@7m", "close > fast_ma@30m"])
def test_series_when_it_cannot_be_read_in_a_timeframe_then_it_is_told(when: str) -> None:
    """A series with a timeframe of its own, and none or a finer one, are faults at their place."""
    assert _codes(_text(when, rest=_SERIES)) == ["strategy.timeframe"]


def test_series_when_a_chain_is_lifted_then_time_stays_bounded() -> None:
    """Each series of a long chain is lifted once, without recursion through the chain."""
    rows = "".join(f"  s{at}: s{at - 1} + s{at - 1}\n" for at in range(1, 600))
    text = _text("s599@4h > 0", rest=f"indicators:\n  s0: close\n{rows}")
    started = time.process_time()
    assert _codes(text) == []
    assert time.process_time() - started < 1
