"""The postmaster as a process: whether it is ours and lives, a free port, the command that starts it."""

import asyncio
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Literal

import asyncpg

from sptraderb.errors import Unavailable
from sptraderb.store.embedded_files import EmbeddedFiles, open_log
from sptraderb.store.pool import DATABASE_DOWN

_SURVIVOR_WAIT_S = 60.0
_CONNECT_TIMEOUT_S = 2.0
_GRAVE = re.compile("FATAL|PANIC|ERROR|could not")
_LOG_PREFIX = re.compile(r"^[-\d]+ [:.\d]+ \w+ \[\d+\] ")
_SILENT: tuple[type[Exception], ...] = (asyncpg.InvalidCatalogNameError, *DATABASE_DOWN)
# Small and safe: 17-22 MB in all; fsync and full_page_writes stay on.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
}
# Names that older binaries given by POSTGRES_BIN_DIR do not know.
_SETTINGS_SINCE = {18: {"io_method": "sync"}}


class Postmaster:
    """A running postmaster: started by us, or found and adopted.

    Parameters
    ----------
    pid : int
        Its process id.
    port : int
        Where it listens on 127.0.0.1.
    process : Popen or None
        The child; None if it was adopted.
    log : Path
        What it writes.
    log_start : int
        How long the log was before it, in bytes.
    """

    def __init__(
        self, pid: int, port: int, *, process: subprocess.Popen[bytes] | None, log: Path, log_start: int
    ) -> None:
        self.pid = pid
        self.port = port
        self._process = process
        self._log = log
        self._log_start = log_start

    def alive(self) -> bool:
        """Whether the process is still there."""
        if self._process is not None:
            return self._process.poll() is None
        return process_state(self.pid) not in ("", "Z")

    def send(self, number: int) -> None:
        """Send a signal, if it is still there."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def last_words(self) -> str:
        """Return what it logged as fatal, on one line."""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            lines = file.read(100_000).decode("utf-8", "replace").splitlines()
        grave = [line for line in lines if _GRAVE.search(line)]
        return " / ".join(_LOG_PREFIX.sub("", line).strip() for line in (grave or lines)[-3:])


def server_url(files: EmbeddedFiles, port: int, *, database: str = "sptraderb") -> str:
    """Return the address of a database of the server; it holds the password."""
    return (
        f"postgresql://sptraderb:{files.read_secret('password')}@127.0.0.1:{port}/{database}?sslmode=disable"
    )


async def accepts(files: EmbeddedFiles, port: int, *, database: str = "postgres") -> bool:
    """Whether a server at the port takes our password and serves our folder: the only proof of life."""
    return await _probe(files, port, database) == "ours"


async def _probe(files: EmbeddedFiles, port: int, database: str) -> Literal["ours", "refuses", "silent"]:
    try:
        connection = await asyncpg.connect(
            server_url(files, port, database=database), timeout=_CONNECT_TIMEOUT_S
        )
    except asyncpg.InvalidPasswordError:
        return "refuses"
    except _SILENT:
        return "silent"
    try:
        folder = str(await connection.fetchval("SHOW data_directory"))
    finally:
        await connection.close()
    return "ours" if _is_cluster(folder, files) else "silent"


async def ensure_database(files: EmbeddedFiles, port: int) -> None:
    """Make the database ``sptraderb`` where it is missing."""
    connection = await asyncpg.connect(server_url(files, port, database="postgres"))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'sptraderb'"):
            await connection.execute("CREATE DATABASE sptraderb")
    finally:
        await connection.close()


async def find_survivor(files: EmbeddedFiles) -> Postmaster | None:
    """Return the postmaster that outlived the former owner, if there is one.

    Raises
    ------
    Unavailable
        If a postmaster holds the folder but does not take our password (``database.not_ours``).
    """
    deadline = time.monotonic() + _SURVIVOR_WAIT_S
    while True:
        pid, port = read_pid_file(files)
        answer = await _probe(files, port, "postgres") if pid and port else "silent"
        if answer == "ours":
            return Postmaster(pid, port, process=None, log=files.log, log_start=_size(files.log))
        if not pid or not serves_folder(pid, files):
            return None
        if answer == "refuses" or time.monotonic() > deadline:
            raise Unavailable(
                "database.not_ours",
                f"the PostgreSQL in {files.cluster} (process {pid}) must take the password in "
                f"{files.root / 'password'}, it does not",
                hint="stop that server, or set another DATA_DIR",
            )
        await asyncio.sleep(0.05)


def clear_stale_pid(files: EmbeddedFiles) -> None:
    """Remove a ``postmaster.pid`` whose process is no postgres of this folder; holding the lock."""
    pid, _ = read_pid_file(files)
    if pid and not serves_folder(pid, files):
        (files.cluster / "postmaster.pid").unlink(missing_ok=True)


def read_pid_file(files: EmbeddedFiles) -> tuple[int, int]:
    """Return process id and port that ``postmaster.pid`` names, 0 for what it does not."""
    try:
        lines = (files.cluster / "postmaster.pid").read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0, 0
    numbers = [int(lines[i]) if len(lines) > i and lines[i].strip().isdigit() else 0 for i in (0, 3)]
    return numbers[0], numbers[1]


def serves_folder(pid: int, files: EmbeddedFiles) -> bool:
    """Whether a process is a living postgres of this folder (a postmaster works inside it)."""
    if process_state(pid) in ("", "Z"):
        return False
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").resolve(strict=True) == files.cluster
        except OSError:
            return False
    return str(files.cluster) in _ps(pid, "command=")


def process_state(pid: int) -> str:
    """Return a process's state letter, ``Z`` for a zombie, empty if there is none."""
    if Path("/proc/self").exists():
        try:
            text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return ""
        return text.rpartition(")")[2].split()[0]
    return _ps(pid, "stat=")[:1]


def choose_port(wanted: int) -> int:
    """Return the wanted port if it is free (sharers find us again), else any free one."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("database.start_failed", "a free port on 127.0.0.1 must exist, none was found")


def spawn(files: EmbeddedFiles, bin_dir: Path, port: int) -> Postmaster:
    """Start a postmaster as the server's user, in a session of its own."""
    settings = dict(_SETTINGS)
    version = int((files.cluster / "PG_VERSION").read_text("utf-8").strip())
    for since, more in _SETTINGS_SINCE.items():
        settings |= more if version >= since else {}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log_start, log = _size(files.log), open_log(files)
    try:
        process = subprocess.Popen(
            [bin_dir / "postgres", "-D", files.cluster, "-p", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            user=files.user.uid if files.user else None,
            group=files.user.gid if files.user else None,
            extra_groups=() if files.user else None,
        )
    finally:
        os.close(log)
    return Postmaster(process.pid, port, process=process, log=files.log, log_start=log_start)


def _is_cluster(folder: str, files: EmbeddedFiles) -> bool:
    return Path(folder).resolve() == files.cluster


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _ps(pid: int, column: str) -> str:
    answer = subprocess.run(["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
