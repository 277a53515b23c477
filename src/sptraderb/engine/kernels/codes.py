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
from sptraderb.engine.kernels.shared_code import with_shared_code

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
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache; `engine.warm` reports it
        compiled = njit(cache=False, **options)(function)
    return cast(_Kernel, with_shared_code(compiled))


# What a walk returns.
WALKED, TABLE_FULL, OVERFLOW = range(3)

FAR = 1 << 62
"""A bar, price or level that is never reached."""
NEVER = (1 << 63) - 1
"""A favourable move that is never made, not even by a water mark at FAR."""

# Bits of a bar's flags. EXPOSED comes out, the others go in; DUE is for a bar on which the spread changes
# or a cost of holding falls due.
ENTRY_TRUE, ENTRY_ALLOWED, DAY_BEGINS, EXPOSED, EXIT_TRUE, DUE = 1, 2, 4, 8, 16, 128

# Columns of what is known of each bar, where a cost needs it (one row a bar, else no row at all).
FACT_BID_OFFSET, FACT_ASK_OFFSET, FACT_SWAP_DAYS, FACT_FUNDING = range(4)
FACT_OPEN_MULTIPLIER, FACT_OPEN_DIVISOR, FACT_CLOSE_MULTIPLIER, FACT_CLOSE_DIVISOR = range(4, 8)
N_FACTS = 8

# Rows of the curves.
EQUITY_ROW, TROUGH_ROW, HELD_ROW = range(3)
N_CURVES = 3

# The book: one int64 array that holds the state of a walk, the terms, the rules and the rows written.
# First the state: of the walk and the account ...
(
    NEXT_BAR,
    FAULT,
    BALANCE,
    EQUITY,
    TROUGH,
    PEAK,
    DAY_START,
    DAY_PAUSED,
    ENDED,
    PENDING_ENTRY,
    PENDING_DECIDED,
    PENDING_EXIT,
    N_RESTING,
    UNCERTAIN,
    SEEN,
    PENDING_STEPS,
    PENDING_WANTED,
    PENDING_CLOSING,
    MARKED_BAR,
    NEXT_ENTRY,
    NEXT_STEPS,
    NEXT_WANTED,
    NEXT_CLOSING,
    N_UNCERTAIN,
    N_WALKED,
    N_TRADES,
    N_LEDGER,
    N_ORDERS,
    N_EVENTS,
    N_POSITIONS,
) = range(30)

# ... of the position held; its cost and fills are sums relative to those of the first fill (M5) ...
(
    SIDE,
    QUANTITY,
    RULE,
    ENTRY_BAR,
    ENTRY_DECIDED,
    ENTRY_PRICE,
    ENTRY_REFERENCE,
    FIRST_FILL,
    LAST_FILL,
    N_FILLS,
    COST,
    FILLS,
    MOST_HELD,
    INITIAL_STOP,
    ATTACHED_STOP,
    STOP,
    STOP_REASON,
    TARGET,
    N_PARTS,
    PARTS_EVEN,
    EVEN_LEVEL,
    IS_TRAILING,
    JUDGE_AGAIN,
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
    WORST,
    MARK,
    POSITION,
    AMBIGUOUS,
) = range(30, 72)

# ... of the order being filled and the exit being booked ...
(
    ORDER_RULE,
    ORDER_DECIDED,
    ORDER_AMBIGUOUS,
    ORDER_STEPS,
    ORDER_WANTED,
    ORDER_CLOSING,
    EXIT_PRICE,
    EXIT_REFERENCE,
    EXIT_LEVEL,
    EXIT_REASON,
    EXIT_AMBIGUOUS,
    EXIT_PNL,
    EXIT_SPREAD,
    EXIT_SLIPPAGE,
) = range(72, 86)

# ... of the bar: open, high, low and close of each side ...
BAR_BID, BAR_ASK = 86, 90
OPEN, HIGH, LOW, CLOSE = range(4)

