"""Answer: how long reads of candles take, from the store and over HTTP, and what /health says meanwhile.

Starts the real server (``sptraderb serve``: API, one worker, embedded PostgreSQL with fsync) in a folder of
its own, imports 1,000,000 bars of 1m and 210,000 of 5m, and measures as a client on loopback:

- reading all of the million into arrays: from PostgreSQL, into the disk cache, and from it; beside the bare
  COPY of the same rows that throws them away (`ratio`);
- 1,000 bars of a page, beside /health on the same connection (`ratio`);
- 210,000 bars as JSON, gzipped JSON, CSV, Arrow and Parquet, with the most memory of its own the API held;
- 1,000 bars of 3m, made on the way out of the million;
- /health while two others stream the whole million over and over in each form, and 3m made of it, beside
  /health alone.

Client and server share the machine. Writes ``bench/results/DATE-candles.json``.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.dated_results import Watch, figures, own_mb, write_results
from bench.http_probe import Probe
from bench.million_rows import write_csv

from sptraderb.bootstrap import Services, open_services
from sptraderb.candles.import_options import ImportOptions
from sptraderb.cli.api_client import ApiClient
from sptraderb.cli.demo_server import DemoServer, start_demo_server
from sptraderb.cli.surroundings import read_settings
from sptraderb.domain.timeframe import M1, M5
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.settings import Settings
from sptraderb.store.candle_rows import read_candles

N_MINUTES, N_FIVES = 1_000_000, 210_000
N_PAGES, N_HEALTH = 400, 2_000
STREAM_S = 9.0
MINUTES = "/api/candles?symbol=EURUSD&timeframe=1m"
THREES = "/api/candles?symbol=EURUSD&timeframe=3m"
FIVES = "/api/candles?symbol=GBPUSD&timeframe=5m"
_PLAIN = {"Accept_Encoding": "identity"}
_COPY = """SELECT time, open, high, low, close, volume FROM sptraderb.candles_1m
WHERE instrument_id = (SELECT id FROM sptraderb.instruments WHERE symbol = 'EURUSD') ORDER BY time"""


def main() -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="sptraderb-bench-") as folder:
        # As root PostgreSQL runs as another user, who has to reach its files.
        Path(folder).chmod(0o755)
        settings = read_settings(DATA_DIR=folder, DATABASE_URL="", HOST="127.0.0.1", LOG_LEVEL="warn")
        found = asyncio.run(_measure(settings, Path(folder)))
    assert __doc__ is not None
    write_results("candles", __doc__.splitlines()[0], found, load_before=load)


async def _measure(settings: Settings, folder: Path) -> dict[str, Any]:
    server = await start_demo_server(settings, keep=False)
    try:
        async with ApiClient(server.address) as client:
            await server.wait_until_ready(client)
        async with open_services(settings) as services:
            await _fill(services, folder)
            found = await _reads(services)
        place = urlsplit(server.address)
        assert place.hostname is not None
        assert place.port is not None
        return found | await _served(server, place.hostname, place.port)
    finally:
        await server.end()


async def _fill(services: Services, folder: Path) -> None:
    for symbol, timeframe, n_bars in (("EURUSD", M1, N_MINUTES), ("GBPUSD", M5, N_FIVES)):
        path = write_csv(folder / f"{symbol}_{timeframe}.csv", n_bars, timeframe=timeframe)
        await import_candles(services.pool, path, options=ImportOptions(side="bid"))
        path.unlink()
    await services.pool.execute("VACUUM ANALYZE")


async def _reads(services: Services) -> dict[str, Any]:
    pool, cache = services.pool, services.candle_cache

    async def drop(data: bytes) -> None:
        pass

    async def bare_copy() -> None:
        await pool.copy_from_query(_COPY, output=drop, format="binary")

    bare = await _timed(5, bare_copy)
    copied = await _timed(5, lambda: read_candles(pool, "EURUSD", M1))
    first = await _timed(1, lambda: read_candles(pool, "EURUSD", M1, cache=cache))
    mapped = await _timed(200, lambda: read_candles(pool, "EURUSD", M1, cache=cache))
    return {
        "million_bare_copy": bare,
        "million_by_copy": {**copied, "ratio": round(copied["p50_ms"] / bare["p50_ms"], 2)},
        "million_into_cache": {**first, "ratio": round(first["p50_ms"] / bare["p50_ms"], 2)},
        "million_from_cache": mapped,
    }


async def _served(server: DemoServer, host: str, port: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pid = server.process.pid
    async with Probe(host, port) as probe:
        health = figures([(await probe.get("/health"))[0] for _ in range(N_HEALTH)])
        found["health_alone"] = health
        pages = figures([(await probe.get(f"{MINUTES}&limit=1000", **_PLAIN))[0] for _ in range(N_PAGES)])
        found["page_of_1000"] = {**pages, "ratio": round(pages["p50_ms"] / health["p50_ms"], 1)}
        made = figures([(await probe.get(f"{THREES}&limit=1000", **_PLAIN))[0] for _ in range(N_PAGES)])
        found["page_of_1000_made"] = {**made, "ratio": round(made["p50_ms"] / health["p50_ms"], 1)}
        await probe.get(FIVES, **_PLAIN)
        before_mb = own_mb(pid)
        for word, query, headers in (
            ("json", "", _PLAIN),
            ("json_gzip", "", {"Accept_Encoding": "gzip"}),
            ("csv", "&format=csv", _PLAIN),
            ("arrow", "&format=arrow", _PLAIN),
            ("parquet", "&format=parquet", _PLAIN),
        ):
            async with Watch(pid) as watch:
                answers = [await probe.get(FIVES + query, **headers) for _ in range(6)]
            found[f"range_{word}"] = {
                "first_ms": round(answers[0][0] * 1000, 1),
                **figures([seconds for seconds, _ in answers[1:]]),
                "bytes": answers[0][1],
                "own_mb": watch.most_mb,
            }
        found["own_mb"] = {"before_ranges": before_mb}
        for word, query in (("json", ""), ("arrow", "&format=arrow")):
            async with Watch(pid) as watch:
                await probe.get(MINUTES + query, **_PLAIN)
            found["own_mb"][f"million_as_{word}"] = watch.most_mb
    for word, path in (
        ("json", MINUTES),
        ("json_gzip", MINUTES),
        ("csv", MINUTES + "&format=csv"),
        ("arrow", MINUTES + "&format=arrow"),
        ("parquet", MINUTES + "&format=parquet"),
        ("made", THREES),
    ):
        async with Watch(pid) as watch:
            encoding = "gzip" if word == "json_gzip" else "identity"
            beside = await _beside_streams(host, port, path, encoding, health)
        found[f"health_beside_two_{word}"] = {**beside, "own_mb": watch.most_mb}
    return found


async def _beside_streams(
    host: str, port: int, path: str, encoding: str, alone: dict[str, float]
) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.http_probe", host, str(port), path, str(STREAM_S), encoding]
    readers = [
        await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
        for _ in range(2)
    ]
    await asyncio.sleep(1.0)
    spent = []
    async with Probe(host, port) as probe:
        ends_s = time.perf_counter() + STREAM_S - 3.0
        while time.perf_counter() < ends_s:
            spent.append((await probe.get("/health"))[0])
            await asyncio.sleep(0.002)
    streamed = [int((await reader.communicate())[0]) for reader in readers]
    found = figures(spent)
    return {
        **found,
        "ratio": round(found["p99_ms"] / alone["p99_ms"], 1),
        "ranges_streamed": sum(streamed),
    }


async def _timed(n_times: int, work: Callable[[], Awaitable[object]]) -> dict[str, float]:
    spent = []
    for _ in range(n_times):
        began_s = time.perf_counter()
        await work()
        spent.append(time.perf_counter() - began_s)
    return figures(spent)


if __name__ == "__main__":
    main()
