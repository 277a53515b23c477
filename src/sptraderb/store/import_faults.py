"""What imports found in the files a series was made of: duplicates, crossed prices, refused rows, by kind.

A stored series cannot hold them any more, so its quality is told with what was left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sptraderb.domain.timeframe import STORED, Timeframe
from sptraderb.store.pool import Database
from sptraderb.store.sql import load_queries

_QUERIES = load_queries("import_faults")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFaults:
    """Rows of the files that were not simply kept.

    Parameters
    ----------
    n_files : int
        Imports that changed the series or a finer one of the symbol.
    n_read : int
        Rows they read.
    rows : mapping of str to int
        Rows by the words of the import report, such as ``duplicate`` and ``bid_over_ask``, most first.
    """

    n_files: int
    n_read: int
    rows: Mapping[str, int]


async def read_import_faults(database: Database, symbol: str, timeframe: Timeframe) -> ImportFaults:
    """Return what was found in the files of a symbol's series up to a timeframe.

    Parameters
    ----------
    database : Pool or Connection
        Where to read.
    symbol : str
        Exact symbol.
    timeframe : Timeframe
        Of the series; files of finer ones count, since it may be made of them.
    """
    names = [one.name for one in STORED if one <= timeframe]
    totals = await database.fetchrow(_QUERIES["totals"], symbol, names)
    assert totals is not None
    kinds = await database.fetch(_QUERIES["by_kind"], symbol, names)
    return ImportFaults(
        n_files=totals["n_files"],
        n_read=totals["n_read"],
        rows={row["code"]: row["n_rows"] for row in kinds},
    )
