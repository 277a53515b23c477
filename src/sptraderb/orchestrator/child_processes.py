"""The worker's side of its processes: one template, and the children forked from it.

A child is over when its pipe closes, whoever ended it; the template tells the exit code beside that.
A template that dies is started again for the next child, children it forked go on.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from sptraderb.errors import Unavailable
from sptraderb.orchestrator.child_pipe import (
    HEAD,
    MAX_FRAME_BYTES,
    Assignment,
    ChildMessage,
    ImportAssignment,
    Stop,
    decode_child_message,
    encode_frame,
)
from sptraderb.telemetry import logger

_READY_WITHIN_S = 300.0
_FORK_WITHIN_S = 10.0
_CODE_WITHIN_S = 0.5
_log = logger(__name__)


class Child:
    """One forked child and its pipe; made by `Template.fork`.

    Parameters
    ----------
    pid : int
        Process id.
    template : Template
        Who forked it and reaps it.
    reader, writer : StreamReader, StreamWriter
        The worker's end of the pipe.
    """

    def __init__(
        self,
        pid: int,
        template: "Template",
        *,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.pid = pid
        self._template = template
        self._reader = reader
        self._writer = writer

    async def assign(self, assignment: Assignment | ImportAssignment) -> None:
        """Hand over the work; a child that died meanwhile is seen by `messages`."""
        with contextlib.suppress(OSError):
            self._writer.write(encode_frame(assignment))
            await self._writer.drain()

    async def messages(self) -> AsyncIterator[ChildMessage]:
        """Yield what the child says until its pipe closes."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                (length,) = HEAD.unpack(await self._reader.readexactly(HEAD.size))
                if length > MAX_FRAME_BYTES:
                    self.kill()
                    return
                yield decode_child_message(await self._reader.readexactly(length))

    def stop(self) -> None:
        """Ask it to stop at the next chunk."""
        if not self._writer.is_closing():
            self._writer.write(encode_frame(Stop()))

    def kill(self) -> None:
        """End it on the spot."""
        self._template.kill(self.pid)

    async def exit_code(self) -> int | None:
        """Close the pipe and return the exit code, negative for a signal, None if nobody knows."""
        self._writer.close()
        return await self._template.exit_code(self.pid)


class Template:
    """The template process of one worker.

    Parameters
    ----------
    module : str
        Dotted name of the module whose ``run_child`` the children run.
    data_dir : Path
        Where kernels are cached if they cannot be beside their source.
    log_level, log_format : str
        As for `telemetry.configure_logging`.
    """

    def __init__(
        self,
        module: str = "sptraderb.orchestrator.child",
        *,
        data_dir: Path,
        log_level: str = "info",
        log_format: str = "auto",
    ) -> None:
        self._arguments = (module, str(data_dir), log_level, log_format)
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._reading: asyncio.Task[None] | None = None
        self._forking = asyncio.Lock()
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._codes: dict[int, asyncio.Future[int]] = {}
        self._n_forks = 0

    @property
    def is_running(self) -> bool:
        """Whether it takes commands."""
        return self._process is not None and self._reading is not None and not self._reading.done()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    async def start(self) -> None:
        """Start the process and wait until the kernels are loaded.

        Raises
        ------
        Unavailable
            ``worker.template_failed`` if it ends or says nothing.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sptraderb.orchestrator.template",
                str(theirs.fileno()),
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                # A session of its own: Ctrl-C reaches the worker, which hands the runs back.
                start_new_session=True,
            )
        self._control = ours
        self._answers["ready"] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(ours), name="template")
        await self._answered("ready", _READY_WITHIN_S)

    async def fork(self) -> Child:
        """Return a new child, waiting for its assignment.

        Raises
        ------
        Unavailable
            ``worker.template_failed``.
        """
        # One at a time, or a child would inherit a copy of the next one's pipe and keep it open.
        async with self._forking:
            if not self.is_running:
                await self.stop()
                await self.start()
            self._n_forks += 1
            key = f"fork {self._n_forks}"
            self._answers[key] = asyncio.get_running_loop().create_future()
            ours, theirs = socket.socketpair()
            with theirs:
                self._command({"fork": self._n_forks}, theirs)
                try:
                    pid = await self._answered(key, _FORK_WITHIN_S)
                except BaseException:
                    ours.close()
                    raise
        self._codes.setdefault(pid, asyncio.get_running_loop().create_future())
        reader, writer = await asyncio.open_connection(sock=ours)
        return Child(pid, self, reader=reader, writer=writer)

    def kill(self, pid: int) -> None:
        """Kill a child; the template knows whether the pid is still its own."""
        if self.is_running:
            self._command({"kill": pid})
        elif pid in self._codes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def exit_code(self, pid: int) -> int | None:
        """Return how a child ended, None if the template cannot tell."""
        try:
            async with asyncio.timeout(_CODE_WITHIN_S):
                return await self._codes[pid]
        except (TimeoutError, KeyError):
            return None
        finally:
            self._codes.pop(pid, None)

    async def stop(self) -> None:
        """End the process; children notice by themselves when the worker goes. Idempotent."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    def _command(self, command: dict[str, int], descriptor: socket.socket | None = None) -> None:
        line = json.dumps(command).encode() + b"\n"
        with contextlib.suppress(OSError):
            if self._control is None:
                return
            socket.send_fds(self._control, [line], [] if descriptor is None else [descriptor.fileno()])

    async def _answered(self, key: str, within_s: float) -> int:
        try:
            async with asyncio.timeout(within_s):
                return await self._answers[key]
        except TimeoutError as error:
            raise _template_failed(f"answer within {within_s:g} s, did not") from error
        except ConnectionError as error:
            raise _template_failed("go on, it ended") from error
        finally:
            self._answers.pop(key, None)

    async def _read(self, control: socket.socket) -> None:
        text = b""
        try:
            while data := await asyncio.get_running_loop().sock_recv(control, 4096):
                *lines, text = (text + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        except OSError as error:
            _log.warning("template pipe broke", error=str(error))
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("template ended"))

    def _take(self, message: dict[str, int]) -> None:
        if "ended" in message:
            # Until `exit_code` asks for it; a child can end before `fork` returns.
            pid = message["ended"]
            code = self._codes.setdefault(pid, asyncio.get_running_loop().create_future())
            if not code.done():
                code.set_result(message["code"])
            return
        key, value = ("ready", message["ready"]) if "ready" in message else _forked(message)
        if (answer := self._answers.get(key)) is not None and not answer.done():
            answer.set_result(value)


def _template_failed(what: str) -> Unavailable:
    return Unavailable(
        "worker.template_failed",
        f"the process that children are forked from must {what}",
        hint="its last words are in the worker's log",
    )


def _forked(message: dict[str, int]) -> tuple[str, int]:
    return f"fork {message['forked']}", message["pid"]
