"""Importing files: what is kept, what is refused and said, and that nothing is done by halves."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from sptraderb.candles.import_options import ImportOptions
from sptraderb.candles.import_report import ImportReport, report_lines
from sptraderb.candles.resample import resample
from sptraderb.candles.timezones import local_from_utc, parse_zone
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import H1, H4, M1, M5, parse_timeframe
from sptraderb.errors import CandlesUnusable, Conflict, InvalidInput, SptraderbError
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.store.candle_rows import find_revision, list_metadata, list_revisions, read_candles
from sptraderb.store.instrument_rows import read_instrument
from sptraderb.store.pool import Pool
from sptraderb.testing.candle_files import MONDAY_S, csv_lines, moving_candles, write_lines

_KEPT = """
    SELECT r.timeframe, r.derived_from, r.first_time, r.last_time, r.n_new, s.n_bars, s.n_native,
           (SELECT count(*) FROM sptraderb.candles_5m c WHERE c.instrument_id = i.id AND c.derived) AS marked
    FROM sptraderb.candle_revisions r JOIN sptraderb.instruments i ON i.id = r.instrument_id
    JOIN sptraderb.candle_series s ON s.instrument_id = i.id AND s.timeframe = r.timeframe
    WHERE i.symbol = $1 ORDER BY r.timeframe COLLATE "C"
