"""Adopting and pruning by the command line, as an operator does it."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from sptraderb.domain.timeframe import H1
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines
from sptraderb.testing.platform_database import make_relation
from sptraderb.testing.programs import open_folder, start_program

HOURS = moving_candles(300, timeframe=H1)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a data folder; the test fails if anything of it still runs at the end."""
    with open_folder() as folder:
        yield folder


def told(data_dir: Path, url: str, *arguments: str) -> tuple[int, str]:
    """Run a command to its end; return exit code and what it said."""
    process = start_program(*arguments, data_dir=data_dir, given={"DATABASE_URL": url})
    said, _ = process.communicate(timeout=90)
    return process.returncode, said


async def test_commands_when_candles_are_adopted_then_they_say_what_is_whose(
    empty_database_url: str, data_dir: Path
) -> None:
    """Adopt, describe, be refused, make own, correct and prune: each command says what it did."""
    connection = await asyncpg.connect(empty_database_url)
    try:
        await make_relation(connection, HOURS)
    finally:
        await connection.close()
    url = empty_database_url
    code, said = told(data_dir, url, "candles", "adopt", "--symbol", "EURUSD", "--instrument", "pip_ticks=10")
    assert code == 0, said
    assert "public.forex_candles_1h (table) is adopted: 1 series, read as they are" in said
    code, said = told(data_dir, url, "candles", "quality", "EURUSD", "1h")
    assert (code, "300 bars" in said) == (0, True), said
    files = [
        write_lines(
            data_dir / f"EURUSD_1h_{seed}.csv", csv_lines(moving_candles(200, timeframe=H1, seed=seed))
        )
        for seed in (2, 3)
    ]
    code, said = told(data_dir, url, "import", str(files[0]))
    assert (code, "import.series_adopted" in said, "--own" in said) == (2, True, True), said
    code, said = told(data_dir, url, "import", "--own", *map(str, files))
    assert code == 0, said
    code, said = told(data_dir, url, "candles", "prune", "--keep-days", "0")
    assert (code, "EURUSD 1h: 0 replaced candles deleted, 200 kept" in said) == (0, True), said
    code, said = told(data_dir, url, "candles", "prune", "--keep-days", "-1")
    assert (code, "prune.bad_days" in said) == (2, True), said
