"""Where a file's rows go: symbol, side, instrument, timeframe and price unit. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sptraderb.candles.exchange_hours import find_exchange
from sptraderb.candles.file_name import NameFacts
from sptraderb.candles.formats.table_layout import Recognised
from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.calendar import CalendarName, Int64Array
from sptraderb.domain.instrument import CandleSide, Instrument, infer_instrument
from sptraderb.domain.timeframe import STORED, Timeframe, parse_timeframe
from sptraderb.errors import Conflict, InvalidInput

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_FACTOR = re.compile(r"0\.(0{0,9})1$|1(0{0,9})$|1e(-?\d{1,2})$")
_MID_EXTRA_DECIMALS = 1
_POINTS_FROM = 20_000
_MIN_STEPS = 100
_INT_FACTS = (
    "price_scale",
    "quantity_scale",
    "quantity_step",
    "quantity_min",
    "pip_ticks",
    "lot_units",
    "margin_rate_ppb",
    "point_value",
)
_TEXT_FACTS = ("kind", "base", "quote")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An instrument that fits a file.

    Parameters
    ----------
    instrument : Instrument
        What the file's prices become ticks of.
    inferred : bool
        Whether the symbol was unknown.
    changed : bool
        Whether its row must be written: it is new, or takes the file's side or the user's facts.
    notes : tuple of str
        Sentences for the report.
    """

    instrument: Instrument
    inferred: bool
    changed: bool
    notes: tuple[str, ...] = ()


def choose_symbol(options: ImportOptions, recognised: Recognised, name: NameFacts) -> str:
    """Return the symbol a file is of: as said, as its rows say, or as its name says.

    Raises
    ------
    InvalidInput
        ``import.symbol_needed``, ``import.bad_symbol``.
    """
    symbol = options.symbol or recognised.symbol or name.symbol
    if symbol is None:
        raise InvalidInput(
            "import.symbol_needed",
            "the symbol must be known, neither the file nor its name says one",
            hint="say --symbol EURUSD",
        )
    symbol = symbol.strip().replace("/", "")
    if not _SYMBOL.fullmatch(symbol):
        raise InvalidInput(
            "import.bad_symbol",
            f"a symbol must be 1 to 32 letters, digits, dots, dashes or underscores, was `{symbol[:40]}`",
        )
    head, dot, tail = symbol.partition(".")
    return head.upper() + dot + tail


def choose_side(options: ImportOptions, recognised: Recognised, name: NameFacts) -> CandleSide | None:
    """Return the side of a file's prices, where anything states it."""
    if recognised.side is CandleSide.BOTH:
        return CandleSide.BOTH
    said = CandleSide(options.side) if options.side else None
    from_name = name.side if name.side is not CandleSide.BOTH else None
    return said or from_name or recognised.side


def settle_instrument(
    symbol: str,
    side: CandleSide | None,
    *,
    known: Instrument | None,
    is_stored: bool,
    facts: Mapping[str, str],
    decimals: int,
) -> Settled:
    """Return the instrument for a file, or refuse a series of another side or scale.

    Parameters
    ----------
    symbol : str
        Chosen symbol.
    side : CandleSide or None
        Side the file states.
    known : Instrument or None
        Row of that symbol.
    is_stored : bool
        Whether candles of it are stored, which fixes its side and scales.
    facts : mapping of str to str
        What the user says of it.
    decimals : int
        Decimals the first rows need, for symbols that are not known.

    Raises
    ------
    Conflict
        ``import.side_differs``, ``import.instrument_differs``.
    InvalidInput
        ``instrument.unknown``, ``import.bad_instrument``.
    """
    base = known or _inferred(symbol, facts, decimals)
    wanted = side or (CandleSide.BID if base.side is CandleSide.BOTH else base.side)
    fitted = base if wanted is base.side else with_side(base, wanted)
    if wanted is not base.side and is_stored:
        raise Conflict(
            "import.side_differs",
            f"candles of {symbol} must be {base.side} prices like those stored, the file has {wanted}",
            hint=f"another side needs another symbol: --symbol {symbol}.{wanted}",
            symbol=symbol,
            suggested=f"{symbol}.{wanted}",
        )
    final = with_facts(fitted, facts)
    if final != fitted and is_stored and final != known:
        raise Conflict(
            "import.instrument_differs",
            f"what is said of {symbol} must agree with its stored candles, and differs from their instrument",
            hint="other scales or calendars need another symbol",
            symbol=symbol,
        )
    notes = []
    if known is None:
        notes.append(
            f"{symbol} was not known: taken for {final.kind} with {final.price_scale} decimals, "
            f"calendar {final.calendar_word}"
        )
    elif final.side is not known.side:
        notes.append(
            f"{symbol} had no candles and now holds {final.side} prices, {final.price_scale} decimals"
        )
    if side is None and final.kind != "crypto":
        notes.append(f"nothing says which side the prices are: taken for {final.side} like the instrument's")
    return Settled(instrument=final, inferred=known is None, changed=final != known, notes=tuple(notes))


