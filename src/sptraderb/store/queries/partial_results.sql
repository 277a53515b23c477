-- attach_result --
-- Only to a cancelled run that has none, and only from the attempt that was cancelled; the state is final
-- and stays.
UPDATE sptraderb.backtest_runs
   SET digest = $3, result = $4::jsonb || '{"partial": true}', has_result = true,
       event_id = sptraderb.next_event(event_id, created_at)
 WHERE id = $1 AND attempt = $2 AND state = 'cancelled' AND NOT has_result
RETURNING id;
