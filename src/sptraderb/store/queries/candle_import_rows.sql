-- create_stage --
-- A table of this session only: rows of a file wait here until the one transaction that stores them.
CREATE TEMP TABLE import_rows (
    line bigint NOT NULL, time timestamptz NOT NULL, open bigint NOT NULL, high bigint NOT NULL,
    low bigint NOT NULL, close bigint NOT NULL, volume double precision NOT NULL,
    ask_open bigint, ask_high bigint, ask_low bigint, ask_close bigint
)

-- drop_stage --
-- Also clears what an import that broke off left in a pooled connection.
DROP TABLE IF EXISTS pg_temp.import_rows

-- clear_stage --
-- Between derived timeframes.
TRUNCATE pg_temp.import_rows

-- drop_duplicates --
-- The first row of a time stays; the others go, told apart by whether they say the same.
WITH ranked AS (
    SELECT ctid AS place, line, row_number() OVER w AS n,
           ROW(open, high, low, close, volume, ask_open, ask_high, ask_low, ask_close)
               IS NOT DISTINCT FROM first_value(
                   ROW(open, high, low, close, volume, ask_open, ask_high, ask_low, ask_close)) OVER w AS same
    FROM pg_temp.import_rows
    WINDOW w AS (PARTITION BY time ORDER BY line)
), gone AS (
    DELETE FROM pg_temp.import_rows r USING ranked
    WHERE r.ctid = ranked.place AND ranked.n > 1
    RETURNING ranked.line, ranked.same
)
SELECT same, count(*) AS n, (array_agg(line ORDER BY line))[1:20] AS lines FROM gone GROUP BY same

-- stage_range --
-- Rows that wait and the times they span.
SELECT count(*) AS n, min(time) AS first_time, max(time) AS last_time FROM pg_temp.import_rows

-- stage_bars --
-- Rows that wait in order of time, for the checks that need order.
SELECT time, open, high, low, close, volume FROM pg_temp.import_rows ORDER BY time

-- lock_series --
-- Imports of one series follow each other; finer series are locked before coarser ones, so none waits in a ring.
SELECT pg_advisory_xact_lock(hashtextextended('sptraderb.candles ' || $1 || ' ' || $2, 0))

-- lock_instrument --
-- The row cannot take another side or scale while candles of it are written.
SELECT * FROM sptraderb.instruments WHERE symbol = $1 FOR SHARE

-- lock_instrument_to_change --
-- Waits until nobody writes candles of it.
SELECT * FROM sptraderb.instruments WHERE symbol = $1 FOR UPDATE

-- next_revision --
-- Taken under the lock, so that revisions of a series ascend with time.
SELECT nextval('sptraderb.candle_revision_seq')

-- find_import --
-- The same bytes read with the same options were imported before.
SELECT revision, report FROM sptraderb.candle_revisions
WHERE instrument_id = $1 AND timeframe = $2 AND file_hash = $3 AND options_hash = $4
ORDER BY revision DESC LIMIT 1

-- has_series --
-- A series without a catalogue row has no candle row either.
SELECT EXISTS (
    SELECT FROM sptraderb.candle_series s JOIN sptraderb.instruments i ON i.id = s.instrument_id
    WHERE i.symbol = $1 AND s.timeframe = $2
)

-- series_state --
-- The catalogue's row, read under the lock.
SELECT revision, content_hash, n_bars FROM sptraderb.candle_series WHERE instrument_id = $1 AND timeframe = $2

-- has_bars --
-- Without stored rows in the range a plain insert does.
SELECT EXISTS (
    SELECT FROM sptraderb.{table} WHERE instrument_id = $1 AND time >= $2 AND time <= $3
)

-- compare --
-- What the waiting rows would do: add, replace native or derived rows, or nothing. Derived ones never
-- replace native ones ($4).
SELECT count(*) AS n_met,
       count(*) FILTER (WHERE NOT blocked AND differs) AS n_differing,
       count(*) FILTER (WHERE NOT blocked AND differs AND NOT was_derived) AS n_corrected,
       count(*) FILTER (WHERE NOT blocked AND was_derived AND NOT $4::boolean) AS n_promoted,
       (array_agg(line ORDER BY line) FILTER (WHERE NOT blocked AND differs AND NOT was_derived))[1:20] AS lines
FROM (
    SELECT s.line, c.derived AS was_derived, $4::boolean AND NOT c.derived AS blocked,
           ROW(c.open, c.high, c.low, c.close, c.volume, c.ask_open, c.ask_high, c.ask_low, c.ask_close)
               IS DISTINCT FROM
           ROW(s.open, s.high, s.low, s.close, s.volume, s.ask_open, s.ask_high, s.ask_low, s.ask_close)
               AS differs
    FROM pg_temp.import_rows s
    JOIN sptraderb.{table} c ON c.instrument_id = $1 AND c.time = s.time AND c.time >= $2 AND c.time <= $3
) AS met

