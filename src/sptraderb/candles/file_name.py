"""What a file's name says: symbol, timeframe and side."""

import re
from dataclasses import dataclass
from itertools import pairwise

from sptraderb.domain.calendar import DAY_S
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS, CandleSide, infer_instrument
from sptraderb.domain.timeframe import Timeframe, parse_timeframe
from sptraderb.errors import InvalidInput

_SPLIT = re.compile(r"[^A-Za-z0-9]+")
_TIMEFRAME = re.compile(r"(?:([mhdw])(\d{1,3})|(\d{1,3})(m|min|h|d|w))$", re.IGNORECASE)
_GLUED = re.compile(r"([A-Z]{6,12})([mhd]\d{1,2}|\d{1,2}[mhd])$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFacts:
    """What a name says; None where it says nothing.

    Parameters
    ----------
    symbol : str or None
        Such as ``EURUSD``.
    timeframe : Timeframe or None
        Such as 5m.
    side : CandleSide or None
        From the words bid, ask, mid.
    """

    symbol: str | None
    timeframe: Timeframe | None
    side: CandleSide | None


def read_file_name(name: str) -> NameFacts:
    """Return what a file's name says.

    Examples
    --------
    >>> read_file_name("EURUSD_Candlestick_5_m_BID_17.08.2025-22.08.2025.csv").timeframe
    Timeframe(seconds=300, name='5m')
    """
    words = [part for word in _SPLIT.split(name.rsplit("/", 1)[-1]) for part in _unglued(word)]
    words = [word for word in words if word]
    timeframe = next((found for word in words if (found := _timeframe_word(word))), None)
    timeframe = timeframe or next(
        (found for a, b in pairwise(words) if a.isdigit() and (found := _timeframe_word(a + b))),
        None,
    )
    sides = {word.lower() for word in words} & {"bid", "ask", "mid"}
    both = {"bid", "ask"} <= sides or any(word.lower() == "bidask" for word in words)
    side = CandleSide.BOTH if both else CandleSide(sides.pop()) if len(sides) == 1 else None
    return NameFacts(symbol=_symbol_of(words), timeframe=timeframe, side=side)


def _unglued(word: str) -> list[str]:
    glued = _GLUED.match(word)
    return [glued[1], glued[2]] if glued and _known(glued[1]) else [word]


def _timeframe_word(word: str) -> Timeframe | None:
    match = _TIMEFRAME.match(word)
    if match is None:
        return None
    count, unit = (match[2], match[1]) if match[1] else (match[3], match[4][0])
    try:
        found = parse_timeframe(f"{int(count)}{unit}")
    except InvalidInput:
        return None
    return found if found.seconds <= 7 * DAY_S else None


def _known(word: str) -> bool:
    upper = word.upper()
    if upper in SEEDED_INSTRUMENTS:
        return True
    if not 6 <= len(upper) <= 12 or not upper.isalpha():
        return False
    try:
        infer_instrument(upper)
    except InvalidInput:
        return False
    return True


def _symbol_of(words: list[str]) -> str | None:
    for word in words:
        if word.upper() in SEEDED_INSTRUMENTS:
            return word.upper()
    pairs = [a + b for a, b in pairwise(words) if a.isalpha() and b.isalpha()]
    for word in (*words, *pairs):
        if word.upper() in SEEDED_INSTRUMENTS or (word.isupper() and _known(word)):
            return word.upper()
    return None
