"""From a request and a plan to the engine's terms: instrument overrides, leverage, capital, costs.

Pure. Used before a run is accepted (does it fit at all?), in the run, and when a run is verified, so
all three mean the same.
"""

import dataclasses
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from sptraderb.candles.exchange_hours import find_exchange
from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.fixed import (
    RATE_ONE,
    decimal_from_text,
    rate_from_text,
    ticks_from_decimal,
    ticks_from_text,
)
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.plan import Plan
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.terms import DEFAULT_STOP_OUT_PPB, Terms, money_decimals
from sptraderb.errors import CandlesUnusable, InvalidInput
from sptraderb.orchestrator.run_costs import cost_terms

MAX_LEVERAGE = 1000


def run_instrument(stored: Instrument, request: BacktestRequest) -> Instrument:
    """Return the instrument as this run sees it: stored, overridden, with the leverage asked for.

    Parameters
    ----------
    stored : Instrument
        From the store.
    request : BacktestRequest
        Its ``instruments`` and ``leverage`` win.

    Raises
    ------
    InvalidInput
        ``instrument.unknown_override``, ``instrument.bad_override``, ``leverage.out_of_range``, and those
        of `Instrument`.
    """
    instrument = overridden(stored, request.instruments.get(stored.symbol, {}))
    if request.leverage:
        rate = margin_rate(request.leverage)
        instrument = dataclasses.replace(instrument, margin_rate_ppb=rate)
    return instrument


