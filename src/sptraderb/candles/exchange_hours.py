"""Sessions of exchanges, from the table that `tools/exchange_sessions.py` makes with `exchange_calendars`.

The library itself loads pandas, three seconds and 84 MB, so no process of ours imports it; the table is 21 kB
and says which release it is from. An exchange goes by its MIC (``XNYS``) or a usual name (``NYSE``).
"""

import json
import lzma
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from sptraderb.domain.calendar import Int64Array

_FILE = "exchange_data/sessions.xz"
_MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExchangeTable:
    """Open intervals of all exchanges.

    Parameters
    ----------
    library : str
        Release of `exchange_calendars` they are from.
    names : dict of str to str
        MIC by MIC and by every other name.
    sessions : dict of str to ndarray of shape (n, 2), dtype=int64
        Opening and closing moments by MIC, Unix seconds, ascending; a break at noon makes two of a day.
    """

    library: str
    names: dict[str, str]
    sessions: dict[str, Int64Array]


@lru_cache(maxsize=1)
def exchange_table() -> ExchangeTable:
    """Return the table; read once in a process, 30 milliseconds."""
    packed = resources.files("sptraderb.candles").joinpath(_FILE).read_bytes()
    head_text, _, body = lzma.decompress(packed).partition(b"\n")
    head = json.loads(head_text)
    steps = np.frombuffer(body, dtype="<i4")
    names: dict[str, str] = {}
    sessions: dict[str, Int64Array] = {}
    begin = 0
    for one in head["exchanges"]:
        part = steps[begin : begin + 2 * one["n"]]
        begin += 2 * one["n"]
        sessions[one["name"]] = np.cumsum(part, dtype=np.int64).reshape(-1, 2) * _MINUTE_S
        names |= dict.fromkeys((one["name"], *one["aliases"]), one["name"])
    return ExchangeTable(library=head["library"], names=names, sessions=sessions)


def find_exchange(name: str) -> str | None:
    """Return the MIC of an exchange by any of its names, None for an unknown one."""
    return exchange_table().names.get(name.strip().upper())


def sessions_of(mic: str) -> Int64Array:
    """Return when an exchange opens and closes.

    Parameters
    ----------
    mic : str
        As `find_exchange` gives it.

    Returns
    -------
    ndarray of shape (n, 2), dtype=int64
        Unix seconds, ascending.
    """
    return exchange_table().sessions[mic]
