-- Ranges of imported candles whose continuous aggregates are still to be refreshed (TimescaleDB only): written in
-- the import's transaction, deleted once a refresh, which needs transactions of its own, has gone through.
CREATE TABLE sptraderb.aggregate_refreshes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timeframe text NOT NULL,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL CHECK (last_time >= first_time)
);
-- Whether coarser candles of a native series come from aggregates instead of rows: only of a symbol's only series.
ALTER TABLE sptraderb.candle_series ADD COLUMN aggregated boolean NOT NULL DEFAULT false;
COMMENT ON TABLE sptraderb.aggregate_refreshes IS 'imported ranges that continuous aggregates do not show yet';
