"""What names of real files say."""

import pytest

from sptraderb.candles.file_name import read_file_name


@pytest.mark.parametrize(
    ("name", "symbol", "timeframe", "side"),
    [
        ("DAT_ASCII_EURUSD_M1_202508.csv", "EURUSD", "1m", None),
        ("EURUSD_Candlestick_5_m_BID_17.08.2025-22.08.2025.csv", "EURUSD", "5m", "bid"),
        ("FOREX_EURUSD_1H_ASK_2017.csv", "EURUSD", "1h", "ask"),
        ("eurusd-m1-bid-dukascopy-node.csv", "EURUSD", "1m", "bid"),
        ("NEARUSDT-1m-2026-06.csv", "NEARUSDT", "1m", None),
        ("BTC_USDT-15m.feather", "BTCUSDT", "15m", None),
        ("ejtrader_EURUSDh4_scaled.csv", "EURUSD", "4h", None),
        ("EURUSD_1m_mid.parquet", "EURUSD", "1m", "mid"),
        ("AUDUSD_1m_bidask_i32.parquet", "AUDUSD", "1m", "both"),
        ("Coinbase_BTCUSD_1h.csv", "BTCUSD", "1h", None),
        ("XAUUSD.csv", "XAUUSD", None, None),
        ("prices.csv", None, None, None),
        ("export_2024_01.csv", None, None, None),
    ],
)
def test_name_when_of_a_real_file_then_its_facts_are_found(
    name: str, symbol: str | None, timeframe: str | None, side: str | None
) -> None:
    """Symbol, timeframe and side are read from vendors' names, and nothing from names that say nothing."""
    facts = read_file_name(name)
    assert facts.symbol == symbol
    assert (facts.timeframe and facts.timeframe.name) == timeframe
    assert (facts.side and str(facts.side)) == side
