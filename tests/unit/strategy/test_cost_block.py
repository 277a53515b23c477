"""The costs a document states, as the domain's integers."""

import pytest

from sptraderb.domain.costs import Costs, FundingRates, SpreadTable, SwapKind, SwapRates
from sptraderb.strategy.compiler import compile_strategy
from sptraderb.strategy.cost_block import hour_range
from sptraderb.strategy.target import DEFAULT_TARGET

TEXT = """
name: costly
parameters: {fee: -5}
entry: {long: {when: close > open, size: 1000 units}}
"""


def costs_of(block: str) -> Costs:
    """Return the costs of a document with this block."""
    return compile_strategy(f"{TEXT}costs: {{{block}}}\n", target=DEFAULT_TARGET).costs


def test_spread_when_by_hour_then_ranges_and_default() -> None:
    """Ranges name both ends and may pass midnight; what is left takes the default (C2)."""
    found = costs_of("spread: {'22-1': 3 pips, '7': 0.5 pips, default: 1 pips, timezone: Europe/London}")
    stated = {22: 3, 23: 3, 0: 3, 1: 3, 7: 0.5}
    hours = tuple(int(1_000_000 * stated.get(hour, 1)) for hour in range(24))
    assert found.spread_table == SpreadTable(hours_ppm=hours, in_pips=True, timezone="Europe/London")
    assert found.spread_ppm_pips is None
    ticks = costs_of("spread: {'7': 2 ticks}").spread_table
    assert ticks == SpreadTable(hours_ppm=(0,) * 7 + (2_000_000,) + (0,) * 16, in_pips=False)


@pytest.mark.parametrize("word", ["24", "x", "1-2-3", "-1", "", "1.5", "٣"])
def test_hours_when_no_range_then_none(word: str) -> None:
    """Hours are 0 to 23 in plain digits."""
    assert hour_range(word) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("{long: -0.6 points, short: 0.1 points}", (SwapKind.POINTS, -600_000, 100_000, None)),
        ("{long: -6 ticks}", (SwapKind.POINTS, -6_000_000, 0, None)),
        ("{short: -0.1 pips, triple: Friday}", (SwapKind.PIPS, 0, -100_000, 4)),
        ("{long: fee per lot, short: 1.25 per lot}", (SwapKind.MONEY, -5 * 10**9, 1_250_000_000, None)),
        ("{long: -2.5%, short: 1% a year, triple: thu}", (SwapKind.PERCENT, -25_000_000, 10_000_000, 3)),
    ],
)
def test_swap_when_stated_then_kind_and_signed_rates(
    words: str, expected: tuple[SwapKind, int, int, int | None]
) -> None:
    """Points, pips, money per lot or percent a year; what is left out is 0 (C4)."""
    kind, long, short, triple = expected
    rates = SwapRates(kind=kind, long=long, short=short, triple_weekday=triple)
    assert costs_of(f"swap: {words}").swap == rates


def test_costs_when_further_are_stated_then_all_are_read() -> None:
    """Slippage by range, funding and the fee of a conversion (C3, C4, C5)."""
    found = costs_of("slippage: 10% of range, funding: -0.01% every 8h, conversion_fee: 0.5%")
    assert found == Costs(
        slippage_range_ppb=100_000_000,
        funding=FundingRates(every_s=28_800, rate_ppb=-100_000),
        conversion_fee_ppb=5_000_000,
    )
