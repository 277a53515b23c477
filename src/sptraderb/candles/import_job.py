"""An import sent over HTTP: its states and its row, worked off by a worker as a job."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sptraderb.candles.import_options import ImportOptions
from sptraderb.domain.backtest import RunError

MAX_LOST = 3
"""How many workers an import may lose before it fails."""


class ImportState(StrEnum):
    """Where an import stands.

    ``queued`` becomes ``running`` by a claim, and ``queued`` again when its worker is lost or stops; the
    other three are final.
    """

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether it stays so."""
        return self not in (ImportState.QUEUED, ImportState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """One row of ``candle_imports``.

    Parameters
    ----------
    id : UUID
        Its name to the outside.
    owner : str
        Who sent it.
    state : ImportState
        Where it stands.
    file_name : str
        As the sender called it; empty where nothing was said.
    options : ImportOptions
        What the file itself does not say.
    n_bytes : int
        Size of the upload.
    attempt, n_lost : int
        How often it was claimed, and how many workers were lost with it.
    cancel_requested : bool
        Whether its worker is to stop.
    phase : str
        ``queued``, ``fetching``, ``unpacking``, ``reading``, ``checking``, ``storing``, ``deriving``, or the
        final state.
    progress : float
        0..100.
    error : RunError or None
        Why it failed.
    report : bytes or None
        The `ImportReport` as JSON, once completed.
    created_at, started_at, finished_at : datetime or None
        UTC.
    """

    id: UUID
    owner: str
    state: ImportState
    file_name: str
    options: ImportOptions
    n_bytes: int
    attempt: int
    n_lost: int
    cancel_requested: bool
    phase: str
    progress: float
    error: RunError | None
    report: bytes | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
