-- lock --
-- The lock of migrations: who adopts and who migrates follow each other. Held to the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('sptraderb.migrate', 0))

-- has_decided --
-- Adoption is decided once; what appears later is said at start and adopted on demand.
SELECT EXISTS (SELECT FROM sptraderb.candle_storage)

-- find_relations --
-- Relations of the seed's names that are not our views, with the base types of their columns, from the
-- catalogue alone: no right on the relation is needed to look.
SELECT n.nspname || '.' || c.relname AS relation, substr(c.relname, 15) AS timeframe, c.relkind::text AS relkind,
       has_table_privilege(c.oid, 'SELECT') AS is_readable,
       (SELECT json_object_agg(a.attname, coalesce(b.typname, t.typname))
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = c.oid AND a.attname = 'symbol') AS is_indexed
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relname IN ('forex_candles_1m', 'forex_candles_5m', 'forex_candles_15m', 'forex_candles_1h',
                    'forex_candles_4h', 'forex_candles_12h')
  AND NOT (c.relkind = 'v' AND coalesce(obj_description(c.oid, 'pg_class'), '') LIKE 'sptraderb:%')
ORDER BY c.relname

-- list_adopted --
-- What has been adopted here, and whether it can still be read.
SELECT *, coalesce(has_table_privilege(to_regclass(relation), 'SELECT'), false) AS is_readable
FROM sptraderb.adopted_relations ORDER BY timeframe

-- save_relation --
-- Types may have changed since: the newest description counts.
INSERT INTO sptraderb.adopted_relations (
    timeframe, relation, kind, time_column, time_type, price_types, volume_column
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (timeframe) DO UPDATE SET
    relation = excluded.relation, kind = excluded.kind, time_column = excluded.time_column,
    time_type = excluded.time_type, price_types = excluded.price_types, volume_column = excluded.volume_column

-- forget_relation --
-- Its series go with it.
WITH gone AS (
    DELETE FROM sptraderb.candle_series WHERE timeframe = $1 AND origin = 'adopted'
)
DELETE FROM sptraderb.adopted_relations WHERE timeframe = $1

-- forget_series --
-- Symbols that the relation does not hold any more.
DELETE FROM sptraderb.candle_series s USING sptraderb.instruments i
WHERE i.id = s.instrument_id AND s.timeframe = $1 AND s.origin = 'adopted' AND NOT i.symbol = ANY($2::text[])

-- list_symbols_by_index --
-- Jumps from symbol to symbol along the index instead of reading every row.
WITH RECURSIVE known AS (
    (SELECT symbol FROM {relation} WHERE symbol IS NOT NULL ORDER BY symbol LIMIT 1)
    UNION ALL
    SELECT (SELECT r.symbol FROM {relation} r WHERE r.symbol > known.symbol ORDER BY r.symbol LIMIT 1)
    FROM known WHERE known.symbol IS NOT NULL
)
SELECT symbol::text AS symbol FROM known WHERE symbol IS NOT NULL

-- list_symbols --
-- Without such an index one pass over all rows is the least.
SELECT DISTINCT symbol::text AS symbol FROM {relation} WHERE symbol IS NOT NULL ORDER BY 1

-- measure --
-- Range and number of a symbol's rows.
SELECT min({time}) AS first_time, max({time}) AS last_time, count(*) AS n_bars
FROM {relation} WHERE symbol = $1

-- measure_decimals --
-- The most decimals of a symbol's prices as they are printed, for an instrument nobody has described.
SELECT max(scale(trim_scale(price))) FROM (
    SELECT unnest(ARRAY[open::text, high::text, low::text, close::text])::numeric AS price
    FROM {relation} WHERE symbol = $1
) AS prices WHERE price NOT IN ('NaN')

-- list_series_of --
-- Symbols that have a series of a timeframe, of whichever origin.
SELECT i.symbol, s.origin FROM sptraderb.candle_series s JOIN sptraderb.instruments i ON i.id = s.instrument_id
WHERE s.timeframe = $1

-- add_series --
-- A series that has own candles stays own.
INSERT INTO sptraderb.candle_series (
    instrument_id, timeframe, origin, first_time, last_time, n_bars, n_native
) VALUES ($1, $2, 'adopted', $3, $4, $5, $5)
ON CONFLICT (instrument_id, timeframe) DO UPDATE SET
    first_time = excluded.first_time, last_time = excluded.last_time, n_bars = excluded.n_bars,
    n_native = excluded.n_native
WHERE candle_series.origin = 'adopted'

-- origins --
-- Whose rows the series of an instrument are.
SELECT timeframe, origin FROM sptraderb.candle_series WHERE instrument_id = $1

-- find_origin --
-- NULL where no candles are stored.
SELECT s.origin FROM sptraderb.candle_series s JOIN sptraderb.instruments i ON i.id = s.instrument_id
WHERE i.symbol = $1 AND s.timeframe = $2

-- has_adopted --
-- Then some coarser timeframes are not stored at all.
SELECT EXISTS (
    SELECT FROM sptraderb.candle_series s JOIN sptraderb.instruments i ON i.id = s.instrument_id
    WHERE i.symbol = $1 AND s.origin = 'adopted'
)

-- release_series --
-- The catalogue row goes; the import that asked for it writes an own one.
DELETE FROM sptraderb.candle_series WHERE instrument_id = $1 AND timeframe = $2 AND origin = 'adopted'
