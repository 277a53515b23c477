"""Candles: checks, aggregation, import formats and the disk cache; no SQL here."""
