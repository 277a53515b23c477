"""Simulate a plan on candles: arrays for the kernel, the walk in chunks, the outcome.

Steps: 1 `_market`, 2 `_script` (rules and terms as integers), 3 `_Walk.run` (chunks, with progress
and cancel between them; tables are emptied as they fill), 4 `_Walk.outcome`.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import INT64_MAX, RATE_ONE
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.outcome import (
    EVENT_COLUMNS,
    LEDGER_COLUMNS,
    NO_LEVEL,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    LedgerKind,
    OpenPosition,
    Outcome,
)
from sptraderb.domain.plan import Distance, DistanceKind, EntryRule, Plan, Signals, SizeKind
from sptraderb.domain.terms import Terms, require_one_sided
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.bars import end_of_data_nb, walk_bars_nb
from sptraderb.engine.kernels.codes import Curves, Market, Script, Tables
from sptraderb.errors import InvalidInput, MoneyOverflow

CHUNK_BARS = 262_144
"""Bars walked between two looks at cancel and progress: a few milliseconds."""
_FIRST_ROWS = 1024
_MOST_ROWS = 65_536
_KINDS = {
    DistanceKind.RATE: c.KIND_RATE,
    DistanceKind.TICKS: c.KIND_TICKS,
    DistanceKind.SERIES: c.KIND_SERIES,
    DistanceKind.PRICE: c.KIND_PRICE,
    DistanceKind.R: c.KIND_R,
}
_NO_DAYS = np.empty(0, dtype=np.int64)
_NO_DAYS.flags.writeable = False


def _never() -> bool:
    return False


def _ignore(done: int, total: int) -> None:
    del done, total


def simulate(
    plan: Plan,
    candles: Candles,
    signals: Signals,
    terms: Terms,
    *,
    should_stop: Callable[[], bool] = _never,
    on_progress: Callable[[int, int], None] = _ignore,
    chunk_bars: int = CHUNK_BARS,
) -> Outcome:
    """Walk a plan over candles by the execution rules, exactly.

    Parameters
    ----------
    plan : Plan
        Rules; only its entries are read.
    candles : Candles
        One-sided bars.
    signals : Signals
        The plan's conditions and levels on these candles.
    terms : Terms
        Capital, costs, limits.
    should_stop : callable
        Asked between chunks; true ends the walk with a partial outcome.
    on_progress : callable
        Called after each chunk with bars done and bars in all.
    chunk_bars : int
        Bars in a chunk; the outcome does not depend on it.

    Returns
    -------
    Outcome
        Trades, ledger, orders, events and curves; ``n_bars_done`` tells a partial one.

    Raises
    ------
    MoneyOverflow
        ``money.overflow`` if a price, quantity or sum leaves 64 bits (M3).
    InvalidInput
        ``candles.both_sides_unsupported``; ``costs.exceed_price`` if spread and slippage could bring
        a fill to zero or below.

    Notes
    -----
    Pure: no clock, no I/O, no randomness. About 5 ns a bar and 0.1 us a trade.
    """
    require_one_sided(candles)
    market = _market(candles, terms)
    walk = _Walk(market, _script(plan, candles, signals, terms), terms)
    _require_positive_prices(candles, terms)
    total = len(candles)
    done = 0
    while done < total and not should_stop():
        done = min(done + chunk_bars, total)
        walk.run(done)
        on_progress(done, total)
    if done == total:
        walk.end_of_data(terms.close_at_end)
    return walk.outcome(done)


class _Walk:
    """The state, buffers and collected rows of one walk."""

    def __init__(self, market: Market, script: Script, terms: Terms) -> None:
        self.market = market
        self.script = script
        self.terms = terms
        self.state = _first_state(terms)
        n_bars = len(market.open)
        self.curves = Curves(
            equity=np.empty(n_bars, dtype=np.int64),
            trough=np.empty(n_bars, dtype=np.int64),
            held=np.empty(n_bars, dtype=np.int64),
            exposed=np.empty(n_bars, dtype=np.bool_),
        )
        self.rows = _FIRST_ROWS
        self.tables = _tables(self.rows)
        self.parts: tuple[list[Int64Array], ...] = ([], [], [], [])
        self.first_bar = min(terms.start_bar + 1, n_bars)
        deposit = (self.first_bar, int(LedgerKind.DEPOSIT), terms.capital_minor, -1)
        self.parts[1].append(np.array([deposit], dtype=np.int64))

    def run(self, stop_bar: int) -> None:
        """Walk up to a bar, emptying full tables on the way."""
        code = c.TABLE_FULL
        while code == c.TABLE_FULL:
            code = walk_bars_nb(stop_bar, self.market, self.script, self.state, self.tables, self.curves)
            self._check(code)
            if code == c.TABLE_FULL:
                self._empty_tables()

    def end_of_data(self, closes: bool) -> None:
        """Drop what is pending and close what is held, if the terms say so."""
        self._empty_tables()
        work = (self.state, self.tables, self.curves)
        code = end_of_data_nb(len(self.market.open), int(closes), self.market, self.script, work)
        self._check(code)

    def _check(self, code: int) -> None:
        if code == c.OVERFLOW:
            raise MoneyOverflow(
                "money.overflow",
                "every price, quantity and sum must fit 64 bits, one did not",
                hint="use less capital, leverage or fewer decimals",
            )

    def _empty_tables(self) -> None:
        counters = (c.N_TRADES, c.N_LEDGER, c.N_ORDERS, c.N_EVENTS)
        for part, table, counter in zip(self.parts, self.tables, counters, strict=True):
            if self.state[counter]:
                part.append(table[: self.state[counter]])
                self.state[counter] = 0
        self.rows = min(self.rows * 2, _MOST_ROWS)
        self.tables = _tables(self.rows)

    def outcome(self, done: int) -> Outcome:
        """Return everything decided in the first ``done`` bars."""
        counters = (c.N_TRADES, c.N_LEDGER, c.N_ORDERS, c.N_EVENTS)
        joined = [
            np.concatenate([*part, table[: self.state[counter]]])
            for part, table, counter in zip(self.parts, self.tables, counters, strict=True)
        ]
        return Outcome(
            money_decimals=self.terms.money_decimals,
            first_tradable_bar=self.first_bar,
            n_bars_done=done,
            trades=joined[0],
            ledger=joined[1],
            orders=joined[2],
            events=joined[3],
            equity_minor=self.curves.equity[:done],
            trough_minor=self.curves.trough[:done],
            held_steps=self.curves.held[:done],
            exposed=self.curves.exposed[:done],
            open_position=_open_position(self.state),
            balance_minor=int(self.state[c.BALANCE]),
        )


def _open_position(state: Int64Array) -> OpenPosition | None:
    if state[c.SIDE] == 0:
        return None
    booked = (c.SPREAD_BOOKED, c.SLIPPAGE_BOOKED, c.COMMISSION_BOOKED)
    return OpenPosition(
        side=int(state[c.SIDE]),
        entry_rule=int(state[c.RULE]),
        entry_bar=int(state[c.ENTRY_BAR]),
        quantity_steps=int(state[c.QUANTITY]),
        entry_price_ticks=int(state[c.ENTRY_PRICE]),
        entry_reference_ticks=int(state[c.ENTRY_REFERENCE]),
        stop_ticks=int(state[c.STOP]),
        target_ticks=int(state[c.TARGET]),
        open_pnl_minor=int(state[c.EQUITY]) - int(state[c.BALANCE]),
        booked_minor=sum(int(state[slot]) for slot in booked),
    )


def _tables(rows: int) -> Tables:
    return Tables(
        trades=np.empty((rows, len(TRADE_COLUMNS)), dtype=np.int64),
        ledger=np.empty((4 * rows, len(LEDGER_COLUMNS)), dtype=np.int64),
        orders=np.empty((rows, len(ORDER_COLUMNS)), dtype=np.int64),
        events=np.empty((rows, len(EVENT_COLUMNS)), dtype=np.int64),
    )


def _first_state(terms: Terms) -> Int64Array:
    state = np.zeros(c.STATE_SIZE, dtype=np.int64)
    state[[c.BALANCE, c.EQUITY, c.PEAK, c.DAY_START]] = terms.capital_minor
    state[[c.TROUGH, c.TIME_BAR, c.LIVE_BAR, c.LOWEST]] = c.FAR
    state[[c.HIGHEST, c.DAY]] = -c.FAR
    state[c.POSITION] = -1
    state[[c.STOP, c.TARGET]] = NO_LEVEL
    return state


def _read_only(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return a contiguous read-only view, so that the kernel is compiled for one kind of array."""
    array = np.ascontiguousarray(values)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def _market(candles: Candles, terms: Terms) -> Market:
    prices = (candles.open_ticks, candles.high_ticks, candles.low_ticks, candles.close_ticks)
    days = candles.session_days if terms.risk.daily_loss_limit_ppb else _NO_DAYS
    return Market(*(_read_only(values) for values in (*prices, days)))


