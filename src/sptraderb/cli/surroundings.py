"""What surrounds a command: its settings, and the environment of the programs it starts.

The environment is handed to ``settings`` (its only reader) and on to children, never looked into here.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from sptraderb.settings import Settings

Answer = TypeVar("Answer")

PROGRAM = (sys.executable, "-m", "sptraderb.cli.main")
"""How this program starts itself again."""


def read_settings(**overrides: str) -> Settings:
    """Return the settings of this process; ``overrides`` are variables a command's options stand for.

    Raises
    ------
    InvalidInput
        As `Settings.from_environ`.
    """
    return Settings.from_environ(environment(**overrides))


def environment(**overrides: str) -> dict[str, str]:
    """Return this process's environment with some variables replaced, for a child."""
    return {**os.environ, **overrides}


def run_async(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a command's asynchronous work to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def end_with_stdin() -> None:
    """Send ourselves SIGTERM when standard input closes: the program that started us is gone."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()
