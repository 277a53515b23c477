"""Exchanges: the table is what the library says, and gaps are those of the exchange's sessions."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sptraderb.candles.check import check_candles, count_missing
from sptraderb.candles.exchange_hours import exchange_table, find_exchange, sessions_of
from sptraderb.candles.import_target import with_facts
from sptraderb.domain.calendar import CalendarName, Int64Array
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import Instrument, fx_instrument
from sptraderb.domain.timeframe import D1, H1, M5, Timeframe
from sptraderb.errors import InvalidInput

TOOL = Path(__file__).resolve().parents[3] / "tools"
SHARE = replace(fx_instrument("EURUSD"), symbol="AAPL", kind="other", exchange="XNYS", price_scale=2)


def at(text: str) -> int:
    """Return a UTC time as Unix seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize("mic", ["XNYS", "XTKS", "XSAU"])
def test_table_when_compared_with_the_library_then_equal(mic: str) -> None:
    """Sessions, early closes and breaks are those of `exchange_calendars` in the release the table names."""
    code = (
        "import json, exchange_calendars, exchange_sessions as made; "
        f"print(json.dumps([exchange_calendars.__version__, made.open_minutes({mic!r}).tolist()]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=TOOL, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    library, minutes = json.loads(done.stdout)
    assert exchange_table().library == library
    assert np.array_equal(sessions_of(mic), 60 * np.array(minutes))


def test_table_when_read_then_intervals_ascend_and_do_not_meet() -> None:
    """Every exchange opens, closes and opens again; the table covers two decades of each."""
    table = exchange_table()
    assert len(table.sessions) > 60
    for mic, sessions in table.sessions.items():
        assert (np.diff(sessions.ravel()) > 0).all() or mic in ("CMES", "XKLS", "IEPA"), mic
        assert (np.diff(sessions.ravel()) >= 0).all(), mic
        assert sessions[-1, 1] > at("2026-06-01T00:00"), mic


def test_table_when_loaded_then_no_pandas() -> None:
    """No process of ours loads the library or pandas for it."""
    code = (
        "import sys; from sptraderb.candles.exchange_hours import sessions_of; sessions_of('XNYS'); "
        "print([name for name in ('pandas', 'exchange_calendars') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "mic"), [("xnys", "XNYS"), ("NYSE", "XNYS"), ("LSE", "XLON"), ("MOON", None), ("", None)]
)
def test_exchange_when_named_in_any_usual_way_then_found(name: str, mic: str | None) -> None:
    """A MIC or an alias, in any case."""
    assert find_exchange(name) == mic


def missing(last: str, first: str, *, instrument: Instrument = SHARE, timeframe: Timeframe = M5) -> int:
    """Return the bars missing between two open times."""
    return int(count_missing(np.array([at(last), at(first)]), instrument, timeframe)[0])


@pytest.mark.parametrize(
    ("last", "first", "expected"),
    [
        ("2024-03-05T20:55", "2024-03-06T14:30", 0),  # over night, winter
        ("2024-03-08T20:55", "2024-03-11T13:30", 0),  # over the weekend into summer time
        ("2024-07-03T16:55", "2024-07-05T13:30", 0),  # early close, Independence Day
        ("2018-12-04T20:55", "2018-12-06T14:30", 0),  # mourning, no rule foretells it
        ("2024-03-05T20:50", "2024-03-06T14:30", 1),
        ("2024-03-05T20:55", "2024-03-06T14:35", 1),
        ("2024-03-05T20:55", "2024-03-07T14:30", 78),
        ("2024-07-03T16:00", "2024-07-05T13:30", 11),
    ],
)
def test_share_when_its_exchange_was_closed_then_nothing_is_missing(
    last: str, first: str, expected: int
) -> None:
    """Nights, weekends, holidays and early closes of New York's exchange; every bar of a session counts."""
    assert missing(last, first) == expected


def test_share_when_its_exchange_breaks_at_noon_then_nothing_is_missing() -> None:
    """Tokyo rests for lunch."""
    tokyo = replace(SHARE, symbol="TOYOTA", exchange="XTKS")
    assert missing("2024-03-06T02:25", "2024-03-06T03:30", instrument=tokyo) == 0
    assert missing("2024-03-06T02:20", "2024-03-06T03:30", instrument=tokyo) == 1


def test_share_when_days_are_absent_then_sessions_are_counted() -> None:
    """A missing day is one bar, though the exchange is open for six hours and a half."""
    assert missing("2024-03-04T22:00", "2024-03-07T22:00", timeframe=D1) == 2
    assert missing("2024-03-07T22:00", "2024-03-10T21:00", timeframe=D1) == 0


def session_bars(mic: str, first: str, last: str, *, step_s: int) -> Int64Array:
    """Return open times of bars in every session of a stretch."""
    sessions = sessions_of(mic)
    kept = sessions[(sessions[:, 0] >= at(first)) & (sessions[:, 1] <= at(last))]
    starts = [np.arange(opened - opened % step_s, closed, step_s) for opened, closed in kept]
    return np.concatenate(starts)


@pytest.mark.parametrize(("timeframe", "mic"), [(M5, "XNYS"), (H1, "XNYS"), (M5, "XHKG"), (M5, "XSAU")])
def test_series_when_every_session_is_whole_then_its_grade_is_a(timeframe: Timeframe, mic: str) -> None:
    """Two years without a fault have no gap, and no FX week is sought in them."""
    times = session_bars(mic, "2022-01-01T00:00", "2024-01-01T00:00", step_s=timeframe.seconds)
    rng = np.random.default_rng(5)
    close = 20_000 + np.cumsum(rng.integers(-3, 4, len(times)))
    columns = {"time_s": times, "open_ticks": close, "high_ticks": close + 3, "low_ticks": close - 3}
    candles = Candles.from_columns(
        {**columns, "close_ticks": close}, instrument=replace(SHARE, exchange=mic), timeframe=timeframe
    )
    report = check_candles(candles)
    assert (report.n_missing, report.grade, report.n_clock_faults) == (0, "A", 0)


def test_facts_when_a_calendar_is_said_then_exchange_or_rule() -> None:
    """Session days of an exchange end in New York's evening; fx takes it away again; others are refused."""
    share = with_facts(fx_instrument("EURUSD"), {"calendar": "nyse"})
    assert (share.exchange, share.calendar, share.calendar_word) == ("XNYS", CalendarName.FX, "XNYS")
    assert not share.keeps_fx_week
    assert with_facts(share, {"calendar": "fx"}).exchange == ""
    with pytest.raises(InvalidInput) as caught:
        with_facts(share, {"calendar": "moon"})
    assert caught.value.code == "import.bad_instrument"
