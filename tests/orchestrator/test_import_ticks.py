"""Parts of ticks in the store: minutes with bid and ask, whatever the parts' overlap."""

from dataclasses import replace
from pathlib import Path

import pytest

from sptraderb.candles.import_options import ImportOptions
from sptraderb.cli.import_command import telling_name
from sptraderb.cli.tick_parts import joined_parts
from sptraderb.domain.instrument import CandleSide
from sptraderb.domain.timeframe import M1, M5
from sptraderb.errors import InvalidInput
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store.candle_rows import read_candles
from sptraderb.store.pool import Pool

TICKS = Path("raw_samples") / "ticks_json" / "ticks"


async def test_import_when_a_folder_of_real_parts_then_minutes_of_both_sides(
    pool: Pool, shared_data: Path
) -> None:
    """A day's parts become one series with bid and ask, coarser ones derived; again changes nothing."""
    folder = shared_data / TICKS / "EURUSD" / "2025" / "08" / "24"
    with joined_parts([folder]) as ((path, name),):
        options = replace(ImportOptions(), file_name=name)
        report = await import_candles(pool, path, options=options)
        again = await import_candles(pool, path, options=options)
    assert (report.symbol, report.format, report.side, report.n_refused) == ("EURUSD", "ticks", "both", 0)
    assert again.unchanged
    candles = await read_candles(pool, "EURUSD", M1)
    assert candles.instrument.side is CandleSide.BOTH
    assert len(candles.time_s) == report.n_kept > 50
    assert int((await read_candles(pool, "EURUSD", M5)).volume.sum()) == int(candles.volume.sum())


def test_folder_when_it_holds_no_part_then_refused(tmp_path: Path) -> None:
    """A folder without JSON files is named."""
    with pytest.raises(InvalidInput) as refused, joined_parts([tmp_path]):
        pass
    assert refused.value.code == "import.file_empty"


def test_files_when_no_folder_then_as_they_are(tmp_path: Path) -> None:
    """A file is handed on untouched, with no other name."""
    file = tmp_path / "a.csv"
    with joined_parts([file]) as joined:
        assert joined == [(file, "")]


async def test_part_when_imported_alone_then_its_folders_say_the_symbol(
    pool: Pool, shared_data: Path
) -> None:
    """One part of a day needs no flag: AUDUSD is the name of a folder it lies in."""
    path = next((shared_data / "raw_samples/ticks_json/ticks/AUDUSD/2024/01/01").glob("*.json"))
    options = ImportOptions(file_name=telling_name(path))
    report = await import_candles(pool, path, options=options)
    assert (report.format, report.symbol, report.timeframe, report.side) == ("ticks", "AUDUSD", "1m", "both")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/x/EURUSD/GBPUSD_1h.csv", "GBPUSD_1h.csv"),
        ("/x/EURUSD/1h.csv", "x_EURUSD_1h.csv"),
        ("/nowhere/known/table.csv", "table.csv"),
    ],
)
def test_name_when_it_says_no_symbol_then_the_folders_are_asked(path: str, name: str) -> None:
    """The file's own name wins; folders that say nothing are left out."""
    assert telling_name(Path(path)) == name
