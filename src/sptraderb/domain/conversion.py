"""Conversion into the account currency: routes over stored pairs, and one quotient a bar (rules C5, M4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sptraderb.domain.bar_facts import BarRates
from sptraderb.domain.calendar import Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.fixed import INT64_MAX
from sptraderb.domain.instrument import CandleSide
from sptraderb.errors import CandlesUnusable, MoneyOverflow

_VIA = ("USD", "EUR")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLeg:
    """One pair of a route.

    Parameters
    ----------
    base, quote : str
        Currencies of the pair.
    inverse : bool
        Whether its price divides (from quote to base), else it multiplies.
    """

    base: str
    quote: str
    inverse: bool

    @property
    def pair(self) -> str:
        """Both currencies in one word."""
        return self.base + self.quote


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCloses:
    """What a pair's candles say.

    Parameters
    ----------
    leg : RouteLeg
        Which pair, and which way it is used.
    known_s : ndarray of shape (n,), dtype=int64
        When each close is known, Unix seconds, ascending.
    closes : ndarray of shape (n,), dtype=int64
        Mid closes where both sides are stored, else closes of the declared side.
    one : int
        What a price of 1 counts in ``closes``.
    """

    leg: RouteLeg
    known_s: Int64Array
    closes: Int64Array
    one: int


def conversion_routes(quote: str, account: str) -> tuple[tuple[RouteLeg, ...], ...]:
    """Return the routes from a quote currency to the account currency, the first to be tried first.

    Direct, inverse, then via USD and via EUR, each leg direct or inverse.
    """
    routes: list[tuple[RouteLeg, ...]] = [(leg,) for leg in _legs(quote, account)]
    for middle in _VIA:
        if middle not in (quote, account):
            routes += [(one, two) for one in _legs(quote, middle) for two in _legs(middle, account)]
    return tuple(routes)


def _legs(source: str, target: str) -> tuple[RouteLeg, RouteLeg]:
    return (
        RouteLeg(base=source, quote=target, inverse=False),
        RouteLeg(base=target, quote=source, inverse=True),
    )


def leg_closes(leg: RouteLeg, candles: Candles) -> LegCloses:
    """Return the closes of a pair's candles; with both sides the sum of bid and ask over twice the scale."""
    one, closes = 10**candles.instrument.price_scale, candles.close_ticks
    if candles.instrument.side is CandleSide.BOTH and candles.ask_close_ticks is not None:
        one, closes = 2 * one, closes + candles.ask_close_ticks
    return LegCloses(leg=leg, known_s=candles.close_times_s, closes=closes, one=one)


def bar_rates(times_s: Int64Array, legs: Sequence[LegCloses], *, first_bar: int) -> BarRates:
    """Return the quotient of a route at each time: the last closes known then, in lowest terms.

    Parameters
    ----------
    times_s : ndarray of shape (n_bars,), dtype=int64
        Times asked for, Unix seconds, ascending.
    legs : sequence of LegCloses
        The route.
    first_bar : int
        First bar that must have a rate; earlier ones may lack it.

    Raises
    ------
    CandlesUnusable
        ``conversion.no_rate`` with the pair and the first time without a rate.
    MoneyOverflow
        ``money.overflow`` if the quotient does not fit 64 bits.
    """
    top, bottom = np.ones(len(times_s), dtype=np.int64), np.ones(len(times_s), dtype=np.int64)
    for closes in legs:
        place = np.searchsorted(closes.known_s, times_s, side="right") - 1
        _require_rates(place, times_s, closes.leg, first_bar)
        known = place >= 0
        price = np.where(known, closes.closes[np.maximum(place, 0)] if len(closes.closes) else 0, 0)
        one = np.full(len(times_s), closes.one, dtype=np.int64)
        up, down = (one, price) if closes.leg.inverse else (price, one)
        top, bottom = _reduced(top, bottom, np.where(known, up, 0), np.where(known, down, 1))
    return BarRates(numerator=top, denominator=bottom)


def _reduced(
    top: Int64Array, bottom: Int64Array, up: Int64Array, down: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Return ``top / bottom * up / down`` in lowest terms."""
    own = np.maximum(np.gcd(up, down), 1)
    up, down = up // own, down // own
    one, two = np.maximum(np.gcd(top, down), 1), np.maximum(np.gcd(up, bottom), 1)
    top, down, up, bottom = top // one, down // one, up // two, bottom // two
    for a, b in ((top, up), (bottom, down)):
        if len(a) and (a.astype(np.float64) * b.astype(np.float64)).max() > INT64_MAX * (1.0 - 1e-9):
            raise MoneyOverflow("money.overflow", "a rate of conversion must fit 64 bits, one did not")
    numerator, denominator = top * up, bottom * down
    return numerator, np.where(numerator == 0, 1, denominator)


def _require_rates(place: Int64Array, times_s: Int64Array, leg: RouteLeg, first_bar: int) -> None:
    missing = np.flatnonzero(place[first_bar:] < 0)
    if len(missing):
        time_s = int(times_s[first_bar + int(missing[0])])
        text = str(np.datetime64(time_s, "s"))
        raise CandlesUnusable(
            "conversion.no_rate",
            f"a close of {leg.pair} must be known at {text}Z to convert into the account currency, none is",
            hint=f"import candles of {leg.pair} that begin earlier, or choose a later start",
            pair=leg.pair,
            time_s=time_s,
        )
