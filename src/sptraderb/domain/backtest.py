"""Runs: what a user asks for, the states a run passes through, and what a row of it says.

The states are a table; the SQL in ``store`` is tested against it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sptraderb.domain.costs import Costs
from sptraderb.errors import Conflict, InvalidInput

MAX_ATTEMPTS = 3
"""A run whose worker was lost this many times is failed (`run.worker_lost`)."""


class RunState(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing moves a run out of this state."""
        return self in FINAL_STATES

    @property
    def status(self) -> str:
        """The outward word: a queued run reads ``running``."""
        return RunState.RUNNING.value if self is RunState.QUEUED else self.value


FINAL_STATES = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED})


class Move(StrEnum):
    """What can happen to a run."""

    CLAIM = "claim"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"
    LOSE = "lose"
    GIVE_UP = "give_up"
    HAND_BACK = "hand_back"


MOVES: Mapping[tuple[RunState, Move], RunState] = {
    (RunState.QUEUED, Move.CLAIM): RunState.RUNNING,
    (RunState.QUEUED, Move.CANCEL): RunState.CANCELLED,
    (RunState.RUNNING, Move.FINISH): RunState.COMPLETED,
    (RunState.RUNNING, Move.FAIL): RunState.FAILED,
    (RunState.RUNNING, Move.CANCEL): RunState.CANCELLED,
    (RunState.RUNNING, Move.LOSE): RunState.QUEUED,
    (RunState.RUNNING, Move.GIVE_UP): RunState.FAILED,
    (RunState.RUNNING, Move.HAND_BACK): RunState.QUEUED,
}
"""Every move there is. LOSE counts a lost attempt, GIVE_UP is the last LOSE, HAND_BACK counts none."""


def require_move(state: RunState, move: Move) -> RunState:
    """Return the state a move leads to.

    Raises
    ------
    Conflict
        ``run.wrong_state`` if the table has no such move.
    """
    after = MOVES.get((state, move))
    if after is None:
        allowed = sorted(str(before) for (before, known) in MOVES if known is move)
        raise Conflict("run.wrong_state", f"to {move} a run must be {' or '.join(allowed)}, was {state}")
    return after


class Phase(StrEnum):
    """The finer step a run is in."""

    QUEUED = "queued"
    LOADING = "loading"
    COMPILING = "compiling"
    SIMULATING = "simulating"
    STORING = "storing"
    DONE = "done"


class Mode(StrEnum):
    """How strict a run is about its candles (DATA, quality in a run)."""

    RESEARCH = "research"
    PAPER = "paper"
    LIVE = "live"


class PositionMode(StrEnum):
    """What an entry does against a position of its symbol on the other side (A1)."""

    NETTING = "netting"
    HEDGING = "hedging"


MOST_SYMBOLS = 32
"""Symbols one account may trade in a run."""


