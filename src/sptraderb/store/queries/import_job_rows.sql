-- take_slot --
-- A lock of the transaction: it goes with the upload, however that ends, and counts over all processes.
SELECT pg_try_advisory_xact_lock(1937011316, $1);

-- count_open --
-- Served by the partial index.
SELECT count(*) FROM sptraderb.candle_imports WHERE state IN ('queued', 'running');

-- prune --
-- Reports of old imports are kept with their revisions too.
DELETE FROM sptraderb.candle_imports WHERE finished_at < now() - interval '30 days';

-- insert --
-- First the row, then its chunks, then its size, all in the transaction of the upload.
INSERT INTO sptraderb.candle_imports (id, owner, file_name, options) VALUES ($1, $2, $3, $4::json);

-- add_chunk --
-- Pieces of bounded size, so that neither side ever holds the whole file.
INSERT INTO sptraderb.candle_import_chunks (import_id, number, data) VALUES ($1, $2, $3);

-- set_size --
-- Known at the end of the upload only.
UPDATE sptraderb.candle_imports SET n_bytes = $2 WHERE id = $1 RETURNING *;

-- read --
-- Another owner's row does not exist for the caller; NULL asks for anybody's.
SELECT * FROM sptraderb.candle_imports WHERE id = $1 AND ($2::text IS NULL OR owner = $2);

-- list --
-- Newest first; of a report only what a list shows. The table holds a month, so no index serves this.
SELECT id, owner, state, file_name, options, n_bytes, attempt, n_lost, cancel_requested, phase, progress, error,
       CASE WHEN report IS NOT NULL THEN json_build_object(
           'symbol', report -> 'symbol', 'timeframe', report -> 'timeframe', 'n_read', report -> 'n_read',
           'n_kept', report -> 'n_kept', 'unchanged', report -> 'unchanged', 'revision', report -> 'revision'
       )::text END AS report,
       created_at, started_at, finished_at
FROM sptraderb.candle_imports
WHERE owner = $1 AND ($2::text IS NULL OR state = $2)
  AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $5;

-- lock --
-- Holds the row until the caller has decided what to do about its state.
SELECT * FROM sptraderb.candle_imports WHERE id = $1 AND ($2::text IS NULL OR owner = $2) FOR UPDATE;

-- read_chunk --
-- One at a time, so that memory stays bounded.
SELECT data FROM sptraderb.candle_import_chunks WHERE import_id = $1 AND number = $2;

-- drop_chunks --
-- A finished import needs its upload no more.
DELETE FROM sptraderb.candle_import_chunks WHERE import_id = $1;

-- claim --
-- The attempt's number fences what the worker writes from now on.
UPDATE sptraderb.candle_imports
   SET state = 'running', attempt = attempt + 1, phase = 'fetching', progress = 0,
       started_at = coalesce(started_at, now())
 WHERE id = $1 AND state = 'queued'
RETURNING *;

-- write_progress --
-- Says by its answer whether the worker still holds the import, and whether it is to stop.
UPDATE sptraderb.candle_imports SET phase = $3, progress = greatest(progress, $4)
 WHERE id = $1 AND state = 'running' AND attempt = $2
RETURNING cancel_requested;

-- request_cancel --
-- The worker that holds it reads this, should the notification be lost.
UPDATE sptraderb.candle_imports SET cancel_requested = true WHERE id = $1;

-- end --
-- Fenced: an import that another attempt holds, or that has ended, stays as it is. The clock's time, since the
-- transaction that stores the candles began long before.
UPDATE sptraderb.candle_imports
   SET state = $3, report = $4::json, error = $5::json, finished_at = clock_timestamp(),
       phase = $3, progress = CASE WHEN $3 = 'completed' THEN 100 ELSE progress END
 WHERE id = $1 AND state IN ('queued', 'running') AND attempt = $2
RETURNING *;

-- put_back --
-- Handed back by a worker that stops (nothing counted), or lost with it (counted).
UPDATE sptraderb.candle_imports
   SET state = 'queued', phase = 'queued', progress = 0, n_lost = n_lost + $3
 WHERE id = $1 AND state = 'running' AND attempt = $2
RETURNING *;
