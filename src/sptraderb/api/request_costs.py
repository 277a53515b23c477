"""Costs in a request: words with units become the domain's integers (C1 to C3).

The words are the strategy language's: ``{"commission": "0.002%", "spread": "0.8 pips",
"slippage": "0.1 pips"}``; a commission may be a mapping of ``percent per_lot per_order minimum maximum``.
"""

import re
from collections.abc import Mapping

import msgspec

from sptraderb.api.payload_reading import fault_of
from sptraderb.domain.costs import Costs
from sptraderb.domain.fixed import RATE_ONE, rate_from_text, ticks_from_text
from sptraderb.errors import Fault, InvalidInput, SptraderbError

_AMOUNT = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(%|pips?|ticks?)\s*")
_MILLIONTHS_DECIMALS = 6
_BILLIONTHS_DECIMALS = 9
_UNITS = {"commission": ("%",), "spread": ("pip", "tick"), "slippage": ("pip", "tick", "%")}
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
    spread : str
        Whole spread, such as ``0.8 pips`` or ``8 ticks``.
    slippage : str
        Of market and stop fills, such as ``0.1 pips``, ``1 tick`` or ``0.01%`` of the price.
    """

    commission: str | int | float | dict[str, str | int | float] | None = None
    spread: str | int | float | None = None
    slippage: str | int | float | None = None


def costs_of(payload: CostsPayload | None, faults: list[Fault]) -> Costs:
    """Return the costs a request states; what is wrong with them is added to ``faults``."""
    if payload is None:
        return Costs()
    found: dict[str, int] = {}
    for name in ("commission", "spread", "slippage"):
        value = getattr(payload, name)
        if value is not None:
            try:
                found.update(_commission(value) if isinstance(value, dict) else _cost(name, str(value)))
            except SptraderbError as error:
                faults.append(fault_of(error, f"costs.{name}"))
    return Costs(**found)


def _commission(parts: Mapping[str, str | int | float]) -> Mapping[str, int]:
    """Return the fields of `Costs` that a commission's parts state."""
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
            hint='such as "0.002%"' if name == "commission" else 'such as "0.8 pips" or "8 ticks"',
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
    return {"commission_ppb": 0} if name == "commission" else {f"{name}_ppm_ticks": 0}
