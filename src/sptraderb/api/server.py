"""How uvicorn runs the application: the options that the API depends on, in one place."""

import uvicorn
from litestar import Litestar

SOCKET_MESSAGE_BYTES = 4096
GRACEFUL_S = 10


def server_config(app: Litestar, *, host: str, port: int) -> uvicorn.Config:
    """Return the server's configuration.

    Parameters
    ----------
    app : Litestar
        From ``create_app``.
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 takes a free one.

    Notes
    -----
    Forwarded addresses are not believed, our own log line replaces the access log, sockets take only
    short messages and do not compress (a thousand windows of zlib cost more than they save), and
    in-flight requests get ten seconds to end.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="auto",
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        ws_max_size=SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACEFUL_S,
        timeout_keep_alive=30,
        backlog=2048,
    )
