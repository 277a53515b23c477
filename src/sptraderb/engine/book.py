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
from sptraderb.domain.order import Distance, DistanceKind, EntryRule, OrderKind, PartialExit, SizeKind
from sptraderb.domain.outcome import NO_LEVEL
from sptraderb.domain.plan import Plan, Signals
from sptraderb.domain.profile import Profile
from sptraderb.domain.terms import Terms
from sptraderb.engine.bar_costs import cost_row, side_offsets
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.listed_fills import LISTED_WIDTH
from sptraderb.errors import MoneyOverflow

_KINDS = {
    DistanceKind.RATE: c.KIND_RATE,
    DistanceKind.TICKS: c.KIND_TICKS,
    DistanceKind.SERIES: c.KIND_SERIES,
    DistanceKind.PRICE: c.KIND_PRICE,
    DistanceKind.R: c.KIND_R,
}
_ORDERS = {
    OrderKind.MARKET: c.ORDER_MARKET,
    OrderKind.LIMIT: c.ORDER_LIMIT,
    OrderKind.STOP: c.ORDER_STOP,
    OrderKind.STOP_LIMIT: c.ORDER_STOP_LIMIT,
}
_POSITIONS_A_BAR = 4
_ROWS_A_BOOK = 20
_CALLS_A_BAR = 4
_MOST_LISTED = 8192
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


def condition_rows(plan: Plan) -> dict[int, int]:
    """Return the row of each condition the rules read, by node."""
    exits = [rule.exits.when for rule in plan.entries]
    return _rows([rule.when for rule in plan.entries] + exits + [rule.cancel_when for rule in plan.entries])


def level_rows(plan: Plan) -> dict[int, int]:
    """Return the row of each level the rules read, by node."""
    found = [distance.node for rule in plan.entries for distance in rule.exits.distances()]
    found += [node for rule in plan.entries for node in rule.order.nodes()]
    apart = plan.scale_in.min_distance if plan.scale_in is not None else None
    return _rows(found + ([apart.node] if apart is not None else []))


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


def condition_table(plan: Plan, signals: Signals, n_bars: int) -> npt.NDArray[np.uint8]:
    """Return the conditions rules read as rows of a new array; the walk writes those about the position."""
    rows = condition_rows(plan)
    table = np.zeros((len(rows), n_bars), dtype=np.uint8)
    for node, row in rows.items():
        if node not in plan.programs:
            table[row] = signals.conditions[node]
    return table


