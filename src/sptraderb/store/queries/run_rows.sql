-- insert_run --
-- The caller's transaction holds the job and the idempotency key as well: all or nothing.
INSERT INTO sptraderb.backtest_runs
    (id, owner, name, strategy_name, symbol, timeframe, start_date, end_date, initial_capital, tags, request)
VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7), to_timestamp($8), $9, $10, $11)
RETURNING id, owner, request, state, attempt, n_lost, phase, percent, event_id, n_trades, equity_time_s,
          equity, eta_s, cancel_requested, error, has_result, digest, created_at, started_at, completed_at;

-- read_run --
-- Owner NULL is the worker, who may read any run; another user's run is not found.
SELECT id, owner, request, state, attempt, n_lost, phase, percent, event_id, n_trades, equity_time_s,
       equity, eta_s, cancel_requested, error, has_result, digest, created_at, started_at, completed_at
  FROM sptraderb.backtest_runs
 WHERE id = $1 AND ($2::text IS NULL OR owner = $2);

-- list_runs --
-- Keyset paging on the index (owner, created_at, id): page 1000 costs what page 1 costs. Strategy texts stay behind.
-- A run of several symbols is found by each of them.
SELECT id, owner, jsonb_set(request, '{strategy_text}', '""') AS request, state, attempt, n_lost, phase, percent, event_id, n_trades, equity_time_s,
       equity, eta_s, cancel_requested, error, has_result, digest, created_at, started_at, completed_at
  FROM sptraderb.backtest_runs
 WHERE owner = $1
   AND ($2::text IS NULL OR strategy_name = $2)
   AND ($3::text IS NULL OR symbol = $3 OR request->'symbols' ? $3)
   AND ($4::text IS NULL OR status = $4)
   AND ($5::text IS NULL OR $5 = ANY (tags))
   AND ($6::timestamptz IS NULL OR (created_at, id) < ($6, $7::uuid))
 ORDER BY created_at DESC, id DESC
 LIMIT $8;

-- request_cancel --
-- One statement, so no claim can slip between reading and writing: waiting runs end at once, running ones
-- get a flag that their worker obeys, others are not touched.
UPDATE sptraderb.backtest_runs
   SET state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
       phase = CASE state WHEN 'queued' THEN 'done' ELSE phase END,
       completed_at = CASE state WHEN 'queued' THEN now() END,
       cancel_requested = true,
       event_id = sptraderb.next_event(event_id, created_at)
 WHERE id = $1 AND owner = $2 AND state IN ('queued', 'running')
RETURNING id;

-- delete_run --
-- Final runs only: a worker writes into an active one. Document and columns go with it.
DELETE FROM sptraderb.backtest_runs
 WHERE id = $1 AND owner = $2 AND state IN ('completed', 'failed', 'cancelled')
RETURNING id;

-- queue_position --
-- The partial index on active runs holds the waiting ones in the order workers take them.
SELECT count(*)
  FROM sptraderb.backtest_runs AS mine
  JOIN sptraderb.backtest_runs AS ahead
    ON ahead.state = 'queued' AND (ahead.created_at, ahead.id) <= (mine.created_at, mine.id)
 WHERE mine.id = $1 AND mine.state = 'queued';

-- count_active --
-- Only the partial index is read, however many runs are finished.
SELECT count(*) FILTER (WHERE state = 'queued') AS queued,
       count(*) FILTER (WHERE state = 'running') AS running
  FROM sptraderb.backtest_runs
 WHERE state IN ('queued', 'running') AND ($1::text IS NULL OR owner = $1);

-- prune_runs --
-- In bites, so that locks stay short on a database that was never pruned.
WITH old AS (
    SELECT id FROM sptraderb.backtest_runs WHERE completed_at < now() - $1::interval LIMIT 500
), gone AS (
    DELETE FROM sptraderb.backtest_runs USING old WHERE backtest_runs.id = old.id RETURNING 1
)
SELECT count(*) FROM gone;
