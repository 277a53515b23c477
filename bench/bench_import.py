"""Answer: how long a CSV of 1,000,000 rows takes to import, and whether its size costs memory.

Each import runs in a process of its own, as ``sptraderb import`` does, against an embedded PostgreSQL with
fsync, into a database without candles: every row checked, stored, and 5m to 12h derived from it. Beside it
stand a plain pass over the same file (`csv` of the standard library, no checks, nothing stored) and the
processor time of importer and PostgreSQL, which other programs disturb least. Memory is the most the
importing process ever held, for 250,000 and 1,000,000 rows. Writes ``bench/results/DATE-import.json``.
"""

import asyncio
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.dated_results import peak_mb, write_results
from bench.million_rows import write_csv

from sptraderb.bootstrap import open_services
from sptraderb.candles.import_options import ImportOptions
from sptraderb.cli.surroundings import read_settings
from sptraderb.domain.timeframe import M1
from sptraderb.orchestrator.import_candles import import_candles

SIZES = (250_000, 1_000_000)
ROUNDS = 3
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print, write; with a file as argument, import that one and print the figures."""
    if len(sys.argv) > 1:
        print(json.dumps(asyncio.run(_import(Path(sys.argv[1]), Path(sys.argv[2])))))
        return
    load = os.getloadavg()[0]
    rows = []
    with tempfile.TemporaryDirectory(prefix="sptraderb-bench-") as name:
        folder = Path(name)
        # As root PostgreSQL runs as another user, who has to reach its files.
        folder.chmod(0o755)
        for n_rows in SIZES:
            path = write_csv(folder / f"EURUSD_1m_{n_rows}.csv", n_rows, timeframe=M1)
            rounds = [_in_own_process(path, folder / f"data-{n_rows}-{number}") for number in range(ROUNDS)]
            best = min(rounds, key=lambda found: float(found["wall_s"]))
            read_s = _plain_pass_s(path)
            rows.append(
                {"n_rows": n_rows, "mb": round(path.stat().st_size / 1e6), **best, "plain_csv_pass_s": read_s,
                 "ratio": round(best["wall_s"] / read_s, 2)}
            )  # fmt: skip
    assert __doc__ is not None
    found = {f"rows_{row['n_rows']}": row for row in rows}
    found["memory_ratio"] = round(rows[-1]["peak_mb"] / rows[0]["peak_mb"], 2)
    write_results("import", __doc__.splitlines()[0], found, load_before=load)


def _in_own_process(path: Path, data: Path) -> dict[str, Any]:
    data.mkdir(mode=0o755)
    done = subprocess.run(
        [sys.executable, "-m", "bench.bench_import", str(path), str(data)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # what was logged stands before
    return found


async def _import(path: Path, data: Path) -> dict[str, Any]:
    settings = read_settings(DATA_DIR=str(data), DATABASE_URL="", LOG_LEVEL="warn", DB_POOL_SIZE="1")
    async with open_services(settings) as services:
        backend = await services.pool.fetchval("SELECT pg_backend_pid()")
        own_s, server_s, began_s = time.process_time(), _spent_s(backend), time.perf_counter()
        phases: dict[str, float] = {}

        def note(phase: str, done: int, total: int) -> None:
            phases[phase] = round(time.perf_counter() - began_s, 2)

        report = await import_candles(
            services.pool, path, options=ImportOptions(side="bid"), on_progress=note
        )
        wall_s = time.perf_counter() - began_s
        assert report.n_kept == sum(1 for _ in path.open("rb")) - 1
        return {
            "wall_s": round(wall_s, 2),
            "importer_cpu_s": round(time.process_time() - own_s, 2),
            "postgresql_cpu_s": round(_spent_s(backend) - server_s, 2),
            "ended_s": phases,
            "peak_mb": peak_mb() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def _spent_s(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def _plain_pass_s(path: Path) -> float:
    began_s = time.perf_counter()
    with path.open(encoding="ascii", newline="") as file:
        for row in csv.reader(file):
            tuple(row)
    return round(time.perf_counter() - began_s, 2)


if __name__ == "__main__":
    main()
