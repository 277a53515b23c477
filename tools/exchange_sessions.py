"""Write the sessions of exchanges as the package ships them: ``python tools/exchange_sessions.py``.

Asks ``exchange_calendars`` (a dependency of development only: it loads pandas) for every exchange it knows
and writes ``src/sptraderb/candles/exchange_data/sessions.xz``: a line of JSON, then the open intervals of
each exchange in its order, as differences of minutes since 1970. Run it again when the library is new.
"""

import json
import lzma
import sys
import warnings
from pathlib import Path
from typing import Any

import exchange_calendars
import numpy as np

FIRST, LAST = "2000-01-01", "2027-12-31"
TARGET = Path(__file__).resolve().parents[1] / "src/sptraderb/candles/exchange_data/sessions.xz"


def main() -> None:
    """Write the file and say what could not be had."""
    heads: list[dict[str, Any]] = []
    parts = []
    for name in sorted(exchange_calendars.get_calendar_names(include_aliases=False)):
        if not name.isalpha():
            continue  # "24/5" and "24/7" are no exchanges
        try:
            minutes = open_minutes(name)
        except (NotImplementedError, ValueError) as error:
            print(f"{name} left out: {str(error)[:90]}", file=sys.stderr)
            continue
        heads.append({"name": name, "n": len(minutes), "aliases": aliases_of(name)})
        parts.append(np.diff(minutes.ravel(), prepend=0).astype("<i4").tobytes())
    head = {"library": exchange_calendars.__version__, "exchanges": heads}
    data = json.dumps(head, separators=(",", ":")).encode() + b"\n" + b"".join(parts)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(heads)} exchanges, {TARGET.stat().st_size:,} bytes")


def open_minutes(name: str) -> np.ndarray:
    """Return when an exchange opens and closes, breaks left out: minutes since 1970, shape (n, 2)."""
    first, last = FIRST, LAST
    kind = type(exchange_calendars.get_calendar(name))
    if kind.bound_min() is not None:
        first = max(first, str(kind.bound_min().date()))
    if kind.bound_max() is not None:
        last = min(last, str(kind.bound_max().date()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = exchange_calendars.get_calendar(name, start=first, end=last).schedule
    opened, rested, resumed, closed = (
        schedule[column].astype("datetime64[s, UTC]").astype("int64").to_numpy() // 60
        for column in ("open", "break_start", "break_end", "close")
    )
    with_break = ~schedule["break_start"].isna().to_numpy()
    starts = np.concatenate([opened, resumed[with_break]])
    ends = np.concatenate([np.where(with_break, rested, closed), closed[with_break]])
    order = np.argsort(starts, kind="stable")
    return np.stack([starts, ends], axis=1)[order]


def aliases_of(name: str) -> list[str]:
    """Return other names of an exchange, such as NYSE of XNYS."""
    return sorted(exchange_calendars.names_to_aliases().get(name, []))


if __name__ == "__main__":
    main()
