"""The arrays a walk works on: flags, conditions, levels, and the book with terms, rules and tables.

Everything the kernels need of a plan, its signals and the terms becomes integers here, once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import INT64_MAX, RATE_ONE
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, SizeKind
from sptraderb.domain.outcome import NO_LEVEL
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.terms import Terms
from sptraderb.engine.kernels import codes as c
from sptraderb.errors import MoneyOverflow

_KINDS = {
    DistanceKind.RATE: c.KIND_RATE,
    DistanceKind.TICKS: c.KIND_TICKS,
    DistanceKind.SERIES: c.KIND_SERIES,
    DistanceKind.PRICE: c.KIND_PRICE,
    DistanceKind.R: c.KIND_R,
}
_TABLE_WIDTHS = (
    c.TRADE_WIDTH,
    c.LEDGER_TIMES * c.LEDGER_WIDTH,
    c.ORDER_WIDTH,
    c.EVENT_WIDTH,
)
Values = npt.NDArray[Any]


def read_only(values: Values) -> Values:
    """Return a contiguous read-only view, so that kernels are compiled for one kind of array."""
    array = np.ascontiguousarray(values)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def side_offsets(side: CandleSide, spread_ticks: int) -> tuple[int, int]:
    """Return what is added to a candle's price to get bid and ask, in ticks (X5).

    With both sides the walk takes each bar's own spread in place of the one given here.
    """
    if side is CandleSide.ASK:
        return -spread_ticks, 0
    if side is CandleSide.MID:
        return -(spread_ticks // 2), spread_ticks - spread_ticks // 2
    return 0, spread_ticks


def condition_rows(plan: Plan) -> dict[int, int]:
    """Return the row of each condition the rules read, by node."""
    return _rows([rule.when for rule in plan.entries] + [rule.exits.when for rule in plan.entries])


def level_rows(plan: Plan) -> dict[int, int]:
    """Return the row of each level the rules read, by node."""
    return _rows([distance.node for rule in plan.entries for distance in rule.exits.distances()])


def _rows(nodes: list[int]) -> dict[int, int]:
    """Give distinct nodes numbers from 0, in order; -1 (none) gets none."""
    return {node: row for row, node in enumerate(dict.fromkeys(node for node in nodes if node >= 0))}


def stacked(arrays: Mapping[int, Values], rows: Mapping[int, int], n_bars: int) -> Values:
    """Return the arrays of nodes as rows of one read-only array; a single one is not copied."""
    if not rows:
        return read_only(np.zeros((0, n_bars)))
    if len(rows) == 1:
        return read_only(np.ascontiguousarray(arrays[next(iter(rows))]).reshape(1, n_bars))
    return read_only(np.stack([arrays[node] for node in rows]))


def bar_flags(plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> npt.NDArray[np.uint8]:
    """Return each bar's flags: an entry condition is true, entries are allowed, a session day begins.

    Returns
    -------
    ndarray of shape (n_bars,), dtype=uint8
        Writable; the walk sets EXPOSED in it.
    """
    flags = np.zeros(len(candles), dtype=np.uint8)
    for node in dict.fromkeys(rule.when for rule in plan.entries):
        flags |= signals.conditions[node].view(np.uint8)
    flags |= signals.entry_allowed.view(np.uint8) << np.uint8(1)
    if terms.risk.daily_loss_limit_ppb and len(candles):
        begins = np.diff(candles.session_days, prepend=candles.session_days[0] - 1) != 0
        flags |= begins.view(np.uint8) << np.uint8(2)
    return flags


def new_book(plan: Plan, instrument: Instrument, terms: Terms, *, rows: int) -> Int64Array:
    """Return a book before its first bar, with room for ``rows`` rows a table.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if an amount of the plan or the terms does not fit 64 bits.
    """
    places = condition_rows(plan), level_rows(plan)
    head = [*_first_state(terms), *_terms_row(instrument, terms), len(plan.entries), rows]
    head += [0] * (c.FIRST_RULE - len(head))
    for rule in plan.entries:
        head += _rule_row(rule, instrument, places)
    try:
        numbers = np.array(head, dtype=np.int64)
    except OverflowError as error:
        sentence = "sizes, distances and costs must fit 64 bits, one did not"
        raise MoneyOverflow("money.overflow", sentence) from error
    return _with_tables(numbers, rows)


def grown_book(book: Int64Array, rows: int) -> Int64Array:
    """Return the same book with empty tables of ``rows`` rows."""
    numbers = book[: c.FIRST_RULE + int(book[c.N_RULES]) * c.RULE_WIDTH].copy()
    numbers[[c.N_TRADES, c.N_LEDGER, c.N_ORDERS, c.N_EVENTS]] = 0
    numbers[c.TABLE_ROWS] = rows
    return _with_tables(numbers, rows)


def _with_tables(numbers: Int64Array, rows: int) -> Int64Array:
    book = np.empty(len(numbers) + rows * sum(_TABLE_WIDTHS), dtype=np.int64)
    book[: len(numbers)] = numbers
    return book


def filled_tables(book: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Return the rows written so far: trades, ledger, orders, events, as views of the book."""
    begin = c.FIRST_RULE + int(book[c.N_RULES]) * c.RULE_WIDTH
    counters = (c.N_TRADES, c.N_LEDGER, c.N_ORDERS, c.N_EVENTS)
    widths = (c.TRADE_WIDTH, c.LEDGER_WIDTH, c.ORDER_WIDTH, c.EVENT_WIDTH)
    found = []
    for counter, width, room in zip(counters, widths, _TABLE_WIDTHS, strict=True):
        found.append(book[begin : begin + int(book[counter]) * width].reshape(-1, width))
        begin += int(book[c.TABLE_ROWS]) * room
    return found[0], found[1], found[2], found[3]


