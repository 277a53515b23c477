"""The quality of a stored series: grade, gaps against the calendar, coverage."""

import httpx
import pytest
import pytest_asyncio

from sptraderb.bootstrap import Services
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
        ({"symbol": "BTCUSDT"}, 400, "query.missing"),
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


async def test_quality_when_days_then_their_sessions(client: Client, services: Services) -> None:
    """Days made on reading are judged as well; FX weekends are no gaps."""
    await store_bars(services.pool, wavy_bars(3_000, start_s=MONDAY_S))
    body = (await client.get(QUALITY, params={"symbol": "EURUSD", "timeframe": "1d"})).json()
    assert body["misaligned"] == 0
    assert all(cell["bars"] <= cell["expected"] for cell in body["coverage"])
