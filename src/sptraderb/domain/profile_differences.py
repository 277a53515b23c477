"""The same run under several fill profiles, side by side: figures in a row, trades matched one by one.

Place: last step of a run that names several profiles. It compares result documents, so it knows no
engine; what it calls equal is equal in every column a trade is served with.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

Block = dict[str, object]
Document = Mapping[str, object]

FIGURES = (
    "end_capital",
    "total_pnl",
    "total_trades",
    "winning_trades",
    "losing_trades",
    "max_drawdown",
    "sharpe_ratio",
)
"""Figures of the head of a result that the table shows."""
_ENTRY = ("symbol", "side", "entry_time", "entry_price")
_EXIT = ("exit_time", "exit_price", "exit_reason", "quantity")


def profile_differences(results: Mapping[str, Document]) -> Block:
    """Return the difference table of a run's profiles.

    Parameters
    ----------
    results : mapping of str to mapping
        Result documents by profile, the one the run is named after first.

    Returns
    -------
    dict
        ``profiles``: their names; ``figures``: a row each of ``name``, ``values`` by profile and
        ``differs``; ``trades``: for every profile but the first ``n_trades``, ``exact`` (equal in symbol,
        side, times, prices, quantity and reason), ``same_entry`` (equal entries, other exits), ``only_here``,
        ``only_first``, and ``first_difference``, the entry time of the first trade without an exact match.
    """
    names = list(results)
    first = results[names[0]]
    return {
        "profiles": names,
        "figures": [_row(name, results) for name in FIGURES],
        "trades": [{"profile": name, **_matched(first, results[name])} for name in names[1:]],
    }


def _row(name: str, results: Mapping[str, Document]) -> Block:
    values = {profile: document.get(name) for profile, document in results.items()}
    distinct = {repr(value) for value in values.values()}
    return {"name": name, "values": values, "differs": len(distinct) > 1}


def _matched(first: Document, other: Document) -> Block:
    theirs, ours = _trades(first), _trades(other)
    exact = Counter(_key(trade, (*_ENTRY, *_EXIT)) for trade in theirs)
    unmatched = []
    n_exact = 0
    for trade in ours:
        key = _key(trade, (*_ENTRY, *_EXIT))
        if exact[key]:
            exact[key] -= 1
            n_exact += 1
        else:
            unmatched.append(trade)
    entries = Counter({_entry_of(key): 0 for key in exact})
    for key, count in exact.items():
        entries[_entry_of(key)] += count
    same_entry = 0
    for trade in unmatched:
        key = _key(trade, _ENTRY)
        if entries[key]:
            entries[key] -= 1
            same_entry += 1
    return {
        "n_trades": len(ours),
        "exact": n_exact,
        "same_entry": same_entry,
        "only_here": len(unmatched) - same_entry,
        "only_first": len(theirs) - n_exact - same_entry,
        "first_difference": unmatched[0]["entry_time"] if unmatched else None,
    }


def _trades(document: Document) -> Sequence[Mapping[str, object]]:
    trades = document.get("completed_trades")
    return trades if isinstance(trades, list) else ()


def _key(trade: Mapping[str, object], names: Sequence[str]) -> tuple[object, ...]:
    return tuple(trade.get(name) for name in names)


def _entry_of(key: tuple[object, ...]) -> tuple[object, ...]:
    return key[: len(_ENTRY)]
