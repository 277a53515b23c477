-- list_series --
-- The whole catalogue of a symbol: a few rows, from which every question about a series is answered.
SELECT s.timeframe, s.origin, s.revision, s.content_hash, s.first_time, s.last_time, s.n_bars, s.n_native, i.*,
       a.relation, a.kind AS relation_kind, a.time_column, a.time_type, a.price_types, a.volume_column
FROM sptraderb.candle_series s JOIN sptraderb.instruments i ON i.id = s.instrument_id
LEFT JOIN sptraderb.adopted_relations a ON s.origin = 'adopted' AND a.timeframe = s.timeframe
WHERE i.symbol = $1

-- list_symbols --
-- All series of all symbols; the catalogue is small. Adopted ones come with the place of their rows.
SELECT i.symbol, s.timeframe, s.origin, s.aggregated, s.first_time, s.last_time, s.n_bars, a.relation, a.kind AS relation_kind,
       a.time_column, a.time_type, a.price_types, a.volume_column
FROM sptraderb.candle_series s JOIN sptraderb.instruments i ON i.id = s.instrument_id
LEFT JOIN sptraderb.adopted_relations a ON s.origin = 'adopted' AND a.timeframe = s.timeframe
ORDER BY i.symbol

-- list_revisions --
-- What happened to a series, newest first.
SELECT r.revision, r.derived_from, r.content_hash, r.source, r.trust, r.first_time, r.last_time, r.n_new,
       r.n_corrected, r.report, r.created_at, r.pruned,
       r.pinned OR EXISTS (SELECT FROM sptraderb.revision_pins p
                           WHERE p.instrument_id = r.instrument_id AND p.revision = r.revision) AS pinned
FROM sptraderb.candle_revisions r JOIN sptraderb.instruments i ON i.id = r.instrument_id
WHERE i.symbol = $1 AND r.timeframe = $2
ORDER BY r.revision DESC

-- select_bars --
-- The current rows in order of time by the primary key. {table} and {columns} are constants of the program.
SELECT {columns} FROM sptraderb.{table}
WHERE instrument_id = $1 AND time >= to_timestamp($2::bigint) AND time <= to_timestamp($3::bigint)
ORDER BY time

-- select_bars_back --
-- As `select_bars`, the newest first: a second reader fills an array from its end.
SELECT {columns} FROM sptraderb.{table}
WHERE instrument_id = $1 AND time >= to_timestamp($2::bigint) AND time <= to_timestamp($3::bigint)
ORDER BY time DESC

-- select_bars_as_of --
-- A revision as it was: rows not newer than it, and those since replaced that were valid then.
SELECT * FROM (
    SELECT {columns} FROM sptraderb.{table}
    WHERE instrument_id = $1 AND time >= to_timestamp($2::bigint) AND time <= to_timestamp($3::bigint)
      AND revision <= $4
    UNION ALL
    SELECT {columns} FROM sptraderb.candle_history
    WHERE instrument_id = $1 AND timeframe = '{timeframe}' AND time >= to_timestamp($2::bigint)
      AND time <= to_timestamp($3::bigint) AND revision_from <= $4 AND revision_to > $4
) AS rows
ORDER BY time

-- nth_time_before --
-- Open time of the n-th bar before a moment at a revision, for a warm-up of exactly n bars.
SELECT extract(epoch FROM min(time))::bigint FROM (
    SELECT time FROM (
        (SELECT time FROM sptraderb.{table}
         WHERE instrument_id = $1 AND time < to_timestamp($2::bigint) AND revision <= $3
         ORDER BY time DESC LIMIT $4)
        UNION ALL
        (SELECT time FROM sptraderb.candle_history
         WHERE instrument_id = $1 AND timeframe = '{timeframe}' AND time < to_timestamp($2::bigint)
           AND revision_from <= $3 AND revision_to > $3
         ORDER BY time DESC LIMIT $4)
    ) AS rows
    ORDER BY time DESC LIMIT $4
) AS before

-- page_forward --
-- The first rows of a range at a revision; each half is cut by its index before they are merged.
SELECT * FROM (
    (SELECT {columns} FROM sptraderb.{table}
     WHERE instrument_id = $1 AND time >= to_timestamp($2::bigint) AND time <= to_timestamp($3::bigint)
       AND revision <= $4
     ORDER BY time LIMIT $5)
    UNION ALL
    (SELECT {columns} FROM sptraderb.candle_history
     WHERE instrument_id = $1 AND timeframe = '{timeframe}' AND time >= to_timestamp($2::bigint)
       AND time <= to_timestamp($3::bigint) AND revision_from <= $4 AND revision_to > $4
     ORDER BY time LIMIT $5)
) AS rows
ORDER BY time LIMIT $5

-- page_back --
-- The last rows of a range at a revision, ascending.
SELECT * FROM (
    SELECT * FROM (
        (SELECT {columns} FROM sptraderb.{table}
         WHERE instrument_id = $1 AND time >= to_timestamp($2::bigint) AND time <= to_timestamp($3::bigint)
           AND revision <= $4
         ORDER BY time DESC LIMIT $5)
        UNION ALL
        (SELECT {columns} FROM sptraderb.candle_history
         WHERE instrument_id = $1 AND timeframe = '{timeframe}' AND time >= to_timestamp($2::bigint)
           AND time <= to_timestamp($3::bigint) AND revision_from <= $4 AND revision_to > $4
         ORDER BY time DESC LIMIT $5)
    ) AS rows
    ORDER BY time DESC LIMIT $5
) AS page
ORDER BY time

-- export_snapshot --
-- Lets a second connection read what this transaction sees.
SELECT pg_export_snapshot()

-- take_snapshot --
-- The first statement of the second transaction; the name comes from PostgreSQL itself.
SET TRANSACTION SNAPSHOT '{snapshot}'
