-- heartbeat --
-- Only of jobs this worker still holds: a worker taken for dead must not keep alive what another has.
UPDATE sptraderb.pgqueuer
   SET heartbeat = now()
 WHERE id = ANY($1::bigint[]) AND queue_manager_id = $2 AND status = 'picked'
RETURNING id;

-- finish --
-- Deletes and logs in one statement, as pgqueuer does, but only for the holder.
WITH done AS (
    DELETE FROM sptraderb.pgqueuer
     WHERE id = $1 AND queue_manager_id = $2 AND status = 'picked'
    RETURNING id, entrypoint, priority
)
INSERT INTO sptraderb.pgqueuer_log (job_id, status, entrypoint, priority)
SELECT id, 'successful', entrypoint, priority FROM done
RETURNING job_id;

-- put_back --
-- Keeps id and priority, so the job keeps its place; pgqueuer's trigger is silent on updates, so notify here.
WITH back AS (
    UPDATE sptraderb.pgqueuer
       SET status = 'queued', queue_manager_id = NULL, updated = now(), execute_after = now()
     WHERE id = $1 AND queue_manager_id = $2 AND status = 'picked'
    RETURNING id, entrypoint, priority
), logged AS (
    INSERT INTO sptraderb.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'queued', entrypoint, priority FROM back
)
SELECT id FROM back, LATERAL (SELECT pg_notify('ch_pgqueuer', 'put_back')) AS woken;

-- withdraw --
-- Waiting jobs only: one that is held belongs to its worker, who reads the row before it starts.
WITH gone AS (
    DELETE FROM sptraderb.pgqueuer WHERE dedupe_key = $1 AND status = 'queued'
    RETURNING id, entrypoint, priority
)
INSERT INTO sptraderb.pgqueuer_log (job_id, status, entrypoint, priority)
SELECT id, 'deleted', entrypoint, priority FROM gone
RETURNING job_id;

-- queue_figures --
-- One pass over a table that holds live jobs only.
SELECT entrypoint AS kind,
       count(*) FILTER (WHERE status = 'queued') AS queued,
       count(*) FILTER (WHERE status = 'picked') AS picked
  FROM sptraderb.pgqueuer
 GROUP BY entrypoint;

-- prune_log --
-- The log grows by three rows a job; its age index makes this cheap.
WITH gone AS (
    DELETE FROM sptraderb.pgqueuer_log WHERE created < now() - $1::interval RETURNING 1
)
SELECT count(*) FROM gone;
