-- lock_start --
-- Two requests with one key at once: the second waits here until the first has committed or given up.
SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 72));

-- find_start --
-- A key counts for a day.
SELECT entity_id, body_hash FROM sptraderb.idempotency_keys
 WHERE owner = $1 AND key = $2 AND created_at > now() - interval '24 hours';

-- insert_start --
-- An expired row of that key is written over.
INSERT INTO sptraderb.idempotency_keys (owner, key, body_hash, entity_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (owner, key) DO UPDATE
   SET body_hash = excluded.body_hash, entity_id = excluded.entity_id, created_at = now();

-- prune_starts --
-- By the age index.
WITH gone AS (
    DELETE FROM sptraderb.idempotency_keys WHERE created_at < now() - interval '24 hours' RETURNING 1
)
SELECT count(*) FROM gone;
