"""What trading costs, as a strategy or a request states it (rules C1 to C5)."""

from dataclasses import dataclass
from enum import StrEnum


class SwapKind(StrEnum):
    """What a swap rate counts (C4)."""

    POINTS = "points"
    PIPS = "pips"
    MONEY = "money"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapRates:
    """Swap for a day of holding; positive is received, negative is paid (C4).

    Parameters
    ----------
    kind : SwapKind
        Points (ticks) or pips of price, account money per lot, or percent a year of the notional.
    long, short : int
        Millionths of a point or pip, billionths of a unit of money, or parts per 10^9 a year of 360 days.
    triple_weekday : int or None
        The session day (Monday = 0) that counts three days; None: the market's own (`cost_schedules`).
    """

    kind: SwapKind
    long: int = 0
    short: int = 0
    triple_weekday: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRates:
    """Funding of a perpetual contract: at a positive rate longs pay shorts (C4).

    Parameters
    ----------
    every_s : int
        Seconds between payments, counted from 00:00 UTC, that divide a day; 0: the series alone.
    rate_ppb : int
        What is paid then, parts per 10^9 of the notional.
    series : tuple of (int, int)
        Unix seconds and parts per 10^9, ascending; in place of the two above.
    """

    every_s: int = 0
    rate_ppb: int = 0
    series: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadTable:
    """A spread by the hour in which a bar opens (C2).

    Parameters
    ----------
    hours_ppm : tuple of int
        24 spreads, hour 0 first, in millionths of a pip or tick.
    in_pips : bool
        Whether pips, else ticks.
    timezone : str
        IANA name of the hours' zone.
    """

    hours_ppm: tuple[int, ...]
    in_pips: bool
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs; None where nobody stated it (rules C1 to C5).

    Parameters
    ----------
    commission_ppb : int or None
        Commission per side as parts per 10^9 of notional at the fill price.
    spread_ppm_pips, spread_ppm_ticks : int or None
        Spread in millionths of a pip or of a tick; at most one is set. A spread finer than a tick
        rounds up (M2).
    spread_table : SpreadTable or None
        A spread by hour in place of a fixed one.
    slippage_ppm_ticks : int or None
        Slippage of market and stop fills, in millionths of a tick, adverse, rounded up (M2).
    slippage_ppm_pips : int or None
        The same in millionths of a pip.
    slippage_ppb : int or None
        The same as parts per 10^9 of the price before it.
    slippage_range_ppb : int or None
        The same as parts per 10^9 of the range of the bar before the fill; at most one slippage is set.
    commission_per_lot, commission_per_order, commission_min, commission_max : int or None
        Further parts of the commission, and its bounds per order, in billionths of one unit of account
        money.
    swap : SwapRates or None
        For positions held over a session change.
    funding : FundingRates or None
        For positions held at its times.
    conversion_fee_ppb : int or None
        Fee on the size of a price P&L that is converted, parts per 10^9 of it.
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
    spread_table: SpreadTable | None = None
    slippage_range_ppb: int | None = None
    swap: SwapRates | None = None
    funding: FundingRates | None = None
    conversion_fee_ppb: int | None = None

    def overridden_by(self, other: "Costs") -> "Costs":
        """Return these costs, with each kind of cost that ``other`` states in its place."""
        stated = {}
        for names in (_COMMISSION, _SPREAD, _SLIPPAGE, ("swap",), ("funding",), ("conversion_fee_ppb",)):
            values = {name: getattr(other, name) for name in names}
            is_stated = any(value is not None for value in values.values())
            stated.update(values if is_stated else {name: getattr(self, name) for name in names})
        return Costs(**stated)

    def states_spread(self) -> bool:
        """Return whether a spread is stated, be it 0."""
        return any(getattr(self, name) is not None for name in _SPREAD)

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
_SPREAD = ("spread_ppm_pips", "spread_ppm_ticks", "spread_table")
_SLIPPAGE = ("slippage_ppm_ticks", "slippage_ppm_pips", "slippage_ppb", "slippage_range_ppb")
