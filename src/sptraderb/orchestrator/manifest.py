"""The manifest of a run: everything that decides its digest, and what computed it (M8).

The same manifest gives the same digest on any machine; a replay and a verification start from it.
"""

import functools
import hashlib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from sptraderb.candles.exchange_hours import exchange_table
from sptraderb.domain.backtest import BacktestRequest
from sptraderb.domain.bar_facts import NO_FACTS
from sptraderb.domain.candle import ASK_COLUMNS, PRICE_COLUMNS, Candles
from sptraderb.domain.fixed import text_from_ticks
from sptraderb.domain.instrument import Instrument
from sptraderb.domain.plan import Plan
from sptraderb.domain.terms import Terms

MANIFEST_VERSION = 1
_LIBRARIES = {"numpy": "numpy", "numba": "numba", "talib": "TA-Lib"}


def build_manifest(
    request: BacktestRequest,
    plan: Plan,
    candles: Candles,
    *,
    terms: Terms,
    n_warm_up: int,
) -> dict[str, object]:
    """Return a run's manifest as plain values.

    Parameters
    ----------
    request : BacktestRequest
        As accepted, with the pinned text.
    plan : Plan
        As compiled from it.
    candles : Candles
        As read, warm-up included.
    terms : Terms
        As simulated.
    n_warm_up : int
        Bars before the start.

    Returns
    -------
    dict
        JSON types only.
    """
    manifest: dict[str, object] = {
        "manifest_version": MANIFEST_VERSION,
        "engine": {"version": program_version(), "libraries": library_versions()},
        "strategy": {
            "name": request.strategy_name,
            "version": plan.version,
            "revision": request.strategy_revision,
            "sha256": hashlib.sha256(request.strategy_text.encode()).hexdigest(),
        },
        "parameters": dict(plan.parameters),
        "symbols": list(request.symbols),
        "timeframe": request.timeframe,
        "start_s": request.start_s,
        "end_s": request.end_s,
        "data": _data(candles, n_warm_up),
        "instruments": {candles.instrument.symbol: asdict(candles.instrument)},
        "instrument_overrides": {symbol: dict(words) for symbol, words in request.instruments.items()},
        "profile": request.profile,
        "mode": request.mode.value,
        "account_currency": request.account_currency or candles.instrument.quote,
        "leverage": request.leverage or None,
        "costs": asdict(plan.costs.overridden_by(request.costs)),
        "terms": _terms(terms),
        "money_decimals": terms.money_decimals,
        "calendar": _calendar(candles.instrument),
        "seed": request.seed,
    }
    plain: dict[str, object] = msgspec.to_builtins(manifest, str_keys=True)
    return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLeg:
    """One symbol of an account as its manifest needs it.

    Parameters
    ----------
    request : BacktestRequest
        The symbol's part of the request, with its costs.
    plan : Plan
        As compiled for it.
    candles : Candles
        As read, warm-up included.
    terms : Terms
        As simulated.
    n_warm_up : int
        Bars before the start.
    """

    request: BacktestRequest
    plan: Plan
    candles: Candles
    terms: Terms
    n_warm_up: int


def build_account_manifest(request: BacktestRequest, legs: Sequence[ManifestLeg]) -> dict[str, object]:
    """Return the manifest of an account: the first symbol's, with every symbol's facts beside it.

    Parameters
    ----------
    request : BacktestRequest
        As accepted, for all symbols.
    legs : sequence of ManifestLeg
        Each symbol, in order.
    """
    parts = {
        leg.candles.instrument.symbol: build_manifest(
            leg.request, leg.plan, leg.candles, terms=leg.terms, n_warm_up=leg.n_warm_up
        )
        for leg in legs
    }
    by_symbol = {
        f"{name}_by_symbol": {symbol: part[name] for symbol, part in parts.items()}
        for name in ("data", "costs", "terms", "calendar")
    }
    instruments = {leg.candles.instrument.symbol: asdict(leg.candles.instrument) for leg in legs}
    first = parts[request.symbols[0]]
    whole = {
        "symbols": list(request.symbols),
        "position_mode": request.position_mode.value,
        "instruments": instruments,
        **by_symbol,
    }
    plain: dict[str, object] = msgspec.to_builtins(first | whole, str_keys=True)
    return plain


def _terms(terms: Terms) -> dict[str, object]:
    """Return the terms without what is known of each bar, which follows from costs and candles."""
    block = asdict(replace(terms, facts=NO_FACTS))
    del block["facts"]
    return {**block, "capital": text_from_ticks(terms.capital_minor, terms.money_decimals)}


def _calendar(instrument: Instrument) -> dict[str, str]:
    facts = {"name": instrument.calendar_word, "tzdata": tzdata_version()}
    return facts | ({"exchange_calendars": exchange_table().library} if instrument.exchange else {})


def candles_hash(candles: Candles) -> str:
    """Return the SHA-256 of what was read: times, prices and volume, little-endian (hex).

    Notes
    -----
    About 40 ms for a million bars. An adopted table has no revision; this tells whether it changed.
    """
    digest = hashlib.sha256()
    for name in ("time_s", *PRICE_COLUMNS, *ASK_COLUMNS, "volume"):
        column = getattr(candles, name)
        if column is not None:
            digest.update(name.encode())
            digest.update(column.astype(column.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()


@functools.cache
def library_versions() -> Mapping[str, str]:
    """Return the versions of the libraries that compute."""
    return {word: _version(package) for word, package in _LIBRARIES.items()}


@functools.cache
def program_version() -> str:
    """Return the version of this program."""
    return _version("sptraderb")


@functools.cache
def tzdata_version() -> str:
    """Return the version of the time zone rules in force: the system's first, as ``zoneinfo`` looks."""
    for folder in map(Path, zoneinfo.TZPATH):
        listing = folder / "tzdata.zi"
        if listing.is_file():
            with listing.open(encoding="utf-8") as lines:
                return lines.readline().removeprefix("# version").strip()
        if (folder / "America" / "New_York").is_file():
            return f"system ({folder})"
    return _version("tzdata")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _data(candles: Candles, n_warm_up: int) -> dict[str, object]:
    return {
        "symbol": candles.instrument.symbol,
        "timeframe": candles.timeframe.name,
        "revision": candles.revision,
        "side": candles.instrument.side.value,
        "n_bars": len(candles),
        "n_warm_up": n_warm_up,
        "first_s": int(candles.time_s[0]) if len(candles) else None,
        "last_s": int(candles.time_s[-1]) if len(candles) else None,
        "sha256": candles_hash(candles),
    }
