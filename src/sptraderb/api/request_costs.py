"""Costs in a request: words with units become the domain's integers (C1 to C3).

The words are the strategy language's: ``{"commission": "0.002%", "spread": "0.8 pips",
"slippage": "0.1 pips"}``.
"""

import re
from collections.abc import Mapping

import msgspec

from sptraderb.api.payload_reading import fault_of
from sptraderb.domain.fixed import rate_from_text, ticks_from_text
from sptraderb.domain.plan import Costs
from sptraderb.errors import Fault, InvalidInput, SptraderbError

_AMOUNT = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(%|pips?|ticks?)\s*")
_MILLIONTHS_DECIMALS = 6


class CostsPayload(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What trading costs, in words with units.

    Parameters
    ----------
    commission : str
        Percent of notional per side, such as ``0.002%``.
    spread : str
        Whole spread, such as ``0.8 pips`` or ``8 ticks``.
    slippage : str
        Of market and stop fills, such as ``0.1 pips`` or ``1 tick``.
    """

    commission: str | int | float | None = None
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
                found.update(_cost(name, str(value)))
            except SptraderbError as error:
                faults.append(fault_of(error, f"costs.{name}"))
    return Costs(**found)


def _cost(name: str, text: str) -> Mapping[str, int]:
    match = _AMOUNT.fullmatch(text)
    unit = match.group(2).rstrip("s") if match else ""
    if match is None or (unit == "%") != (name == "commission"):
        zero = _zero_cost(name, text)
        if zero is not None:
            return zero
        raise InvalidInput(
            "costs.malformed",
            f"`{name}` must be an amount with its unit, was `{text[:40]}`",
            hint='such as "0.002%"' if name == "commission" else 'such as "0.8 pips" or "8 ticks"',
        )
    if unit == "%":
        return {"commission_ppb": rate_from_text(f"{match.group(1)}%")}
    return {f"{name}_ppm_{unit}s": ticks_from_text(match.group(1), _MILLIONTHS_DECIMALS)}


def _zero_cost(name: str, text: str) -> Mapping[str, int] | None:
    if text.strip() not in ("0", "0.0"):
        return None
    return {"commission_ppb": 0} if name == "commission" else {f"{name}_ppm_ticks": 0}
