"""Two API processes, a worker and imports at once: no read is stale, and none mixes two revisions."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from sptraderb.candles.resample import resample
from sptraderb.cli.listening_socket import free_port
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.timeframe import H1, M5, Timeframe
from sptraderb.orchestrator.manifest import candles_hash
from sptraderb.testing.candle_files import csv_lines, moving_candles, write_lines
from sptraderb.testing.eventually import eventually
from sptraderb.testing.programs import open_folder, start_program

HOST = "127.0.0.1"
N_VERSIONS = 4
STEP_TICKS = 100
FIRST = moving_candles(3_000, timeframe=M5)
STRATEGY = """\
name: crossover
indicators:
  fast: sma(close, 5)
  slow: sma(close, 20)
entry:
  long:
    when: crosses_above(fast, slow)
    size: 50%
exit:
  stop_loss: 0.2%
"""


def version(number: int) -> Candles:
    """Return the candles of a version: the first ones, every price moved by so many steps."""
    moved = {name: getattr(FIRST, name) + number * STEP_TICKS for name in PRICE_COLUMNS}
    return replace(FIRST, **moved)


VERSIONS = [version(number) for number in range(N_VERSIONS)]
CLOSES = {
    (timeframe, number): [ticks / 1e5 for ticks in resample(bars, timeframe).close_ticks.tolist()]
    if timeframe != M5
    else [ticks / 1e5 for ticks in bars.close_ticks.tolist()]
    for timeframe in (M5, H1)
    for number, bars in enumerate(VERSIONS)
}


@dataclass
class Watch:
    """What has been committed, and what readers saw.

    Parameters
    ----------
    committed : int
        Newest version whose import has ended.
    tags : dict
        Version by ETag.
    n_reads, n_unchanged : int
        Whole answers, and answers 304.
    """

    committed: int = 0
    is_over: bool = False
    tags: dict[str, int] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    n_reads: int = 0
    n_unchanged: int = 0


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a data folder; the test fails if anything of it still runs at the end."""
    with open_folder() as folder:
        yield folder


@asynccontextmanager
async def programs(data_dir: Path, given: dict[str, str]) -> AsyncIterator[list[str]]:
    """Start two API processes and a worker; give the addresses of the two."""
    ports = [free_port(HOST) for _ in range(2)]
    started = [
        start_program("serve", "--no-worker", "--port", str(port), data_dir=data_dir, given=given)
        for port in ports
    ]
    started.append(start_program("worker", "--concurrency", "1", data_dir=data_dir, given=given))
    addresses = [f"http://{HOST}:{port}" for port in ports]
    try:
        for address in addresses:
            await eventually(partial(_is_ready, address), within_s=60)
        yield addresses
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            process.communicate(timeout=40)


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _import_now(data_dir: Path, given: dict[str, str], file: Path) -> None:
    """Import a file by the command line, in a process of its own."""
    process = start_program("import", str(file), data_dir=data_dir, given=given)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


async def _read_forever(client: httpx.AsyncClient, timeframe: Timeframe, watch: Watch) -> None:
    """Read a whole series again and again, every second time with the tag of the last answer."""
    tag = ""
    for turn in itertools.count():
        floor = watch.committed
        is_last = watch.is_over
        headers = {"if-none-match": tag} if tag and turn % 2 else {}
        answer = await client.get(
            "/api/candles", params={"symbol": "EURUSD", "timeframe": timeframe.name}, headers=headers
        )
        if answer.status_code == 304:
            watch.n_unchanged += 1
            assert watch.tags[tag] >= floor, "an answer 304 is older than what was committed"
        else:
            assert answer.status_code == 200, answer.text
            closes = [bar["close"] for bar in answer.json()]
            number = next((n for n in range(N_VERSIONS) if closes == CLOSES[timeframe, n]), None)
            assert number is not None, "a read mixes versions"
            assert number >= floor, f"version {number} was read after version {floor} was committed"
            tag = answer.headers["etag"]
            assert watch.tags.setdefault(tag, number) == number, "a tag stands for two contents"
            watch.seen.add(number)
            watch.n_reads += 1
        if is_last:
            return


async def _run_forever(client: httpx.AsyncClient, watch: Watch) -> int:
    """Start a backtest after another; each must have read one version, none older than committed before."""
    for n_runs in itertools.count(1):
        floor, is_last = watch.committed, watch.is_over
        data = await _run_one(client)
        bars = [
            bars.sliced(*(int(bars.time_s.searchsorted(data["first_s"])), len(bars))) for bars in VERSIONS
        ]
        hashes = [candles_hash(one.sliced(0, data["n_bars"])) for one in bars]
        assert data["sha256"] in hashes, "a run read a mixture of versions"
        assert hashes.index(data["sha256"]) >= floor, "a run read what was replaced before it started"
        if is_last:
            return n_runs
    raise AssertionError


async def _run_one(client: httpx.AsyncClient) -> dict[str, Any]:
    body = {
        "strategy": STRATEGY, "symbol": "EURUSD", "timeframe": "5m", "start_date": "2024-01-03",
        "end_date": "2024-01-11", "initial_capital": 100_000,
    }  # fmt: skip
    started = await client.post("/api/backtest/run", json=body)
    assert started.status_code == 202, started.text
    path = f"/api/backtest/{started.json()['backtest_id']}"

    async def _ended() -> bool:
        status = (await client.get(f"{path}/status")).json()["status"]
        assert status in ("running", "completed"), status
        return bool(status == "completed")

    await eventually(_ended, within_s=120)
    data: dict[str, Any] = (await client.get(f"{path}/manifest")).json()["data"]
    return data


async def _import_all(data_dir: Path, given: dict[str, str], files: list[Path], watch: Watch) -> None:
    try:
        for number, file in enumerate(files[1:], start=1):
            await asyncio.to_thread(_import_now, data_dir, given, file)
            watch.committed = number
    finally:
        watch.is_over = True


async def test_reads_when_versions_are_imported_then_never_stale_and_never_mixed(
    data_dir: Path, database_url: str
) -> None:
    """Each answer, 304 and run is wholly of one version, and of none older than what was committed before."""
    files = [
        write_lines(data_dir / f"EURUSD_5m_{number}.csv", csv_lines(bars))
        for number, bars in enumerate(VERSIONS)
    ]
    # Nobody reads the pipes of the programs while they run: few log lines.
    given = {"DATABASE_URL": database_url, "RATE_LIMITS": "off", "LOG_LEVEL": "warn"}
    watch = Watch()
    async with programs(data_dir, given) as addresses:
        await asyncio.to_thread(_import_now, data_dir, given, files[0])
        async with (
            asyncio.timeout(240),
            httpx.AsyncClient(base_url=addresses[0], timeout=30, trust_env=False) as one,
            httpx.AsyncClient(base_url=addresses[1], timeout=30, trust_env=False) as other,
            asyncio.TaskGroup() as tasks,
        ):
            for client, timeframe in itertools.product((one, other), (M5, H1)):
                tasks.create_task(_read_forever(client, timeframe, watch))
            runs = tasks.create_task(_run_forever(one, watch))
            tasks.create_task(_import_all(data_dir, given, files, watch))
    assert watch.seen >= {0, N_VERSIONS - 1}
    assert watch.n_unchanged > 0
    assert watch.n_reads > N_VERSIONS
    assert runs.result() >= 1
    assert list((data_dir / "candles").glob("EURUSD_*.npy")), "the cache on disk was not used"
