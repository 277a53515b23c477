"""The vocabulary of nodes, undefined values, higher timeframes, readiness and the session gate."""

import math
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.order import EntryRule, ExitRules, SizeKind, SizeRule
from sptraderb.domain.plan import Node, Plan, SessionFilter
from sptraderb.domain.timeframe import H1, M15, Timeframe
from sptraderb.engine import graph_walk
from sptraderb.engine.array_pool import ArrayPool
from sptraderb.engine.evaluate import evaluate, evaluate_series
from sptraderb.engine.operations import OPS, Place
from sptraderb.engine.series_order import Values
from sptraderb.errors import InvalidInput

NAN = math.nan
F, U, T = 0.0, NAN, 1.0
EURUSD = SEEDED_INSTRUMENTS["EURUSD"]
MONDAY_S = 1_704_067_200  # 2024-01-01 00:00 UTC


def candles_of(closes: list[int], timeframe: Timeframe = H1, start_s: int = MONDAY_S) -> Candles:
    """Return bars that open at the close before them."""
    opens = [closes[0], *closes[:-1]]
    return Candles.from_columns(
        {
            "time_s": start_s + timeframe.seconds * np.arange(len(closes)),
            "open_ticks": opens,
            "high_ticks": [max(pair) + 2 for pair in zip(opens, closes, strict=True)],
            "low_ticks": [min(pair) - 2 for pair in zip(opens, closes, strict=True)],
            "close_ticks": closes,
        },
        instrument=EURUSD,
        timeframe=timeframe,
    )


def series(nodes: list[Node], candles: Candles, session: SessionFilter | None = None) -> list[float]:
    """Return the values of the last node."""
    plan = Plan(name="p", nodes=tuple(nodes), series={"x": len(nodes) - 1}, entries=(), session=session)
    return [float(value) for value in evaluate_series(plan, candles)["x"]]


CLOSES = [100, 103, 103, 101, 105, 99]
CLOSE, OPEN = Node(op="price", name="close"), Node(op="price", name="open")
TICK = 1e-5


def of_close(op: str, *params: float, boolean: bool = False, more: tuple[Node, ...] = ()) -> list[float]:
    """Return one op on the close (and further nodes) of the sample, in ticks where it is a price."""
    args = tuple(range(1 + len(more)))
    return series([CLOSE, *more, Node(op=op, args=args, params=params, boolean=boolean)], candles_of(CLOSES))


@pytest.mark.parametrize(
    ("op", "params", "expected"),
    [
        ("lag", (2.0,), [U, U, 100, 103, 103, 101]),
        ("change", (1.0,), [U, 3, 0, -2, 4, -6]),
        ("highest", (3.0,), [U, U, 103, 103, 105, 105]),
        ("lowest", (2.0,), [U, 100, 103, 101, 101, 99]),
        ("neg", (), [-100, -103, -103, -101, -105, -99]),
        ("abs", (), [100, 103, 103, 101, 105, 99]),
    ],
)
def test_number_op_when_computed_then_as_the_language_says(
    op: str, params: tuple[float, ...], expected: list[float]
) -> None:
    """Lags, changes and windows of prices."""
    np.testing.assert_allclose(of_close(op, *params), np.array(expected) * TICK, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("op", "params", "expected"),
    [
        ("rising", (1.0,), [U, T, F, F, T, F]),
        ("rising", (3.0,), [U, U, F, F, T, F]),
        ("falling", (2.0,), [U, F, F, T, F, T]),
    ],
)
def test_rising_when_computed_then_above_each_of_the_values_before(
    op: str, params: tuple[float, ...], expected: list[float]
) -> None:
    """`rising(x, n)` is above each of n values; false is known before all n are."""
    np.testing.assert_array_equal(of_close(op, *params, boolean=True), expected)