"""
_ONE_ROW = ["time,open,high,low,close", "2024-01-02T00:00:00Z,1,1,1,1"]


async def _import(pool: Pool, path: Path, **options: object) -> ImportReport:
    return await import_candles(pool, path, options=ImportOptions(**options))  # type: ignore[arg-type]


def _same(one: Candles, other: Candles) -> bool:
    names = ("time_s", *PRICE_COLUMNS, "volume")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def _written(folder: Path, candles: Candles, name: str = "EURUSD_1m.csv") -> Path:
    return write_lines(folder / name, csv_lines(candles))


async def test_file_when_imported_then_it_is_read_back_exactly(pool: Pool, tmp_path: Path) -> None:
    """Every price and volume of the file is in the store, and coarser candles equal an aggregation."""
    candles = moving_candles(3_000)
    report = await _import(pool, _written(tmp_path, candles))
    assert (report.n_read, report.n_kept, report.n_new, report.n_refused) == (3_000, 3_000, 3_000, 0)
    assert _same(await read_candles(pool, "EURUSD", M1), candles)
    for name in ("5m", "15m", "30m", "1h", "4h", "12h", "1d"):
        timeframe = parse_timeframe(name)
        assert _same(await read_candles(pool, "EURUSD", timeframe), resample(candles, timeframe)), name
    assert set(report.derived) == {"5m", "15m", "1h", "4h", "12h"}


async def test_file_when_imported_twice_then_nothing_changes(pool: Pool, tmp_path: Path) -> None:
    """The same bytes make no revision, with the same options or with others."""
    path = _written(tmp_path, moving_candles(500))
    first = await _import(pool, path)
    again = await _import(pool, path)
    other = await _import(pool, path, timezone="UTC")
    assert (again.unchanged, again.revision) == (True, None)
    assert (other.unchanged, other.n_equal, other.n_new) == (True, 500, 0)
    state = await find_revision(pool, "EURUSD", M1)
    assert state.revision == first.revision
    assert len(await list_revisions(pool, "EURUSD", M1)) == 1


async def test_rows_when_corrected_then_any_revision_is_read_as_it_was(pool: Pool, tmp_path: Path) -> None:
    """A correction is a new revision; the old one, derived candles included, stays readable."""
    before = moving_candles(600)
    path = _written(tmp_path, before)
    first = await _import(pool, path)
    lines = csv_lines(before)
    lines[300] = lines[300].rsplit(",", 1)[0] + ",777"
    second = await _import(pool, write_lines(tmp_path / "EURUSD_1m_fixed.csv", lines))
    assert (second.n_corrected, second.n_equal, second.n_new) == (1, 599, 0)
    corrected = next(row for row in second.rows if row.code == "corrected")
    assert corrected.lines == (301,)
    now = await read_candles(pool, "EURUSD", M1)
    assert now.volume[299] == 777
    assert _same(await read_candles(pool, "EURUSD", M1, revision=first.revision), before)
    then = await read_candles(pool, "EURUSD", H1, revision=first.revision)
    assert _same(then, resample(before, H1))
    assert not _same(await read_candles(pool, "EURUSD", H1), then)
    assert second.derived["1h"] == 1


async def test_imports_when_two_run_at_once_then_they_follow_each_other(pool: Pool, tmp_path: Path) -> None:
    """Concurrent imports of one series end as one after the other would."""
    candles = moving_candles(2_000)
    one = _written(tmp_path, candles.sliced(0, 1_200), "EURUSD_1m_a.csv")
    other = _written(tmp_path, candles.sliced(800, 2_000), "EURUSD_1m_b.csv")
    reports = await asyncio.gather(_import(pool, one), _import(pool, other))
    assert sorted(report.n_new for report in reports) in ([800, 1_200], [800, 1_200])
    assert _same(await read_candles(pool, "EURUSD", M1), candles)
    assert _same(await read_candles(pool, "EURUSD", H1), resample(candles, H1))


async def test_native_bars_when_imported_beside_finer_ones_then_they_win(pool: Pool, tmp_path: Path) -> None:
    """A native 1h bar stands against the one derived from 5m, before and after it, and in 4h."""
    fine = moving_candles(600, timeframe=M5)
    native = moving_candles(20, timeframe=H1, seed=9)
    await _import(pool, _written(tmp_path, native, "EURUSD_1h.csv"))
    await _import(pool, _written(tmp_path, fine, "EURUSD_5m.csv"))
    derived = resample(fine, H1)
    stored = await read_candles(pool, "EURUSD", H1)
    shared = np.isin(stored.time_s, native.time_s)
    assert np.array_equal(stored.close_ticks[shared], native.close_ticks)
    assert np.array_equal(stored.time_s, np.union1d(native.time_s, derived.time_s))
    assert _same(await read_candles(pool, "EURUSD", H4), resample(stored, H4))


async def test_fifteen_minutes_when_there_are_no_fives_then_hours_come_from_them(
    pool: Pool, tmp_path: Path
) -> None:
    """1h is made from 5m, and from 15m where there is no 5m."""
    late = moving_candles(400, timeframe=parse_timeframe("15m"))
    early = moving_candles(240, timeframe=M5, first_s=MONDAY_S - 28 * 86_400)
    await _import(pool, _written(tmp_path, late, "EURUSD_15m.csv"))
    await _import(pool, _written(tmp_path, early, "EURUSD_5m.csv"))
    hours = await read_candles(pool, "EURUSD", H1)
    split = int(hours.time_s.searchsorted(MONDAY_S - 7 * 86_400))
    assert _same(hours.sliced(0, split), resample(early, H1))
    assert _same(hours.sliced(split, len(hours)), resample(late, H1))


async def test_rows_when_broken_then_each_is_named_and_the_rest_kept(pool: Pool, tmp_path: Path) -> None:
    """Every kind of broken row is refused with its line; sound rows are kept; nothing is silent."""
    lines = csv_lines(moving_candles(60))
    good = lines[1].split(",")
    lines[5] = lines[5].replace(",", ";")
    lines[6] = "2024-02-30T00:00:00Z," + ",".join(good[1:])
    lines[7] = lines[7].split(",")[0] + ",abc,1.1,1.0,1.05,1"
    lines[8] = lines[8].split(",")[0] + ",1.080005,1.09,1.07,1.08,1"
    lines[9] = lines[9].split(",")[0] + ",0,1.09,0,1.08,1"
    lines[10] = lines[10].split(",")[0] + ",1.08,1.07,1.06,1.08,1"
    lines[11] = lines[11].replace(":00Z", ":30Z")
    lines[12] = ",".join(lines[12].split(",")[:5]) + ",-3"
    lines.insert(13, "")
    lines.insert(14, "# a comment")
    lines += [lines[2], lines[3].rsplit(",", 1)[0] + ",123456"]
    report = await _import(pool, write_lines(tmp_path / "EURUSD_1m.csv", lines, end="\r\n"))
    found = {row.code: row.lines for row in report.rows}
    assert found == {
        "fields": (6,), "time": (7,), "price": (8,), "off_grid": (9,), "not_positive": (10,), "ohlc": (11,),
        "misaligned": (12,), "volume": (13,), "duplicate": (64,), "conflict": (65,),
    }  # fmt: skip
    assert (report.n_skipped, report.n_refused, report.n_duplicate) == (2, 9, 1)
    assert report.n_read == report.n_kept + report.n_duplicate + report.n_refused + report.n_flat_weekend
    assert any("off_grid" in line and "lines 9" in line for line in report_lines(report))


async def test_file_when_strict_and_imperfect_then_it_is_refused_whole(pool: Pool, tmp_path: Path) -> None:
    """`--strict` names what is wrong and stores nothing."""
    lines = csv_lines(moving_candles(50))
    path = write_lines(tmp_path / "EURUSD_1m.csv", [*lines, lines[3]])
    with pytest.raises(CandlesUnusable) as caught:
        await _import(pool, path, strict=True)
    assert caught.value.code == "import.imperfect"
    assert "duplicate at lines 52" in caught.value.hint
    assert await list_metadata(pool) == []


async def test_rows_when_newest_first_then_they_are_stored_in_order(pool: Pool, tmp_path: Path) -> None:
    """The order of a file does not matter."""
    candles = moving_candles(300)
    lines = csv_lines(candles)
    await _import(pool, write_lines(tmp_path / "EURUSD_1m.csv", [lines[0], *reversed(lines[1:])]))
    assert _same(await read_candles(pool, "EURUSD", M1), candles)


async def test_weekend_bars_when_flat_then_they_are_dropped_and_counted(pool: Pool, tmp_path: Path) -> None:
    """Flat bars while FX is closed are no candles; moving ones there would contradict the zone."""
    candles = moving_candles(200, timeframe=H1)
    lines = csv_lines(candles)
    saturday = [f"2024-01-06T{hour:02d}:00:00Z,1.08,1.08,1.08,1.08,0" for hour in range(24)]
    report = await _import(pool, write_lines(tmp_path / "EURUSD_1h.csv", [*lines, *saturday]))
    assert report.n_flat_weekend == 24
    assert report.n_kept == 200


@pytest.mark.parametrize("newest_first", [False, True])
async def test_weekend_bar_when_it_traded_then_kept_and_fillers_with_volume_are_dropped(
    pool: Pool, tmp_path: Path, newest_first: bool
) -> None:
    """A last tick at the close is a bar; a filler repeats the close before it, whatever its volume says."""
    candles = moving_candles(200, timeframe=H1)
    lines = csv_lines(candles)
    friday = next(row for row, line in enumerate(lines) if line.startswith("2024-01-05T21"))
    price = lines[friday].split(",")[4]
    other = f"{float(price) + 0.001:.5f}"
    tick = f"2024-01-05T22:00:00Z,{other},{other},{other},{other},1"
    fillers = [f"2024-01-06T{hour:02d}:00:00Z,{other},{other},{other},{other},99" for hour in range(24)]
    rows = [*lines[1 : friday + 1], tick, *fillers, *lines[friday + 1 :]]
    path = write_lines(tmp_path / "EURUSD_1h.csv", [lines[0], *(rows[::-1] if newest_first else rows)])
    report = await _import(pool, path)
    assert (report.n_flat_weekend, report.n_kept) == (24, 201)


@pytest.mark.parametrize("zone", ["+07:00", "Europe/Athens", "ny-close"])
async def test_zone_when_not_stated_then_it_is_asked_for_and_named(
    pool: Pool, tmp_path: Path, zone: str
) -> None:
    """Times without a zone are refused with the zone that fits; with it they are stored in UTC."""
    candles = moving_candles(24 * 5 * 30, timeframe=H1)
    named = parse_zone(zone)
    clock = candles.time_s if named.place is None else local_from_utc(candles.time_s, named.place)
    path = write_lines(tmp_path / "EURUSD_1h.csv", csv_lines(candles, clock_s=clock + named.shift_s, zone=""))
    with pytest.raises(InvalidInput) as caught:
        await _import(pool, path)
    assert caught.value.code == "import.timezone_needed"
    assert caught.value.context["fitting"] == [zone]
    with pytest.raises(InvalidInput) as wrong:
        await _import(pool, path, timezone="UTC")
    assert wrong.value.code == "import.timezone_wrong"
    report = await _import(pool, path, timezone="auto")
    assert report.timezone == zone
    assert _same(await read_candles(pool, "EURUSD", H1), candles)


async def test_zone_when_trusted_against_the_weeks_then_it_is_taken_and_said(
    pool: Pool, tmp_path: Path
) -> None:
    """A user may insist; the report says what speaks against it."""
    candles = moving_candles(500, timeframe=H1)
    path = write_lines(
        tmp_path / "EURUSD_1h.csv", csv_lines(candles, clock_s=candles.time_s + 7 * 3600, zone="")
    )
    report = await _import(pool, path, timezone="UTC", trust_timezone=True)
    assert any("FX weekend" in note for note in report.quality.notes)


async def test_side_when_another_is_stored_then_it_needs_another_symbol(pool: Pool, tmp_path: Path) -> None:
    """Bid and ask never mix in a series: said symbols refuse, found ones go to a symbol of their own."""
    candles = moving_candles(50)
    await _import(pool, _written(tmp_path, candles))
    ask = _written(tmp_path, candles, "EURUSD_1m_ask.csv")
    with pytest.raises(Conflict) as caught:
        await _import(pool, ask, symbol="EURUSD", side="ask")
    assert caught.value.code == "import.side_differs"
    report = await _import(pool, ask)
    assert (report.symbol, report.side) == ("EURUSD.ask", "ask")
    assert [entry.symbol for entry in await list_metadata(pool)] == ["EURUSD", "EURUSD.ask"]


async def test_symbol_when_it_has_no_candles_then_it_takes_the_side_of_the_file(
    pool: Pool, tmp_path: Path
) -> None:
    """The first import decides; mid prices have one decimal more."""
    mid = SEEDED_INSTRUMENTS["EURUSD"]
    lines = csv_lines(moving_candles(50, instrument=mid))
    report = await _import(pool, write_lines(tmp_path / "EURUSD_1m_mid.csv", lines))
    state = await find_revision(pool, "EURUSD", M1)
    assert (report.symbol, report.side) == ("EURUSD", "mid")
    assert (state.instrument.price_scale, state.instrument.pip_ticks) == (6, 100)


async def test_symbol_when_unknown_then_it_is_inferred_and_said(pool: Pool, tmp_path: Path) -> None:
    """A coin nobody knows gets the scale of its prices."""
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [f"{1704067200 + 60 * i},0.1234567,0.13,0.12,0.125,5" for i in range(10)]
    report = await _import(pool, write_lines(tmp_path / "WIFUSDT-1m.csv", lines))
    assert report.instrument_inferred
    state = await find_revision(pool, "WIFUSDT", M1)
    assert (state.instrument.price_scale, state.instrument.kind) == (7, "crypto")


async def test_symbol_when_described_then_the_description_holds(pool: Pool, tmp_path: Path) -> None:
    """`--instrument` gives the facts of a symbol that looks like nothing known."""
    lines = csv_lines(moving_candles(50))
    path = write_lines(tmp_path / "data_1m.csv", lines)
    facts = {"quote": "EUR", "price_scale": "6", "calendar": "fx"}
    await _import(pool, path, symbol="DAX40", instrument=facts)
    state = await find_revision(pool, "DAX40", M1)
    assert (state.instrument.quote, state.instrument.price_scale) == ("EUR", 6)


@pytest.mark.parametrize(
    ("name", "lines", "options", "code"),
    [
        ("EURUSD_1m.csv", [], {}, "import.file_empty"),
        ("EURUSD_1m.csv", ["hello", "world"], {}, "import.format_unknown"),
        ("data.csv", _ONE_ROW, {}, "import.symbol_needed"),
        ("EURUSD.csv", _ONE_ROW, {}, "import.timeframe_needed"),
        ("EURUSD_1m.csv", _ONE_ROW, {"timeframe": "30m"},
         "import.timeframe_not_stored"),
        ("EURUSD_1m.csv", _ONE_ROW, {"format": "xls"},
         "import.bad_option"),
        ("EURUSD_1m.csv", _ONE_ROW, {"symbol": "a b"},
         "import.bad_symbol"),
        ("EURUSD_1m.csv", _ONE_ROW,
         {"instrument": {"colour": "red"}}, "import.bad_instrument"),
        ("EURUSD_1m.csv", [_ONE_ROW[0], "2024-01-02T00:00:00Z,0,0,0,0"], {}, "import.nothing_kept"),
        ("EURUSD_1m.csv", ["time,open,high,low,close", "01/02/2024,1,1,1,1"], {}, "import.date_ambiguous"),
        ("ABC_1m.csv", _ONE_ROW, {"symbol": "??"},
         "import.bad_symbol"),
        ("X.csv", _ONE_ROW, {"symbol": "QQ"},
         "instrument.unknown"),
    ],
)  # fmt: skip
async def test_file_when_it_cannot_be_read_as_asked_then_the_code_says_why(
    pool: Pool, tmp_path: Path, name: str, lines: list[str], options: dict[str, object], code: str
) -> None:
    """Every refusal has its own code, and nothing is stored."""
    path = write_lines(tmp_path / name, lines)
    with pytest.raises(SptraderbError) as caught:
        await _import(pool, path, **options)
    assert caught.value.code == code
    assert await list_metadata(pool) == []


async def test_timeframe_when_the_name_says_another_then_it_is_refused(pool: Pool, tmp_path: Path) -> None:
    """A file of 5m rows named 1h is a mistake until somebody says which is right."""
    path = _written(tmp_path, moving_candles(200, timeframe=M5), "EURUSD_1h.csv")
    with pytest.raises(InvalidInput) as caught:
        await _import(pool, path)
    assert caught.value.code == "import.timeframe_differs"
    report = await _import(pool, path, timeframe="5m")
    assert report.timeframe == "5m"


async def test_timeframe_when_said_of_rows_that_lie_closer_then_it_is_refused(
    pool: Pool, tmp_path: Path
) -> None:
    """One in twelve bars of 5m lies on the hour; none of them is an hour's."""
    path = _written(tmp_path, moving_candles(200, timeframe=M5), "EURUSD_5m.csv")
    with pytest.raises(InvalidInput) as caught:
        await _import(pool, path, timeframe="1h")
    assert caught.value.code == "import.timeframe_differs"
    assert "most are 300 s apart" in caught.value.message
    assert await list_metadata(pool) == []


