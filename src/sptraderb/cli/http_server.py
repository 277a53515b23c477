"""The API's uvicorn server: signals left to the command, ready told, ended first."""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from litestar import Litestar

from sptraderb.api.server import server_config
from sptraderb.errors import Unavailable


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
