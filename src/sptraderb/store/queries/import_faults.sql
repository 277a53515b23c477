-- totals --
-- Files that a series was made of, its own and those of finer ones; imports that changed nothing left no row.
SELECT count(*) AS n_files, coalesce(sum((r.report ->> 'n_read')::bigint), 0)::bigint AS n_read
FROM sptraderb.candle_revisions r JOIN sptraderb.instruments i ON i.id = r.instrument_id
WHERE i.symbol = $1 AND r.timeframe = ANY ($2::text[]) AND r.report IS NOT NULL;

-- by_kind --
-- Their rows that were not simply kept, as the reports name them.
SELECT fault.value ->> 'code' AS code, sum((fault.value ->> 'count')::bigint)::bigint AS n_rows
FROM sptraderb.candle_revisions r JOIN sptraderb.instruments i ON i.id = r.instrument_id,
     jsonb_array_elements(r.report -> 'rows') AS fault
WHERE i.symbol = $1 AND r.timeframe = ANY ($2::text[]) AND r.report IS NOT NULL
GROUP BY 1 ORDER BY 2 DESC, 1;