def _inferred(symbol: str, facts: Mapping[str, str], decimals: int) -> Instrument:
    head, _, tail = symbol.partition(".")
    try:
        found = replace(infer_instrument(head), symbol=symbol)
    except InvalidInput:
        if not {"quote", "price_scale"} <= set(facts):
            raise
        found = Instrument(
            symbol=symbol, kind="other", base=facts.get("base", head[:16]), quote=facts["quote"],
            price_scale=_whole("price_scale", facts["price_scale"]), quantity_scale=0,
            calendar=CalendarName.FX, side=CandleSide.BID,
        )  # fmt: skip
    if found.kind == "crypto" and decimals > found.price_scale:
        found = replace(found, price_scale=decimals)
    return with_side(found, CandleSide(tail.lower())) if tail.lower() in set(CandleSide) else found


def with_side(instrument: Instrument, side: CandleSide) -> Instrument:
    """Return an instrument of other candles: mid prices of FX and metals have one decimal more (M1)."""
    extra = {True: _MID_EXTRA_DECIMALS, False: 0}
    change = extra[side is CandleSide.MID] - extra[instrument.side is CandleSide.MID]
    if instrument.kind not in ("fx", "metal") or change == 0:
        return replace(instrument, side=side)
    pip = instrument.pip_ticks * 10 if change > 0 else max(1, instrument.pip_ticks // 10)
    return replace(instrument, side=side, price_scale=instrument.price_scale + change, pip_ticks=pip)


def with_facts(instrument: Instrument, facts: Mapping[str, str]) -> Instrument:
    """Return an instrument with what a user says of it.

    Raises
    ------
    InvalidInput
        ``import.bad_instrument`` for unknown keys and values that do not fit.
    """
    changes: dict[str, object] = {}
    for key, text in facts.items():
        if key in _INT_FACTS:
            changes[key] = _whole(key, text)
        elif key in _TEXT_FACTS:
            changes[key] = text
        elif key == "calendar":
            changes |= calendar_facts(text)
        elif key == "side" and text in set(CandleSide):
            changes[key] = CandleSide(text)
        else:
            known = ", ".join((*_TEXT_FACTS, *_INT_FACTS, "calendar", "side"))
            raise InvalidInput(
                "import.bad_instrument",
                f"an instrument has {known}; was `{key[:40]}={text[:40]}`",
                key=key[:40],
            )
    return replace(instrument, **changes)  # type: ignore[arg-type]


def calendar_facts(text: str) -> dict[str, object]:
    """Return what a calendar's word makes of an instrument: ``fx``, ``crypto`` or an exchange.

    Raises
    ------
    InvalidInput
        ``import.bad_instrument``.
    """
    if text in set(CalendarName):
        return {"calendar": CalendarName(text), "exchange": ""}
    mic = find_exchange(text)
    if mic is None:
        raise InvalidInput(
            "import.bad_instrument",
            f"calendar must be fx, crypto or an exchange such as XNYS, was `{text[:40]}`",
            key="calendar",
        )
    return {"calendar": CalendarName.FX, "exchange": mic}


def _whole(key: str, text: str) -> int:
    if not text.strip().isascii() or not text.strip().isdigit() or len(text) > 18:
        raise InvalidInput(
            "import.bad_instrument", f"{key} must be a whole number, was `{text[:40]}`", key=key
        )
    return int(text)


def price_decimals(
    instrument: Instrument, recognised: Recognised, factor: str | None
) -> tuple[int, tuple[str, ...]]:
    """Return how many decimals of the file's own price unit one tick has, and what is to be said about it.

    Parameters
    ----------
    instrument : Instrument
        Target.
    recognised : Recognised
        Of the file.
    factor : str or None
        A power of ten the user says prices are to be multiplied with.

    Raises
    ------
    InvalidInput
        ``import.bad_option``.

    Notes
    -----
    FX and metal prices that are all whole numbers of 20,000 or more are points: the smallest quoted step of
    the pair (``129613`` is 1.29613).
    """
    if factor is not None:
        match = _FACTOR.match(factor.strip())
        if match is None:
            raise InvalidInput(
                "import.bad_option",
                f"price_factor must be a power of ten, was `{factor[:40]}`",
                option="price_factor",
            )
        power = (
            -len(match[1]) - 1
            if match[1] is not None
            else len(match[2])
            if match[2] is not None
            else int(match[3])
        )
        return instrument.price_scale + power, ()
    least = recognised.least_whole_price
    if instrument.kind in ("fx", "metal") and least is not None and least >= _POINTS_FROM:
        extra = _MID_EXTRA_DECIMALS if instrument.side is CandleSide.MID else 0
        points = instrument.price_scale - extra
        return extra, (f"prices are whole numbers and were read as points of 10^-{points}",)
    return instrument.price_scale, ()


def choose_timeframe(
    options: ImportOptions, recognised: Recognised, name: NameFacts, time_s: Int64Array
) -> Timeframe:
    """Return the timeframe of a file's rows.

    Parameters
    ----------
    options, recognised, name
        What is said, by the user, the data and the file's name.
    time_s : ndarray of shape (n,), dtype=int64
        Open times of the first rows, on any clock, in any order.

    Raises
    ------
    InvalidInput
        ``import.timeframe_needed``, ``import.timeframe_differs``, ``import.timeframe_not_stored``.
    """
    steps: Int64Array = np.diff(np.unique(time_s)).astype(np.int64)
    values, counts = np.unique(steps, return_counts=True)
    usual = int(values[np.argmax(counts)]) if len(values) else 0
    said = options.timeframe or recognised.timeframe
    stated = parse_timeframe(said) if said else name.timeframe
    if stated is None:
        stated = next((one for one in STORED if one.seconds == usual), None)
        if stated is None:
            found = f", the rows are {usual} s apart" if usual else ""
            raise InvalidInput(
                "import.timeframe_needed",
                f"the timeframe must be known{found}",
                hint="say --timeframe 1h",
            )
    elif options.timeframe is not None:
        _require_grid(stated, usual, steps)
    elif usual and not _agrees(stated, usual, steps):
        raise InvalidInput(
            "import.timeframe_differs",
            f"rows must be {stated} apart as the file's name says, most are {usual} s apart",
            hint="say which is right: --timeframe",
        )
    if stated not in STORED:
        names = ", ".join(one.name for one in STORED)
        raise InvalidInput(
            "import.timeframe_not_stored",
            f"the timeframe of a file must be one of {names}, was {stated}",
            hint="others are made on reading",
        )
    return stated


def _require_grid(stated: Timeframe, usual: int, steps: Int64Array) -> None:
    """Refuse a timeframe said of rows that plainly lie closer: of 5m, one in twelve would pass as 1h."""
    off = int(np.count_nonzero(steps % stated.seconds))
    if len(steps) >= _MIN_STEPS and usual % stated.seconds and off > len(steps) // 10:
        raise InvalidInput(
            "import.timeframe_differs",
            f"rows must be {stated} apart as was said, most are {usual} s apart",
            hint="leave --timeframe out, or say the rows' own; coarser candles are derived",
        )


def _agrees(stated: Timeframe, usual: int, steps: Int64Array) -> bool:
    """Return whether rows can be of a timeframe: on its grid but for a few, and mostly one bar apart."""
    if np.count_nonzero(steps % stated.seconds) > len(steps) // 10:
        return False
    return usual == stated.seconds or (len(steps) < _MIN_STEPS and usual % stated.seconds == 0)
