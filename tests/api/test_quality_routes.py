"""The quality of a stored series: grade, gaps against the calendar, coverage."""

from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from sptraderb.bootstrap import Services
from sptraderb.orchestrator.import_candles import import_candles
from sptraderb.testing.candle_files import write_lines
from sptraderb.testing.stored_candles import MONDAY_S, store_bars, wavy_bars

Client = httpx.AsyncClient
N_BARS = 1_000
QUALITY = "/api/candles/quality"


@pytest_asyncio.fixture(autouse=True)
async def stored(services: Services) -> None:
    """Store hourly bars of a market that never closes, without a stretch in the middle."""
    bars = wavy_bars(N_BARS)
    await store_bars(services.pool, [*bars[:500], *bars[600:]], symbol="BTCUSDT")


async def test_quality_when_asked_then_grade_gaps_and_coverage(client: Client) -> None:
    """What is missing is counted, placed and graded; coverage adds up to the series."""
    body = (await client.get(QUALITY, params={"symbol": "BTCUSDT", "timeframe": "1h"})).json()
    assert (body["bars"], body["missing_bars"], body["grade"]) == (900, 100, "D")
    assert (body["first"], len(body["gaps"])) == ("2017-01-02T00:00:00Z", 1)
    assert body["gaps"][0]["missing_bars"] == 100
    assert sum(cell["bars"] for cell in body["coverage"]) == 900
    assert sum(cell["expected"] for cell in body["coverage"]) == N_BARS
    assert len(body["coverage"]) == 100


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"symbol": "NOSUCH"}, 404, "candles.unknown_symbol"),
        ({"symbol": "BTCUSDT", "from": "then"}, 400, "time.malformed"),
        ({"timeframe": "1h"}, 400, "query.missing"),
        ({"symbol": "BTCUSDT", "timeframe": "7y"}, 400, "timeframe.unknown"),
        ({"symbol": "NOSUCH", "timeframe": "1h"}, 404, "candles.unknown_symbol"),
        ({"symbol": "BTCUSDT", "timeframe": "1m"}, 404, "candles.too_coarse"),
    ],
)
async def test_quality_when_it_cannot_be_told_then_why(
    client: Client, query: dict[str, str], status: int, code: str
) -> None:
    """A query without its series is refused as one for candles is."""
    answer = await client.get(QUALITY, params=query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_quality_when_only_a_symbol_is_given_then_its_finest_series(client: Client) -> None:
    """The finest stored timeframe is judged."""
    body = (await client.get(QUALITY, params={"symbol": "BTCUSDT"})).json()
    assert (body["timeframe"], body["bars"]) == ("1h", 900)


async def test_quality_when_bounded_then_only_what_lies_between(client: Client) -> None:
    """Both bounds are inclusive; the gap outside of them is not told."""
    bounds = {"from": str(MONDAY_S), "to": str(MONDAY_S + 99 * 3600)}
    body = (await client.get(QUALITY, params={"symbol": "BTCUSDT", **bounds})).json()
    assert (body["bars"], body["missing_bars"], body["grade"]) == (100, 0, "A")
    empty = (await client.get(QUALITY, params={"symbol": "BTCUSDT", "from": "2040-01-01"})).json()
    assert (empty["bars"], empty["grade"], empty["coverage"], empty["first"]) == (0, "F", [], None)


async def test_quality_when_unchanged_then_304_until_the_series_changes(
    client: Client, services: Services
) -> None:
    """The tag names the data's revision and the question."""
    query = {"symbol": "BTCUSDT", "timeframe": "1h"}
    tag = (await client.get(QUALITY, params=query)).headers["etag"]
    again = await client.get(QUALITY, params=query, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    other = await client.get(QUALITY, params={**query, "from": "2017-01-05"}, headers={"if-none-match": tag})
    assert other.status_code == 200
    await services.pool.execute("UPDATE sptraderb.candle_series SET revision = revision + 1")
    assert (await client.get(QUALITY, params=query, headers={"if-none-match": tag})).status_code == 200


async def test_quality_when_the_file_was_dirty_then_what_was_left_out_is_told(
    client: Client, services: Services, tmp_path: Path
) -> None:
    """Duplicates and crossed prices are not in the series; the quality says that the files had them."""
    head = "time,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close"
    good = "1.1,1.1,1.1,1.1,1.2,1.2,1.2,1.2"
    rows = [f"2024-01-02T1{hour}:00:00Z,{good}" for hour in (0, 1, 1, 2)]
    rows.append("2024-01-02T13:00:00Z,1.2,1.2,1.2,1.2,1.1,1.1,1.1,1.1")
    path = write_lines(tmp_path / "NZDUSD_1h.csv", [head, *rows])
    await import_candles(services.pool, path)
    body = (await client.get(QUALITY, params={"symbol": "NZDUSD", "timeframe": "2h"})).json()
    assert (body["duplicates"], body["bid_over_ask"], body["side"]) == (1, 1, "both")
    assert body["imports"] == {"files": 1, "rows_read": 5, "rows": {"bid_over_ask": 1, "duplicate": 1}}


async def test_quality_when_days_then_their_sessions(client: Client, services: Services) -> None:
    """Days made on reading are judged as well; FX weekends are no gaps."""
    await store_bars(services.pool, wavy_bars(3_000, start_s=MONDAY_S))
    body = (await client.get(QUALITY, params={"symbol": "EURUSD", "timeframe": "1d"})).json()
    assert body["misaligned"] == 0
    assert all(cell["bars"] <= cell["expected"] for cell in body["coverage"])