def test_cross_when_equal_before_then_true_once() -> None:
    """`crosses_above` is above now and not on the bar before; the first bar is undefined or false."""
    level = Node(op="constant", params=(103 * TICK,))
    assert of_close("crosses_above", boolean=True, more=(level,))[1:] == [F, F, F, T, F]
    assert of_close("crosses_below", boolean=True, more=(level,))[1:] == [F, F, T, F, T]


def test_comparison_when_values_tie_then_they_are_equal() -> None:
    """Values that differ by 1e-12 of the larger magnitude are equal in every comparison (M9)."""
    nodes = [
        CLOSE,
        Node(op="constant", params=(3.0,)),
        Node(op="div", args=(0, 1)),
        Node(op="mul", args=(1, 2)),
    ]
    closes = list(range(100_001, 100_200))
    for op, expected in (("less", F), ("greater", F), ("less_equal", T), ("equal", T), ("not_equal", F)):
        got = series([*nodes, Node(op=op, args=(3, 0), boolean=True)], candles_of(closes))
        assert set(got) == {expected}


def test_logic_when_a_side_is_undefined_then_the_other_may_decide() -> None:
    """`and`, `or` decide where one side suffices; `not` of undefined is undefined."""
    lagged = Node(op="lag", args=(0,), params=(3.0,))
    unknown = Node(op="greater", args=(1, 0), boolean=True)  # U U U, 100 > 101 F, 103 > 105 F, 103 > 99 T
    true, false = (Node(op="constant", params=(value,), boolean=True) for value in (1.0, 0.0))
    nodes = [CLOSE, lagged, unknown, true, false]

    def found(op: str, *args: int) -> list[float]:
        return series([*nodes, Node(op=op, args=args, boolean=True)], candles_of(CLOSES))

    np.testing.assert_array_equal(found("and", 2, 3), [U, U, U, F, F, T])
    np.testing.assert_array_equal(found("and", 2, 4), [F] * 6)
    np.testing.assert_array_equal(found("or", 2, 3), [T] * 6)
    np.testing.assert_array_equal(found("or", 2, 4, 4), [U, U, U, F, F, T])
    np.testing.assert_array_equal(found("not", 2), [U, U, U, T, T, F])
    np.testing.assert_array_equal(found("equal", 2, 4), [U, U, U, T, T, F])
    np.testing.assert_array_equal(found("if_else", 2, 4, 3), [U, U, U, T, T, F])


def test_memories_when_a_condition_comes_and_goes_then_they_follow_it() -> None:
    """`bars_since`, `count_true` and `previous_value` remember the condition."""
    up = Node(op="rising", args=(0,), params=(1.0,), boolean=True)  # U T F F T F
    candles = candles_of(CLOSES)
    np.testing.assert_array_equal(
        series([CLOSE, up, Node(op="bars_since", args=(1,))], candles), [U, 0, 1, 2, 0, 1]
    )
    counted = series([CLOSE, up, Node(op="count_true", args=(1,), params=(2.0,))], candles)
    np.testing.assert_array_equal(counted, [U, U, 1, 0, 1, 1])
    kept = series([CLOSE, up, Node(op="previous_value", args=(1, 0))], candles)
    np.testing.assert_allclose(kept, np.array([U, 103, 103, 103, 105, 105]) * TICK)


def test_arithmetic_when_not_finite_then_undefined() -> None:
    """x/0, a root of a negative number and an overflow are undefined, not infinite."""
    zero, half = Node(op="constant", params=(0.0,)), Node(op="constant", params=(0.5,))
    huge = Node(op="constant", params=(1e308,))
    for op, other in (("div", zero), ("mod", zero)):
        assert all(math.isnan(value) for value in of_close(op, more=(other,)))
    negative = [CLOSE, Node(op="neg", args=(0,)), half, Node(op="pow", args=(1, 2))]
    assert all(math.isnan(value) for value in series(negative, candles_of(CLOSES)))
    assert all(math.isnan(value) for value in series([huge, Node(op="mul", args=(0, 0))], candles_of(CLOSES)))


