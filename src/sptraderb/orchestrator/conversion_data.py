"""The candles a run converts by: the first route that is stored, and what was read of it (C5)."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from sptraderb.candles.cache import CandleCache
from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.candle import Candles
from sptraderb.domain.conversion import LegCloses, RouteLeg, conversion_routes, leg_closes
from sptraderb.domain.instrument import CandleSide, Instrument
from sptraderb.domain.profile import PROFILES
from sptraderb.domain.timeframe import D1, STORED, Timeframe, parse_timeframe
from sptraderb.errors import CandlesUnusable, NotFound
from sptraderb.orchestrator.manifest import candles_hash
from sptraderb.store.candle_rows import read_candles
from sptraderb.store.pool import Database
from sptraderb.store.series_rows import find_revision

_BARS_BEFORE = 2
_DAYS_BEFORE_S = 5 * 86_400  # a bar after a weekend and a holiday finds the close of a day before it


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConversion:
    """How amounts of a run become account money.

    Parameters
    ----------
    account : str
        Account currency.
    legs : tuple of (RouteLeg, Candles)
        Pairs of the route with their candles.
    """

    account: str
    legs: tuple[tuple[RouteLeg, Candles], ...]

    def closes(self) -> tuple[LegCloses, ...]:
        """Return what the pairs' candles say."""
        return tuple(leg_closes(leg, candles) for leg, candles in self.legs)

    def revisions(self) -> dict[str, int]:
        """Return which revision of each pair was read, of those that have one."""
        read = {leg.pair: candles.revision for leg, candles in self.legs}
        return {pair: revision for pair, revision in read.items() if revision is not None}

    def block(self, quote: str) -> dict[str, object]:
        """Return the route as the manifest and the result show it."""
        return {"from": quote, "to": self.account, "route": [_leg(*leg) for leg in self.legs]}


def _leg(leg: RouteLeg, candles: Candles) -> dict[str, object]:
    both = candles.instrument.side is CandleSide.BOTH
    return {
        "pair": leg.pair,
        "inverse": leg.inverse,
        "timeframe": candles.timeframe.name,
        "price": "mid close" if both else f"{candles.instrument.side.value} close",
        "revision": candles.revision,
        "n_bars": len(candles),
        "sha256": candles_hash(candles),
    }


async def load_conversion(
    database: Database,
    request: BacktestRequest,
    instrument: Instrument,
    *,
    cache: CandleCache | None = None,
) -> LoadedConversion | None:
    """Read the candles of the first route that is stored; None where nothing is to be converted.

    Parameters
    ----------
    database : Pool or Connection
        Where they are stored.
    request : BacktestRequest
        Its account currency, range and timeframe.
    instrument : Instrument
        What is traded.
    cache : CandleCache, optional
        For the candles.

    Raises
    ------
    CandlesUnusable
        ``conversion.no_rate`` if no route is stored.
    """
    account = request.account_currency or instrument.quote
    if account == instrument.quote:
        return None
    names = (request.profile, *request.more_profiles)
    by_day = any(name in PROFILES and PROFILES[name].converts_day_before for name in names)
    route = await find_route(database, instrument.quote, account, parse_timeframe(request.timeframe))
    legs = [
        (
            leg,
            await read_candles(
                database,
                leg.pair,
                timeframe,
                request.start_s,
                request.end_s,
                revision=request.conversion_revisions.get(leg.pair),
                warm_up=_BARS_BEFORE + (_DAYS_BEFORE_S // timeframe.seconds if by_day else 0),
                cache=cache,
            ),
        )
        for leg, timeframe in route
    ]
    return LoadedConversion(account=account, legs=tuple(legs))


async def find_route(
    database: Database, quote: str, account: str, timeframe: Timeframe
) -> tuple[tuple[RouteLeg, Timeframe], ...]:
    """Return the first route whose pairs are stored, each with the timeframe to read.

    The run's timeframe where it can be made, else the next coarser one.

    Raises
    ------
    CandlesUnusable
        ``conversion.no_rate``.
    """
    known: dict[str, Timeframe | None] = {}
    routes = conversion_routes(quote, account)
    for route in routes:
        for leg in route:
            if leg.pair not in known:
                known[leg.pair] = await _readable(database, leg.pair, timeframe)
        found = [(leg, known[leg.pair]) for leg in route]
        if all(step is not None for _, step in found):
            return tuple((leg, step) for leg, step in found if step is not None)
    raise CandlesUnusable(
        "conversion.no_rate",
        f"candles must be stored that convert {quote} into {account}, there are none",
        hint=f"import {quote}{account} or {account}{quote}, or pairs of both with USD or EUR",
        pairs=[" ".join(leg.pair for leg in route) for route in routes],
    )


async def _readable(database: Database, pair: str, timeframe: Timeframe) -> Timeframe | None:
    coarser = [one for one in (*STORED, D1) if one.seconds > timeframe.seconds]
    for candidate in (timeframe, *coarser):
        try:
            await find_revision(database, pair, candidate)
        except NotFound as error:
            if error.code == "candles.unknown_symbol":
                return None
        else:
            return candidate
    return None


def pinned_to(request: BacktestRequest, revisions: Mapping[str, int | None]) -> BacktestRequest:
    """Return a request that reads the pairs at the revisions a run recorded."""
    pins = {pair: revision for pair, revision in revisions.items() if revision is not None}
    return dataclasses.replace(request, conversion_revisions=pins)