# ... and one resting order of each side.
REST_LONG, REST_SHORT = 94, 108
(
    REST_RULE,
    REST_DECIDED,
    REST_KIND,
    REST_STOP,
    REST_LIMIT,
    REST_EXPIRES,
    REST_CANCEL,
    REST_OCO,
    REST_AMBIGUOUS,
    REST_STEPS,
    REST_WANTED,
    REST_CLOSING,
    REST_BUDGET,
    REST_BUDGET_RATE,
) = range(14)
STATE_SIZE = 122

# Then the terms ...
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
    MAX_STEPS,
    START_BAR,
    QUANTITY_STEP,
    QUANTITY_MIN,
    FOR_POSITION,
    PRICE_FACTOR,
    LIMIT_THROUGH,
    CHOICES,
    MAX_ENTRIES,
    APART_KIND,
    APART_AMOUNT,
    APART_ROW,
    N_RULES,
    TABLE_ROWS,
    TABLES_AT,
    PARTS_AT,
    MOST_PARTS,
) = range(STATE_SIZE, STATE_SIZE + 36)

# ... (the ask offset is a bar's opening spread where candles carry both sides)
# ... then what costs of holding, conversion and margin keep, state first and terms after it ...
FIRST_COST = STATE_SIZE + 36
(
    SWAP_BOOKED,
    FUNDING_BOOKED,
    EXIT_CONVERSION,
    RANGE_SLIPPAGE,
    CALLED,
    LIVE_STOP,
    LIVE_REASON,
    BAR_COSTS,
    HOURLY,
    CONVERTED,
    RANGE_PPB,
    SWAP_KIND,
    SWAP_LONG,
    SWAP_SHORT,
    CONVERSION_PPB,
    STOP_OUT_PPB,
) = range(FIRST_COST, FIRST_COST + 16)
ORDER_BUDGET, ORDER_BUDGET_RATE, ORDER_BESIDE, ON_LEG = range(FIRST_COST + 16, FIRST_COST + 20)
N_LISTED, LISTED_AT, UNIT_STEPS, LEFT_SIDE = range(FIRST_COST + 20, FIRST_COST + 24)
HELD_BEFORE = FIRST_COST + 24
# ... then what a book knows of others in its account; the account's own array keeps sums there ...
FIRST_SHARED = FIRST_COST + 25
MAX_POSITIONS, OTHERS_USED, OTHERS_OUT, OTHERS_HELD = range(FIRST_SHARED, FIRST_SHARED + 4)
TWIN_STEPS, TWIN_REFERENCE, TWIN_COST, TWIN_PNL = range(FIRST_SHARED + 4, FIRST_SHARED + 8)
FIRST_BAR, END_BAR, MARK_REFERENCE, OPEN_PNL = range(FIRST_SHARED + 8, FIRST_SHARED + 12)
USED, OWN_CASH, OWN_LOW, TURN_BALANCE = range(FIRST_SHARED + 12, FIRST_SHARED + 16)
TURN_FILLS, STOPPED_AT, IS_ACTIVE, IS_COUNTED = range(FIRST_SHARED + 16, FIRST_SHARED + 20)
HAS_OPENED, LEG, TWIN, HELD_PLACE = range(FIRST_SHARED + 20, FIRST_SHARED + 24)
PROGRAMS_AT, PROGRAMS_END, NUMBERS_AT, NUMBERS_END = range(FIRST_SHARED + 24, FIRST_SHARED + 28)
SPARED_BAR = FIRST_SHARED + 28
# ... then one stretch of this form per rule ...
FIRST_RULE = FIRST_SHARED + 29
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
    RULE_ORDER_KIND,
    RULE_STOP_ROW,
    RULE_LIMIT_ROW,
    RULE_EXPIRES,
    RULE_CANCEL,
    RULE_OCO,
    RULE_PARTS_AT,
    RULE_N_PARTS,
) = range(31)
RULE_WIDTH = 31

# ... then one of this form per partial exit of a rule ...
PART_KIND, PART_AMOUNT, PART_ROW, PART_PPB, PART_EVEN = range(5)
PART_WIDTH = 5
# ... then the levels of the partial exits of the position held (DONE once it was reached) ...
DONE = -1

