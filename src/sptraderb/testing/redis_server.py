"""A Redis small enough for tests: GET, SET, DEL and PING over the real protocol."""

import asyncio
from typing import Self


class RedisServer:
    """Keeps values in memory and answers on a port of 127.0.0.1; an asynchronous context manager.

    Parameters
    ----------
    port : int
        Where to answer; 0 for a free port.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.values: dict[bytes, bytes] = {}
        self.lifetimes: dict[bytes, int] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Address for a client."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "enter the context first"
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                words = [await self._word(reader) for _ in range(int(line[1:]))]
                writer.write(self._answer(words))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _word(self, reader: asyncio.StreamReader) -> bytes:
        n_bytes = int((await reader.readline())[1:])
        return (await reader.readexactly(n_bytes + 2))[:-2]

    def _answer(self, words: list[bytes]) -> bytes:
        match words:
            case [b"GET", key]:
                value = self.values.get(key)
                return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
            case [b"SET", key, value, b"EX", seconds]:
                self.values[key] = value
                self.lifetimes[key] = int(seconds)
                return b"+OK\r\n"
            case [b"DEL", key]:
                return b":%d\r\n" % (self.values.pop(key, None) is not None)
            case [b"PING"]:
                return b"+PONG\r\n"
        return b"+OK\r\n"
