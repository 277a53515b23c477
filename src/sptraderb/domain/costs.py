"""What trading costs, as a strategy or a request states it (rules C1 to C5)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs; None where nobody stated it (rules C1 to C3).

    Parameters
    ----------
    commission_ppb : int or None
        Commission per side as parts per 10^9 of notional at the fill price.
    spread_ppm_pips, spread_ppm_ticks : int or None
        Spread in millionths of a pip or of a tick; at most one is set. A spread finer than a tick
        rounds up (M2).
    slippage_ppm_ticks : int or None
        Slippage of market and stop fills, in millionths of a tick, adverse, rounded up (M2).
    slippage_ppm_pips : int or None
        The same in millionths of a pip.
    slippage_ppb : int or None
        The same as parts per 10^9 of the price before it; at most one slippage is set.
    commission_per_lot, commission_per_order, commission_min, commission_max : int or None
        Further parts of the commission, and its bounds per order, in billionths of one unit of account
        money.
    """

    commission_ppb: int | None = None
    spread_ppm_pips: int | None = None
    spread_ppm_ticks: int | None = None
    slippage_ppm_ticks: int | None = None
    slippage_ppm_pips: int | None = None
    slippage_ppb: int | None = None
    commission_per_lot: int | None = None
    commission_per_order: int | None = None
    commission_min: int | None = None
    commission_max: int | None = None

    def overridden_by(self, other: "Costs") -> "Costs":
        """Return these costs, with each of commission, spread and slippage that ``other`` states."""
        stated = {}
        for names in (_COMMISSION, _SPREAD, _SLIPPAGE):
            values = {name: getattr(other, name) for name in names}
            is_stated = any(value is not None for value in values.values())
            stated.update(values if is_stated else {name: getattr(self, name) for name in names})
        return Costs(**stated)

    def states_commission(self) -> bool:
        """Return whether some part of a commission is stated."""
        return any(getattr(self, name) is not None for name in _COMMISSION)


_COMMISSION = (
    "commission_ppb",
    "commission_per_lot",
    "commission_per_order",
    "commission_min",
    "commission_max",
)
_SPREAD = ("spread_ppm_pips", "spread_ppm_ticks")
_SLIPPAGE = ("slippage_ppm_ticks", "slippage_ppm_pips", "slippage_ppb")