def _first_state(terms: Terms) -> list[int]:
    state = [0] * c.STATE_SIZE
    for slot in (c.BALANCE, c.EQUITY, c.PEAK, c.DAY_START):
        state[slot] = terms.capital_minor
    for slot in (c.TROUGH, c.TIME_BAR, c.LIVE_BAR, c.LOWEST):
        state[slot] = c.FAR
    state[c.HIGHEST] = -c.FAR
    state[c.POSITION] = state[c.EXIT_ROW] = -1
    state[c.STOP] = state[c.TARGET] = NO_LEVEL
    return state


def _terms_row(instrument: Instrument, terms: Terms) -> list[int]:
    shift = terms.money_decimals - instrument.price_scale - instrument.quantity_scale
    bid_offset, ask_offset = side_offsets(instrument.side, terms.spread_ticks)
    return [
        instrument.point_value * 10 ** max(shift, 0),
        10 ** max(-shift, 0),
        10**terms.money_decimals,
        bid_offset,
        ask_offset,
        int(instrument.side is CandleSide.BOTH),
        terms.slippage_ticks,
        terms.slippage_ppb,
        terms.commission_ppb,
        *_fees(instrument, terms),
        terms.margin_rate_ppb,
        terms.risk.max_drawdown_ppb,
        terms.risk.daily_loss_limit_ppb,
        terms.risk.max_position_size_ppb,
        terms.start_bar,
        instrument.quantity_step,
        instrument.quantity_min,
        int(terms.for_position),
        10**instrument.price_scale,
    ]


def _fees(instrument: Instrument, terms: Terms) -> list[int]:
    """Return whether there is a commission beside the rate, and its parts and bounds."""
    lot = terms.commission_per_lot_minor, instrument.lot_units * 10**instrument.quantity_scale
    bounds = terms.commission_min_minor, terms.commission_max_minor
    has_fees = any((lot[0], terms.commission_per_order_minor, *bounds))
    return [int(has_fees), *lot, terms.commission_per_order_minor, *bounds]


def _rule_row(
    rule: EntryRule, instrument: Instrument, places: tuple[dict[int, int], dict[int, int]]
) -> list[int]:
    conditions, levels = places
    kind, amount = _size(rule, instrument)
    exits = rule.exits
    return [
        rule.side,
        conditions[rule.when],
        conditions.get(exits.when, -1),
        kind,
        amount,
        *_distance(exits.stop_loss, levels),
        *_distance(exits.take_profit, levels),
        exits.max_bars,
        int(exits.live_from_next_bar),
        *_distance(exits.trailing_stop, levels),
        *_distance(exits.trailing_activate, levels),
        *_distance(exits.break_even_at, levels),
        exits.max_duration_s,
    ]


def _size(rule: EntryRule, instrument: Instrument) -> tuple[int, int]:
    """Return the kernel's size kind and amount; whole steps for fixed sizes, rounded down."""
    size = rule.size
    if size.kind in (SizeKind.UNITS, SizeKind.LOTS):
        units = size.amount * (instrument.lot_units if size.kind is SizeKind.LOTS else 1)
        steps = units * 10**instrument.quantity_scale // RATE_ONE
        return c.SIZE_FIXED, steps if steps <= INT64_MAX else -1
    kinds = {SizeKind.EQUITY_FRACTION: c.SIZE_FRACTION, SizeKind.NOTIONAL: c.SIZE_NOTIONAL}
    return kinds.get(size.kind, c.SIZE_RISK), size.amount


def _distance(distance: Distance | None, levels: Mapping[int, int]) -> tuple[int, int, int]:
    if distance is None:
        return c.KIND_NONE, 0, -1
    return _KINDS[distance.kind], distance.amount, levels.get(distance.node, -1)