def test_calendar_when_a_session_names_a_zone_then_its_clock_counts() -> None:
    """`hour` and `day_of_week` are those of the bar's open in the session's time zone, Monday 0."""
    candles = candles_of(CLOSES)
    tokyo = SessionFilter(timezone="Asia/Tokyo")
    assert series([Node(op="calendar", name="hour")], candles) == [0, 1, 2, 3, 4, 5]
    assert series([Node(op="calendar", name="hour")], candles, tokyo) == [9, 10, 11, 12, 13, 14]
    assert set(series([Node(op="calendar", name="day_of_week")], candles)) == {0.0}
    new_york = SessionFilter(timezone="America/New_York")
    assert set(series([Node(op="calendar", name="day_of_week")], candles, new_york)) == {6.0, 0.0}
    assert series([Node(op="bar_index")], candles) == [0, 1, 2, 3, 4, 5]


def test_higher_timeframe_when_its_bar_is_still_open_then_the_last_finished_one_is_seen() -> None:
    """A 1h close joins 15m bars only once its hour is over; nothing sees a forming bar (T3)."""
    closes = list(range(100, 113))
    node = Node(op="price", name="close", timeframe_s=3600)
    nodes = [node, Node(op="abs", args=(0,))]
    got = np.array(series(nodes, candles_of(closes, M15))) / TICK
    np.testing.assert_allclose(got, [U, U, U, 103, 103, 103, 103, 107, 107, 107, 107, 111, 111])


def test_higher_timeframe_when_the_first_bar_is_cut_then_it_is_left_out() -> None:
    """A higher bar whose beginning is not loaded has no value: results do not depend on the cut."""
    node = Node(op="price", name="open", timeframe_s=3600)
    got = np.array(series([node], candles_of(list(range(100, 113)), M15, MONDAY_S + 900))) / TICK
    np.testing.assert_allclose(got, [U, U, U, U, U, U, 102, 102, 102, 102, 106, 106, 106])


def test_higher_timeframe_when_daily_then_session_days_count() -> None:
    """A day of an FX pair ends at 17:00 New York (T4): Monday's close is known at 22:00 UTC in winter."""
    assert EURUSD.calendar is CalendarName.FX
    start_s = int(datetime(2023, 12, 31, 22, tzinfo=UTC).timestamp())
    closes = list(range(100, 150))
    got = np.array(
        series([Node(op="price", name="close", timeframe_s=86_400)], candles_of(closes, H1, start_s))
    )
    assert np.isnan(got[:23]).all()
    np.testing.assert_allclose(got[23:47] / TICK, 123)
    np.testing.assert_allclose(got[47:] / TICK, 147)


def test_higher_timeframe_when_no_multiple_then_refused() -> None:
    """Only multiples of the run's timeframe have bars to be made of."""
    with pytest.raises(InvalidInput) as caught:
        series([Node(op="price", name="close", timeframe_s=5400)], candles_of(CLOSES))
    assert caught.value.code == "plan.timeframe_unsupported"


def rule(when: int, exit_when: int = -1) -> EntryRule:
    """Return a plain long rule."""
    size = SizeRule(kind=SizeKind.UNITS, amount=10**9)
    return EntryRule(name="long", side=1, when=when, size=size, exits=ExitRules(when=exit_when))


def test_ready_bar_when_series_warm_up_then_the_last_of_them_counts() -> None:
    """Readiness is the first bar on which every series of a rule has a value, and the plan's own (T2)."""
    mean = Node(op="indicator", name="sma", args=(0,), params=(4.0,))
    unused = Node(op="indicator", name="sma", args=(0,), params=(6.0,))
    nodes = (CLOSE, mean, unused, Node(op="greater", args=(0, 1), boolean=True))
    candles = candles_of(CLOSES)
    assert evaluate(Plan(name="p", nodes=nodes, entries=(rule(3),)), candles).ready_bar == 3
    assert evaluate(Plan(name="p", nodes=nodes, entries=(rule(3),), first_value=5), candles).ready_bar == 5
    few = candles_of(CLOSES[:2])
    assert evaluate(Plan(name="p", nodes=nodes, entries=(rule(3),)), few).ready_bar == 2


