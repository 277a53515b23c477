"""`sptraderb serve` as a real process: it starts, refuses a taken port, and leaves nothing behind."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sptraderb.cli.listening_socket import free_port, listen_on
from sptraderb.testing.eventually import eventually
from sptraderb.testing.programs import open_folder, processes_of, start_program

HOST = "127.0.0.1"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a data folder; the test fails if anything of it still runs at the end."""
    with open_folder() as folder:
        yield folder


def is_ready(port: int) -> bool:
    """Tell whether the server on a port is ready."""
    try:
        return httpx.get(f"http://{HOST}:{port}/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


async def started(data_dir: Path, *arguments: str) -> tuple[subprocess.Popen[str], int]:
    """Start a server on a free port and wait until it is ready."""
    port = free_port(HOST)
    process = start_program("serve", "--port", str(port), *arguments, data_dir=data_dir)
    await eventually(lambda: is_ready(port) or process.poll() is not None, within_s=60)
    assert process.poll() is None, process.communicate()
    return process, port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_when_told_to_end_then_all_of_it_ends_in_order(
    data_dir: Path, number: signal.Signals
) -> None:
    """SIGTERM and Ctrl-C end API, worker and PostgreSQL, exit code 0, nothing left running."""
    process, port = await started(data_dir)
    assert httpx.get(f"http://{HOST}:{port}/health", trust_env=False).json()["status"] == "healthy"
    os.killpg(process.pid, number)
    said, _ = process.communicate(timeout=40)
    assert process.returncode == 0, said
    assert processes_of(data_dir) == {}
    assert json.loads(said.splitlines()[-1])["event"] == "stopped"
    assert "Traceback" not in said


async def test_serve_when_its_port_is_taken_then_one_sentence_and_exit_2(data_dir: Path) -> None:
    """A taken port is found before a database is started."""
    with listen_on(HOST, 0) as taken:
        port = taken.getsockname()[1]
        process = start_program("serve", "--port", str(port), data_dir=data_dir)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"PORT must be free, {port} on {HOST} is in use" in said
    assert "Traceback" not in said
    assert not (data_dir / "postgres").exists()


async def test_serve_when_killed_then_the_worker_ends_and_the_next_start_adopts_the_database(
    data_dir: Path,
) -> None:
    """Kill -9 of the API: its worker ends by itself, PostgreSQL is taken over, nothing stored is lost."""
    process, port = await started(data_dir)
    body = {"name": "kept", "data": {"a": 1}}
    workspace = httpx.post(f"http://{HOST}:{port}/api/workspace", json=body, trust_env=False).json()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    await eventually(
        lambda: not any("sptraderb" in command and "postgres" not in command for command in all_of(data_dir)),
        within_s=30,
    )

    process, port = await started(data_dir)
    found = httpx.get(f"http://{HOST}:{port}/api/workspace/{workspace['id']}", trust_env=False).json()
    assert found["data"] == {"a": 1}
    process.terminate()
    process.communicate(timeout=40)
    assert process.returncode == 0


def all_of(data_dir: Path) -> list[str]:
    """Return the command lines of a data folder's processes."""
    return list(processes_of(data_dir).values())


async def test_config_when_secrets_are_set_then_they_are_masked(data_dir: Path) -> None:
    """`sptraderb config` shows where each value came from and no secret."""
    given = {"DATABASE_URL": "postgres://me:geheim@db:5432/x", "METRICS_TOKEN": "verschwiegen"}
    process = start_program("config", data_dir=data_dir, given=given)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "geheim" not in said
    assert "verschwiegen" not in said
    assert "postgres://me:***@db:5432/x" in said