async def test_import_when_stopped_then_nothing_is_stored(pool: Pool, tmp_path: Path) -> None:
    """A cancelled import leaves the store as it was."""
    path = _written(tmp_path, moving_candles(500))
    with pytest.raises(Conflict) as caught:
        await import_candles(pool, path, should_stop=lambda: True)
    assert caught.value.code == "import.cancelled"
    assert await list_metadata(pool) == []


async def test_import_when_it_runs_then_progress_reaches_the_end_of_each_phase(
    pool: Pool, tmp_path: Path
) -> None:
    """Reading, checking, storing and deriving each come to their total, in that order."""
    seen: list[tuple[str, int, int]] = []
    path = _written(tmp_path, moving_candles(500))
    await import_candles(pool, path, on_progress=lambda *step: seen.append(step))
    ends = [phase for phase, done, total in seen if done == total]
    assert list(dict.fromkeys(ends)) == ["reading", "checking", "storing", "deriving"]


@pytest.mark.parametrize("phase", ["reading", "checking", "storing", "deriving"])
async def test_import_when_it_breaks_in_any_phase_then_nothing_is_stored(
    pool: Pool, tmp_path: Path, phase: str
) -> None:
    """A file is stored wholly or not at all, and the next import of it works."""
    path = _written(tmp_path, moving_candles(500))

    def fail(now: str, done: int, total: int) -> None:
        if now == phase:
            raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await import_candles(pool, path, on_progress=fail)
    assert await list_metadata(pool) == []
    assert await pool.fetchval("SELECT count(*) FROM sptraderb.candles_1m") == 0
    report = await _import(pool, path)
    assert report.n_new == 500


