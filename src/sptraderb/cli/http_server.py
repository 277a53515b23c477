"""The API's listening socket and its uvicorn server: found before anything else starts, ended first."""

import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from litestar import Litestar

from sptraderb.api.server import server_config
from sptraderb.errors import InvalidInput, Unavailable


def listen_on(host: str, port: int) -> socket.socket:
    """Return a bound socket, so that a taken port is known before a database is started.

    Parameters
    ----------
    host : str
        Address or name.
    port : int
        0 takes any free one.

    Raises
    ------
    InvalidInput
        ``server.port_in_use``, or ``server.address_unusable`` if this machine has no such address or the
        port needs more rights.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)  # takes the port now; connections wait until the server is up
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InvalidInput(
                "server.port_in_use",
                f"PORT must be free, {port} on {host} is in use by another program",
                hint="end that program, or set PORT to another port (0 takes any free one)",
                port=port,
            ) from error
        raise _unusable(host, port, error) from error
    listener.set_inheritable(False)
    return listener


def is_free(host: str, port: int) -> bool:
    """Return whether a port can be listened on now."""
    try:
        listen_on(host, port).close()
    except InvalidInput:
        return False
    return True


def free_port(host: str) -> int:
    """Return a port that is free now."""
    with listen_on(host, 0) as listener:
        return int(listener.getsockname()[1])


class HttpServer(uvicorn.Server):
    """Uvicorn without its own signal handling, saying when it listens.

    Parameters
    ----------
    app : Litestar
        What it serves.
    listener : socket
        Where, see `listen_on`.
    on_ready : callable
        Called once requests are answered.
    """

    def __init__(self, app: Litestar, listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(server_config(app, host=host, port=port))
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # `listening` and `stopped` say it
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command that runs this server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start answering, then say so."""
        await super().startup(sockets)
        if self.should_exit:
            raise Unavailable(
                "server.not_started", "the API must start, its start-up failed; the log says why"
            )
        self._on_ready()

    def end(self) -> None:
        """Stop accepting and finish what is under way; a second call does not wait for it."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _unusable(host: str, port: int, error: OSError) -> InvalidInput:
    return InvalidInput(
        "server.address_unusable",
        f"HOST and PORT must be an address of this machine that may be used, {host} port {port} is not: "
        f"{error.strerror}",
    )
