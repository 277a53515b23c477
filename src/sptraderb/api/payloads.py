"""Request bodies: what a client may send, and their normal form in the domain.

Unknown keys are refused with a suggestion; all faults of a body come back together. What needs
stored state to judge (the strategy's text, the symbol, its timeframes) is judged by
``orchestrator/queue``.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from sptraderb.api.payload_reading import fault_of, invalid_body
from sptraderb.api.request_costs import CostsPayload, costs_of
from sptraderb.api.request_symbols import check_overrides, position_mode_of, symbol_costs_of, symbols_of
from sptraderb.api.wire_time import seconds_from_text
from sptraderb.domain.backtest import BacktestRequest, Mode, PositionMode
from sptraderb.domain.fixed import RATE_ONE, decimal_from_text, rate_from_text
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.errors import Fault, InvalidInput, SptraderbError

OLD_RUN_KEYS = {
    "strategy_id": "write `strategy_name`",
    "strategy_yaml": "write `strategy`",
    "from": "write `start_date`",
    "to": "write `end_date`",
    "capital": "write `initial_capital`",
}
MAX_TAGS = 20
MAX_TAG_LENGTH = 50
MAX_NAME_LENGTH = 255
_CURRENCY = re.compile(r"[A-Z]{2,10}")
_SEED_CEILING = 2**63
_LARGEST_CAPITAL = Decimal(10) ** 18

_Value = TypeVar("_Value")
Scalar = str | int | float | bool


class RunPayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A backtest to run; symbol, timeframe, dates and capital may stand in the strategy instead.

    Parameters
    ----------
    strategy_name : str
        Name of a stored strategy, without ``.yaml``; or
    strategy : str
        the strategy itself, YAML text.
    symbol : str
        Such as ``EURUSD``; or
    symbols : list of str
        one or several, each once: they share one account and act in this order.
    position_mode : str
        ``netting`` unless stated: one position a symbol; ``hedging``: a long and a short one as well.
    timeframe : str
        ``1m 5m 15m 1h 4h 12h 1d 1w``.
    start_date, end_date : str or int
        RFC 3339, a plain date or Unix seconds; both inclusive, a plain end to the end of its UTC day.
    initial_capital : str or number
        In the account currency, above 0.
    parameters : dict
        Overrides of the strategy's parameters.
    costs : CostsPayload
        Costs that win over the strategy's.
    symbol_costs : dict
        Costs of single symbols, which win over ``costs``.
    account_currency : str
        The first symbol's quote currency unless stated.
    leverage : str or number
        At least 1; the instrument's margin rate unless stated.
    stop_out : str
        Percent of the used margin at which positions are closed, ``50%`` unless stated; ``0%`` for never.
    instruments : dict
        Overrides of instruments for this run, by symbol.
    profile : str
        Fill profile: ``strict`` unless stated.
    profiles : list of str
        Several, the first of which the run is named after: one result each and a difference table.
    mode : str
        ``research``, ``paper`` or ``live``: how strict to be about candles.
    seed : int
        For bootstrap statistics.
    close_at_end : bool
        Whether a position held at the end is closed.
    name : str
        Your own words for the run.
    tags : list of str
        For filtering.
    webhook_url : str
        Kept with the run; nothing calls it yet, and the result says so.
    """

    timeframe: str | None = None
    start_date: str | int | None = None
    end_date: str | int | None = None
    initial_capital: str | int | float | None = None
    strategy_name: str | None = None
    strategy: str | None = None
    symbol: str | None = None
    symbols: list[str] | None = None
    position_mode: str | None = None
    parameters: dict[str, Scalar] | None = None
    costs: CostsPayload | None = None
    symbol_costs: dict[str, CostsPayload] | None = None
    account_currency: str | None = None
    leverage: str | int | float | None = None
    stop_out: str | None = None
    instruments: dict[str, dict[str, Scalar]] | None = None
    profile: str | None = None
    profiles: list[str] | None = None
    mode: str | None = None
    seed: int | None = None
    close_at_end: bool | None = None
    name: str | None = None
    tags: list[str] | None = None
    webhook_url: str | None = None
    execution_mode: str | None = None


class WorkspacePayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A workspace to store.

    Parameters
    ----------
    id : str
        UUID of the workspace to replace or create; a new one without it.
    name : str
        1 to 255 characters.
    data : any JSON
        What the client keeps.
    """

    name: str
    data: Any
    id: str | None = None


def to_domain(payload: RunPayload) -> BacktestRequest:
    """Return the normalised request of a payload; every fault is told at once.

    Raises
    ------
    InvalidInput
        ``body.invalid``.
    """
    faults: list[Fault] = []
    start_s = _checked(faults, "start_date", lambda: _day_or_time(payload.start_date, "start_date"), 0)
    end_s = _checked(faults, "end_date", lambda: _day_or_time(payload.end_date, "end_date", ends_day=True), 0)
    if not faults and end_s <= start_s:
        faults.append(_dates_reversed(payload))
    strategy = _checked(faults, "strategy_name", lambda: _one_strategy(payload), ("", ""))
    symbols: tuple[str, ...] = _checked(
        faults, "symbol", lambda: symbols_of(payload.symbol, payload.symbols), ()
    )
    instruments = _instruments_of(payload)
    check_overrides(instruments, symbols, faults)
    named_in = "profiles" if payload.profiles else "profile"
    profiles = _checked(faults, named_in, lambda: _profiles_of(payload), [""])
    request = BacktestRequest(
        strategy_name=strategy[0],
        strategy_text=strategy[1],
        symbols=symbols,
        timeframe=_checked(faults, "timeframe", lambda: _timeframe_of(payload), ""),
        start_s=start_s,
        end_s=end_s,
        initial_capital=_checked(faults, "initial_capital", lambda: _capital_of(payload), ""),
        parameters={name: _word(value) for name, value in (payload.parameters or {}).items()},
        costs=costs_of(payload.costs, faults),
        symbol_costs=symbol_costs_of(payload.symbol_costs, symbols, faults),
        position_mode=_checked(
            faults, "position_mode", lambda: position_mode_of(payload.position_mode), PositionMode.NETTING
        ),
        account_currency=_checked(faults, "account_currency", lambda: _currency_of(payload), ""),
        leverage=_checked(faults, "leverage", lambda: _leverage_of(payload), ""),
        stop_out=_checked(faults, "stop_out", lambda: _stop_out_of(payload), ""),
        instruments=instruments,
        profile=profiles[0],
        more_profiles=tuple(profiles[1:]),
        mode=_checked(faults, "mode", lambda: _mode_of(payload), Mode.RESEARCH),
        seed=_checked(faults, "seed", lambda: _seed_of(payload), 0),
        close_at_end=bool(payload.close_at_end),
        name=_checked(faults, "name", lambda: _short(payload.name or "", "name", MAX_NAME_LENGTH), ""),
        tags=_checked(faults, "tags", lambda: _tags_of(payload), ()),
        webhook_url=_checked(faults, "webhook_url", lambda: _webhook_of(payload), ""),
    )
    if faults:
        raise invalid_body(faults)
    return request


def workspace_name(name: str) -> str:
    """Return the name if a workspace may bear it.

    Raises
    ------
    InvalidInput
        ``workspace.bad_name``.
    """
    if not name.strip() or len(name) > MAX_NAME_LENGTH:
        raise InvalidInput(
            "workspace.bad_name",
            f"a workspace name must be 1..{MAX_NAME_LENGTH} characters, was {len(name.strip())}",
        )
    return name


def _checked(faults: list[Fault], path: str, read: Callable[[], _Value], otherwise: _Value) -> _Value:
    try:
        return read()
    except SptraderbError as error:
        faults.append(fault_of(error, path))
        return otherwise


def _given(value: _Value | None, name: str) -> _Value:
    """Return a value that must be there."""
    if value is None:
        raise missing_key(name)
    return value


def missing_key(name: str) -> InvalidInput:
    """Return the error of a key that neither the request nor its strategy states."""
    hint = "or state it in the strategy's `backtest` block"
    return InvalidInput("body.missing_key", f"`{name}` is needed", hint=hint)


def _timeframe_of(payload: RunPayload) -> str:
    return parse_timeframe(_given(payload.timeframe, "timeframe")).name


def _day_or_time(value: str | int | None, name: str, *, ends_day: bool = False) -> int:
    return seconds_from_text(str(_given(value, name)), name=name, ends_day=ends_day)


def _dates_reversed(payload: RunPayload) -> Fault:
    sentence = f"`end_date` must be after `start_date`, was {payload.end_date} for start {payload.start_date}"
    return Fault(code="run.dates_reversed", message=sentence, path="end_date")


def _one_strategy(payload: RunPayload) -> tuple[str, str]:
    given = [value for value in (payload.strategy_name, payload.strategy) if value is not None]
    if len(given) != 1 or not given[0].strip():
        raise InvalidInput(
            "run.one_strategy",
            f"exactly one of `strategy_name` and `strategy` must be given, {len(given)} were"
            if len(given) != 1
            else "the strategy must not be empty, and was",
        )
    if payload.strategy is not None:
        return "", payload.strategy
    return str(payload.strategy_name).strip(), ""


def _capital_of(payload: RunPayload) -> str:
    value = decimal_from_text(str(_given(payload.initial_capital, "initial_capital")))
    if not 0 < value <= _LARGEST_CAPITAL:
        raise InvalidInput(
            "run.capital_out_of_range",
            f"`initial_capital` must be above 0 and at most {_LARGEST_CAPITAL:f}, was {value:f}",
        )
    return f"{value:f}"


def _leverage_of(payload: RunPayload) -> str:
    if payload.leverage is None:
        return ""
    value = decimal_from_text(str(payload.leverage))
    if not 1 <= value <= 1000:
        raise InvalidInput("run.leverage_out_of_range", f"`leverage` must be 1..1000, was {value:f}")
    return f"{value:f}"


def _stop_out_of(payload: RunPayload) -> str:
    if payload.stop_out is None:
        return ""
    if not payload.stop_out.strip().endswith("%") or not 0 <= rate_from_text(payload.stop_out) <= RATE_ONE:
        raise InvalidInput(
            "run.stop_out_out_of_range", f"`stop_out` must be 0%..100%, was `{payload.stop_out[:20]}`"
        )
    return payload.stop_out.strip()


def _currency_of(payload: RunPayload) -> str:
    text = (payload.account_currency or "").strip().upper()
    if text and not _CURRENCY.fullmatch(text):
        raise InvalidInput(
            "run.bad_currency", f"a currency must be 2..10 letters such as EUR, was `{text[:20]}`"
        )
    return text


def _instruments_of(payload: RunPayload) -> dict[str, dict[str, str]]:
    given = payload.instruments or {}
    return {symbol: {key: _word(value) for key, value in row.items()} for symbol, row in given.items()}


def _profiles_of(payload: RunPayload) -> list[str]:
    listed = payload.profiles or []
    given = [*([payload.profile] if payload.profile is not None else []), *listed]
    names = list(dict.fromkeys(given)) or [next(iter(PROFILES))]
    if len(set(listed)) < len(listed) or any(name not in PROFILES for name in names):
        raise InvalidInput(
            "run.unknown_profile",
            f"profiles must be among {', '.join(PROFILES)}, each once, were {', '.join(given)[:80]}",
            available=list(PROFILES),
        )
    return names


def _mode_of(payload: RunPayload) -> Mode:
    word = payload.mode if payload.mode is not None else payload.execution_mode
    if word is None:
        return Mode.RESEARCH
    try:
        return Mode(word.strip().lower())
    except ValueError:
        known = ", ".join(mode.value for mode in Mode)
        raise InvalidInput("run.unknown_mode", f"`mode` must be one of {known}, was `{word[:40]}`") from None


def _seed_of(payload: RunPayload) -> int:
    seed = payload.seed or 0
    if not 0 <= seed < _SEED_CEILING:
        raise InvalidInput("run.seed_out_of_range", f"`seed` must be 0..2^63-1, was {seed}")
    return seed


def _tags_of(payload: RunPayload) -> tuple[str, ...]:
    tags = payload.tags or []
    if len(tags) > MAX_TAGS:
        raise InvalidInput("run.too_many_tags", f"`tags` must hold at most {MAX_TAGS}, held {len(tags)}")
    return tuple(dict.fromkeys(_short(tag, "tags", MAX_TAG_LENGTH, least=1) for tag in tags))


def _short(text: str, name: str, ceiling: int, *, least: int = 0) -> str:
    if not least <= len(text) <= ceiling:
        raise InvalidInput(
            "run.bad_length", f"`{name}` must be {least}..{ceiling} characters, was {len(text)}"
        )
    return text


def _webhook_of(payload: RunPayload) -> str:
    url = (payload.webhook_url or "").strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= 2000
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput("run.bad_webhook", f"`webhook_url` must be an http or https URL, was `{url[:80]}`")
    return url


def _word(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)
