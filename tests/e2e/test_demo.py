"""`sptraderb demo` as a stranger runs it: a real server, three runs, a page, and nothing left behind."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sptraderb.cli.demo_command import STRATEGIES
from sptraderb.cli.listening_socket import listen_on
from sptraderb.testing.eventually import eventually
from sptraderb.testing.programs import open_folder, processes_of, start_program


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """Give one data folder for all tests here: the first run makes it, the others find it."""
    with open_folder() as folder:
        yield folder


def run_demo(data_dir: Path, *arguments: str, **given: str) -> tuple[int, str]:
    """Run the demo to its end; return exit code and output."""
    process = start_program("demo", *arguments, data_dir=data_dir, given=given)
    said, _ = process.communicate(timeout=180)
    return process.returncode, said


def test_demo_when_run_twice_then_both_show_results_and_the_digests_are_equal(data_dir: Path) -> None:
    """Figures with the Sharpe convention, first trades and a page; the second time gives the same numbers."""
    pages = [data_dir / "demo" / "pages" / f"{name}.html" for name in STRATEGIES]
    outputs, digests = [], []
    for _ in range(2):
        code, said = run_demo(data_dir)
        assert code == 0, said
        outputs.append(said)
        digests.append([re.findall(r"digest <code>([0-9a-f]{64})<", page.read_text())[0] for page in pages])
    assert "6,225 kept" in outputs[0]
    assert "already there" in outputs[1]
    for word in ("net profit", "max drawdown", "Sharpe: ", "win rate", "costs", "ambiguous trades", "verify"):
        assert word in outputs[1]
    assert digests[0] == digests[1]
    assert processes_of(data_dir) == {}


def test_demo_when_its_run_is_verified_then_the_second_engine_agrees(data_dir: Path) -> None:
    """The command the demo prints for it repeats a run in decimals, bit for bit."""
    code, said = run_demo(data_dir)
    assert code == 0, said
    found = re.search(r"verify ([0-9a-f-]{36})", said)
    assert found is not None, said
    process = start_program("verify", found[1], data_dir=data_dir / "demo")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "✓ equal" in said


def test_demo_when_the_port_given_is_taken_then_one_sentence_and_exit_2(data_dir: Path) -> None:
    """A PORT that was asked for is not silently replaced by another."""
    with listen_on("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        code, said = run_demo(data_dir, PORT=str(port))
    assert code == 2
    assert f"{port} on 127.0.0.1 is in use" in said


async def test_demo_when_told_to_keep_then_the_server_stays_until_it_is_ended(data_dir: Path) -> None:
    """With --keep the server answers after the demo; ending the process it names ends all of it."""
    code, said = run_demo(data_dir, "--keep")
    assert code == 0, said
    address, pid = re.findall(r"stays at (\S+)/docs", said)[0], int(re.findall(r"kill (\d+)", said)[0])
    assert httpx.get(f"{address}/health", trust_env=False).is_success
    os.kill(pid, signal.SIGTERM)
    await eventually(lambda: processes_of(data_dir) == {}, within_s=40)
