"""Reading a file for an import: blocks, checked and measured, as the bytes of a COPY."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator

from sptraderb.candles.check import SeriesMeter
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_checks import RowChecker
from sptraderb.errors import Conflict
from sptraderb.orchestrator.import_plan import ImportPlan

Progress = Callable[[str, int, int], None]


class OutOfOrderError(Exception):
    """Rows do not ascend, so they must be sorted in the stage before they can be stored."""


class FileReading:
    """One pass over a file.

    Parameters
    ----------
    plan : ImportPlan
        What is settled about it.
    encode : callable
        Gives the bytes of a block's sound rows.
    needs_order : bool
        Stop with `OutOfOrderError` when a row is not later than the one before it.
    """

    def __init__(
        self, plan: ImportPlan, encode: Callable[[RowBlock], bytes], *, needs_order: bool = False
    ) -> None:
        instrument = plan.settled.instrument
        self.plan = plan
        self.checker = RowChecker(instrument=instrument, timeframe=plan.timeframe, zone=plan.zone)
        self.meter = SeriesMeter(instrument, plan.timeframe)
        facts = f"{plan.symbol}|{plan.timeframe}|{instrument.price_scale}|{instrument.side}|"
        self._content = hashlib.sha256(facts.encode())
        self._encode, self._needs_order = encode, needs_order

    @property
    def content(self) -> str:
        """Hash of the instrument's facts and the sound rows read, however they were stored."""
        return self._content.hexdigest()

    async def rows(self, on_progress: Progress, should_stop: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Yield the sound rows; a thread parses the next block while the database takes the one before.

        Parameters
        ----------
        on_progress : callable
            Told (``reading``, bytes done, bytes in all).
        should_stop : callable
            Asked after each block.

        Raises
        ------
        Conflict
            ``import.cancelled``.
        OutOfOrderError
            Where order is needed.
        """
        size = max(1, self.plan.path.stat().st_size)
        done = 0
        blocks = self.plan.blocks()
        ahead = asyncio.create_task(asyncio.to_thread(self._next, blocks))
        try:
            while (block := await ahead) is not None:
                if self._needs_order and not self.checker.is_ascending:
                    raise OutOfOrderError
                ahead = asyncio.create_task(asyncio.to_thread(self._next, blocks))
                rows, n_bytes = block
                done += n_bytes
                on_progress("reading", min(done, size), size)
                if should_stop():
                    raise Conflict(
                        "import.cancelled", "an import runs to its end unless it is cancelled, it was"
                    )
                if rows:
                    yield rows
        finally:
            # The thread reads a file that may go when this ends.
            await asyncio.wait([ahead])
        on_progress("reading", size, size)

    def _next(self, blocks: Iterator[RowBlock]) -> tuple[bytes, int] | None:
        block = next(blocks, None)
        if block is None:
            return None
        kept = self.checker.check(block)
        if self.checker.is_ascending:
            self.meter.add(kept.time_s, kept.prices)
        for column in (kept.time_s, kept.prices, kept.volume):
            self._content.update(column.tobytes())
        return self._encode(kept), block.n_bytes
