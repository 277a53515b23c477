-- Imports over HTTP: the upload lies in chunks beside its row until a worker has read it.

CREATE TABLE sptraderb.candle_imports (
    id uuid PRIMARY KEY,
    owner text NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    file_name text NOT NULL,
    options json NOT NULL,
    n_bytes bigint NOT NULL DEFAULT 0,
    -- fences every write of a worker, as it does for runs
    attempt integer NOT NULL DEFAULT 0,
    n_lost integer NOT NULL DEFAULT 0,
    cancel_requested boolean NOT NULL DEFAULT false,
    phase text NOT NULL DEFAULT 'queued',
    progress real NOT NULL DEFAULT 0,
    error json,
    report json,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX candle_imports_open_idx ON sptraderb.candle_imports (created_at)
    WHERE state IN ('queued', 'running');
COMMENT ON TABLE sptraderb.candle_imports IS 'files sent to be imported, and what became of them';

CREATE TABLE sptraderb.candle_import_chunks (
    import_id uuid NOT NULL REFERENCES sptraderb.candle_imports (id) ON DELETE CASCADE,
    number integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (import_id, number)
);
-- Read once and deleted: compressing them would cost more than it saves.
ALTER TABLE sptraderb.candle_import_chunks ALTER COLUMN data SET STORAGE EXTERNAL;