-- keep_history --
-- What is replaced stays readable at its old revisions.
INSERT INTO sptraderb.candle_history (
    instrument_id, timeframe, derived, time, open, high, low, close, volume, revision_from, revision_to,
    ask_open, ask_high, ask_low, ask_close
)
SELECT c.instrument_id, '{timeframe}', c.derived, c.time, c.open, c.high, c.low, c.close, c.volume, c.revision, $4,
       c.ask_open, c.ask_high, c.ask_low, c.ask_close
FROM pg_temp.import_rows s
JOIN sptraderb.{table} c ON c.instrument_id = $1 AND c.time = s.time AND c.time >= $2 AND c.time <= $3
WHERE (c.derived OR NOT $5::boolean)
  AND ROW(c.open, c.high, c.low, c.close, c.volume, c.ask_open, c.ask_high, c.ask_low, c.ask_close)
      IS DISTINCT FROM
      ROW(s.open, s.high, s.low, s.close, s.volume, s.ask_open, s.ask_high, s.ask_low, s.ask_close)

-- insert_bars --
-- Where nothing is stored in the range; three times as fast as a merge.
INSERT INTO sptraderb.{table} (
    instrument_id, derived, time, open, high, low, close, volume, revision, ask_open, ask_high, ask_low, ask_close
)
SELECT $1, $2, time, open, high, low, close, volume, $3, ask_open, ask_high, ask_low, ask_close
FROM pg_temp.import_rows

-- merge_bars --
-- Equal rows keep their revision; a native row of equal values only takes the mark of a derived one away.
INSERT INTO sptraderb.{table} AS c (
    instrument_id, derived, time, open, high, low, close, volume, revision, ask_open, ask_high, ask_low, ask_close
)
SELECT $1, $2, time, open, high, low, close, volume, $3, ask_open, ask_high, ask_low, ask_close
FROM pg_temp.import_rows
ON CONFLICT (instrument_id, time) DO UPDATE SET
    derived = excluded.derived, open = excluded.open, high = excluded.high, low = excluded.low,
    close = excluded.close, volume = excluded.volume, ask_open = excluded.ask_open,
    ask_high = excluded.ask_high, ask_low = excluded.ask_low, ask_close = excluded.ask_close,
    revision = CASE
        WHEN ROW(c.open, c.high, c.low, c.close, c.volume, c.ask_open, c.ask_high, c.ask_low, c.ask_close)
             IS DISTINCT FROM
             ROW(excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.ask_open,
                 excluded.ask_high, excluded.ask_low, excluded.ask_close)
        THEN excluded.revision ELSE c.revision END
WHERE (c.derived OR NOT excluded.derived)
  AND ROW(c.derived, c.open, c.high, c.low, c.close, c.volume, c.ask_open, c.ask_high, c.ask_low, c.ask_close)
      IS DISTINCT FROM
      ROW(excluded.derived, excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume,
          excluded.ask_open, excluded.ask_high, excluded.ask_low, excluded.ask_close)

-- changed_range --
-- The times this revision touched, which coarser series are made anew from.
SELECT min(time) AS first_time, max(time) AS last_time FROM sptraderb.{table}
WHERE instrument_id = $1 AND time >= $2 AND time <= $3 AND revision = $4

-- save_series --
-- The catalogue after the rows: counts are added up, the range widens, the revision moves on.
INSERT INTO sptraderb.candle_series (
    instrument_id, timeframe, revision, content_hash, first_time, last_time, n_bars, n_native
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (instrument_id, timeframe) DO UPDATE SET
    revision = excluded.revision, content_hash = excluded.content_hash,
    first_time = least(sptraderb.candle_series.first_time, excluded.first_time),
    last_time = greatest(sptraderb.candle_series.last_time, excluded.last_time),
    n_bars = sptraderb.candle_series.n_bars + excluded.n_bars,
    n_native = sptraderb.candle_series.n_native + excluded.n_native

-- add_natives --
-- Native rows of equal values took the place of derived ones: no revision, but the catalogue counts them.
UPDATE sptraderb.candle_series SET n_native = n_native + $3 WHERE instrument_id = $1 AND timeframe = $2

-- save_revision --
-- One row for each series a revision touched.
INSERT INTO sptraderb.candle_revisions (
    revision, instrument_id, timeframe, derived_from, content_hash, file_hash, options_hash, source, trust,
    first_time, last_time, n_new, n_corrected
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)

-- save_report --
-- Written last, when all is known.
UPDATE sptraderb.candle_revisions SET report = $4::jsonb
WHERE instrument_id = $1 AND timeframe = $2 AND revision = $3
