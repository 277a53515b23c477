"""What the kernels share: how they are compiled, result codes, and the places of every number they keep.

The simulator's state is one int64 array, so that a walk can stop after any bar and go on later; the
constants here are its slots, and the columns of the tables of rules and terms.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import config, njit

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernel_cache import use_default_cache_folder

_Kernel = TypeVar("_Kernel", bound=Callable[..., object])

if config.CPU_NAME is None:
    # One code for every processor of an architecture: a cache built on one machine serves another,
    # and no fused multiply-add can change a float64 (M8).
    config.CPU_NAME = "generic"
    config.CPU_FEATURES = ""
use_default_cache_folder()


def kernel_nb(function: _Kernel) -> _Kernel:
    """Compile a function on first call, without the interpreter lock, and keep the code on disk.

    Where no folder for the cache can be written, the code is kept in memory only; `engine.warm`
    reports that.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(_Kernel, njit(cache=True, **options)(function))
    except RuntimeError:  # no folder for the cache
        return cast(_Kernel, njit(cache=False, **options)(function))


# What a walk returns.
WALKED = 0
TABLE_FULL = 1
OVERFLOW = 2

# Rows one bar can add at most: close at the open, open, close on the path; two limits and an ending.
TRADES_A_BAR = 2
LEDGER_A_BAR = 12
ORDERS_A_BAR = 1
EVENTS_A_BAR = 4

FAR = 1 << 62
"""A bar, price or level that is never reached."""

# Slots of the state.
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
    TARGET,
    TIME_BAR,
    LIVE_BAR,
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
    DAY,
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
) = range(45)
STATE_SIZE = 45

# Columns of the table of rules.
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
) = range(13)
RULE_SIZE_COLUMNS = 13

# Values of STOP_KIND and TARGET_KIND.
KIND_NONE, KIND_RATE, KIND_TICKS, KIND_SERIES, KIND_PRICE, KIND_R = range(6)
# Values of RULE_SIZE_KIND: fixed sizes are whole steps already, notional is in millionths of money.
SIZE_FRACTION, SIZE_FIXED, SIZE_NOTIONAL, SIZE_RISK = range(4)

# Slots of the terms.
(
    MONEY_MULTIPLIER,
    MONEY_DIVISOR,
    MONEY_ONE,
    BID_OFFSET,
    ASK_OFFSET,
    SLIPPAGE_TICKS,
    COMMISSION_PPB,
    MARGIN_PPB,
    MAX_DRAWDOWN_PPB,
    DAILY_LOSS_PPB,
    MAX_SIZE_PPB,
    START_BAR,
    QUANTITY_STEP,
    QUANTITY_MIN,
    FOR_POSITION,
) = range(15)
TERMS_SIZE = 15


class Market(NamedTuple):
    """Bars: raw prices in ticks, and session days where a daily limit needs them (else empty)."""

    open: Int64Array
    high: Int64Array
    low: Int64Array
    close: Int64Array
    days: Int64Array


class Script(NamedTuple):
    """What a walk acts on: conditions (rows x bars), levels (rows x bars), rules and terms."""

    active: npt.NDArray[np.uint8]
    conditions: npt.NDArray[np.uint8]
    allowed: npt.NDArray[np.uint8]
    levels: npt.NDArray[np.float64]
    price_factor: float
    rules: Int64Array
    terms: Int64Array


class Tables(NamedTuple):
    """Buffers for rows; the state counts how many are filled."""

    trades: Int64Array
    ledger: Int64Array
    orders: Int64Array
    events: Int64Array


class Curves(NamedTuple):
    """One value per bar."""

    equity: Int64Array
    trough: Int64Array
    held: Int64Array
    exposed: npt.NDArray[np.bool_]