# ... then the fills of `listed_fills`, then the tables, in this order, each with TABLE_ROWS rows (the ledger
# with LEDGER_TIMES as many).
TRADE_WIDTH, LEDGER_WIDTH, ORDER_WIDTH, EVENT_WIDTH = 23, 4, 9, 3
LEDGER_TIMES = 4
# Rows one bar can add at most beside those of partial exits: what is due; three closes at the open (an
# exit, two reversals) and two on the path, some of them stop-outs; four entries; a margin call; three orders
# of before and two refused at the close.
TRADES_A_BAR, LEDGER_A_BAR, ORDERS_A_BAR, EVENTS_A_BAR = 5, 40, 6, 11

# Values of STOP_KIND and TARGET_KIND.
KIND_NONE, KIND_RATE, KIND_TICKS, KIND_SERIES, KIND_PRICE, KIND_R = range(6)
# Values of RULE_SIZE_KIND; fixed sizes are whole steps already.
SIZE_FRACTION, SIZE_FIXED, SIZE_NOTIONAL, SIZE_RISK = range(4)
# Bits of CHOICES, the fill profile.
AT_CLOSE, BY_SHAPE, SIZE_PLACED, ANY_LEVEL, KEEP_OTHER, CALLS, LISTS, MAGNIFY = [1 << bit for bit in range(8)]
# Values of RULE_ORDER_KIND and REST_KIND; a stop-limit that was armed rests as a limit.
ORDER_MARKET, ORDER_LIMIT, ORDER_STOP, ORDER_STOP_LIMIT = range(4)
# Values of SWAP_KIND.
SWAP_NONE, SWAP_POINTS, SWAP_MONEY, SWAP_PERCENT = range(4)


@inlined_jit
def rule_at_nb(number: int) -> int:
    """Return where a rule begins in the book."""
    return FIRST_RULE + number * RULE_WIDTH


@inlined_jit
def rest_at_nb(side: int) -> int:
    """Return where the resting order of a side stands in the book."""
    return REST_LONG if side > 0 else REST_SHORT


@inlined_jit
def bar_at_nb(side: int) -> int:
    """Return where the prices of the bar stand at which an order of a side trades: ask to buy."""
    return BAR_ASK if side > 0 else BAR_BID


@inlined_jit
def trade_at_nb(book: Int64Array) -> int:
    """Return where the next trade row begins in the book."""
    return int(book[TABLES_AT] + book[N_TRADES] * TRADE_WIDTH)


@inlined_jit
def ledger_at_nb(book: Int64Array) -> int:
    """Return where the next ledger row begins in the book."""
    tables = book[TABLES_AT]
    return int(tables + book[TABLE_ROWS] * TRADE_WIDTH + book[N_LEDGER] * LEDGER_WIDTH)


@inlined_jit
def order_at_nb(book: Int64Array) -> int:
    """Return where the next order row begins in the book."""
    tables = book[TABLES_AT]
    before = TRADE_WIDTH + LEDGER_TIMES * LEDGER_WIDTH
    return int(tables + book[TABLE_ROWS] * before + book[N_ORDERS] * ORDER_WIDTH)


@inlined_jit
def event_at_nb(book: Int64Array) -> int:
    """Return where the next event row begins in the book."""
    tables = book[TABLES_AT]
    before = TRADE_WIDTH + LEDGER_TIMES * LEDGER_WIDTH + ORDER_WIDTH
    return int(tables + book[TABLE_ROWS] * before + book[N_EVENTS] * EVENT_WIDTH)


@inlined_jit
def is_full_nb(book: Int64Array) -> bool:
    """Return whether some table has no room for what one more bar can add."""
    rows = book[TABLE_ROWS] - book[MOST_PARTS]
    return bool(
        book[N_TRADES] + TRADES_A_BAR > rows
        or book[N_LEDGER] + LEDGER_A_BAR > LEDGER_TIMES * rows
        or book[N_ORDERS] + ORDERS_A_BAR > rows
        or book[N_EVENTS] + EVENTS_A_BAR > rows
    )
