"""The lifecycle of runs: the only place where candles, strategy, engine and store meet."""
