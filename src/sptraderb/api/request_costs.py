"""Costs in a request: words with units become the domain's integers (C1 to C5).

The words are the strategy language's: ``{"commission": "0.002%", "spread": "0.8 pips",
"slippage": "0.1 pips"}``; a commission may be a mapping of ``percent per_lot per_order minimum maximum``,
a spread one of hours. What costs to hold is read by `request_holding_costs`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sptraderb.api.payload_reading import fault_of
from sptraderb.api.request_holding_costs import funding_of, swap_of
from sptraderb.domain.costs import Costs, SpreadTable
from sptraderb.domain.fixed import RATE_ONE, rate_from_text, ticks_from_text
from sptraderb.errors import Fault, InvalidInput, SptraderbError
from sptraderb.strategy.cost_block import hour_range
from sptraderb.strategy.session_block import is_timezone

_AMOUNT = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(%|pips?|ticks?)\s*")
_MILLIONTHS_DECIMALS = 6
_BILLIONTHS_DECIMALS = 9
_UNITS = {
    "commission": ("%",),
    "spread": ("pip", "tick"),
    "slippage": ("pip", "tick", "%"),
    "conversion_fee": ("%",),
}
_OF_RANGE = re.compile(r"(.*%)\s+of range\s*")
_HOURS = 24
_FEES = {
    "per_lot": "commission_per_lot",
    "per_order": "commission_per_order",
    "minimum": "commission_min",
    "maximum": "commission_max",
}


class CostsPayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What trading costs, in words with units.

    Parameters
    ----------
    commission : str or mapping
        Percent of notional per side, such as ``0.002%``; or ``percent`` (so written), and in account
        money ``per_lot``, ``per_order``, ``minimum`` and ``maximum`` of an order.
    spread : str or mapping
        Whole spread, such as ``0.8 pips`` or ``8 ticks``; or by the hour in which a bar opens:
        ``{"22-6": "1.5 pips", "default": "0.8 pips", "timezone": "Europe/London"}``, UTC unless stated.
    slippage : str
        Of market and stop fills, such as ``0.1 pips``, ``1 tick``, ``0.01%`` of the price or
        ``10% of range``, of the bar before.
    swap : mapping
        For a day of ``long`` and ``short``, + is received: ``-0.6 points``, ``-0.1 pips``, ``-5 per lot``
        or ``-2.5%`` a year; ``triple`` names the day that counts three.
    funding : str or list
        ``0.01% every 8h``, or pairs of a time and a rate; at a positive rate longs pay shorts.
    conversion_fee : str
        Percent of a price P&L that is converted into the account currency.
    """

    commission: str | int | float | dict[str, str | int | float] | None = None
    spread: str | int | float | dict[str, str | int | float] | None = None
    slippage: str | int | float | None = None
    swap: dict[str, str | int | float] | None = None
    funding: str | list[tuple[str | int, str]] | None = None
    conversion_fee: str | int | float | None = None


def costs_of(payload: CostsPayload | None, faults: list[Fault], *, path: str = "costs") -> Costs:
    """Return the costs a request states under a key; what is wrong with them is added to ``faults``."""
    if payload is None:
        return Costs()
    found: dict[str, Any] = {}
    for name, read in _READERS.items():
        value = getattr(payload, name)
        if value is not None:
            try:
                found.update(read(value))
            except SptraderbError as error:
                faults.append(fault_of(error, f"{path}.{name}"))
    return Costs(**found)


def _spread(value: str | int | float | dict[str, str | int | float]) -> Mapping[str, Any]:
    return {"spread_table": _spread_table(value)} if isinstance(value, dict) else _cost("spread", str(value))


