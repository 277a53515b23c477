"""Candles: the whole range streamed, or page by page, as exact numbers."""

import gzip
import io
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from arro3.io import read_ipc_stream

from sptraderb.bootstrap import Services
from sptraderb.domain.timeframe import parse_timeframe
from sptraderb.store.candle_rows import read_candles
from sptraderb.testing.stored_candles import MONDAY_S, store_bars, wavy_bars

Client = httpx.AsyncClient
N_BARS = 4_500
QUERY = "/api/candles?symbol=EURUSD&timeframe=1h"
END_S = MONDAY_S + (N_BARS - 1) * 3600


@pytest_asyncio.fixture(autouse=True)
async def stored(services: Services) -> None:
    """Store hourly bars of EURUSD and some of BTCUSDT."""
    await store_bars(services.pool, wavy_bars(N_BARS))
    await store_bars(services.pool, wavy_bars(30), symbol="BTCUSDT", timeframe="4h")


async def test_candles_when_asked_plainly_then_a_bare_array_of_six_fields(client: Client) -> None:
    """The whole range comes ascending, times as integer seconds, prices as numbers."""
    answer = await client.get(QUERY)
    rows = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert len(rows) == N_BARS
    assert list(rows[0]) == ["time", "open", "high", "low", "close", "volume"]
    assert [row["time"] for row in rows] == [MONDAY_S + n * 3600 for n in range(N_BARS)]
    assert "link" not in answer.headers


async def test_candles_when_written_then_the_stored_decimals_exactly(client: Client) -> None:
    """Each price is the stored decimal, digit by digit, not a neighbour of it."""
    text = (await client.get(QUERY)).text
    bars = wavy_bars(N_BARS)
    closes = re.findall(r'"close":([0-9.]+)', text)
    assert [int(float(close) * 1e5 + 0.5) for close in closes] == [bar[4] for bar in bars]
    assert [len(close.split(".")[1]) <= 5 for close in closes] == [True] * N_BARS


