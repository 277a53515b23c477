"""Conditions about the position at a close: the stack programs of `domain.position_program`, run natively.

Programs come as three arrays made by `engine.position_tables`: their steps as int64, what they push as
float64, and a scratch of float64 for facts and stack, so that nothing is allocated while walking.
"""

import math

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.position_program import Fact, Step
from sptraderb.engine.kernels.codes import kernel_jit
from sptraderb.engine.kernels.series import Float64Array

Conditions = npt.NDArray[np.uint8]

HEADER = 3
"""Numbers of a program's entry at the head of the steps: condition row, first step, end."""
TIE, PRICE_UNIT, SIZE_UNIT, MONEY_UNIT, N_SCALES = range(5)
"""What stands before the constants: the tolerance of M9, then 10^scale of prices, sizes and money."""
N_FACTS = len(Fact)

_SIDE, _SIZE = int(Fact.SIDE), int(Fact.SIZE)
_BARS_HELD, _ENTRY_PRICE, _OPEN_PNL = int(Fact.BARS_HELD), int(Fact.ENTRY_PRICE), int(Fact.OPEN_PNL)
_ROW, _CONSTANT, _FACT = int(Step.ROW), int(Step.CONSTANT), int(Step.FACT)
_ADD, _SUB, _MUL, _DIV = int(Step.ADD), int(Step.SUB), int(Step.MUL), int(Step.DIV)
_MIN, _MAX, _NEG, _ABS = int(Step.MIN), int(Step.MAX), int(Step.NEG), int(Step.ABS)
_FLOOR, _SIGN = int(Step.FLOOR), int(Step.SIGN)
_LESS, _LESS_EQUAL, _GREATER = int(Step.LESS), int(Step.LESS_EQUAL), int(Step.GREATER)
_GREATER_EQUAL, _EQUAL = int(Step.GREATER_EQUAL), int(Step.EQUAL)
_AND, _OR, _NOT, _IF_ELSE = int(Step.AND), int(Step.OR), int(Step.NOT), int(Step.IF_ELSE)


@kernel_jit
def note_facts_nb(
    side: int,
    steps: int,
    bars_held: int,
    entry_ticks: int,
    pnl_minor: int,
    numbers: Float64Array,
    scratch: Float64Array,
) -> None:
    """Write the facts of a close into the head of ``scratch``; NaN for what a flat account has not."""
    scratch[_SIDE] = float(side)
    scratch[_SIZE] = float(steps) / numbers[SIZE_UNIT] if side != 0 else 0.0
    scratch[_BARS_HELD] = float(bars_held) if side != 0 else math.nan
    scratch[_ENTRY_PRICE] = float(entry_ticks) / numbers[PRICE_UNIT] if side != 0 else math.nan
    scratch[_OPEN_PNL] = float(pnl_minor) / numbers[MONEY_UNIT] if side != 0 else 0.0


@kernel_jit
def run_programs_nb(
    bar: int,
    programs: Int64Array,
    numbers: Float64Array,
    inputs: Float64Array,
    scratch: Float64Array,
    conditions: Conditions,
) -> None:
    """Write what each program says of a close into its row of ``conditions``: 1 where true, else 0.

    Parameters
    ----------
    bar : int
        The bar that closes.
    programs : ndarray of int64
        The number of programs, `HEADER` numbers for each, then their steps.
    numbers : ndarray of float64
        `N_SCALES` scales, then the constants of all programs.
    inputs : ndarray of shape (n_inputs, n_bars), dtype=float64
        What ``ROW`` reads.
    scratch : ndarray of float64
        The facts, then room for the stack.
    conditions : ndarray of shape (n_conditions, n_bars), dtype=uint8
        Written at ``bar``.
    """
    for number in range(programs[0]):
        head = 1 + number * HEADER
        truth = run_program_nb(
            bar, programs[head + 1], programs[head + 2], programs, numbers, inputs, scratch
        )
        conditions[programs[head], bar] = 1 if truth == 1.0 else 0


@kernel_jit
def run_program_nb(
    bar: int,
    start: int,
    end: int,
    programs: Int64Array,
    numbers: Float64Array,
    inputs: Float64Array,
    scratch: Float64Array,
) -> float:
    """Return what the steps from ``start`` to ``end`` leave on the stack."""
    top = N_FACTS - 1
    at = start
    while at < end:
        step, operand = programs[at], programs[at + 1]
        at += 2
        if step <= _FACT:
            top += 1
            if step == _ROW:
                scratch[top] = inputs[operand, bar]
            elif step == _CONSTANT:
                scratch[top] = numbers[N_SCALES + operand]
            else:
                scratch[top] = scratch[operand]
        elif step == _NOT:
            scratch[top] = 1.0 - scratch[top]
        elif _NEG <= step <= _SIGN:
            scratch[top] = _of_one_nb(step, scratch[top])
        elif step == _IF_ELSE:
            top -= 2
            chosen, yes, no = scratch[top], scratch[top + 1], scratch[top + 2]
            scratch[top] = math.nan if math.isnan(chosen) else (yes if chosen == 1.0 else no)
        else:
            top -= 1
            scratch[top] = _of_two_nb(step, scratch[top], scratch[top + 1], numbers[TIE])
    result: float = scratch[top]
    return result


@kernel_jit
def _of_one_nb(step: int, x: float) -> float:
    """Return a number made of one; NaN stays."""
    if step == _NEG:
        return -x
    if step == _ABS:
        return abs(x)
    if math.isnan(x):
        return x
    if step == _FLOOR:
        whole: float = np.floor(x)
        return whole
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


@kernel_jit
def _of_two_nb(step: int, a: float, b: float, tie: float) -> float:
    """Return what an operation makes of two values, the left one first."""
    if step == _AND:
        if a == 0.0 or b == 0.0:
            return 0.0
        return a * b
    if step == _OR:
        if a == 1.0 or b == 1.0:
            return 1.0
        return a + b
    if math.isnan(a) or math.isnan(b):
        return math.nan
    if step >= _LESS:
        return _compared_nb(step, a, b, tie)
    value: float
    if step == _ADD:
        value = a + b
    elif step == _SUB:
        value = a - b
    elif step == _MUL:
        value = a * b
    elif step == _DIV:
        value = a / b if b != 0.0 else math.nan
    elif step == _MIN:
        value = min(a, b)
    else:
        value = max(a, b)
    return value if abs(value) < math.inf else math.nan


@kernel_jit
def _compared_nb(step: int, a: float, b: float, tie: float) -> float:
    """Return 1.0 or 0.0: two numbers within the tolerance of the larger are equal (M9)."""
    difference = a - b
    order = 0
    if abs(difference) > tie * max(abs(a), abs(b)):
        order = 1 if difference > 0.0 else -1
    if step == _LESS:
        holds = order < 0
    elif step == _LESS_EQUAL:
        holds = order <= 0
    elif step == _GREATER:
        holds = order > 0
    elif step == _GREATER_EQUAL:
        holds = order >= 0
    elif step == _EQUAL:
        holds = order == 0
    else:
        holds = order != 0
    return 1.0 if holds else 0.0
