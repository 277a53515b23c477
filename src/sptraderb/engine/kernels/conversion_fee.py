"""The stated fee on converting a price P&L (C5); the rates themselves stand in what a tick is worth."""

from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.outcome import LedgerKind
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.account import book_nb
from sptraderb.engine.kernels.arithmetic import muldiv_half_even_nb
from sptraderb.engine.kernels.codes import inlined_jit

_CONVERSION = int(LedgerKind.CONVERSION)
_RATE_ONE = 10**9


@inlined_jit
def conversion_fee_nb(pnl: int, book: Int64Array) -> int:
    """Return the fee on a price P&L where quote and account currency differ."""
    fee, fits = 0, True
    if book[c.CONVERTED] != 0 and book[c.CONVERSION_PPB] != 0:
        fee, fits = muldiv_half_even_nb(abs(pnl), book[c.CONVERSION_PPB], _RATE_ONE)
    if not fits:
        book[c.FAULT] = c.OVERFLOW
    return fee


@inlined_jit
def book_conversion_nb(bar: int, pnl: int, book: Int64Array) -> None:
    """Book the fee on a price P&L just booked."""
    fee = conversion_fee_nb(pnl, book)
    book[c.EXIT_CONVERSION] = -fee
    book_nb(bar, _CONVERSION, -fee, book)
