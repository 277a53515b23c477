"""Waiting in tests: until something holds, never for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

_Value = TypeVar("_Value")


async def eventually(
    condition: Callable[[], _Value | Awaitable[_Value]], *, within_s: float = 10.0, every_s: float = 0.02
) -> _Value:
    """Return what a condition gives as soon as that is true.

    Parameters
    ----------
    condition : callable
        Asked again and again; plain or asynchronous.
    within_s : float
        How long to go on, in seconds.
    every_s : float
        Pause between two questions, in seconds.

    Returns
    -------
    object
        The condition's first true value.

    Raises
    ------
    AssertionError
        If it was never true in that time.
    """
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"not true within {within_s:g} s, last {value!r}"
        await asyncio.sleep(every_s)
