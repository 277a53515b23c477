"""Ports: one taken for the API before anything else starts, or found free for the demo."""

import errno
import socket

from sptraderb.errors import InvalidInput


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


def _unusable(host: str, port: int, error: OSError) -> InvalidInput:
    return InvalidInput(
        "server.address_unusable",
        f"HOST and PORT must be an address of this machine that may be used, {host} port {port} is not: "
        f"{error.strerror}",
    )
