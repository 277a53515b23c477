"""What a request says of holding a position: swap and funding, in words with units (C4)."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from sptraderb.api.wire_time import seconds_from_text
from sptraderb.domain.costs import FundingRates, SwapKind, SwapRates
from sptraderb.domain.fixed import rate_from_text, ticks_from_text
from sptraderb.errors import InvalidInput
from sptraderb.strategy.holding_cost_block import seconds_of
from sptraderb.strategy.session_block import day_number

_AMOUNT = re.compile(
    r"\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(points?|ticks?|pips?|per lot|%)(?: a year)?\s*"
)
_KINDS = {
    "point": (SwapKind.POINTS, 6),
    "tick": (SwapKind.POINTS, 6),
    "pip": (SwapKind.PIPS, 6),
    "per lot": (SwapKind.MONEY, 9),
}
_WEEKEND = 5
MAX_FUNDING_RATES = 100_000
"""Pairs of time and rate a request may hold: thirty years of three a day, and some."""


def swap_of(parts: Mapping[str, str | int | float]) -> SwapRates:
    """Return the swap a request states.

    Raises
    ------
    InvalidInput
        ``costs.malformed``.
    """
    unknown = sorted(set(parts) - {"long", "short", "triple"})
    sides = {side: str(parts[side]) for side in ("long", "short") if side in parts}
    if unknown or not sides:
        found = " ".join(unknown)[:40] or "neither"
        raise InvalidInput(
            "costs.malformed", f"`swap` must state long or short, and may state triple, found {found}"
        )
    rates = {side: _swap_rate(side, text) for side, text in sides.items()}
    kinds = {kind for kind, _ in rates.values()}
    if len(kinds) > 1:
        raise InvalidInput("costs.malformed", "`swap` must have one unit for long and short, had two")
    return SwapRates(
        kind=kinds.pop(),
        long=rates["long"][1] if "long" in rates else 0,
        short=rates["short"][1] if "short" in rates else 0,
        triple_weekday=_triple(parts),
    )


def _swap_rate(side: str, text: str) -> tuple[SwapKind, int]:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise InvalidInput(
            "costs.malformed",
            f"`swap.{side}` must be an amount with its unit, was `{text[:40]}`",
            hint="such as `-0.6 points`, `-0.1 pips`, `-5 per lot` or `-2.5%` a year",
        )
    if match.group(2) == "%":
        return SwapKind.PERCENT, rate_from_text(f"{match.group(1)}%")
    kind, decimals = _KINDS[match.group(2).removesuffix("s")]
    return kind, ticks_from_text(match.group(1), decimals)


def _triple(parts: Mapping[str, str | int | float]) -> int | None:
    if "triple" not in parts:
        return None
    day = day_number(str(parts["triple"]))
    if day is None or day >= _WEEKEND:
        found = str(parts["triple"])[:40]
        raise InvalidInput("costs.malformed", f"`swap.triple` must be a day from mon to fri, was `{found}`")
    return day


def funding_of(value: str | Sequence[tuple[str | int, str]]) -> FundingRates:
    """Return the funding a request states: a rate every so often, or pairs of time and rate.

    Raises
    ------
    InvalidInput
        ``costs.malformed`` and those of times and rates.
    """
    if isinstance(value, str):
        amount, found, every = value.partition(" every ")
        seconds = seconds_of(every) if found else None
        if seconds is None or not amount.strip().endswith("%"):
            raise InvalidInput(
                "costs.malformed",
                f"`funding` must be a rate and how often, was `{value[:40]}`",
                hint="such as `0.01% every 8h`, or pairs of a time and a rate",
            )
        return FundingRates(every_s=seconds, rate_ppb=rate_from_text(amount))
    if not 0 < len(value) <= MAX_FUNDING_RATES:
        raise InvalidInput(
            "costs.malformed", f"`funding` must have 1..{MAX_FUNDING_RATES} rates, had {len(value)}"
        )
    series = tuple((_stamp(time), _rate(text)) for time, text in value)
    if any(later[0] <= earlier[0] for earlier, later in pairwise(series)):
        raise InvalidInput("costs.malformed", "the times of `funding` must ascend, they do not")
    return FundingRates(series=series)


def _stamp(time: str | int) -> int:
    return seconds_from_text(str(time), name="funding")


def _rate(text: str) -> int:
    if not text.strip().endswith("%"):
        raise InvalidInput("costs.malformed", f"a rate of `funding` must be in percent, was `{text[:40]}`")
    return rate_from_text(text)
