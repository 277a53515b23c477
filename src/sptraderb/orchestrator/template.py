"""The template: a process with the kernels loaded that forks a child for each run.

Started by the worker as ``python -m sptraderb.orchestrator.template FD MODULE DATA_DIR LOG_LEVEL
LOG_FORMAT``. It imports MODULE, calls its ``preload`` (which brings NumPy, Numba and the engine), and then
only forks: about 7 ms and a few megabytes of its own per child instead of a second and 150 MB. It never
starts a thread or an event loop, so a fork is safe. ``multiprocessing``'s own forkserver is not used
because each of its children imports the program's main module again (the whole command line), and because
it tells no exit codes and kills no child by name.

Commands arrive as JSON lines, a ``fork`` with one file descriptor (the child's end of its pipe):
``{"fork": n}`` is answered ``{"forked": n, "pid": p}``, ``{"kill": p}`` kills a child of ours that has
not been reaped yet (so never a stranger with the same pid), and each end is told as
``{"ended": p, "code": c}``, negative for a signal. When the worker dies the socket closes and the
template ends; its children see their own pipes close and end too.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Protocol

from sptraderb.orchestrator.child_pipe import ChildChannel
from sptraderb.orchestrator.kernel_environment import keep_out

_LINE_LIMIT = 4096
_CRASHED = 71


class ChildModule(Protocol):
    """What MODULE must offer."""

    def preload(self, data_dir: Path) -> None:
        """Load everything a child needs; called once, before the first fork."""

    def run_child(self, channel: ChildChannel) -> None:
        """Do one assignment; called in the forked child."""


def serve(control: socket.socket, module: ChildModule) -> None:
    """Fork on command until the worker closes its end.

    Parameters
    ----------
    control : socket
        Connected stream socket to the worker.
    module : ChildModule
        What children run.
    """
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, _ignore)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _say(control, {"ready": os.getpid()})
    alive: set[int] = set()
    text = b""
    while True:
        readable, _, _ = select.select([control.fileno(), wake_read], [], [])
        if wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 1024)
            _reap(control, alive)
        if control.fileno() in readable:
            data, descriptors, _, _ = socket.recv_fds(control, _LINE_LIMIT, 16)
            if not data:
                return
            *lines, text = (text + data).split(b"\n")
            for line in lines:
                _obey(json.loads(line), descriptors, control, module, alive)


def _obey(
    command: dict[str, int],
    descriptors: list[int],
    control: socket.socket,
    module: ChildModule,
    alive: set[int],
) -> None:
    if "fork" in command:
        pid = _fork(descriptors.pop(0), control, module)
        alive.add(pid)
        _say(control, {"forked": command["fork"], "pid": pid})
    elif command["kill"] in alive:
        os.kill(command["kill"], signal.SIGKILL)


def _fork(descriptor: int, control: socket.socket, module: ChildModule) -> int:
    pid = os.fork()
    if pid:
        os.close(descriptor)
        return pid
    code = _CRASHED
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        module.run_child(ChildChannel(socket.socket(fileno=descriptor)))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _reap(control: socket.socket, alive: set[int]) -> None:
    while alive:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        alive.discard(pid)
        _say(control, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(control: socket.socket, message: dict[str, int]) -> None:
    with contextlib.suppress(OSError):
        control.sendall(json.dumps(message).encode() + b"\n")


def _ignore(_number: int, _frame: object) -> None:
    """Exist, so that SIGCHLD writes to the wake-up pipe."""


def main() -> None:
    """Run as the module: connect, preload, serve."""
    keep_out()
    from sptraderb.telemetry import configure_logging

    configure_logging(sys.argv[4], sys.argv[5])
    control = socket.socket(fileno=int(sys.argv[1]))
    module: ChildModule = importlib.import_module(sys.argv[2])
    module.preload(Path(sys.argv[3]))
    serve(control, module)


if __name__ == "__main__":
    main()
