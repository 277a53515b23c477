"""The server the demo talks to: `sptraderb serve` as a process of its own, on a data folder of its own."""

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path

from sptraderb.cli.api_client import ApiClient
from sptraderb.cli.listening_socket import free_port, is_free, listen_on
from sptraderb.cli.surroundings import PROGRAM, environment
from sptraderb.errors import Unavailable
from sptraderb.settings import DEFAULT_PORT, Settings

HOST = "127.0.0.1"
_READY_WITHIN_S = 90.0
_END_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoServer:
    """A running server.

    Parameters
    ----------
    address : str
        Where it answers.
    process : asyncio.subprocess.Process
        The API process; its worker and PostgreSQL end with it.
    log : Path
        What it writes.
    """

    address: str
    process: asyncio.subprocess.Process
    log: Path

    async def wait_until_ready(self, client: ApiClient) -> None:
        """Return once database, schema and queue answer.

        Raises
        ------
        Unavailable
            ``demo.server_not_started`` with the end of its log.
        """
        waiting = asyncio.ensure_future(client.wait_until_ready())
        ended = asyncio.ensure_future(self.process.wait())
        done, rest = await asyncio.wait(
            {waiting, ended}, timeout=_READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
        for task in rest:
            task.cancel()
        if waiting in done:
            return
        raise Unavailable(
            "demo.server_not_started",
            f"the server must be ready within {_READY_WITHIN_S:.0f} s, it was not",
            hint=f"its log {self.log} ends with:\n{self._last_words()}",
        )

    async def end(self) -> None:
        """Tell it to end, and wait until nothing of it runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), _END_WITHIN_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])


async def start_demo_server(settings: Settings, *, keep: bool) -> DemoServer:
    """Start `sptraderb serve` on the demo's data folder.

    Parameters
    ----------
    settings : Settings
        The demo's; PORT where one is given, else 3001 if it is free, else any free port.
    keep : bool
        Whether it outlives this process; else it ends when we do, however that happens.

    Raises
    ------
    InvalidInput
        ``server.port_in_use`` if the PORT given is taken.
    """
    port = _choose_port(settings)
    log = settings.data_dir / "server.log"
    surroundings = environment(
        DATABASE_URL="", DATA_DIR=str(settings.data_dir), HOST=HOST, PORT=str(port), LOG_FORMAT="json"
    )
    with log.open("wb") as writer:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "serve", *([] if keep else ["--until-stdin-closes"]),
            env=surroundings,
            stdin=asyncio.subprocess.DEVNULL if keep else asyncio.subprocess.PIPE,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        )  # fmt: skip
    return DemoServer(address=f"http://{HOST}:{port}", process=process, log=log)


def _choose_port(settings: Settings) -> int:
    if settings.port_is_given and settings.port:
        listen_on(HOST, settings.port).close()
        return settings.port
    return DEFAULT_PORT if is_free(HOST, DEFAULT_PORT) else free_port(HOST)
