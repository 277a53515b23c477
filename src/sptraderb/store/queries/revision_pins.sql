-- pin_revision --
-- A row for each run: a thousand runs on one revision do not wait for each other.
INSERT INTO sptraderb.revision_pins (run_id, instrument_id, revision)
SELECT $3, id, $2 FROM sptraderb.instruments WHERE symbol = $1
ON CONFLICT DO NOTHING

-- list_prunable --
-- Series that have history at all, in the order in which imports lock them: finest first.
SELECT h.instrument_id, i.symbol, h.timeframe
FROM (SELECT DISTINCT instrument_id, timeframe FROM sptraderb.candle_history) h
JOIN sptraderb.instruments i ON i.id = h.instrument_id
WHERE $1::text IS NULL OR i.symbol = $1
ORDER BY i.symbol

-- prune_history --
-- What a correction replaced goes unless a revision that is needed shows it: one that a run pins, or one that was
-- the current one after the moment $3. The revisions it belonged to are marked, so that no read mistakes what
-- is left for the whole.
WITH ages AS (
    SELECT revision, pinned, lead(created_at) OVER (ORDER BY revision) AS superseded_at
    FROM sptraderb.candle_revisions WHERE instrument_id = $1 AND timeframe = $2
), needed AS (
    SELECT revision FROM ages WHERE pinned OR superseded_at IS NULL OR superseded_at >= $3
    UNION
    SELECT revision FROM sptraderb.revision_pins WHERE instrument_id = $1
), gone AS (
    DELETE FROM sptraderb.candle_history h
    WHERE h.instrument_id = $1 AND h.timeframe = $2
      AND NOT EXISTS (SELECT FROM needed n WHERE n.revision >= h.revision_from AND n.revision < h.revision_to)
    RETURNING h.revision_from, h.revision_to
), spans AS (
    SELECT DISTINCT revision_from, revision_to FROM gone
), marked AS (
    UPDATE sptraderb.candle_revisions r SET pruned = true
    WHERE r.instrument_id = $1 AND r.timeframe = $2 AND NOT r.pruned
      AND EXISTS (SELECT FROM spans s WHERE s.revision_from <= r.revision AND s.revision_to > r.revision)
    RETURNING r.revision
)
SELECT (SELECT count(*) FROM gone) AS n_rows, (SELECT array_agg(revision ORDER BY revision) FROM marked) AS revisions,
       (SELECT count(*) FROM sptraderb.candle_history WHERE instrument_id = $1 AND timeframe = $2) AS n_before

-- is_pruned --
-- A series at any number is what its last revision up to that number left.
SELECT pruned FROM sptraderb.candle_revisions
WHERE instrument_id = $1 AND timeframe = $2 AND revision <= $3
ORDER BY revision DESC LIMIT 1
