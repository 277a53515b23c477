"""What the kernels share: how they are compiled, result codes, and the places of every number they keep.

A walk works on one int64 array, the book, so that it can stop after any bar and go on later, and so
that functions take two arguments instead of twenty. The constants here are its slots. Arrays are
passed bare: Numba would count references to those inside tuples on every bar.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernel_cache import config, use_default_cache_folder

_Kernel = TypeVar("_Kernel", bound=Callable[..., object])

if config.CPU_NAME is None:
    # One code for every processor of an architecture: a cache built on one machine serves another,
    # and no fused multiply-add can change a float64 (M8).
    config.CPU_NAME = "generic"
    config.CPU_FEATURES = ""
use_default_cache_folder()


def kernel_jit(function: _Kernel) -> _Kernel:
    """Compile a function that makes no arrays: on first call, without the interpreter lock, kept on disk.

    References to its arrays are not counted: counting took a third of a walk's time.
    """
    return _compiled(function, _nrt=False, forceinline=False)


def inlined_jit(function: _Kernel) -> _Kernel:
    """Compile like `kernel_jit`, always into its callers: for functions with one caller, or tiny ones."""
    return _compiled(function, _nrt=False, forceinline=True)


def series_jit(function: _Kernel) -> _Kernel:
    """Compile a function that may make arrays, otherwise like `kernel_jit`."""
    return _compiled(function, _nrt=True, forceinline=False)


def _compiled(function: _Kernel, *, _nrt: bool, forceinline: bool) -> _Kernel:
    """Compile with a cache on disk, or where no folder for it can be written, in memory only."""
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "_nrt": _nrt,
        "forceinline": forceinline,
    }
    try:
        return cast(_Kernel, njit(cache=True, **options)(function))
    except RuntimeError:  # no folder for the cache; `engine.warm` reports it
        return cast(_Kernel, njit(cache=False, **options)(function))


# What a walk returns.
WALKED = 0
TABLE_FULL = 1
OVERFLOW = 2

FAR = 1 << 62
"""A bar, price or level that is never reached."""
NEVER = (1 << 63) - 1
"""A favourable move that is never made, not even by a water mark at FAR."""

# Bits of a bar's flags. The first three go in, the last comes out.
ENTRY_TRUE, ENTRY_ALLOWED, DAY_BEGINS, EXPOSED = 1, 2, 4, 8

# Rows of the curves.
EQUITY_ROW, TROUGH_ROW, HELD_ROW = range(3)
N_CURVES = 3

# The book: one int64 array that holds the state of a walk, the terms, the rules and the rows written.
# First the state ...
(
    NEXT_BAR,
    FAULT,
    BALANCE,
    EQUITY,
    TROUGH,
    SIDE,
    QUANTITY,
    RULE,
    ENTRY_BAR,
    ENTRY_PRICE,
    ENTRY_REFERENCE,
    INITIAL_STOP,
    STOP,
    STOP_REASON,
    TARGET,
    WATER,
    TRAIL_TICKS,
    TRAIL_AFTER,
    BREAK_EVEN_AFTER,
    DURATION,
    TIME_BAR,
    LIVE_BAR,
    EXIT_ROW,
    UNIT,
    SAFE_MOVE,
    SPREAD_BOOKED,
    SLIPPAGE_BOOKED,
    COMMISSION_BOOKED,
    LOWEST,
    HIGHEST,
    POSITION,
    N_POSITIONS,
    PENDING_ENTRY,
    PENDING_EXIT,
    DECIDED_BAR,
    PEAK,
    DAY_START,
    DAY_PAUSED,
    ENDED,
    EXIT_PRICE,
    EXIT_REFERENCE,
    EXIT_LEVEL,
    EXIT_REASON,
    EXIT_AMBIGUOUS,
    EXIT_PNL,
    EXIT_SPREAD,
    EXIT_SLIPPAGE,
    N_TRADES,
    N_LEDGER,
    N_ORDERS,
    N_EVENTS,
) = range(51)
STATE_SIZE = 51

# ... then the terms ...
(
    MONEY_MULTIPLIER,
    MONEY_DIVISOR,
    MONEY_ONE,
    BID_OFFSET,
    ASK_OFFSET,
    TWO_SIDED,
    SLIPPAGE_TICKS,
    SLIPPAGE_PPB,
    COMMISSION_PPB,
    HAS_FEES,
    LOT_FEE,
    LOT_STEPS,
    ORDER_FEE,
    LEAST_FEE,
    MOST_FEE,
    MARGIN_PPB,
    MAX_DRAWDOWN_PPB,
    DAILY_LOSS_PPB,
    MAX_SIZE_PPB,
    START_BAR,
    QUANTITY_STEP,
    QUANTITY_MIN,
    FOR_POSITION,
    PRICE_FACTOR,
    N_RULES,
    TABLE_ROWS,
) = range(STATE_SIZE, STATE_SIZE + 26)

# ... (the ask offset is a bar's opening spread where candles carry both sides)
# ... then one stretch of this form per rule ...
FIRST_RULE = STATE_SIZE + 26
(
    RULE_SIDE,
    RULE_WHEN,
    RULE_EXIT,
    RULE_SIZE_KIND,
    RULE_SIZE,
    STOP_KIND,
    STOP_AMOUNT,
    STOP_ROW,
    TARGET_KIND,
    TARGET_AMOUNT,
    TARGET_ROW,
    RULE_MAX_BARS,
    RULE_LIVE_NEXT,
    TRAIL_KIND,
    TRAIL_AMOUNT,
    TRAIL_ROW,
    ACTIVATE_KIND,
    ACTIVATE_AMOUNT,
    ACTIVATE_ROW,
    BREAK_KIND,
    BREAK_AMOUNT,
    BREAK_ROW,
    RULE_DURATION,
) = range(23)
RULE_WIDTH = 23

# ... then the tables, in this order, each with TABLE_ROWS rows (the ledger with LEDGER_TIMES as many).
TRADE_WIDTH, LEDGER_WIDTH, ORDER_WIDTH, EVENT_WIDTH = 23, 4, 9, 3
LEDGER_TIMES = 4
# Rows one bar can add at most: a close at the open and one on the path; two limits and an ending.
TRADES_A_BAR, LEDGER_A_BAR, ORDERS_A_BAR, EVENTS_A_BAR = 2, 12, 1, 4

# Values of STOP_KIND and TARGET_KIND.
KIND_NONE, KIND_RATE, KIND_TICKS, KIND_SERIES, KIND_PRICE, KIND_R = range(6)
# Values of RULE_SIZE_KIND; fixed sizes are whole steps already.
SIZE_FRACTION, SIZE_FIXED, SIZE_NOTIONAL, SIZE_RISK = range(4)


@inlined_jit
def rule_at_nb(number: int) -> int:
    """Return where a rule begins in the book."""
    return FIRST_RULE + number * RULE_WIDTH


@inlined_jit
def trade_at_nb(book: Int64Array) -> int:
    """Return where the next trade row begins in the book."""
    return int(FIRST_RULE + book[N_RULES] * RULE_WIDTH + book[N_TRADES] * TRADE_WIDTH)


@inlined_jit
def ledger_at_nb(book: Int64Array) -> int:
    """Return where the next ledger row begins in the book."""
    tables = FIRST_RULE + book[N_RULES] * RULE_WIDTH
    return int(tables + book[TABLE_ROWS] * TRADE_WIDTH + book[N_LEDGER] * LEDGER_WIDTH)


@inlined_jit
def order_at_nb(book: Int64Array) -> int:
    """Return where the next order row begins in the book."""
    tables = FIRST_RULE + book[N_RULES] * RULE_WIDTH
    before = TRADE_WIDTH + LEDGER_TIMES * LEDGER_WIDTH
    return int(tables + book[TABLE_ROWS] * before + book[N_ORDERS] * ORDER_WIDTH)


@inlined_jit
def event_at_nb(book: Int64Array) -> int:
    """Return where the next event row begins in the book."""
    tables = FIRST_RULE + book[N_RULES] * RULE_WIDTH
    before = TRADE_WIDTH + LEDGER_TIMES * LEDGER_WIDTH + ORDER_WIDTH
    return int(tables + book[TABLE_ROWS] * before + book[N_EVENTS] * EVENT_WIDTH)


@inlined_jit
def is_full_nb(book: Int64Array) -> bool:
    """Return whether some table has no room for what one more bar can add."""
    rows = book[TABLE_ROWS]
    return bool(
        book[N_TRADES] + TRADES_A_BAR > rows
        or book[N_LEDGER] + LEDGER_A_BAR > LEDGER_TIMES * rows
        or book[N_ORDERS] + ORDERS_A_BAR > rows
        or book[N_EVENTS] + EVENTS_A_BAR > rows
    )