def test_session_when_hours_are_given_then_decision_and_fill_lie_inside() -> None:
    """An entry is allowed where its decision and the open of its fill lie in [start, end) (X18)."""
    always = Node(op="constant", params=(1.0,), boolean=True)
    session = SessionFilter(start_minute=120, end_minute=240, timezone="UTC")
    plan = Plan(name="p", nodes=(always,), entries=(rule(0),), session=session)
    assert evaluate(plan, candles_of(CLOSES)).entry_allowed.tolist() == [
        False,
        True,
        True,
        False,
        False,
        False,
    ]


def test_session_when_it_passes_midnight_then_the_night_belongs_to_its_first_day() -> None:
    """A session 22:00 to 02:00 on Mondays covers Tuesday's first hours, not Monday's."""
    always = Node(op="constant", params=(1.0,), boolean=True)
    session = SessionFilter(days=frozenset({0}), start_minute=1320, end_minute=120)
    plan = Plan(name="p", nodes=(always,), entries=(rule(0),), session=session)
    allowed = evaluate(plan, candles_of(list(range(100, 130)))).entry_allowed
    assert np.flatnonzero(allowed).tolist() == [21, 22, 23, 24]


def test_local_clock_when_daylight_saving_begins_then_hours_jump() -> None:
    """The zone's clock is right on both sides of a change inside the data."""
    start_s = int(datetime(2024, 3, 30, 23, tzinfo=UTC).timestamp())
    hours = series(
        [Node(op="calendar", name="hour")],
        candles_of(CLOSES, H1, start_s),
        SessionFilter(timezone="Europe/Berlin"),
    )
    assert hours == [0, 1, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("node", "code"),
    [
        (Node(op="magic"), "plan.unknown_op"),
        (Node(op="add", args=(0,)), "plan.argument_count"),
        (Node(op="and", args=(0, 0), boolean=True), "plan.argument_count"),
        (Node(op="lag", args=(0,)), "plan.argument_count"),
        (Node(op="indicator", name="magic", args=(0,)), "plan.unknown_indicator"),
        (
            Node(op="indicator", name="macd", args=(0,), params=(3.0, 6.0, 2.0), output="lines"),
            "plan.unknown_output",
        ),
        (Node(op="price", name="clothes"), "plan.unknown_op"),
        (Node(op="calendar", name="minute"), "plan.unknown_op"),
    ],
)
def test_node_when_the_compiler_errs_then_it_is_refused(node: Node, code: str) -> None:
    """A node outside the vocabulary is refused with a code, never computed as something else."""
    with pytest.raises(InvalidInput) as caught:
        series([CLOSE, node], candles_of(CLOSES))
    assert caught.value.code == code


def test_vocabulary_when_read_then_every_op_says_what_it_takes() -> None:
    """Every op names the kinds of its arguments and of its result."""
    kinds = {"number", "condition", "either"}
    assert all(set(op.args) <= kinds and op.gives in kinds for op in OPS.values())