def require_symbols(symbols: Sequence[str]) -> None:
    """Refuse no symbol, one named twice, and more than one account may trade.

    Raises
    ------
    InvalidInput
        ``run.one_symbol``, ``run.duplicate_symbol``, ``run.too_many_symbols``.
    """
    if not symbols:
        raise InvalidInput("run.one_symbol", "a run must have a symbol, had none")
    repeated = [symbol for number, symbol in enumerate(symbols) if symbol in symbols[:number]]
    if repeated:
        raise InvalidInput(
            "run.duplicate_symbol", f"each symbol must be named once, `{repeated[0]}` was named again"
        )
    if len(symbols) > MOST_SYMBOLS:
        raise InvalidInput(
            "run.too_many_symbols",
            f"an account may trade at most {MOST_SYMBOLS} symbols in a run, were {len(symbols)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """A normalised request: everything that decides a run's result, beside the candles.

    Parameters
    ----------
    strategy_name : str
        The strategy's name; the document's name where the text came inline.
    strategy_text : str
        The YAML text, pinned when the run was accepted.
    strategy_revision : int or None
        Stored revision the text is; None for inline text.
    symbols : tuple of str
        At least one, each once, in the order in which they act; all share one account (A1).
    timeframe : str
        Name such as ``1h``.
    start_s, end_s : int
        First and last candle open time, Unix seconds, both inclusive.
    initial_capital : str
        Decimal text in the account currency.
    parameters : mapping of str to str
        Overrides of the strategy's parameters, as text.
    costs : Costs
        What the request states; it wins over the strategy's.
    symbol_costs : mapping of str to Costs
        What it states for one symbol; that wins over ``costs``.
    position_mode : PositionMode
        One position a symbol, or a long one and a short one beside each other.
    account_currency : str
        Empty: the first symbol's quote currency (A6).
    stop_out : str
        Percentage of the used margin at which positions are stopped out (A3); empty: the default.
    leverage : str
        Decimal text; empty: the instrument's margin rate.
    instruments : mapping of str to mapping of str to str
        Overrides of instruments for this run.
    profile : str
        Fill profile.
    more_profiles : tuple of str
        Further ones the same run is computed under, for comparison.
    mode : Mode
        How strict to be about candles.
    seed : int
        For bootstrap statistics.
    close_at_end : bool
        Whether a position held at the end is closed (X10).
    name : str
        The user's own words for the run.
    tags : tuple of str
        For filtering.
    webhook_url : str
        Empty: none.
    data_revision : int or None
        Pin the candles to this revision (replays); None: the current one.
    data_revisions : mapping of str to int
        The same by symbol, where there are several.
    conversion_revisions : mapping of str to int
        The same for pairs a run converts by.
    """

    strategy_name: str
    strategy_text: str
    strategy_revision: int | None = None
    symbols: tuple[str, ...]
    timeframe: str
    start_s: int
    end_s: int
    initial_capital: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    symbol_costs: Mapping[str, Costs] = field(default_factory=dict)
    position_mode: PositionMode = PositionMode.NETTING
    account_currency: str = ""
    leverage: str = ""
    stop_out: str = ""
    instruments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    profile: str = "strict"
    more_profiles: tuple[str, ...] = ()
    mode: Mode = Mode.RESEARCH
    seed: int = 0
    close_at_end: bool = False
    name: str = ""
    tags: tuple[str, ...] = ()
    webhook_url: str = ""
    data_revision: int | None = None
    data_revisions: Mapping[str, int] = field(default_factory=dict)
    conversion_revisions: Mapping[str, int] = field(default_factory=dict)

    @property
    def shares_account(self) -> bool:
        """Whether the run needs more than one position at a time: several symbols, or hedging."""
        return len(self.symbols) > 1 or self.position_mode is PositionMode.HEDGING

    def of_symbol(self, symbol: str, *, account_currency: str) -> "BacktestRequest":
        """Return the request as one symbol of its account sees it: its own costs and revision.

        Parameters
        ----------
        symbol : str
            One of ``symbols``.
        account_currency : str
            Of the whole account.
        """
        return replace(
            self,
            symbols=(symbol,),
            costs=self.costs.overridden_by(self.symbol_costs.get(symbol, Costs())),
            account_currency=account_currency,
            data_revision=self.data_revisions.get(symbol, self.data_revision),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run failed.

    Parameters
    ----------
    code, message : str
        As in `errors.SptraderbError`.
    context : mapping
        Facts.
    hint : str
        What to do, if anything is known to help.
    """

    code: str
    message: str
    context: Mapping[str, object] = field(default_factory=dict)
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    phase : Phase
        The step it is in.
    percent : float
        0 to 100, over all phases.
    event_id : int
        Grows with every change of the run.
    n_trades : int
        Closed trades so far.
    equity_time_s : int or None
        Time of the last equity figure.
    equity : str or None
        Equity then, decimal text.
    eta_s : float or None
        Seconds that are probably left.
    """

    phase: Phase = Phase.QUEUED
    percent: float = 0.0
    event_id: int = 0
    n_trades: int = 0
    equity_time_s: int | None = None
    equity: str | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as stored, without its result.

    Parameters
    ----------
    id : UUID
        Identity.
    owner : str
        Whose it is.
    request : BacktestRequest
        What was asked for.
    state : RunState
        Where it is.
    attempt : int
        Number of the current or last attempt; 0 before the first. Fences a worker's writes, so it
        never goes back.
    n_lost : int
        How many attempts ended with a dead worker; `MAX_ATTEMPTS` of them fail the run.
    progress : Progress
        How far it is.
    cancel_requested : bool
        Whether a cancel was asked for.
    error : RunError or None
        Why it failed.
    has_result : bool
        Whether a document is stored (a cancelled run keeps a partial one).
    digest : str or None
        SHA-256 of the result's integers (M8), hex.
    created_at, started_at, completed_at : datetime or None
        Times, UTC.
    """

    id: UUID
    owner: str
    request: BacktestRequest
    state: RunState
    attempt: int = 0
    n_lost: int = 0
    progress: Progress = field(default_factory=Progress)
    cancel_requested: bool = False
    error: RunError | None = None
    has_result: bool = False
    digest: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
