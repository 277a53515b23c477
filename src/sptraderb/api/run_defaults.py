"""What a request for a run leaves out and its strategy's `backtest` block states."""

from collections.abc import Mapping

import msgspec

from sptraderb.api.payload_reading import fault_of, invalid_body, read_payload
from sptraderb.api.payloads import OLD_RUN_KEYS, RunPayload, missing_key, to_domain
from sptraderb.domain.backtest import BacktestRequest
from sptraderb.errors import InvalidInput, StrategyInvalid
from sptraderb.store import strategy_rows
from sptraderb.store.pool import Pool
from sptraderb.strategy.header import listed_symbols, read_backtest_defaults

_NEEDED = ("timeframe", "start_date", "end_date", "initial_capital")
_KEYS = (*_NEEDED, "account_currency", "leverage", "position_mode")


def read_run_request(body: bytes) -> BacktestRequest:
    """Return the normalised request of a run's JSON body that holds its strategy, or needs nothing of it.

    Raises
    ------
    InvalidInput
        ``body.invalid`` with a fault for each thing wrong.
    """
    payload = _read(body)
    return to_domain(with_defaults(payload, payload.strategy or ""))


async def complete_run_request(body: bytes, pool: Pool, *, owner: str) -> BacktestRequest:
    """Return the normalised request of a run's JSON body, completed from a strategy that is only named.

    Parameters
    ----------
    body : bytes
        JSON.
    pool : Pool
        Where the strategy is read.
    owner : str
        Whose strategies count.

    Raises
    ------
    InvalidInput
        ``body.invalid`` with a fault for each thing wrong.
    NotFound
        ``strategy.unknown``.
    """
    payload = _read(body)
    name = (payload.strategy_name or "").strip()
    if payload.strategy is not None or not name or not _lacks_something(payload):
        return read_run_request(body)
    stored = await strategy_rows.read_strategy(pool, name, owner=owner)
    return to_domain(with_defaults(payload, stored.text or ""))


def _read(body: bytes) -> RunPayload:
    """Return the payload; where its keys or types are wrong, what is missing is told with them."""
    try:
        return read_payload(body, RunPayload, old_keys=OLD_RUN_KEYS)
    except InvalidInput as error:
        if error.code != "body.invalid":
            raise
        given = msgspec.json.decode(body, type=dict[str, object])
        if isinstance(given.get("strategy_name"), str):
            raise
        text = given.get("strategy")
        stated = _stated_in(text if isinstance(text, str) else "")
        missing = [
            fault_of(missing_key(key), key) for key in _NEEDED if key not in given and key not in stated
        ]
        raise invalid_body([*error.faults, *missing]) from None


def _stated_in(text: str) -> Mapping[str, str]:
    """Return what a strategy's `backtest` block states; nothing where it cannot be read."""
    try:
        return read_backtest_defaults(text) if text else {}
    except StrategyInvalid:
        return {}


def _lacks_something(payload: RunPayload) -> bool:
    has_symbol = payload.symbol is not None or payload.symbols is not None
    return not has_symbol or any(getattr(payload, key) is None for key in _KEYS)


def with_defaults(payload: RunPayload, text: str) -> RunPayload:
    """Return a payload with what it leaves out taken from a strategy's `backtest` block.

    Parameters
    ----------
    payload : RunPayload
        What was sent; what it states wins.
    text : str
        The strategy; one that cannot be read states nothing, its faults are told elsewhere.
    """
    stated = _stated_in(text)
    found: dict[str, str | list[str]] = {
        key: stated[key] for key in _KEYS if key in stated and getattr(payload, key) is None
    }
    if payload.symbol is None and payload.symbols is None:
        if "symbol" in stated:
            found["symbol"] = stated["symbol"]
        if "symbols" in stated:
            found["symbols"] = listed_symbols(stated["symbols"])
    return msgspec.structs.replace(payload, **found)
