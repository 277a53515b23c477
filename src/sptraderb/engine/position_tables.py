"""The arrays that conditions about the position are run from (`kernels.position_rules`)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.position_program import MAX_STACK, Step
from sptraderb.engine.kernels import position_rules as rules
from sptraderb.engine.kernels.series import Float64Array

TIE = 1e-12
"""Two numbers this close, relative to the larger, are equal (M9)."""


@dataclass(frozen=True, slots=True)
class PositionTables:
    """What `run_programs_nb` takes.

    Parameters
    ----------
    programs : ndarray of int64
        Their number, a header for each, their steps.
    numbers : ndarray of float64
        The tolerance and the scales, then the constants.
    inputs : ndarray of shape (n_inputs, n_bars), dtype=float64
        What the programs read of the market.
    scratch : ndarray of float64
        Facts and stack.
    """

    programs: Int64Array
    numbers: Float64Array
    inputs: Float64Array
    scratch: Float64Array


def position_tables(
    plan: Plan,
    signals: Signals,
    instrument: Instrument,
    *,
    rows: Mapping[int, int],
    money_decimals: int,
    tie: float = TIE,
) -> PositionTables:
    """Return the arrays of a plan's conditions about the position.

    Parameters
    ----------
    plan, signals
        Its programs, and what they read on each bar.
    instrument : Instrument
        Gives prices and sizes their scale.
    rows : mapping of int to int
        Row of each condition, by node.
    money_decimals : int
        Decimals of money.
    tie : float
        How far apart, in parts of the larger, two numbers count as equal (M9).
    """
    numbers = [
        tie,
        10.0**instrument.price_scale,
        10.0**instrument.quantity_scale,
        10.0**money_decimals,
    ]
    places: dict[int, int] = {}
    used = {node: program for node, program in plan.programs.items() if node in rows}
    heads, steps = [len(used)], list[int]()
    begin = 1 + rules.HEADER * len(used)
    for node, program in used.items():
        heads += [rows[node], begin + len(steps), begin + len(steps) + len(program.code)]
        for step, operand in zip(program.code[::2], program.code[1::2], strict=True):
            if step == Step.ROW:
                operand = places.setdefault(program.nodes[operand], len(places))  # noqa: PLW2901  # renumbered
            elif step == Step.CONSTANT:
                numbers.append(program.constants[operand])
                operand = len(numbers) - 1 - rules.N_SCALES  # noqa: PLW2901  # renumbered
            steps += [step, operand]
    n_bars = len(signals.entry_allowed)
    inputs = np.empty((len(places), n_bars), dtype=np.float64)
    for node, row in places.items():
        inputs[row] = signals.inputs[node]
    return PositionTables(
        np.array([*heads, *steps], dtype=np.int64),
        np.array(numbers, dtype=np.float64),
        inputs,
        np.zeros(rules.N_FACTS + MAX_STACK, dtype=np.float64),
    )
