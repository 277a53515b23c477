"""Which symbols a request runs, how their positions live in one account, and what is stated for one alone."""

import re
from collections.abc import Collection, Mapping, Sequence

from sptraderb.api.request_costs import CostsPayload, costs_of
from sptraderb.domain.backtest import PositionMode, require_symbols
from sptraderb.domain.costs import Costs
from sptraderb.errors import Fault, InvalidInput

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,31}")


def symbols_of(symbol: str | None, symbols: Sequence[str] | None) -> tuple[str, ...]:
    """Return the symbols of a run in the order of the request.

    Parameters
    ----------
    symbol : str or None
        The only one; or
    symbols : sequence of str or None
        one or several.

    Raises
    ------
    InvalidInput
        ``run.one_symbol`` where neither or both are given, ``run.bad_symbol``, ``run.duplicate_symbol``,
        ``run.too_many_symbols``.
    """
    given = [*([symbol] if symbol is not None else []), *(symbols or [])]
    if not given or (symbol is not None and symbols):
        raise InvalidInput(
            "run.one_symbol",
            f"`symbol`, or `symbols` for several, must be given, {'both' if given else 'none'} were",
            hint='"symbols": ["EURUSD", "GBPUSD"] share one account',
        )
    found = tuple(text.strip() for text in given)
    for text in found:
        if not _SYMBOL.fullmatch(text):
            raise InvalidInput(
                "run.bad_symbol",
                f"a symbol must be 1..32 letters, digits, `.`, `_`, `/`, `-`, was `{text[:40]}`",
            )
    require_symbols(found)
    return found


def position_mode_of(word: str | None) -> PositionMode:
    """Return the position mode a word names, netting without one.

    Raises
    ------
    InvalidInput
        ``run.unknown_position_mode``.
    """
    if word is None:
        return PositionMode.NETTING
    try:
        return PositionMode(word.strip().lower())
    except ValueError:
        known = ", ".join(PositionMode)
        raise InvalidInput(
            "run.unknown_position_mode",
            f"`position_mode` must be one of {known}, was `{word[:40]}`",
            available=list(PositionMode),
        ) from None


def symbol_costs_of(
    payload: Mapping[str, CostsPayload] | None, symbols: Collection[str], faults: list[Fault]
) -> dict[str, Costs]:
    """Return the costs stated for single symbols; what is wrong with them is added to ``faults``."""
    found = {}
    for symbol, costs in (payload or {}).items():
        path = f"symbol_costs.{symbol[:40]}"
        if symbols and symbol not in symbols:
            faults.append(_not_run(symbol, symbols, path))
        found[symbol] = costs_of(costs, faults, path=path)
    return found


def check_overrides(instruments: Mapping[str, object], symbols: Collection[str], faults: list[Fault]) -> None:
    """Add a fault for each instrument that is overridden and not run, where several are."""
    if len(symbols) > 1:
        unknown = [symbol for symbol in instruments if symbol not in symbols]
        faults += [_not_run(symbol, symbols, f"instruments.{symbol[:40]}") for symbol in unknown]


def _not_run(symbol: str, symbols: Collection[str], path: str) -> Fault:
    return Fault(
        code="run.symbol_not_run",
        message=f"`{path}` must be one of the run's symbols, `{symbol[:40]}` is not",
        path=path,
        hint=f"they are {', '.join(symbols)}",
    )
