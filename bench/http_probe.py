"""A client that costs next to nothing: one kept connection, a GET, and the time to the answer's last byte.

``python -m bench.http_probe HOST PORT PATH SECONDS ENCODING`` reads a path over and over and throws it away:
the load beside which another one measures, in a process of its own.
"""

import asyncio
import sys
import time

_HEAD_END = b"\r\n\r\n"


class Probe:
    """A kept connection to one server.

    Parameters
    ----------
    host, port : str, int
        Of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Probe":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=2**22)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str, **headers: str) -> tuple[float, int]:
        """Return the seconds to the last byte of a 200 answer, and its body's length on the wire."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        began_s = time.perf_counter()
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await self._reader.readuntil(_HEAD_END)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1"))
        words = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        length = words.get(b"content-length")
        n_bytes = await (self._skip(int(length)) if length is not None else self._skip_chunks())
        return time.perf_counter() - began_s, n_bytes

    async def _skip(self, n_bytes: int) -> int:
        left = n_bytes
        while left:
            left -= len(await self._reader.read(min(left, 2**20)))
        return n_bytes

    async def _skip_chunks(self) -> int:
        total = 0
        while True:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            await self._skip(size + 2)
            if size == 0:
                return total
            total += size


async def read_for(host: str, port: int, path: str, seconds: float, *, encoding: str) -> int:
    """Read a path again and again until the time is over; return how often."""
    ends_s = time.perf_counter() + seconds
    n_reads = 0
    async with Probe(host, port) as probe:
        while time.perf_counter() < ends_s:
            await probe.get(path, Accept_Encoding=encoding)
            n_reads += 1
    return n_reads


if __name__ == "__main__":
    host, port, path, seconds, encoding = sys.argv[1:]
    print(asyncio.run(read_for(host, int(port), path, float(seconds), encoding=encoding)))
