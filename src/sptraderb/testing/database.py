"""A real PostgreSQL for tests: one embedded server per test session, one cloned database per test.

The server lives in a thread with an event loop of its own, so synchronous and asynchronous tests on any
loop can use it. Its folder is made in the system's temporary folder and open to all users, since as root
PostgreSQL runs as another one; pytest's own temporary folders are closed to it.
"""

import asyncio
import contextlib
import fcntl
import itertools
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from sptraderb.store.embedded import EmbeddedServer, open_embedded
from sptraderb.store.embedded_files import prepare_files
from sptraderb.store.embedded_process import read_pid_file, serves_folder
from sptraderb.store.migrate import migrate
from sptraderb.store.pool import connect

_Result = TypeVar("_Result")
FOLDER_PREFIX = "sptraderb-test-"
_TEMPLATE = "sptraderb"
_CALL_TIMEOUT_S = 120.0


class DatabaseServer:
    """A throw-away PostgreSQL and the databases in it; a context manager.

    Notes
    -----
    Durability is switched off (``fsync``), which the server under test never does: a clone then takes
    tens of milliseconds.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-postgres", daemon=True)
        self._server: EmbeddedServer | None = None
        self._numbers = itertools.count(1)
        self._templates: set[str] = set()

    def __enter__(self) -> "DatabaseServer":
        sweep_orphans()
        self._folder.chmod(0o755)
        self._thread.start()
        try:
            self._server = self._wait(open_embedded(self._folder))
            self._wait(self._execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._wait(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Process id of the postmaster, for tests that kill it."""
        assert self._server is not None, "enter the context first"
        pid = self._server.pid
        assert pid is not None, "PostgreSQL must be up"
        return pid

    def create_database(self, *, migrated: bool = True) -> str:
        """Make a database and return its address.

        Parameters
        ----------
        migrated : bool
            Whether it has our schema (a clone of a template migrated once) or nothing.
        """
        if migrated and _TEMPLATE not in self._templates:
            self._wait(migrate(self._url(_TEMPLATE)))
            self._templates.add(_TEMPLATE)
        name = f"test_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template0"
        self._wait(self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, cutting off who still uses it."""
        self._wait(self._execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)"))

    def _url(self, database: str) -> str:
        assert self._server is not None, "enter the context first"
        return urlunsplit(urlsplit(self._server.url)._replace(path=f"/{database}"))

    async def _execute(self, *statements: str) -> None:
        connection = await connect(self._url("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def _wait(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_TIMEOUT_S)


def sweep_orphans() -> None:
    """End servers, and remove folders, of test sessions that were killed: their lock is free."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / "postgres" / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            files = prepare_files(folder)
            pid, _ = read_pid_file(files)
            if pid and serves_folder(pid, files):
                os.kill(pid, signal.SIGQUIT)
            shutil.rmtree(folder, ignore_errors=True)