async def test_series_when_new_or_known_then_both_ways_of_storing_give_the_same(
    pool: Pool, tmp_path: Path
) -> None:
    """Rows copied straight in and rows that went through the stage are equal, side columns included."""
    candles = moving_candles(1_000)
    lines = csv_lines(candles)
    await _import(pool, write_lines(tmp_path / "EURUSD_1m.csv", lines))
    await _import(pool, write_lines(tmp_path / "GBPUSD_1m.csv", [*lines[:1], *lines[500:], *lines[1:500]]))
    for timeframe in (M1, M5, H1, H4):
        one = await read_candles(pool, "EURUSD", timeframe)
        assert _same(one, await read_candles(pool, "GBPUSD", timeframe))
    kept = [await pool.fetch(_KEPT, symbol) for symbol in ("EURUSD", "GBPUSD")]
    assert kept[0] == kept[1]
    assert [row["derived_from"] for row in kept[0]] == ["4h", "5m", "5m", None, "1h", "1m"]


async def test_share_when_its_exchange_is_said_then_gaps_are_those_of_its_sessions(
    pool: Pool, tmp_path: Path
) -> None:
    """The exchange stays with the instrument; nights are no gaps, an absent session is one; days are made."""
    times = [f"2024-03-{day:02d}T{hour}:00:00Z" for day in (4, 5, 7, 8) for hour in range(14, 21)]
    rows = [f"{time},17{n % 7}.10,17{n % 7}.20,17{n % 7}.00,17{n % 7}.15" for n, time in enumerate(times)]
    path = write_lines(tmp_path / "aapl_1h.csv", ["time,open,high,low,close", *rows])
    facts = {"quote": "USD", "price_scale": "2", "calendar": "NYSE"}
    report = await _import(pool, path, symbol="AAPL", instrument=facts)
    assert any("calendar XNYS" in note for note in report.notes)
    assert [gap.missing_bars for gap in report.quality.gaps] == [6]
    kept = await read_instrument(pool, "AAPL")
    assert (kept.exchange, kept.calendar_word, kept.side) == ("XNYS", "XNYS", "bid")
    assert len(await read_candles(pool, "AAPL", parse_timeframe("1d"))) == 4


async def test_side_when_nothing_says_it_then_the_assumption_is_said(pool: Pool, tmp_path: Path) -> None:
    """A file without a side takes the instrument's, and the report says so."""
    report = await _import(pool, _written(tmp_path, moving_candles(50)))
    assert any("taken for bid" in note for note in report.notes)
    said = await _import(pool, _written(tmp_path, moving_candles(60), "EURUSD_1m_bid.csv"))
    assert not any("taken for" in note for note in said.notes)
