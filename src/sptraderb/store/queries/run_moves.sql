-- claim_run --
-- Only a waiting run, and the new attempt number fences whoever held it before.
UPDATE sptraderb.backtest_runs
   SET state = 'running', attempt = attempt + 1, worker_id = $2, phase = 'loading', percent = 0,
       n_trades = 0, equity = NULL, equity_time_s = NULL, eta_s = NULL,
       started_at = coalesce(started_at, now()),
       event_id = sptraderb.next_event(event_id, created_at)
 WHERE id = $1 AND state = 'queued'
RETURNING id;

-- write_progress --
-- Fenced by the attempt; the event number never goes back, whatever order writes arrive in.
UPDATE sptraderb.backtest_runs
   SET phase = $3, percent = $4, event_id = greatest(event_id, $5), n_trades = $6, equity_time_s = $7,
       equity = $8, eta_s = $9
 WHERE id = $1 AND attempt = $2 AND state = 'running'
RETURNING id;

-- finish_run --
-- A cancel that was acknowledged while the last bars ran wins: the client was told so. The result is kept.
UPDATE sptraderb.backtest_runs
   SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'completed' END,
       phase = 'done', percent = 100, eta_s = 0, completed_at = now(), event_id = sptraderb.next_event(event_id, created_at),
       digest = $3, has_result = true,
       result = CASE WHEN cancel_requested THEN $4::jsonb || '{"partial": true}' ELSE $4::jsonb END
 WHERE id = $1 AND attempt = $2 AND state = 'running'
RETURNING id;

-- fail_run --
-- As in finish_run, an acknowledged cancel wins over a failure on the way out.
UPDATE sptraderb.backtest_runs
   SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END,
       error = CASE WHEN cancel_requested THEN NULL ELSE $3::jsonb END,
       phase = 'done', eta_s = NULL, completed_at = now(), event_id = sptraderb.next_event(event_id, created_at)
 WHERE id = $1 AND attempt = $2 AND state = 'running'
RETURNING id;

-- confirm_cancel --
-- The worker's answer to the flag; digest and summary are those of the partial result, if there is one.
UPDATE sptraderb.backtest_runs
   SET state = 'cancelled', phase = 'done', eta_s = NULL, completed_at = now(), event_id = sptraderb.next_event(event_id, created_at),
       cancel_requested = true, digest = $3, result = $4, has_result = $3::text IS NOT NULL
 WHERE id = $1 AND attempt = $2 AND state = 'running'
RETURNING id;

-- hand_back --
-- A worker that stops gives its run to the next: no loss is counted, but the attempt number stays used,
-- since it may still have writes on the way.
UPDATE sptraderb.backtest_runs
   SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,
       phase = CASE WHEN cancel_requested THEN 'done' ELSE 'queued' END,
       completed_at = CASE WHEN cancel_requested THEN now() END,
       worker_id = NULL, percent = 0, eta_s = NULL, event_id = sptraderb.next_event(event_id, created_at)
 WHERE id = $1 AND attempt = $2 AND state = 'running'
RETURNING id;

-- mark_lost --
-- The worker is gone: a requested cancel is done, the last allowed loss fails the run, else it waits again.
UPDATE sptraderb.backtest_runs
   SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN n_lost + 1 >= $3 THEN 'failed' ELSE 'queued' END,
       phase = CASE WHEN cancel_requested OR n_lost + 1 >= $3 THEN 'done' ELSE 'queued' END,
       completed_at = CASE WHEN cancel_requested OR n_lost + 1 >= $3 THEN now() END,
       error = CASE WHEN NOT cancel_requested AND n_lost + 1 >= $3 THEN $4::jsonb END,
       n_lost = n_lost + 1, worker_id = NULL, percent = 0, eta_s = NULL, event_id = sptraderb.next_event(event_id, created_at)
 WHERE id = $1 AND attempt = $2 AND state = 'running'
RETURNING id;

-- clear_columns --
-- A run that is claimed again starts without leftovers; nothing to do for a first result.
DELETE FROM sptraderb.run_columns WHERE run_id = $1;

-- write_document --
-- Same transaction as the final state: a run has its result exactly when it says so.
INSERT INTO sptraderb.run_documents (run_id, document) VALUES ($1, $2)
ON CONFLICT (run_id) DO UPDATE SET document = excluded.document;

-- write_columns --
-- One chunk a statement, so no more than a megabyte is in flight.
INSERT INTO sptraderb.run_columns (run_id, table_name, number, first_row, n_rows, data)
VALUES ($1, $2, $3, $4, $5, $6);