def _spread_table(parts: Mapping[str, str | int | float]) -> SpreadTable:
    """Return a spread by hour; hours not stated take ``default``, or 0."""
    zone = str(parts.get("timezone", "UTC"))
    if not is_timezone(zone):
        raise InvalidInput("costs.malformed", f"`spread.timezone` must be an IANA name, was `{zone[:40]}`")
    hours: dict[int, int] = {}
    default, units = 0, set[str]()
    for key, text in parts.items():
        stated = hour_range(key)
        if key == "timezone":
            continue
        if stated is None and key != "default":
            raise InvalidInput(
                "costs.malformed",
                f"keys of `spread` must be hours such as 7 or 22-6, default or timezone, was `{key[:40]}`",
            )
        ((unit, amount),) = _cost("spread", str(text)).items()
        if amount:
            units.add(unit)
        if stated is None:
            default = amount
        hours |= dict.fromkeys(stated or (), amount)
    if len(units) > 1:
        raise InvalidInput("costs.malformed", "the spreads of all hours must have one unit, had two")
    return SpreadTable(
        hours_ppm=tuple(hours.get(hour, default) for hour in range(_HOURS)),
        in_pips="spread_ppm_pips" in units,
        timezone=zone,
    )


def _slippage(value: str | int | float) -> Mapping[str, int]:
    share = _OF_RANGE.fullmatch(str(value))
    if share is None:
        return _cost("slippage", str(value))
    return {"slippage_range_ppb": _cost("slippage", share.group(1))["slippage_ppb"]}


def _commission(parts: str | int | float | Mapping[str, str | int | float]) -> Mapping[str, int]:
    """Return the fields of `Costs` that a commission's parts state."""
    if not isinstance(parts, Mapping):
        return _cost("commission", str(parts))
    unknown = sorted(set(parts) - {"percent", *_FEES})
    if unknown or not parts:
        raise InvalidInput(
            "costs.malformed",
            f"parts of `commission` must be among percent {' '.join(_FEES)}, found {' '.join(unknown)[:40]}",
        )
    found = dict(_cost("commission", str(parts["percent"]))) if "percent" in parts else {}
    for name, field in _FEES.items():
        if name in parts:
            found[field] = ticks_from_text(str(parts[name]), _BILLIONTHS_DECIMALS)
    if min(found.values()) < 0 or found.get("commission_max", 1) == 0:
        raise InvalidInput("costs.malformed", "parts of `commission` must not be negative, a maximum above 0")
    if found.get("commission_min", 0) > found.get("commission_max", found.get("commission_min", 0)):
        raise InvalidInput("costs.malformed", "the minimum of `commission` must be at most its maximum")
    return found


def _cost(name: str, text: str) -> Mapping[str, int]:
    match = _AMOUNT.fullmatch(text)
    unit = match.group(2).rstrip("s") if match else ""
    if match is None or unit not in _UNITS[name]:
        zero = _zero_cost(name, text)
        if zero is not None:
            return zero
        raise InvalidInput(
            "costs.malformed",
            f"`{name}` must be an amount with its unit, was `{text[:40]}`",
            hint='such as "0.002%"' if _UNITS[name] == ("%",) else 'such as "0.8 pips" or "8 ticks"',
        )
    if unit == "%":
        rate = rate_from_text(f"{match.group(1)}%")
        if rate > RATE_ONE:
            raise InvalidInput("costs.malformed", f"`{name}` must be at most 100%, was `{text[:40]}`")
        return {f"{name}_ppb": rate}
    return {f"{name}_ppm_{unit}s": ticks_from_text(match.group(1), _MILLIONTHS_DECIMALS)}


def _zero_cost(name: str, text: str) -> Mapping[str, int] | None:
    if text.strip() not in ("0", "0.0"):
        return None
    return {f"{name}_ppb": 0} if _UNITS[name] == ("%",) else {f"{name}_ppm_ticks": 0}


_READERS: Mapping[str, Callable[[Any], Mapping[str, Any]]] = {
    "commission": _commission,
    "spread": _spread,
    "slippage": _slippage,
    "swap": lambda parts: {"swap": swap_of(parts)},
    "funding": lambda value: {"funding": funding_of(value)},
    "conversion_fee": lambda value: _cost("conversion_fee", str(value)),
}
