"""Risk limits, judged at every close (A3, A4, X13).

Place: decides at the close of a bar whether the position must be closed and whether entries are
still allowed.
"""

from decimal import Decimal

from sptraderb.domain.outcome import EventCode, ExitReason
from sptraderb.domain.plan import RiskLimits
from sptraderb.oracle.cash_book import CashBook
from sptraderb.oracle.exact_numbers import rate


class AccountLimits:
    """Watches equity at closes.

    Parameters
    ----------
    risk : RiskLimits
        Limits in force.
    deposit : Decimal
        Where the running peak and the first session day start.
    book : CashBook
        Where events are recorded.
    """

    def __init__(self, risk: RiskLimits, deposit: Decimal, *, book: CashBook) -> None:
        self._max_drawdown = rate(risk.max_drawdown_ppb)
        self._daily_loss = rate(risk.daily_loss_limit_ppb)
        self._book = book
        self._peak = deposit
        self._day: int | None = None
        self._day_start = deposit
        self._last_close = deposit
        self._paused_day: int | None = None
        self._ended = False

    def judge(self, bar: int, day: int, *, equity: Decimal) -> ExitReason | None:
        """Judge one close: ruin, then drawdown, then the daily loss; return why to close, if so."""
        if day != self._day:
            self._day, self._day_start = day, self._last_close
        self._last_close = equity
        self._peak = max(self._peak, equity)
        if self._ended:
            return None
        if equity <= 0:
            self._end(bar, EventCode.RUINED, equity)
            return ExitReason.STOP_OUT
        if self._max_drawdown and self._peak - equity >= self._peak * self._max_drawdown:
            self._end(bar, EventCode.MAX_DRAWDOWN, equity)
            return ExitReason.RISK_LIMIT
        lost = self._day_start - equity
        if self._daily_loss and self._paused_day != day and lost >= self._day_start * self._daily_loss:
            self._paused_day = day
            self._book.event(bar, EventCode.DAILY_LOSS_LIMIT, equity)
            return ExitReason.RISK_LIMIT
        return None

    def note_close(self, equity: Decimal) -> None:
        """Note the equity after fills at a close that was judged before them; the next day starts at it."""
        self._last_close = equity

    def entries_allowed(self, day: int) -> bool:
        """Return whether an entry may be decided at a close of session day ``day``."""
        return not self._ended and self._paused_day != day

    def _end(self, bar: int, code: EventCode, equity: Decimal) -> None:
        self._book.event(bar, code, equity)
        self._book.event(bar, EventCode.TRADING_ENDED, equity)
        self._ended = True
