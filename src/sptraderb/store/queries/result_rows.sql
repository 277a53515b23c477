-- read_document --
-- Bytes as stored; nothing is parsed on the way to the client.
SELECT document FROM sptraderb.run_documents WHERE run_id = $1;

-- read_summary --
-- Text of the jsonb: the few figures of a list, without the document.
SELECT result FROM sptraderb.backtest_runs WHERE id = $1;

-- read_columns --
-- The chunks that cover the rows asked for, and no others.
SELECT table_name, number, first_row, n_rows, data
  FROM sptraderb.run_columns
 WHERE run_id = $1 AND table_name = $2 AND first_row + n_rows > $3 AND first_row < $4
 ORDER BY number;

-- count_rows --
-- The last chunk says it.
SELECT coalesce(max(first_row + n_rows), 0) FROM sptraderb.run_columns WHERE run_id = $1 AND table_name = $2;