def side_offsets(side: CandleSide, spread_ticks: int) -> tuple[int, int]:
    """Return what is added to a candle's price to get bid and ask, in ticks (X5)."""
    if side is CandleSide.ASK:
        return -spread_ticks, 0
    if side is CandleSide.MID:
        return -(spread_ticks // 2), spread_ticks - spread_ticks // 2
    return 0, spread_ticks


def _require_positive_prices(candles: Candles, terms: Terms) -> None:
    bid_offset, _ = side_offsets(candles.instrument.side, terms.spread_ticks)
    most = terms.slippage_ticks - bid_offset
    if most > 0 and len(candles) and int(candles.low_ticks.min()) <= most:
        raise InvalidInput(
            "costs.exceed_price",
            f"spread and slippage must be smaller than the lowest price, were {most} ticks "
            f"at {int(candles.low_ticks.min())}",
        )


def _script(plan: Plan, candles: Candles, signals: Signals, terms: Terms) -> Script:
    entries = plan.entries
    condition_rows = _rows([rule.when for rule in entries] + [rule.exits.when for rule in entries])
    distances = [d for rule in entries for d in (rule.exits.stop_loss, rule.exits.take_profit)]
    level_rows = _rows([d.node for d in distances if d is not None])
    n_bars = len(candles)
    conditions = _stacked(signals.conditions, condition_rows, n_bars).view(np.uint8)
    active = np.zeros(n_bars, dtype=np.uint8)
    for row in {condition_rows[rule.when] for rule in entries}:
        active |= conditions[row]
    rules = [_rule_row(rule, candles.instrument, (condition_rows, level_rows)) for rule in entries]
    return Script(
        active=_read_only(active),
        conditions=_read_only(conditions),
        allowed=_read_only(signals.entry_allowed).view(np.uint8),
        levels=_read_only(_stacked(signals.levels, level_rows, n_bars)),
        price_factor=10.0**candles.instrument.price_scale,
        rules=_read_only(_int64(rules).reshape(len(rules), c.RULE_SIZE_COLUMNS)),
        terms=_read_only(_int64(_terms_row(candles.instrument, terms))),
    )


def _rows(nodes: list[int]) -> dict[int, int]:
    """Number distinct nodes from 0, in order; -1 (none) has no row."""
    return {node: row for row, node in enumerate(dict.fromkeys(node for node in nodes if node >= 0))}


def _stacked(
    arrays: Mapping[int, npt.NDArray[np.generic]], rows: Mapping[int, int], n_bars: int
) -> npt.NDArray[np.generic]:
    """Return the arrays of the nodes as rows of one array; a single one is not copied."""
    if not rows:
        return np.zeros((0, n_bars), dtype=next((a.dtype for a in arrays.values()), np.dtype(np.float64)))
    if len(rows) == 1:
        return np.ascontiguousarray(arrays[next(iter(rows))]).reshape(1, n_bars)
    return np.stack([arrays[node] for node in rows])


def _rule_row(
    rule: EntryRule, instrument: Instrument, rows: tuple[dict[int, int], dict[int, int]]
) -> list[int]:
    condition_rows, level_rows = rows
    kind, amount = _size(rule, instrument)
    exits = rule.exits
    return [
        rule.side,
        condition_rows[rule.when],
        condition_rows.get(exits.when, -1),
        kind,
        amount,
        *_distance(exits.stop_loss, level_rows),
        *_distance(exits.take_profit, level_rows),
        exits.max_bars,
        int(exits.live_from_next_bar),
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


def _distance(distance: Distance | None, level_rows: Mapping[int, int]) -> tuple[int, int, int]:
    if distance is None:
        return c.KIND_NONE, 0, -1
    return _KINDS[distance.kind], distance.amount, level_rows.get(distance.node, -1)


def _terms_row(instrument: Instrument, terms: Terms) -> list[int]:
    shift = terms.money_decimals - instrument.price_scale - instrument.quantity_scale
    bid_offset, ask_offset = side_offsets(instrument.side, terms.spread_ticks)
    return [
        instrument.point_value * 10 ** max(shift, 0),
        10 ** max(-shift, 0),
        10**terms.money_decimals,
        bid_offset,
        ask_offset,
        terms.slippage_ticks,
        terms.commission_ppb,
        terms.margin_rate_ppb,
        terms.risk.max_drawdown_ppb,
        terms.risk.daily_loss_limit_ppb,
        terms.risk.max_position_size_ppb,
        terms.start_bar,
        instrument.quantity_step,
        instrument.quantity_min,
        int(terms.for_position),
    ]


def _int64(numbers: list[int] | list[list[int]]) -> Int64Array:
    """Return Python integers as int64, refusing what does not fit."""
    try:
        return np.array(numbers, dtype=np.int64)
    except OverflowError as error:
        raise MoneyOverflow(
            "money.overflow", "sizes, distances and costs must fit 64 bits, one did not"
        ) from error
