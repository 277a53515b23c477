"""Progress: percent over phases, at most ten reports a second, event ids that grow."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from sptraderb.domain.backtest import Phase, Progress, Run, RunState
from sptraderb.orchestrator.child_pipe import ProgressReport
from sptraderb.orchestrator.progress import (
    Notice,
    ProgressMeter,
    ProgressRelay,
    next_event_id,
    notice_text,
)
from sptraderb.testing.eventually import eventually
from sptraderb.testing.run_requests import build_request

MADE = datetime(2024, 1, 1, tzinfo=UTC)


class _Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _run() -> Run:
    return Run(
        id=uuid4(),
        owner="local",
        request=build_request(),
        state=RunState.RUNNING,
        attempt=1,
        created_at=datetime.now(tz=UTC),
    )


def test_meter_when_bars_are_done_then_percent_and_estimate_follow() -> None:
    """A quarter of the bars in one second leaves three; simulating is 15 to 90 percent of the whole."""
    clock, reports = _Clock(), list[ProgressReport]()
    meter = ProgressMeter(reports.append, clock=clock)
    meter.enter(Phase.SIMULATING)
    clock.now_s = 1.0
    meter.advance(25, 100, n_trades=3, equity=lambda: (60, "10001.5"))
    assert reports[0].percent == 15.0
    assert reports[1] == ProgressReport(
        phase="simulating", percent=33.75, eta_s=3.0, n_trades=3, equity_time_s=60, equity="10001.5"
    )


def test_meter_when_asked_too_often_then_ten_reports_a_second() -> None:
    """A thousand chunks in one second are ten reports."""
    clock, reports = _Clock(), list[ProgressReport]()
    meter = ProgressMeter(reports.append, clock=clock)
    meter.enter(Phase.SIMULATING)
    for step in range(1, 1001):
        clock.now_s = step / 1000
        meter.advance(step, 1000)
    assert 9 <= len(reports) - 1 <= 10


def test_meter_when_a_phase_begins_then_it_is_told_at_once() -> None:
    """Every phase is seen, however short; percent never falls."""
    reports = list[ProgressReport]()
    meter = ProgressMeter(reports.append, clock=_Clock())
    for phase in (Phase.LOADING, Phase.COMPILING, Phase.SIMULATING, Phase.STORING):
        meter.enter(phase)
    assert [report.phase for report in reports] == ["loading", "compiling", "simulating", "storing"]
    assert [report.percent for report in reports] == sorted(report.percent for report in reports)


@pytest.mark.parametrize(("last", "age_ms", "expected"), [(7, 2000, 2000), (2500, 2000, 2501), (0, 0, 1)])
def test_next_event_id_when_taken_then_it_grows(last: int, age_ms: int, expected: int) -> None:
    """Another worker continues above what a lost one may have said."""
    assert next_event_id(last, MADE, MADE + timedelta(milliseconds=age_ms)) == expected


def test_notice_when_written_then_it_has_few_short_fields() -> None:
    """The payload stays far below the 8,000 bytes PostgreSQL allows."""
    progress = Progress(
        phase=Phase.SIMULATING, percent=33.333333, event_id=12, equity_time_s=60, equity="1.5", eta_s=2.25
    )
    run_id = uuid4()
    text = notice_text(run_id, "running", progress)
    assert len(text) < 250
    assert msgspec.json.decode(text, type=Notice) == Notice(
        run=run_id,
        event=12,
        status="running",
        phase="simulating",
        progress=33.33,
        equity=(60, "1.5"),
        eta=2.2,
    )


async def test_relay_when_reports_come_fast_then_the_newest_goes_out() -> None:
    """A burst is one notification with its last state; the row gets it within about a second."""
    sent, written = list[str](), list[Progress]()

    async def _notify(text: str) -> None:
        sent.append(text)

    async def _write(progress: Progress) -> None:
        written.append(progress)

    relay = ProgressRelay(_run(), notify=_notify, write=_write)
    publishing = asyncio.create_task(relay.run())
    for percent in range(50):
        relay.offer(ProgressReport(phase="simulating", percent=float(percent)))
    await eventually(lambda: written, within_s=3.0)
    publishing.cancel()
    assert len(sent) == 1
    assert written[-1].percent == 49.0
