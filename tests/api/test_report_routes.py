"""The report page over HTTP."""

import httpx

from sptraderb.api.report_routes import MOST_BARS, shown_timeframe
from sptraderb.bootstrap import Services
from sptraderb.domain.timeframe import H1, M1, M5, W1
from sptraderb.testing.stored_candles import store_bars, wavy_bars
from sptraderb.testing.stored_results import store_finished_run

Client = httpx.AsyncClient


async def test_report_when_asked_then_one_page_that_needs_nothing_else(
    client: Client, services: Services
) -> None:
    """The page comes with or without candles, and its policy lets it load nothing."""
    run_id = await store_finished_run(services.pool)
    bare = await client.get(f"/api/backtest/{run_id}/report")
    await store_bars(services.pool, wavy_bars(100))
    full = await client.get(f"/api/backtest/{run_id}/report")
    for page in (bare, full):
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert str(run_id) in page.text
    assert "100 candles" in full.text


def test_timeframe_when_a_run_is_long_then_a_coarser_one_is_drawn() -> None:
    """A page holds at most 20,000 bars."""
    assert shown_timeframe(H1, 3600 * MOST_BARS) == H1
    assert shown_timeframe(M1, 60 * MOST_BARS + 1) == M5
    assert shown_timeframe(H1, 10**10) == W1
