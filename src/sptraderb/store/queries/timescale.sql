-- find_extension --
-- The extension must be made in this database; having its files on the server is not enough. Asked by name, since
-- the setting exists only where its library is loaded. NULL where there is none.
SELECT e.extversion AS version, n.nspname AS schema, current_setting('timescaledb.license', true) AS license,
       NOT EXISTS (SELECT FROM sptraderb.candle_series WHERE origin = 'own') AS is_empty
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'timescaledb'

-- decide --
-- Once, in the transaction of the first start: later starts find what was decided.
INSERT INTO sptraderb.candle_storage (kind, facts) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING

-- read_storage --
-- Kind and facts of this database; NULL before the first start.
SELECT kind, facts::text AS facts FROM sptraderb.candle_storage

-- keeps_aggregates --
-- Whether coarser candles come from continuous aggregates here.
SELECT coalesce((SELECT (facts ->> 'aggregates')::boolean FROM sptraderb.candle_storage), false)

-- create_hypertable --
-- The tables are new and empty; their primary key is the only index they need.
SELECT {schema}.create_hypertable(
    'sptraderb.candles_{timeframe}'::regclass, {schema}.by_range('time', interval '{days} days'),
    create_default_indexes => false
)

-- create_aggregate --
-- Integers in, integers out; volumes are added as decimals, so their sum does not depend on the way. Real-time: what
-- lies above the watermark is aggregated on reading. Without data, since that can be made in a transaction.
CREATE MATERIALIZED VIEW sptraderb.{name}
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT instrument_id, {schema}.time_bucket(interval '{seconds} seconds', {time}) AS bucket,
       {schema}.first(open, {time}) AS open, max(high) AS high, min(low) AS low,
       {schema}.last(close, {time}) AS close, sum({volume}) AS volume,
       {schema}.first(ask_open, {time}) AS ask_open, max(ask_high) AS ask_high, min(ask_low) AS ask_low,
       {schema}.last(ask_close, {time}) AS ask_close
FROM sptraderb.{source} {condition}
GROUP BY 1, 2
WITH NO DATA

-- has_view --
-- Only a view of ours is replaced.
SELECT to_regclass('public.forex_candles_{timeframe}') IS NOT NULL
   AND coalesce(obj_description(to_regclass('public.forex_candles_{timeframe}'), 'pg_class'), '') LIKE 'sptraderb:%'

-- replace_view --
-- Stored rows, and for symbols whose candles are all of one timeframe what the aggregates make of them.
CREATE OR REPLACE VIEW public.forex_candles_{timeframe} AS
SELECT c.time, i.symbol,
       c.open::numeric * i.tick_size AS open, c.high::numeric * i.tick_size AS high,
       c.low::numeric * i.tick_size AS low, c.close::numeric * i.tick_size AS close,
       c.volume
FROM (
    SELECT instrument_id, time, open, high, low, close, volume FROM sptraderb.candles_{timeframe}
    {unions}
) AS c JOIN sptraderb.instruments i ON i.id = c.instrument_id

-- union_aggregate --
-- Only of series whose coarser candles are not stored as rows.
UNION ALL
SELECT a.instrument_id, a.bucket, a.open, a.high, a.low, a.close, a.volume::double precision
FROM sptraderb.{name} a JOIN sptraderb.candle_series s
  ON s.instrument_id = a.instrument_id AND s.timeframe = '{base}' AND s.aggregated

-- mark_aggregated --
-- Its coarser candles come from aggregates from now on, or do not any more.
UPDATE sptraderb.candle_series SET aggregated = $3
WHERE instrument_id = $1 AND timeframe = ANY($2::text[]) AND aggregated <> $3

-- list_aggregated --
-- The series of an instrument whose coarser candles come from aggregates: one or none.
SELECT timeframe FROM sptraderb.candle_series WHERE instrument_id = $1 AND aggregated

-- note_refresh --
-- In the import's transaction: a crash before the refresh leaves it for the next one.
INSERT INTO sptraderb.aggregate_refreshes (timeframe, first_time, last_time)
VALUES ($1, to_timestamp($2::bigint), to_timestamp($3::bigint))

-- list_refreshes --
-- What waits, oldest first.
SELECT id, timeframe, extract(epoch FROM first_time)::bigint AS first_s, extract(epoch FROM last_time)::bigint AS last_s
FROM sptraderb.aggregate_refreshes ORDER BY id

-- end_refresh --
-- After all levels.
DELETE FROM sptraderb.aggregate_refreshes WHERE id = $1

-- try_lock --
-- One refreshes at a time; who finds it taken leaves the work to its holder, who looks again when it is done.
SELECT pg_try_advisory_lock(hashtextextended('sptraderb.aggregates', 0))

-- unlock --
-- The session goes back to its pool.
SELECT pg_advisory_unlock(hashtextextended('sptraderb.aggregates', 0))

-- refresh --
-- A procedure that opens transactions of its own: alone in its query, with bounds written out, never NULL.
CALL {schema}.refresh_continuous_aggregate('sptraderb.{name}', timestamptz '{first}', timestamptz '{last}')
