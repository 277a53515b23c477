"""The largest numbers that fit 64 bits, and the next ones, which both engines refuse (M3).

2^63 - 1 = 9223372036854775807 = 7^2 x 73 x 127 x 337 x 92737 x 649657, so that products of a price move
and a size can meet it exactly. EURUSD: 5 decimals of price, whole units; a tick of one unit is 0.00001.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sptraderb.domain.bar_facts import BarFacts
from sptraderb.domain.costs import SwapKind
from sptraderb.domain.outcome import LedgerKind, Outcome
from sptraderb.engine.simulate import simulate
from sptraderb.errors import MoneyOverflow
from sptraderb.oracle.replay import replay
from sptraderb.testing.known_answers import KnownAnswer, case_from

_MOST = 2**63 - 1
_FLAT = "1.00000 1.00000 1.00000 1.00000"
_MARGIN = "0.000000001"


def _case(**fields: object) -> KnownAnswer:
    plain: dict[str, object] = {
        "name": "edge",
        "rules": ["M3"],
        "source": "EXECUTION M3",
        "worked": "",
        "expect": {},
    }
    return case_from(plain | fields)


def _units(count: int) -> dict[str, object]:
    """Return the size of an order of so many units, as lots of 10^9 of them: a count may have 19 digits."""
    return {"instrument": {"lot_units": 10**9}, "size": f"{_capital(count, 9)} lots"}


def _capital(minor: int, decimals: int) -> str:
    return f"{minor // 10**decimals}.{minor % 10**decimals:0{decimals}d}"


def _equity(beyond: int) -> KnownAnswer:
    """Mark 1000 units at 100 ticks more: 100 minor units at 2 decimals, on 2^63 - 1 - 100 of them."""
    close = f"1.0010{beyond}"
    return _case(
        bars=[_FLAT, f"1.00000 {close} 1.00000 {close}"],
        long=[0],
        terms={"capital": _capital(_MOST - 100, 2), "money_decimals": 2},
    )


def _loss(beyond: int) -> KnownAnswer:
    """Lose 7^2 x 73 = 3577 ticks on (2^63 - 1) / 3577 units: a price P&L of -(2^63 - 1) minor units."""
    close = f"0.9642{3 - beyond}"
    return _case(
        bars=[_FLAT, _FLAT, f"{close} {close} {close} {close}"],
        long=[0],
        max_bars=1,
        **_units(_MOST // 3577),
        terms={"capital": "10000000", "money_decimals": 5, "margin": _MARGIN, "stop_out_ppb": 0},
    )


def _spread(beyond: int) -> KnownAnswer:
    """Pay a spread of 7 ticks on (2^63 - 1) / 7 units; the money, at no decimals, is small."""
    return _case(
        bars=[_FLAT, _FLAT],
        long=[0],
        **_units(_MOST // 7 + beyond),
        terms={"capital": "1000000000000000", "money_decimals": 0, "margin": _MARGIN, "spread_ticks": 7},
    )


def _slippage(beyond: int) -> KnownAnswer:
    """Slip 7 ticks on (2^63 - 1) / 7 units."""
    return _case(
        bars=[_FLAT, _FLAT],
        long=[0],
        **_units(_MOST // 7 + beyond),
        terms={"capital": "1000000000000000", "money_decimals": 0, "margin": _MARGIN, "slippage_ticks": 7},
    )


def _size(beyond: int) -> KnownAnswer:
    """Buy 2^63 - 1 steps of eight decimals at one tick with 922337.2036854775807; 0.1 % more do not fit."""
    tick = "0.00001 0.00001 0.00001 0.00001"
    return _case(
        instrument={"quantity_scale": 8},
        bars=[tick, tick],
        long=[0],
        size=f"1.00{beyond} of equity",
        terms={"capital": _capital(_MOST, 13), "money_decimals": 13, "margin": "0.5", "stop_out_ppb": 0},
    )


def _swap(beyond: int) -> KnownAnswer:
    """Pay 2^63 - 1 minor units of swap on a lot for one day, which two days cannot cost."""
    case = _case(
        bars=[_FLAT, _FLAT, _FLAT],
        long=[0],
        size="1 lots",
        terms={"capital": "100000", "money_decimals": 2, "stop_out_ppb": 0},
    )
    facts = BarFacts(swap_days=np.array([0, 0, 1 + beyond]))
    terms = replace(case.terms, facts=facts, swap_kind=SwapKind.MONEY, swap_long=-_MOST)
    return replace(case, terms=terms)


def _funding(beyond: int) -> KnownAnswer:
    """Fund all of 7 x 73 x 127 = 64897 ticks x (2^63 - 1) / 64897 units, or a billionth more."""
    price = "0.64897 0.64897 0.64897 0.64897"
    case = _case(
        bars=[price, price, price],
        long=[0],
        **_units(_MOST // 64897),
        terms={"capital": "1000000", "money_decimals": 5, "margin": _MARGIN, "stop_out_ppb": 0},
    )
    facts = BarFacts(funding_ppb=np.array([0, 0, 10**9 + beyond]))
    return replace(case, terms=replace(case.terms, facts=facts))


def _sum_of_costs(beyond: int) -> KnownAnswer:
    """Add (2^63 - 1) / 7 units 7 ticks above the first 1000: what all cost beyond the first price."""
    back = "1.00007 1.00007 1.00000 1.00000"
    return _case(
        bars=[_FLAT, _FLAT, back, _FLAT],
        long=[0],
        long_now=[1],
        size="0.000001 lots",
        instrument={"lot_units": 10**9},
        second_size=f"{_capital(_MOST // 7 + beyond, 9)} lots",
        scale_in={"max_entries": 2},
        terms={"capital": "1000000000000000", "money_decimals": 0, "margin": _MARGIN},
    )


@dataclass(frozen=True)
class _Edge:
    """An edge: how to build it, and a ledger row that shows it was met exactly."""

    build: Callable[[int], KnownAnswer]
    row: tuple[LedgerKind, int] | None = None


_EDGES: Mapping[str, _Edge] = {
    "equity": _Edge(_equity),
    "price P&L": _Edge(_loss, (LedgerKind.PRICE_PNL, -_MOST)),
    "spread in ticks x steps": _Edge(_spread, (LedgerKind.SPREAD, -round(_MOST / 10**5))),
    "slippage in ticks x steps": _Edge(_slippage, (LedgerKind.SLIPPAGE, -round(_MOST / 10**5))),
    "size in steps": _Edge(_size),
    "swap": _Edge(_swap, (LedgerKind.SWAP, -_MOST)),
    "funding": _Edge(_funding, (LedgerKind.FUNDING, -_MOST)),
    "cost of several fills": _Edge(_sum_of_costs),
}


def _run(engine: Callable[..., Outcome], case: KnownAnswer) -> Outcome:
    return engine(case.plan, case.candles, case.signals, case.terms)


@pytest.mark.parametrize("engine", [replay, simulate], ids=["oracle", "engine"])
@pytest.mark.parametrize("edge", _EDGES)
def test_number_when_the_largest_that_fits_then_is_booked_exactly(
    edge: str, engine: Callable[..., Outcome]
) -> None:
    """2^63 - 1 of whatever is stored is a number like any other (M3)."""
    outcome = _run(engine, _EDGES[edge].build(0))
    assert len(outcome.orders) > 0
    assert (outcome.orders[:, 7] > 0).all(), "every order fills"
    row = _EDGES[edge].row
    if row is not None:
        kind, amount = row
        assert outcome.ledger[outcome.ledger_column("kind") == kind][0, 2] == amount
    if edge == "equity":
        assert int(outcome.equity_minor[-1]) == _MOST
    if edge == "size in steps":
        assert int(outcome.held_steps[-1]) == _MOST


@pytest.mark.parametrize("engine", [replay, simulate], ids=["oracle", "engine"])
@pytest.mark.parametrize("edge", _EDGES)
def test_number_when_one_more_than_fits_then_is_refused(edge: str, engine: Callable[..., Outcome]) -> None:
    """The next one is the error `money.overflow`, never a wrap, and never a result (M3)."""
    with pytest.raises(MoneyOverflow, match=r"money\.overflow"):
        _run(engine, _EDGES[edge].build(1))


@pytest.mark.parametrize("engine", [replay, simulate], ids=["oracle", "engine"])
def test_commission_when_its_maximum_cuts_what_would_not_fit_then_the_maximum_is_paid(
    engine: Callable[..., Outcome],
) -> None:
    """Three lots at 2^62 minor units each are more than 64 bits hold; what is paid is the maximum."""
    case = _case(
        bars=[_FLAT, _FLAT],
        long=[0],
        size="3 lots",
        terms={"capital": "1000000", "money_decimals": 2, "margin": "0.01"},
    )
    terms = replace(case.terms, commission_per_lot_minor=2**62, commission_max_minor=250)
    outcome = _run(engine, replace(case, terms=terms))
    assert outcome.ledger[outcome.ledger_column("kind") == LedgerKind.COMMISSION][:, 2].tolist() == [-250]
