"""Programs about the position: the kernel and the oracle leave the same value, whatever the steps."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sptraderb.domain.instrument import fx_instrument
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan, Signals
from sptraderb.domain.position_program import Fact, PositionProgram, Step
from sptraderb.engine.kernels.position_rules import N_FACTS, note_facts_nb, run_programs_nb
from sptraderb.engine.position_tables import position_tables
from sptraderb.oracle.rule_programs import PositionRules, facts_when_flat, result_of

_NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 0.3, 1e-13, 1e300, -1e308, math.nan]),
    st.floats(allow_nan=True, allow_infinity=False, width=64),
)
_TRUTHS = st.sampled_from([0.0, 1.0, math.nan])
_ARITHMETIC = [Step.ADD, Step.SUB, Step.MUL, Step.DIV, Step.MIN, Step.MAX]
_ORDERS = [Step.LESS, Step.LESS_EQUAL, Step.GREATER, Step.GREATER_EQUAL, Step.EQUAL, Step.NOT_EQUAL]
_N_ROWS = 4  # the first two are numbers, the others conditions

Code = tuple[int, ...]


def _joined(*parts: Code | Step) -> Code:
    return tuple(word for part in parts for word in ((int(part), 0) if isinstance(part, Step) else part))


def _numbers(inner: st.SearchStrategy[Code], truths: st.SearchStrategy[Code]) -> st.SearchStrategy[Code]:
    unary = st.sampled_from([Step.NEG, Step.ABS, Step.FLOOR, Step.SIGN])
    return st.one_of(
        st.tuples(inner, inner, st.sampled_from(_ARITHMETIC)).map(lambda row: _joined(*row)),
        st.tuples(inner, unary).map(lambda row: _joined(*row)),
        st.tuples(truths, inner, inner, st.just(Step.IF_ELSE)).map(lambda row: _joined(*row)),
    )


def _number_leaves() -> st.SearchStrategy[Code]:
    facts = st.sampled_from(Fact).map(lambda fact: (int(Step.FACT), int(fact)))
    constants = st.integers(0, 2).map(lambda at: (int(Step.CONSTANT), at))
    return st.one_of(facts, constants, st.integers(0, 1).map(lambda at: (int(Step.ROW), at)))


_SIMPLE = st.tuples(_number_leaves(), _number_leaves(), st.sampled_from(_ORDERS)).map(
    lambda row: _joined(*row)
)
_TRUTH_LEAVES = st.one_of(st.integers(2, 3).map(lambda at: (int(Step.ROW), at)), _SIMPLE)
_NUMBER_TREES = st.recursive(_number_leaves(), lambda inner: _numbers(inner, _TRUTH_LEAVES), max_leaves=8)
_TRUTH_TREES = st.recursive(
    st.one_of(
        _TRUTH_LEAVES,
        st.tuples(_NUMBER_TREES, _NUMBER_TREES, st.sampled_from(_ORDERS)).map(lambda row: _joined(*row)),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner, st.sampled_from([Step.AND, Step.OR])).map(lambda row: _joined(*row)),
        st.tuples(inner, st.just(Step.NOT)).map(lambda row: _joined(*row)),
        st.tuples(inner, inner, inner, st.just(Step.IF_ELSE)).map(lambda row: _joined(*row)),
    ),
    max_leaves=6,
)


def _plan(program: PositionProgram) -> Plan:
    rule = EntryRule(
        name="x", side=1, when=9, size=SizeRule(kind=SizeKind.UNITS, amount=10**9), exits=ExitRules()
    )
    return Plan(name="x", nodes=(Node(op="constant"),), entries=(rule,), programs={9: program})


@settings(max_examples=400, deadline=None)
@given(
    code=_TRUTH_TREES,
    constants=st.tuples(_NUMBERS, _NUMBERS, _NUMBERS),
    rows=st.tuples(_NUMBERS, _NUMBERS, _TRUTHS, _TRUTHS),
    held=st.tuples(
        st.sampled_from([1, 0, -1]), st.integers(0, 10**15), st.integers(0, 10**6), st.integers(1, 10**9)
    ),
    pnl_minor=st.integers(-(10**15), 10**15),
)
def test_program_when_run_by_both_engines_then_the_result_is_the_same(
    code: Code,
    constants: tuple[float, ...],
    rows: tuple[float, ...],
    held: tuple[int, int, int, int],
    pnl_minor: int,
) -> None:
    """M7, M9: any well-formed program, any numbers: the same value, undefined included."""
    program = PositionProgram(code=code, constants=constants, nodes=(3, 5, 7, 8))
    side, steps, bars_held, entry_ticks = held
    plan = _plan(program)
    signals = Signals(
        conditions={},
        levels={},
        entry_allowed=np.ones(1, dtype=np.bool_),
        ready_bar=0,
        inputs={node: np.array([row]) for node, row in zip(program.nodes, rows, strict=True)},
    )
    instrument = fx_instrument("EURUSD")
    tables = position_tables(plan, signals, instrument, rows={9: 0}, money_decimals=7)
    conditions = np.full((1, 1), 9, dtype=np.uint8)
    note_facts_nb(side, steps, bars_held, entry_ticks, pnl_minor, tables.numbers, tables.scratch)
    run_programs_nb(0, tables.programs, tables.numbers, tables.inputs, tables.scratch, conditions)

    facts = facts_when_flat()
    if side:
        facts = {
            Fact.SIDE: float(side),
            Fact.SIZE: steps / 10.0**instrument.quantity_scale,
            Fact.BARS_HELD: float(bars_held),
            Fact.ENTRY_PRICE: entry_ticks / 10.0**instrument.price_scale,
            Fact.OPEN_PNL: pnl_minor / 10.0**7,
        }
    expected = result_of(program, rows, facts)
    np.testing.assert_array_equal(tables.scratch[:N_FACTS], [facts[fact] for fact in Fact])
    found = tables.scratch[N_FACTS]
    assert found == expected or (math.isnan(found) and math.isnan(expected))
    assert conditions[0, 0] == int(expected == 1.0)
    assert PositionRules(plan, signals).holds(9, 0, facts) == bool(conditions[0, 0])
