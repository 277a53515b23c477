"""The pipe between a worker and one child: framed messages over a socket pair.

A frame is its length (four bytes, big-endian) and a MessagePack message. The child's end blocks and is
read by a thread of its own, because the main thread sits in the kernel: a cancel or the worker's death
(end of file) is noticed at once, whatever the child computes. Results never pass here: they are tens of
megabytes and go from the child to the database, so the worker stays small.
"""

import os
import socket
import struct
import threading
from collections.abc import Callable
from uuid import UUID

import msgspec

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.backtest import Run
from sptraderb.orchestrator.component_policy import OFF, ComponentPolicy

HEAD = struct.Struct(">I")
MAX_FRAME_BYTES = 16 * 1024 * 1024
PARENT_GONE = 70
"""Exit code of a child whose worker died."""


class Assignment(msgspec.Struct, tag="run", kw_only=True, frozen=True):
    """A run to compute; the first frame a child reads.

    Parameters
    ----------
    run : Run
        As claimed; its attempt fences every write.
    job_id : int
        The job in the queue, finished in the same transaction as the run.
    worker_id : UUID
        Holder of the job.
    database_url : str
        Where candles are read and the result is written.
    data_dir : str
        Where the candle cache lies.
    candle_cache_bytes : int
        How large the candle cache may grow.
    python : ComponentPolicy
        What strategies' own Python may do.
    """

    run: Run
    job_id: int
    worker_id: UUID
    database_url: str
    data_dir: str
    candle_cache_bytes: int
    python: ComponentPolicy = OFF


class ImportAssignment(msgspec.Struct, tag="import", kw_only=True, frozen=True):
    """An upload to import; the first frame a child reads instead of a run.

    Parameters
    ----------
    import_id : UUID
        The import.
    attempt : int
        Fences every write.
    options : ImportOptions
        What the file does not say.
    n_bytes : int
        Its size.
    job_id : int
        The job in the queue, finished in the same transaction as the import.
    worker_id : UUID
        Holder of the job.
    database_url : str
        Where the upload lies and the candles go.
    data_dir : str
        Where the upload becomes a file for a while.
    """

    import_id: UUID
    attempt: int
    options: ImportOptions
    n_bytes: int
    job_id: int
    worker_id: UUID
    database_url: str
    data_dir: str


class Stop(msgspec.Struct, tag="stop", frozen=True):
    """Worker to child: stop at the next chunk and keep what there is."""


class ProgressReport(msgspec.Struct, tag="progress", kw_only=True, frozen=True):
    """Child to worker: how far it is.

    Parameters
    ----------
    phase : str
        A `Phase`.
    percent : float
        0..100 over all phases.
    eta_s : float or None
        Seconds probably left.
    n_trades : int
        Closed trades so far.
    equity : str or None
        Equity at ``equity_time_s``, decimal text.
    equity_time_s : int or None
        Open time of the last bar done.
    """

    phase: str
    percent: float
    eta_s: float | None = None
    n_trades: int = 0
    equity: str | None = None
    equity_time_s: int | None = None


class Ended(msgspec.Struct, tag="ended", kw_only=True, frozen=True):
    """Child to worker: the result is committed, or another attempt holds the run (``fenced``).

    Parameters
    ----------
    status : str
        ``completed``, ``cancelled`` or ``fenced``.
    n_bars, n_trades : int
        For the log line.
    """

    status: str
    n_bars: int = 0
    n_trades: int = 0


class Stopped(msgspec.Struct, tag="stopped", frozen=True):
    """Child to worker: stopped before there was anything to keep."""


class Failed(msgspec.Struct, tag="failed", kw_only=True, frozen=True):
    """Child to worker: the run cannot be computed, and why.

    Parameters
    ----------
    code, message : str
        As in `errors.SptraderbError`.
    context : dict
        Facts, as far as they are plain values.
    hint : str
        What to do, if anything is known to help.
    retry : bool
        Whether a part that was needed did not answer; the run is handed back instead of failed.
    """

    code: str
    message: str
    context: dict[str, object] = {}
    hint: str = ""
    retry: bool = False


ChildMessage = ProgressReport | Ended | Stopped | Failed

_ENCODER = msgspec.msgpack.Encoder()
_CHILD_DECODER: msgspec.msgpack.Decoder[ChildMessage] = msgspec.msgpack.Decoder(ChildMessage)
_STOP_DECODER = msgspec.msgpack.Decoder(Stop)
_ASSIGNMENT_DECODER: msgspec.msgpack.Decoder[Assignment | ImportAssignment] = msgspec.msgpack.Decoder(
    Assignment | ImportAssignment
)


def encode_frame(message: msgspec.Struct) -> bytes:
    """Return a message with its length in front."""
    body = _ENCODER.encode(message)
    return HEAD.pack(len(body)) + body


def decode_child_message(body: bytes) -> ChildMessage:
    """Return what a child said.

    Raises
    ------
    msgspec.DecodeError
        If the frame is broken.
    """
    return _CHILD_DECODER.decode(body)


class ChildChannel:
    """The child's end of the pipe.

    Parameters
    ----------
    connection : socket
        Blocking; closed by the process's end.

    Notes
    -----
    After `watch` a thread reads the pipe. End of file means that the worker is gone: the process ends
    on the spot, in the middle of anything, since nobody would take its result.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._on_stop: Callable[[], None] | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether the worker asked to stop."""
        return self._stopped.is_set()

    def read_assignment(self) -> Assignment | ImportAssignment | None:
        """Return the work, None if the worker closed the pipe first."""
        body = self._read_frame()
        return None if body is None else _ASSIGNMENT_DECODER.decode(body)

    def watch(self) -> None:
        """Start the thread that listens for a stop and for the worker's end."""
        threading.Thread(target=self._watch, name="pipe", daemon=True).start()

    def call_on_stop(self, callback: Callable[[], None] | None) -> None:
        """Let a stop call ``callback`` from the watching thread; None takes it away again."""
        self._on_stop = callback
        if callback is not None and self.is_stopped:
            callback()

    def send(self, message: ProgressReport | Ended | Stopped | Failed) -> None:
        """Tell the worker; a worker that is gone ends this process."""
        try:
            with self._writing:
                self._socket.sendall(encode_frame(message))
        except OSError:
            os._exit(PARENT_GONE)

    def _watch(self) -> None:
        while (body := self._read_frame()) is not None:
            _STOP_DECODER.decode(body)
            self._stopped.set()
            if (callback := self._on_stop) is not None:
                callback()
        os._exit(PARENT_GONE)

    def _read_frame(self) -> bytes | None:
        head = self._read_exactly(HEAD.size)
        return None if head is None else self._read_exactly(HEAD.unpack(head)[0])

    def _read_exactly(self, n_bytes: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < n_bytes:
            try:
                part = self._socket.recv(n_bytes - len(parts))
            except OSError:
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)
