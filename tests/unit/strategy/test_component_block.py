"""`python` in a strategy: what it declares, and the faults of a wrong one."""

import pytest

from sptraderb.domain.component import Component
from sptraderb.strategy.compiler import check_strategy, compile_strategy
from sptraderb.strategy.target import DEFAULT_TARGET

RULE = 'entry: {long: {when: "WHEN", size: 10%}}\n'


def text(block: str, when: str = "own > 0", indicators: str = "") -> str:
    """Return a strategy with a ``python`` block."""
    series = f"indicators: {indicators}\n" if indicators else ""
    return f"name: n\nparameters: {{period: 20}}\n{series}python: {block}\n" + RULE.replace("WHEN", when)


def codes(source: str) -> list[str]:
    """Return the codes of a strategy's faults."""
    return [fault.code for fault in check_strategy(source)]


def test_component_when_declared_then_the_plan_carries_it() -> None:
    """File, class, parameters by name, outputs, warm-up and the series it is given come into the plan."""
    block = (
        "{own: {component: my_file.Fancy, parameters: {n: period}, outputs: [up, low], warm_up: 30 bars, "
        "indicators: fast}}"
    )
    plan = compile_strategy(text(block, "own.up > own.low", "{fast: rsi(14)}"), target=DEFAULT_TARGET)
    assert plan.components == (
        Component(
            name="own",
            module="my_file",
            attribute="Fancy",
            parameters={"n": 20.0},
            outputs=("up", "low"),
            indicators=("fast",),
            warm_up=30,
            line=4,
        ),
    )
    assert plan.first_value == 30
    assert {(node.name, node.output) for node in plan.nodes if node.op == "external"} == {
        ("own", "up"),
        ("own", "low"),
    }


@pytest.mark.parametrize(
    ("block", "when", "expected"),
    [
        ("{own: {}}", "own > 0", "strategy.missing_key"),
        ("{own: {component: ../secret}}", "own > 0", "strategy.component"),
        ("{own: {component: a.b.c}}", "own > 0", "strategy.component"),
        ("{own: {component: a, outputs: [x]}}", "own > 0", "strategy.output"),
        ("{own: {component: a}}", "own.x > 0", "strategy.output"),
        ("{own: {component: a}}", "own@4h > 0", "strategy.timeframe"),
        ("{period: {component: a}}", "close > 0", "strategy.name"),
        ("{close: {component: a}}", "close > 0", "strategy.name"),
        ("{own: {component: a, warm_up: 2.5}}", "own > 0", "strategy.not_whole"),
        ("{own: {component: a, values: money}}", "own > 0", "strategy.component"),
        ("{own: {component: a, indicators: [none]}}", "own > 0", "strategy.unknown_name"),
        ("{own: {component: a, parameters: {n: close}}}", "own > 0", "strategy.not_constant"),
    ],
)
def test_component_when_declared_wrongly_then_a_fault_says_so(block: str, when: str, expected: str) -> None:
    """Every mistake is a fault of its own kind, and the only one."""
    assert codes(text(block, when)) == [expected]


def test_component_when_it_is_given_its_own_series_then_a_circle() -> None:
    """A component cannot read a series that is made of it."""
    block = "{own: {component: a, indicators: [derived]}}"
    assert codes(text(block, "own > 0", "{derived: own + 1}")) == ["strategy.cycle"]