def leverage_of(instrument: Instrument) -> int:
    """Return the largest leverage an instrument's margin rate gives, to the nearest whole number."""
    return (RATE_ONE + instrument.margin_rate_ppb // 2) // instrument.margin_rate_ppb


def stop_out(request: BacktestRequest) -> int:
    """Return the share of the used margin at which positions are stopped out (A3), parts per 10^9.

    Raises
    ------
    InvalidInput
        ``run.stop_out_out_of_range``.
    """
    if not request.stop_out:
        return DEFAULT_STOP_OUT_PPB
    rate = rate_from_text(request.stop_out)
    if not 0 <= rate <= RATE_ONE:
        raise InvalidInput(
            "run.stop_out_out_of_range", f"`stop_out` must be 0%..100%, was {request.stop_out}"
        )
    return rate


def margin_rate(leverage: str) -> int:
    """Return the margin rate of a leverage such as ``30`` as parts per 10^9, rounded down.

    Raises
    ------
    InvalidInput
        ``leverage.out_of_range``.
    """
    value = decimal_from_text(leverage)
    if not 1 <= value <= MAX_LEVERAGE:
        raise InvalidInput("leverage.out_of_range", f"leverage must be 1..{MAX_LEVERAGE}, was {leverage}")
    return int(Decimal(RATE_ONE) / value)


def overridden(instrument: Instrument, words: Mapping[str, str]) -> Instrument:
    """Return an instrument with everything ``words`` states in its place.

    Parameters
    ----------
    instrument : Instrument
        What is known.
    words : mapping of str to str
        ``tick_size quantity_step quantity_min point_value pip lot calendar side margin_rate``;
        sizes as decimal text, the tick size a power of ten.

    Raises
    ------
    InvalidInput
        ``instrument.unknown_override``, ``instrument.bad_override`` and those of `Instrument`.
    """
    unknown = sorted(set(words) - set(_OVERRIDES))
    if unknown:
        raise InvalidInput(
            "instrument.unknown_override",
            f"an instrument's overrides must be among {' '.join(_OVERRIDES)}, found {' '.join(unknown)}",
            available=list(_OVERRIDES),
        )
    # In the table's order: a pip is counted in the new ticks, a minimum in the new steps.
    for name, read in _OVERRIDES.items():
        if name in words:
            instrument = dataclasses.replace(instrument, **read(words[name], instrument))
    return instrument


def rescaled(candles: Candles, instrument: Instrument) -> Candles:
    """Return candles counted in the ticks of ``instrument``, exactly or not at all (M2).

    Raises
    ------
    CandlesUnusable
        ``candles.off_scale`` if a coarser tick would lose digits.
    """
    shift = instrument.price_scale - candles.instrument.price_scale
    if shift == 0:
        if instrument.side is CandleSide.BOTH:
            return dataclasses.replace(candles, instrument=instrument)
        return dataclasses.replace(
            candles,
            instrument=instrument,
            ask_open_ticks=None,
            ask_high_ticks=None,
            ask_low_ticks=None,
            ask_close_ticks=None,
        )
    names = PRICE_COLUMNS + (ASK_COLUMNS if instrument.side is CandleSide.BOTH else ())
    columns = {name: getattr(candles, name) for name in names}
    if shift > 0:
        scaled = {name: values * np.int64(10**shift) for name, values in columns.items()}
    else:
        divisor = np.int64(10**-shift)
        n_off = sum(int(np.count_nonzero(values % divisor)) for values in columns.values())
        if n_off:
            raise CandlesUnusable(
                "candles.off_scale",
                f"prices must have at most {instrument.price_scale} decimals for this tick size, "
                f"{n_off} had more",
                n_prices=n_off,
            )
        scaled = {name: values // divisor for name, values in columns.items()}
    return Candles.from_columns(
        {"time_s": candles.time_s, "volume": candles.volume, **scaled},
        instrument=instrument,
        timeframe=candles.timeframe,
        revision=candles.revision,
    )


def run_terms(
    request: BacktestRequest,
    plan: Plan,
    instrument: Instrument,
    *,
    start_bar: int,
    decimals: int | None = None,
) -> Terms:
    """Return the terms of a run.

    Parameters
    ----------
    request : BacktestRequest
        Its costs win over the plan's.
    plan : Plan
        The strategy.
    instrument : Instrument
        As this run sees it, see `run_instrument`.
    start_bar : int
        First bar on which a rule may decide.
    decimals : int, optional
        Decimals of money where other symbols share the account (M1); else they follow from this one.

    Raises
    ------
    InvalidInput
        ``money.capital_too_large``, ``capital.not_positive``, ``price.not_on_scale``, ``costs.too_fine``,
        ``profile.unknown``.
    """
    for name in (request.profile, *request.more_profiles):
        if name not in PROFILES:
            known = ", ".join(PROFILES)
            raise InvalidInput("profile.unknown", f"the fill profile must be one of {known}, was `{name}`")
    currency = request.account_currency or instrument.quote
    if decimals is None:
        decimals = money_decimals(
            instrument,
            capital_text=request.initial_capital,
            leverage=leverage_of(instrument),
            currency=currency,
        )
    capital = ticks_from_text(request.initial_capital, decimals)
    if capital <= 0:
        raise InvalidInput(
            "capital.not_positive", f"the initial capital must be above 0, was {request.initial_capital}"
        )
    return Terms(
        money_decimals=decimals,
        currency=currency,
        capital_minor=capital,
        margin_rate_ppb=_margin(request, instrument),
        stop_out_ppb=stop_out(request),
        risk=plan.risk,
        start_bar=start_bar,
        close_at_end=request.close_at_end,
        profile=PROFILES[request.profile],
        **cost_terms(plan.costs.overridden_by(request.costs), instrument, decimals),
    )


def _margin(request: BacktestRequest, instrument: Instrument) -> int:
    """Return the margin rate: the whole notional where TradingView's margin rules and nothing states one."""
    is_stated = request.leverage or "margin_rate" in request.instruments.get(instrument.symbol, {})
    if PROFILES[request.profile].calls_margin and not is_stated:
        return RATE_ONE
    return instrument.margin_rate_ppb


def _bad(name: str, must: str, found: str) -> InvalidInput:
    return InvalidInput("instrument.bad_override", f"`{name}` must be {must}, was `{found[:40]}`")


def _positive(name: str, text: str) -> Decimal:
    value = decimal_from_text(text)
    if value <= 0:
        raise _bad(name, "above 0", text)
    return value


def _whole(name: str, text: str) -> int:
    value = _positive(name, text)
    if value != value.to_integral_value():
        raise _bad(name, "a whole number", text)
    return int(value)


def _tick_size(text: str, old: Instrument) -> dict[str, Any]:
    value = _positive("tick_size", text).normalize()
    scale = -int(value.as_tuple().exponent)
    if value.as_tuple().digits != (1,) or scale < 0:
        raise _bad("tick_size", "a power of ten of at most 1, such as 0.00001", text)
    pip = Decimal(old.pip_ticks).scaleb(scale - old.price_scale)
    return {"price_scale": scale, "pip_ticks": max(1, int(pip))}


def _quantity_step(text: str, _old: Instrument) -> dict[str, Any]:
    value = _positive("quantity_step", text).normalize()
    scale = max(0, -int(value.as_tuple().exponent))
    step = ticks_from_decimal(value, scale)
    return {"quantity_scale": scale, "quantity_step": step, "quantity_min": step}


def _quantity_min(text: str, old: Instrument) -> dict[str, Any]:
    return {"quantity_min": ticks_from_decimal(_positive("quantity_min", text), old.quantity_scale)}


def _pip(text: str, old: Instrument) -> dict[str, Any]:
    return {"pip_ticks": ticks_from_decimal(_positive("pip", text), old.price_scale)}


def _calendar(text: str, _old: Instrument) -> dict[str, Any]:
    if text in set(CalendarName):
        return {"calendar": CalendarName(text), "exchange": ""}
    mic = find_exchange(text)
    if mic is None:
        raise _bad("calendar", f"{', '.join(CalendarName)} or an exchange such as XNYS", text)
    return {"calendar": CalendarName.FX, "exchange": mic}


def _side(text: str, old: Instrument) -> dict[str, Any]:
    if old.side is CandleSide.BOTH and text != "bid":
        raise _bad("side", "bid, or left out, for candles of both sides", text)
    if text not in ("bid", "ask", "mid"):
        raise _bad("side", "bid, ask or mid", text)
    return {"side": CandleSide(text)}


_OVERRIDES: Mapping[str, Callable[[str, Instrument], dict[str, Any]]] = {
    "tick_size": _tick_size,
    "quantity_step": _quantity_step,
    "quantity_min": _quantity_min,
    "point_value": lambda text, _old: {"point_value": _whole("point_value", text)},
    "pip": _pip,
    "lot": lambda text, _old: {"lot_units": _whole("lot", text)},
    "calendar": _calendar,
    "side": _side,
    "margin_rate": lambda text, _old: {"margin_rate_ppb": rate_from_text(text)},
}
