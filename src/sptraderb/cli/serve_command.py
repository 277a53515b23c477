"""`sptraderb serve`: the API in this process and one worker beside it.

1. settings, then the listening socket: a taken port is one sentence     settings, listening_socket
2. database (embedded where none is named), schema, pool                 bootstrap
3. the worker, a process of its own                                      worker_process
4. the API, until SIGTERM or Ctrl-C                                      http_server

They end in the opposite order: no new connections, sockets told, requests finished; the worker hands its
runs back; the embedded PostgreSQL stops last.
"""

import asyncio
import signal
import socket
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib.metadata import version
from typing import Annotated, Protocol

from cyclopts import Parameter

from sptraderb.bootstrap import Services, open_services
from sptraderb.cli.listening_socket import listen_on
from sptraderb.cli.surroundings import end_with_stdin, read_settings, run_async
from sptraderb.cli.worker_process import worker_beside
from sptraderb.settings import Settings
from sptraderb.telemetry import configure_logging, logger

_log = logger(__name__)


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    worker: bool = True,
    concurrency: int | None = None,
    until_stdin_closes: Annotated[bool, Parameter(show=False)] = False,
) -> None:
    """Start the API and one worker; Ctrl-C or SIGTERM ends both and hands runs back.

    Parameters
    ----------
    host
        Address to listen on; HOST where it is not given.
    port
        Port to listen on; PORT where it is not given.
    worker
        Whether a worker is started beside the API.
    concurrency
        Runs that worker computes at a time; WORKERS where it is not given.
    until_stdin_closes
        End as on SIGTERM when standard input closes.
    """
    given = {"HOST": host, "PORT": port, "WORKERS": concurrency}
    settings = read_settings(**{name: str(value) for name, value in given.items() if value is not None})
    configure_logging(settings.log_level, settings.log_format)
    if until_stdin_closes:
        end_with_stdin()
    with listen_on(settings.host, settings.port) as listener:
        run_async(_serve(settings, listener, with_worker=worker))


async def _serve(settings: Settings, listener: socket.socket, *, with_worker: bool) -> None:
    ending = _Ending()
    with suppress(asyncio.CancelledError):
        async with AsyncExitStack() as parts:
            services = await parts.enter_async_context(open_services(settings))
            if with_worker:
                await parts.enter_async_context(worker_beside(services.database_url, settings.workers))
            ending.server = server = await asyncio.to_thread(_make_server, services, listener)
            await server.serve(sockets=[listener])
    _log.info("stopped")


def _make_server(services: Services, listener: socket.socket) -> "_Server":
    # Loaded here: the worker loads its kernels meanwhile, and a taken port is told at once.
    from sptraderb.api.app import create_app
    from sptraderb.cli.http_server import HttpServer

    return HttpServer(create_app(services), listener, on_ready=partial(_say_ready, listener))


def _say_ready(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    _log.info("listening", address=address, docs=f"{address}/docs", version=version("sptraderb"))


class _Server(Protocol):
    """`http_server.HttpServer`, whose module is loaded late."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer until told to end."""

    def end(self) -> None:
        """Stop accepting and finish what is under way."""


class _Ending:
    """Turns signals into an orderly end: of the server where it runs, of the start-up before that."""

    def __init__(self) -> None:
        self.server: _Server | None = None
        self._starting = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self.server is not None:
            self.server.end()
        elif self._starting is not None:
            self._starting.cancel()