def test_node_when_several_rules_read_it_then_it_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An indicator that an entry and an exit share costs one pass over the bars."""
    computed: list[str] = []
    plain = graph_walk.indicator_of_prices

    def counting(nodes: Sequence[Node], args: tuple[Values, ...], place: Place) -> tuple[Values, ...]:
        computed.extend(node.name for node in nodes)
        return plain(nodes, args, place)

    monkeypatch.setattr(graph_walk, "indicator_of_prices", counting)
    mean = Node(op="indicator", name="sma", args=(0,), params=(2.0,))
    nodes = (
        CLOSE,
        mean,
        Node(op="greater", args=(0, 1), boolean=True),
        Node(op="less", args=(0, 1), boolean=True),
    )
    evaluate(Plan(name="shared", nodes=nodes, entries=(rule(2, 3),)), candles_of(CLOSES))
    assert computed == ["sma"]


def test_outputs_when_of_one_indicator_then_it_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upper and lower band of the same call come from one pass, and are the bands."""
    passes: list[tuple[str, ...]] = []
    plain = graph_walk.indicator_of_prices

    def counting(nodes: Sequence[Node], args: tuple[Values, ...], place: Place) -> tuple[Values, ...]:
        passes.append(tuple(node.output for node in nodes))
        return plain(nodes, args, place)

    monkeypatch.setattr(graph_walk, "indicator_of_prices", counting)
    bands = [
        Node(op="indicator", name="bbands", args=(0,), params=(3.0, 2.0), output=name)
        for name in ("upper", "middle", "lower")
    ]
    sums = [Node(op="add", args=(1, 3)), Node(op="div", args=(4, 5))]
    two = Node(op="constant", params=(2.0,))
    nodes = (CLOSE, *bands, sums[0], two, sums[1])
    plan = Plan(name="p", nodes=nodes, series={"half": 6, "middle": 2}, entries=())
    found = evaluate_series(plan, candles_of(CLOSES))
    np.testing.assert_allclose(found["half"], found["middle"], rtol=1e-14)
    assert passes == [("middle", "upper", "lower")]


def test_graph_when_walked_by_several_threads_then_values_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which thread computes a node, and whose memory it takes, changes no bit of any series."""
    closes = (100_000 + np.cumsum(np.random.default_rng(4).integers(-9, 10, 400))).tolist()
    candles = candles_of(closes)
    nodes = [CLOSE, OPEN]
    for period in (2.0, 3.0, 5.0, 8.0):
        mean = len(nodes)
        nodes += [
            Node(op="indicator", name="ema", args=(0,), params=(period,)),
            Node(op="sub", args=(mean, 1)),
            Node(op="highest", args=(mean + 1,), params=(period,)),
            Node(op="indicator", name="sma", args=(mean + 2,), params=(period,)),
            Node(op="greater", args=(mean, 0), boolean=True),
            Node(op="count_true", args=(mean + 4,), params=(period,)),
        ]
    wanted = {f"s{number}": number for number in range(2, len(nodes), 3)}
    plan = Plan(name="p", nodes=tuple(nodes), series=wanted, entries=())
    alone = evaluate_series(plan, candles)
    monkeypatch.setattr(graph_walk, "_NODE_BARS_PER_THREAD", 1)
    monkeypatch.setattr(graph_walk, "_n_processors", lambda: 4)
    for _ in range(5):
        together = evaluate_series(plan, candles)
        for name, values in alone.items():
            np.testing.assert_array_equal(together[name], values, err_msg=name)


def test_graph_when_a_node_cannot_be_computed_then_every_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in any thread is raised to the caller, and nothing waits for what never comes."""
    monkeypatch.setattr(graph_walk, "_NODE_BARS_PER_THREAD", 1)
    monkeypatch.setattr(graph_walk, "_n_processors", lambda: 4)
    broken = Node(op="indicator", name="nothing", args=(0,), params=(2.0,))
    plan = Plan(name="p", nodes=(CLOSE, broken, Node(op="neg", args=(1,))), series={"x": 2}, entries=())
    before = threading.active_count()
    with pytest.raises(InvalidInput) as caught:
        evaluate_series(plan, candles_of(CLOSES))
    assert caught.value.code == "plan.unknown_indicator"
    assert threading.active_count() == before


def test_array_when_something_still_holds_it_then_the_pool_leaves_it() -> None:
    """Only memory that nobody can read is used again: neither a held array nor one with a view."""
    pool = ArrayPool()
    held, viewed = pool.numbers(4), pool.numbers(4)
    view = viewed[1:]
    pool.give_back([held])
    box = [viewed]
    del viewed
    pool.give_back(box)
    box = [pool.numbers(4)]
    address = box[0].ctypes.data
    assert address not in (held.ctypes.data, view.ctypes.data - 8)
    pool.give_back(box)
    assert pool.numbers(4).ctypes.data == address
