"""SPtraderB API: a backtest server for FX and crypto strategies."""
