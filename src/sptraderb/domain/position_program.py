"""Rules that depend on the position: small stack programs that both engines interpret at each close.

What a rule says about the market alone is evaluated before the walk, like any other condition. The rest,
the part that needs to know what is held, becomes a program: numbers and conditions on one float64 stack,
a condition being 1.0 (true), 0.0 (false) or NaN (undefined).

A step is two whole numbers, an operation and its operand (0 where it has none):

- ``ROW k`` pushes the value of node ``nodes[k]`` on the bar, ``CONSTANT k`` pushes ``constants[k]``,
  ``FACT k`` pushes a fact about the position after the bar's path and marks;
- arithmetic pops its operands and pushes the result, NaN unless it is finite;
- comparisons follow M9: equal where the two differ by at most 1e-12 of the larger magnitude; NaN where
  either is NaN;
- ``AND``, ``OR``, ``NOT`` are three-valued: a side that decides alone decides; ``IF_ELSE`` pops the
  condition and both values, NaN where the condition is.

Facts as float64: ``SIDE`` 1, 0 or -1. ``SIZE`` the steps held, never negative, divided by
10.0**quantity_scale. ``BARS_HELD`` bars since the bar of the first fill, 0 on it; NaN while flat.
``ENTRY_PRICE`` the average fill price in ticks divided by 10.0**price_scale; NaN while flat. ``OPEN_PNL``
equity less balance in minor units divided by 10.0**money_decimals; 0 while flat.
"""

from dataclasses import dataclass
from enum import IntEnum

MAX_STEPS = 500
"""Steps of a program at most."""
MAX_STACK = 64
"""Values on the stack at most."""


class Fact(IntEnum):
    """What a rule may know about the position."""

    SIDE = 0
    SIZE = 1
    BARS_HELD = 2
    ENTRY_PRICE = 3
    OPEN_PNL = 4


class Step(IntEnum):
    """What a step does."""

    ROW = 0
    CONSTANT = 1
    FACT = 2
    ADD = 3
    SUB = 4
    MUL = 5
    DIV = 6
    MIN = 7
    MAX = 8
    NEG = 9
    ABS = 10
    FLOOR = 11
    SIGN = 12
    LESS = 13
    LESS_EQUAL = 14
    GREATER = 15
    GREATER_EQUAL = 16
    EQUAL = 17
    NOT_EQUAL = 18
    AND = 19
    OR = 20
    NOT = 21
    IF_ELSE = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionProgram:
    """A condition that depends on the position.

    Parameters
    ----------
    code : tuple of int
        Pairs of a `Step` and its operand, at most `MAX_STEPS` of them; leaves one value on the stack,
        never holds more than `MAX_STACK`.
    constants : tuple of float
        What ``CONSTANT`` pushes.
    nodes : tuple of int
        Nodes of the plan that ``ROW`` reads; none of them depends on the position.
    text : str
        How the source spells it.
    """

    code: tuple[int, ...]
    constants: tuple[float, ...] = ()
    nodes: tuple[int, ...] = ()
    text: str = ""
