"""Answer: how long from a POST to the results, and how long does a read of candles take.

Starts the real server (``sptraderb serve``: API, one worker, embedded PostgreSQL with fsync) in a folder of
its own, imports the sample (EURUSD 1h 2017, 5,000 bars) and measures as a client on loopback. The first run
after the start (template forked, kernels loaded, candles not yet in the disk cache) is told apart from the
warm ones. A machine busy with something else says so by its load average. Writes
``bench/results/DATE-server.json`` with machine and commit.
"""

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from sptraderb.bootstrap import open_services
from sptraderb.candles.import_options import ImportOptions
from sptraderb.cli.api_client import ApiClient
from sptraderb.cli.demo_command import CANDLES, DEMO_DATA, REQUEST
from sptraderb.cli.demo_server import start_demo_server
from sptraderb.cli.surroundings import read_settings
from sptraderb.domain.timeframe import H1
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.settings import Settings
from sptraderb.store.candle_rows import read_candles

STRATEGY = "ema_trend"
STRATEGY_FILE = DEMO_DATA / f"{STRATEGY}.yaml"
N_RUNS = 40
N_READS = 200
RESULTS = Path(__file__).with_name("results")
_FAST = {"headers": {"accept-encoding": "identity"}}


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory(prefix="sptraderb-bench-") as folder:
        # As root PostgreSQL runs as another user, who has to reach its files.
        Path(folder).chmod(0o755)
        settings = read_settings(DATA_DIR=folder, DATABASE_URL="", HOST="127.0.0.1", LOG_LEVEL="warn")
        _write(asyncio.run(_measure(settings)))


async def _measure(settings: Settings) -> dict[str, Any]:
    server = await start_demo_server(settings, keep=False)
    try:
        async with ApiClient(server.address) as client:
            await server.wait_until_ready(client)
            figures = await _store_reads(settings)
            await client.save_strategy(STRATEGY, STRATEGY_FILE.read_text(encoding="utf-8"))
        async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=60.0) as http:
            return figures | await _runs(http) | await _api_reads(http)
    finally:
        await server.end()


async def _store_reads(settings: Settings) -> dict[str, Any]:
    async with open_services(settings) as services:
        options = ImportOptions(symbol="EURUSD", timeframe="1h", timezone="UTC", side="ask")
        began_s = time.perf_counter()
        report = await import_candles(services.pool, CANDLES, options=options)
        import_ms = (time.perf_counter() - began_s) * 1000
        cache = services.candle_cache
        copied = await _timed(20, lambda: read_candles(services.pool, "EURUSD", H1))
        await read_candles(services.pool, "EURUSD", H1, cache=cache)
        mapped = await _timed(20, lambda: read_candles(services.pool, "EURUSD", H1, cache=cache))
        return {
            "bars": report.n_kept,
            "import_ms": round(import_ms, 1),
            "read_all_by_copy": copied,
            "read_all_from_cache": mapped,
        }


async def _runs(http: httpx.AsyncClient) -> dict[str, Any]:
    body = {"strategy_name": STRATEGY, **REQUEST}
    posts, totals, fetches = [], [], []
    for _ in range(N_RUNS + 1):
        began_s = time.perf_counter()
        answer = await http.post("/api/backtest/run", json=body)
        answer.raise_for_status()
        posts.append(time.perf_counter() - began_s)
        run = answer.json()["backtest_id"]
        while (await http.get(f"/api/backtest/{run}/status")).json()["status"] == "running":
            await asyncio.sleep(0.002)
        asked_s = time.perf_counter()
        results = await http.get(f"/api/backtest/{run}/results")
        results.raise_for_status()
        totals.append(time.perf_counter() - began_s)
        fetches.append(time.perf_counter() - asked_s)
    return {
        "first_post_to_results_ms": round(totals[0] * 1000, 1),
        "post_answer": _figures(posts[1:]),
        "post_to_results": _figures(totals[1:]),
        "results_fetch": _figures(fetches[1:]),
        "result_bytes": len(results.content),
        "trades": results.json()["total_trades"],
    }


async def _api_reads(http: httpx.AsyncClient) -> dict[str, Any]:
    def _get(path: str) -> Callable[[], Awaitable[object]]:
        return lambda: http.get(path, **_FAST)

    candles = "/api/candles?symbol=EURUSD&timeframe=1h"
    return {
        "health": await _timed(N_READS, _get("/health")),
        "status": await _timed(N_READS, _get("/api/backtest?limit=1")),
        "candles_1000": await _timed(N_READS, _get(f"{candles}&limit=1000")),
        "candles_year": await _timed(50, _get(candles)),
    }


async def _timed(n_times: int, work: Callable[[], Awaitable[object]]) -> dict[str, float]:
    spent = []
    for _ in range(n_times):
        began_s = time.perf_counter()
        await work()
        spent.append(time.perf_counter() - began_s)
    return _figures(spent)


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "n": len(ordered),
        "p50_ms": round(statistics.median(ordered) * 1000, 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 2),
    }


def _write(figures: Mapping[str, Any]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = {
        "processor": _processor(),
        "cores": _cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average_1m": round(os.getloadavg()[0], 1),
    }
    now = datetime.now(tz=UTC)
    document = {"question": __doc__.splitlines()[0], "at": now.isoformat(timespec="seconds")}
    document |= {"commit": commit, "machine": machine, "figures": dict(figures)}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-server.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for name, value in figures.items():
        print(f"{name:26} {value}")
    print(f"written to {path}", file=sys.stderr)


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    names = (
        [line for line in facts.read_text().splitlines() if line.startswith("model name")]
        if facts.exists()
        else []
    )
    return names[0].partition(":")[2].strip() if names else platform.processor()


def _cores() -> int:
    facts = Path("/proc/cpuinfo")
    return facts.read_text().count("processor\t") if facts.exists() else 0


if __name__ == "__main__":
    main()