def bar_flags(plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> npt.NDArray[np.uint8]:
    """Return each bar's flags: an entry's or exit's condition is true, entries are allowed, a day begins.

    With conditions about the position, which only the walk knows, both may be true on any bar.

    Returns
    -------
    ndarray of shape (n_bars,), dtype=uint8
        Writable; the walk sets EXPOSED in it.
    """
    flags = signals.entry_allowed.view(np.uint8) << np.uint8(1)
    if plan.programs:
        flags |= np.uint8(c.ENTRY_TRUE | c.EXIT_TRUE)
    for node in dict.fromkeys(rule.when for rule in plan.entries if rule.when not in plan.programs):
        flags |= signals.conditions[node].view(np.uint8)
    exits = dict.fromkeys(rule.exits.when for rule in plan.entries)
    for node in exits:
        if node >= 0 and node not in plan.programs:
            flags |= signals.conditions[node].view(np.uint8) << np.uint8(4)
    if terms.risk.daily_loss_limit_ppb and len(candles):
        begins = np.diff(candles.session_days, prepend=candles.session_days[0] - 1) != 0
        flags |= begins.view(np.uint8) << np.uint8(2)
    return flags


def new_book(
    plan: Plan, instrument: Instrument, terms: Terms, *, rows: int, n_bars: int, most_finer: int = 1
) -> Int64Array:
    """Return a book of ``n_bars`` bars before its first, with room for ``rows`` rows a table.

    ``most_finer`` is the most finer bars that a bar is walked by.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if an amount of the plan or the terms does not fit 64 bits.
    """
    places = condition_rows(plan), level_rows(plan)
    head = [*_first_state(terms), *_terms_row(instrument, terms), *_scale_in(plan, terms, places[1])]
    parts_at = c.FIRST_RULE + len(plan.entries) * c.RULE_WIDTH
    all_parts = [len(rule.exits.partial) for rule in plan.entries]
    live_at, most = parts_at + sum(all_parts) * c.PART_WIDTH, max(all_parts, default=0)
    listed_at, listed = live_at + most, _most_listed(plan, terms)
    tables_at = listed_at + listed * LISTED_WIDTH
    head += [len(plan.entries), rows, tables_at, live_at, _rows_a_bar(most, listed, terms, most_finer)]
    head += cost_row(terms, n_bars)
    head[c.LISTED_AT], head[c.UNIT_STEPS] = listed_at, 10**instrument.quantity_scale
    parts: list[int] = []
    for rule in plan.entries:
        head += _rule_row(rule, instrument, places)
        head += [parts_at + len(parts), len(rule.exits.partial)]
        for part in rule.exits.partial:
            parts += _part_row(part, places[1])
    try:
        rest = [c.DONE] * most + [0] * (listed * LISTED_WIDTH)
        numbers = np.array(head + parts + rest, dtype=np.int64)
    except OverflowError as error:
        sentence = "sizes, distances and costs must fit 64 bits, one did not"
        raise MoneyOverflow("money.overflow", sentence) from error
    return _with_tables(numbers, rows)


def _most_listed(plan: Plan, terms: Terms) -> int:
    """Return the room for fills that are trades of their own, one more than may be held at once."""
    if not terms.profile.lists_fills or plan.scale_in is None:
        return 0
    return min(plan.scale_in.max_entries, _MOST_LISTED) + 1


def _rows_a_bar(most_parts: int, listed: int, terms: Terms, most_finer: int) -> int:
    """Return the trade rows that partial exits, margin calls and fills listed apart add on one bar at most.

    A row ends an exit or a fill; the ledger may take more than its four rows for each.
    """
    exits = _POSITIONS_A_BAR * most_parts
    if not (terms.profile.calls_margin or listed):
        return exits
    calls = _CALLS_A_BAR * (most_finer if terms.profile.walks_finer else 1)
    return 2 * (exits + calls + 2 * _POSITIONS_A_BAR + listed)


def grown_book(book: Int64Array, rows: int) -> Int64Array:
    """Return the same book with empty tables of ``rows`` rows."""
    numbers = book[: int(book[c.TABLES_AT])].copy()
    empty_tables(numbers)
    numbers[c.TABLE_ROWS] = rows
    return _with_tables(numbers, rows)


def empty_tables(book: Int64Array) -> None:
    """Forget the rows in a book's tables."""
    book[[c.N_TRADES, c.N_LEDGER, c.N_ORDERS, c.N_EVENTS]] = 0


def _with_tables(numbers: Int64Array, rows: int) -> Int64Array:
    book = np.empty(len(numbers) + rows * sum(_TABLE_WIDTHS), dtype=np.int64)
    book[: len(numbers)] = numbers
    return book


def rows_an_instant(books: Int64Array) -> int:
    """Return the trade rows that one instant adds at most, all books together."""
    return int(books[:, c.MOST_PARTS].sum()) + len(books) * _ROWS_A_BOOK


def account_book(terms: Terms, *, rows: int, rows_an_instant: int) -> Int64Array:
    """Return the array of an account of several books before its first instant: a book without rules."""
    book = _with_tables(np.zeros(c.FIRST_RULE, dtype=np.int64), rows)
    book[c.TABLES_AT], book[c.TABLE_ROWS] = c.FIRST_RULE, rows
    book[c.MOST_PARTS] = rows_an_instant
    for slot in (c.BALANCE, c.EQUITY, c.PEAK, c.DAY_START):
        book[slot] = terms.capital_minor
    book[c.MAX_DRAWDOWN_PPB] = terms.risk.max_drawdown_ppb
    book[c.DAILY_LOSS_PPB] = terms.risk.daily_loss_limit_ppb
    book[c.STOP_OUT_PPB] = terms.stop_out_ppb
    book[c.CHOICES] = _choices(terms.profile)
    return book


def filled_tables(book: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Return the rows written so far: trades, ledger, orders, events, as views of the book."""
    begin = int(book[c.TABLES_AT])
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
    state[c.STOP] = state[c.TARGET] = state[c.ATTACHED_STOP] = NO_LEVEL
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
        _most_steps(instrument, terms),
        terms.start_bar,
        instrument.quantity_step,
        instrument.quantity_min,
        int(terms.for_position),
        10**instrument.price_scale,
        terms.limit_through_ticks,
        _choices(terms.profile),
    ]


def _choices(profile: Profile) -> int:
    """Return a fill profile as bits."""
    chosen = (
        (profile.fills_at_close, c.AT_CLOSE),
        (profile.walks_ohlc, c.BY_SHAPE),
        (profile.sizes_when_placed, c.SIZE_PLACED),
        (profile.skips_undefined, c.ANY_LEVEL),
        (profile.keeps_other_side, c.KEEP_OTHER),
        (profile.calls_margin, c.CALLS),
        (profile.lists_fills, c.LISTS),
        (profile.walks_finer, c.MAGNIFY),
    )
    return sum(bit for is_chosen, bit in chosen if is_chosen)


def _most_steps(instrument: Instrument, terms: Terms) -> int:
    """Return the largest position in steps, rounded down; -1 where it has no limit in units (A4)."""
    units_ppb = terms.risk.max_position_units_ppb
    return min(units_ppb * 10**instrument.quantity_scale // RATE_ONE, INT64_MAX) if units_ppb else -1


def _scale_in(plan: Plan, terms: Terms, levels: Mapping[int, int]) -> list[int]:
    """Return how many fills a position may have (1 without scale-in), and how far apart."""
    if plan.scale_in is None:
        return [1, *_distance(None, levels)]
    most = _most_listed(plan, terms) - 1 if terms.profile.lists_fills else plan.scale_in.max_entries
    return [most, *_distance(plan.scale_in.min_distance, levels)]


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
        _ORDERS[rule.order.kind],
        levels.get(rule.order.stop_node, -1),
        levels.get(rule.order.limit_node, -1),
        rule.order.expires_bars,
        conditions.get(rule.cancel_when, -1),
        int(rule.oco),
    ]


def _part_row(part: PartialExit, levels: Mapping[int, int]) -> list[int]:
    return [*_distance(part.at, levels), part.close_ppb, int(part.then_break_even)]


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