async def test_candles_when_compressed_then_the_same(client: Client) -> None:
    """A caller that takes gzip gets it, others the plain text; caches keep them apart."""
    packed = await client.get(QUERY, headers={"accept-encoding": "gzip"})
    plain = await client.get(QUERY, headers={"accept-encoding": "identity"})
    refused = await client.get(QUERY, headers={"accept-encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert packed.json() == plain.json()
    assert {"Accept", "Accept-Encoding", "Origin"} <= set(packed.headers["vary"].split(", "))


BOUNDS = [
    (f"&from={MONDAY_S}&to={MONDAY_S}", 1),
    (f"&from={MONDAY_S + 1}&to={MONDAY_S + 7200}", 2),
    ("&from=2017-01-02&to=2017-01-02", 24),
    ("&from=2017-01-02T10:00:00Z&to=2017-01-02T12:00:00Z", 3),
    (f"&from={END_S}", 1),
    (f"&to={MONDAY_S - 1}", 0),
    ("&from=2030-01-01", 0),
    ("&from=&to=", N_BARS),
]


async def test_candles_when_bounded_then_both_ends_are_inclusive(client: Client) -> None:
    """Bounds are inclusive on open times; a plain end is the end of its day; an empty range is []."""
    for bounds, n_rows in BOUNDS:
        answer = await client.get(QUERY + bounds)
        assert answer.status_code == 200
        assert len(answer.json()) == n_rows


async def test_candles_when_limited_then_link_headers_lead_through_all(client: Client) -> None:
    """Pages together are the whole; the last one has no Link."""
    times: list[int] = []
    place: str | None = QUERY + "&limit=2000"
    n_pages = 0
    while place is not None:
        answer = await client.get(place)
        times += [row["time"] for row in answer.json()]
        link = answer.headers.get("link")
        place = None if link is None else link.split(";")[0].strip("<>")
        n_pages += 1
    assert (n_pages, len(times), times == sorted(set(times))) == (3, N_BARS, True)


async def test_candles_when_newest_first_then_the_same_backwards(client: Client) -> None:
    """The whole range in the opposite order, as JSON, CSV and Arrow, over the slices of a stream."""
    ascending = (await client.get(QUERY)).json()
    assert (await client.get(f"{QUERY}&order=desc")).json() == ascending[::-1]
    assert (await client.get(f"{QUERY}&order=asc")).json() == ascending
    lines = (await client.get(f"{QUERY}&order=desc&format=csv")).text.splitlines()
    assert lines[0].startswith("time,")
    assert [int(line.split(",")[0]) for line in lines[1:]] == [row["time"] for row in ascending[::-1]]
    table = read_ipc_stream(
        io.BytesIO((await client.get(f"{QUERY}&order=desc&format=arrow")).content)
    ).read_all()
    assert table["time"].to_numpy().tolist() == [row["time"] for row in ascending[::-1]]
    assert table["close"].to_numpy().tolist() == [row["close"] for row in ascending[::-1]]


@pytest.mark.parametrize("limit", [1_000, 2_250, 4_499])
async def test_candles_when_limited_and_newest_first_then_link_headers_lead_back(
    client: Client, limit: int
) -> None:
    """Pages begin at the newest bar and together are the range between the bounds, backwards."""
    low_s, high_s = MONDAY_S + 3600, END_S - 3600
    times: list[int] = []
    place: str | None = f"{QUERY}&from={low_s}&to={high_s}&limit={limit}&order=desc"
    tags = []
    while place is not None:
        answer = await client.get(place)
        times += [row["time"] for row in answer.json()]
        tags.append(answer.headers["etag"])
        link = answer.headers.get("link")
        place = None if link is None else link.split(";")[0].strip("<>")
    assert times == list(range(high_s, low_s - 1, -3600))
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("timeframe", ["30m", "90m", "2h", "3h", "6h", "8h", "1d", "1w", "4w"])
async def test_candles_when_any_multiple_is_asked_for_then_the_aggregation(
    client: Client, services: Services, timeframe: str
) -> None:
    """What is not stored is made on reading: each bar as a plain loop over the stored ones makes it."""
    if timeframe in ("30m", "90m"):
        await store_bars(services.pool, wavy_bars(N_BARS, step_s=900), symbol="GBPUSD", timeframe="15m")
    elif timeframe == "4w":
        answer = await client.get(f"/api/candles?symbol=BTCUSDT&timeframe={timeframe}")
        assert (answer.status_code, answer.json()["code"]) == (400, "timeframe.unknown")
        return
    symbol = "GBPUSD" if timeframe.endswith("m") else "EURUSD"
    finer = await read_candles(services.pool, symbol, parse_timeframe("15m" if symbol == "GBPUSD" else "1h"))
    rows = (await client.get(f"/api/candles?symbol={symbol}&timeframe={timeframe}")).json()
    expected: dict[int, list[float]] = {}
    for index in range(len(finer)):
        opened = _opened(int(finer.time_s[index]), timeframe)
        bar = [getattr(finer, f"{name}_ticks")[index] / 1e5 for name in ("open", "high", "low", "close")]
        held = expected.setdefault(opened, [*bar, 0.0])
        held[1], held[2], held[3] = max(held[1], bar[1]), min(held[2], bar[2]), bar[3]
        held[4] += finer.volume[index]
    found = {row["time"]: [row[name] for name in ("open", "high", "low", "close", "volume")] for row in rows}
    assert list(found) == sorted(found)
    assert found == expected


def _opened(time_s: int, timeframe: str) -> int:
    """Return when the longer bar opens: on the 00:00 UTC grid, or with its session at 17:00 New York."""
    if timeframe not in ("1d", "1w"):
        length_s = int(timeframe[:-1]) * {"m": 60, "h": 3600}[timeframe[-1]]
        return time_s - time_s % length_s
    local = datetime.fromtimestamp(time_s, ZoneInfo("America/New_York"))
    opened = local.replace(hour=17, minute=0)
    if opened > local:
        opened -= timedelta(days=1)
    if timeframe == "1w":
        opened -= timedelta(days=(opened.weekday() + 1) % 7)
    return int(opened.timestamp())


async def test_candles_when_unchanged_then_304_by_revision_and_query(
    client: Client, services: Services
) -> None:
    """The weak ETag names data revision and query; a new revision is a new tag."""
    answer = await client.get(QUERY)
    tag = answer.headers["etag"]
    assert tag.startswith('W/"')
    again = await client.get(QUERY, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await client.get(QUERY + "&limit=5")).headers["etag"] != tag
    await services.pool.execute("UPDATE sptraderb.candle_series SET revision = revision + 1")
    assert (await client.get(QUERY, headers={"if-none-match": tag})).status_code == 200


async def test_candles_when_coarser_than_stored_then_made_of_the_finer(client: Client) -> None:
    """Any multiple of what is stored can be asked for."""
    rows = (await client.get("/api/candles?symbol=EURUSD&timeframe=4h&limit=2")).json()
    bars = wavy_bars(8)
    assert [row["time"] for row in rows] == [MONDAY_S, MONDAY_S + 14_400]
    assert rows[0]["high"] == max(bar[2] for bar in bars[:4]) / 1e5
    assert rows[0]["volume"] == sum(bar[5] for bar in bars[:4])


WRONG_QUERIES = [
    ("", 400, "query.missing"),
    ("?symbol=EURUSD", 400, "query.missing"),
    ("?symbol=EURUSD&timeframe=7x", 400, "timeframe.unknown"),
    ("?symbol=NOSUCH&timeframe=1h", 404, "candles.unknown_symbol"),
    ("?symbol=EURUSD&timeframe=5m", 404, "candles.too_coarse"),
    ("?symbol=EURUSD&timeframe=1h&from=then", 400, "time.malformed"),
    ("?symbol=EURUSD&timeframe=1h&limit=0", 400, "page.limit_out_of_range"),
    ("?symbol=EURUSD&timeframe=1h&limit=x", 400, "request.invalid"),
    ("?symbol=EURUSD&timeframe=1h&limit=5&cursor=zzz", 400, "page.cursor_malformed"),
    ("?symbol=EURUSD&timeframe=1h&format=xml", 400, "format.unknown"),
    ("?symbol=EURUSD&timeframe=1h&order=down", 400, "query.bad_order"),
    ("?symbol=EURUSD&timeframe=1h&fromm=2024-01-02", 400, "query.unknown"),
    ("?symbol=EURUSD&timeframe=1h&from=2017-01-03&to=2017-01-02T00:00:00Z", 400, "time.reversed"),
]


async def test_candles_when_the_query_is_wrong_then_the_code_says_so(client: Client) -> None:
    """Each fault has its status and code; an unknown symbol lists those there are."""
    for query, status, code in WRONG_QUERIES:
        answer = await client.get(f"/api/candles{query}")
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code)
        if code == "candles.unknown_symbol":
            assert set(problem["context"]["available"]) == {"EURUSD", "BTCUSDT"}
        if code == "query.unknown":
            assert problem["hint"] == "did you mean `from`?"
        if code == "timeframe.unknown":
            assert "1h" in problem["context"]["available"]


async def test_candles_when_the_query_holds_a_number_against_stores_then_it_is_let_through(
    client: Client,
) -> None:
    """``_`` is how clients get past stores on the way."""
    assert (await client.get(f"{QUERY}&limit=1&_=17")).status_code == 200


async def test_candles_when_nothing_acceptable_then_406(client: Client) -> None:
    """A caller that takes none of our formats is told which there are."""
    answer = await client.get(QUERY, headers={"accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (406, "media_type.not_acceptable")


async def test_candles_when_csv_then_exact_decimals(client: Client) -> None:
    """CSV holds the decimals themselves."""
    answer = await client.get(QUERY, headers={"accept": "text/csv"})
    lines = answer.text.splitlines()
    first = wavy_bars(1)[0]
    assert answer.headers["content-type"].startswith("text/csv")
    assert (len(lines), lines[0]) == (N_BARS + 1, "time,open,high,low,close,volume")
    assert lines[1].split(",")[:2] == [str(first[0]), f"1.{first[1] - 100_000:05d}"]
    assert (await client.get(QUERY + "&format=csv")).text == answer.text


@pytest.mark.parametrize("word", ["arrow", "parquet"])
async def test_candles_when_a_table_is_asked_for_then_readable_columns(client: Client, word: str) -> None:
    """Arrow and Parquet hold the same values in columns."""
    arro3_io = pytest.importorskip("arro3.io")
    answer = await client.get(f"{QUERY}&format={word}")
    source = io.BytesIO(answer.content)
    reader = arro3_io.read_ipc_stream(source) if word == "arrow" else arro3_io.read_parquet(source)
    table: Any = reader.read_all()
    assert table.num_rows == N_BARS
    assert table.column("time").to_pylist()[0] == MONDAY_S
    assert table.column("close").to_pylist()[7] == wavy_bars(8)[7][4] / 1e5


async def test_candles_when_empty_and_compressed_then_an_empty_array(client: Client) -> None:
    """An empty stream is a whole document too."""
    answer = await client.get(QUERY + "&from=2030-01-01", headers={"accept-encoding": "gzip"})
    assert answer.json() == []
    assert gzip.decompress(gzip.compress(b"[]")) == answer.content


async def test_metadata_when_asked_then_symbols_and_the_five_timeframes(client: Client) -> None:
    """What there is, from when to when, with the count of the finest bars."""
    answer = (await client.get("/api/metadata")).json()
    assert answer["timeframes"] == ["5m", "15m", "1h", "4h", "12h"]
    assert {"symbol": "EURUSD", "earliest": MONDAY_S, "latest": END_S, "tick_count": N_BARS} in answer[
        "symbols"
    ]
    one = (await client.get("/api/metadata?symbol=EURUSD")).json()
    assert one["symbol"] == "EURUSD"
    assert one["tick_count"] == N_BARS
    assert "1h" in one["timeframes"]
    assert (await client.get("/api/metadata?symbol=NOSUCH")).status_code == 404


async def test_instruments_when_listed_then_words_for_every_number(client: Client) -> None:
    """An instrument tells its tick, pip, lot and steps as decimals."""
    rows = {row["symbol"]: row for row in (await client.get("/api/instruments")).json()}
    assert rows["EURUSD"]["tick_size"] == "0.00001"
    assert rows["EURUSD"]["pip"] == "0.00010"
    assert rows["BTCUSDT"]["quantity_step"] == "0.00000001"
    assert (rows["EURUSD"]["calendar"], rows["EURUSD"]["side"]) == ("fx", "bid")
