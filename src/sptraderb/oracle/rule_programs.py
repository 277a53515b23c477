"""Conditions about the position in the oracle: the programs of `domain.position_program`, step by step.

Written from that module's text alone, on a list of Python floats; nothing is shared with the engine.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.position_program import Fact, PositionProgram, Step
from sptraderb.domain.profile import STRICT, Profile

UNDEFINED = math.nan
_TIE = 1e-12
_MARKET_TRUE = 1.0


class PositionRules:
    """Every condition of a plan at any close, whether it depends on the position or not.

    Parameters
    ----------
    plan : Plan
        Its programs.
    signals : Signals
        Conditions of the market, and what the programs read.
    profile : Profile
        Whether numbers that differ by next to nothing are equal (M9).
    """

    def __init__(self, plan: Plan, signals: Signals, profile: Profile = STRICT) -> None:
        self._programs, self._signals = plan.programs, signals
        self._tie = 0.0 if profile.exact_comparisons else _TIE

    def holds(self, node: int, bar: int, facts: Mapping[Fact, float]) -> bool:
        """Return whether a condition is true at the close of ``bar``; an undefined one is not."""
        program = self._programs.get(node)
        if program is None:
            return bool(self._signals.conditions[node][bar])
        rows = [float(self._signals.inputs[source][bar]) for source in program.nodes]
        return result_of(program, rows, facts, tie=self._tie) == _MARKET_TRUE


def facts_when_flat() -> dict[Fact, float]:
    """Return what a rule knows while nothing is held."""
    return {
        Fact.SIDE: 0.0,
        Fact.SIZE: 0.0,
        Fact.BARS_HELD: UNDEFINED,
        Fact.ENTRY_PRICE: UNDEFINED,
        Fact.OPEN_PNL: 0.0,
    }


def result_of(
    program: PositionProgram, rows: Sequence[float], facts: Mapping[Fact, float], *, tie: float = _TIE
) -> float:
    """Return what a program leaves on its stack.

    Parameters
    ----------
    program : PositionProgram
        Its steps.
    rows : sequence of float
        Values of its nodes on the bar.
    facts : mapping of Fact to float
        About the position.
    tie : float
        Relative difference up to which two numbers are equal (M9).
    """
    stack: list[float] = []
    for position in range(0, len(program.code), 2):
        step, operand = Step(program.code[position]), program.code[position + 1]
        if step is Step.ROW:
            stack.append(rows[operand])
        elif step is Step.CONSTANT:
            stack.append(program.constants[operand])
        elif step is Step.FACT:
            stack.append(facts[Fact(operand)])
        elif step is Step.IF_ELSE:
            otherwise, then, condition = stack.pop(), stack.pop(), stack.pop()
            stack.append(
                UNDEFINED if math.isnan(condition) else then if condition == _MARKET_TRUE else otherwise
            )
        elif step in _UNARY:
            operand_value = stack.pop()
            stack.append(UNDEFINED if math.isnan(operand_value) else _UNARY[step](operand_value))
        else:
            right, left = stack.pop(), stack.pop()
            stack.append(_binary(step, left, right, tie))
    (result,) = stack
    return result


def _binary(step: Step, left: float, right: float, tie: float) -> float:
    if step is Step.AND:
        return _both(left, right)
    if step is Step.OR:
        return _opposite(_both(_opposite(left), _opposite(right)))
    if math.isnan(left) or math.isnan(right):
        return UNDEFINED
    if step in _ORDERS:
        equal = abs(left - right) <= tie * max(abs(left), abs(right))
        order = 0 if equal else 1 if left > right else -1
        return float(order in _ORDERS[step])
    if step is Step.DIV and right == 0:
        return UNDEFINED
    value = _ARITHMETIC[step](left, right)
    return value if math.isfinite(value) else UNDEFINED


def _both(left: float, right: float) -> float:
    """Return left and right: false where one is, else undefined where one is."""
    if 0.0 in (left, right):
        return 0.0
    return UNDEFINED if math.isnan(left) or math.isnan(right) else _MARKET_TRUE


def _opposite(condition: float) -> float:
    return UNDEFINED if math.isnan(condition) else 1.0 - condition


def _sign(number: float) -> float:
    return 0.0 if number == 0 else math.copysign(1.0, number)


_UNARY: Mapping[Step, Callable[[float], float]] = {
    Step.NEG: lambda number: -number,
    Step.ABS: abs,
    Step.FLOOR: lambda number: float(math.floor(number)),
    Step.SIGN: _sign,
    Step.NOT: _opposite,
}
_ARITHMETIC: Mapping[Step, Callable[[float, float], float]] = {
    Step.ADD: lambda left, right: left + right,
    Step.SUB: lambda left, right: left - right,
    Step.MUL: lambda left, right: left * right,
    Step.DIV: lambda left, right: left / right,
    Step.MIN: min,
    Step.MAX: max,
}
_ORDERS: Mapping[Step, tuple[int, ...]] = {
    Step.LESS: (-1,),
    Step.LESS_EQUAL: (-1, 0),
    Step.GREATER: (1,),
    Step.GREATER_EQUAL: (0, 1),
    Step.EQUAL: (0,),
    Step.NOT_EQUAL: (-1, 1),
}
