-- Runs, their results, strategies, workspaces, idempotency keys and the job queue.
-- Applied in one transaction with search_path = sptraderb, public (store/migrate).

CREATE TABLE backtest_runs (
    id uuid PRIMARY KEY,
    owner text NOT NULL,
    name text NOT NULL DEFAULT '',
    strategy_name varchar(255) NOT NULL,
    symbol text NOT NULL,
    timeframe text NOT NULL,
    start_date timestamptz NOT NULL,
    end_date timestamptz NOT NULL,
    initial_capital numeric NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    request jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    -- The four outward words: who polls sees `running` from acceptance to the end.
    status varchar(50) NOT NULL GENERATED ALWAYS AS (CASE state WHEN 'queued' THEN 'running' ELSE state END) STORED,
    -- Grows with every claim and is never taken back: it fences the writes of a worker that lost its claim.
    attempt integer NOT NULL DEFAULT 0,
    -- How many attempts ended with a dead worker; what the limit of attempts looks at.
    n_lost integer NOT NULL DEFAULT 0,
    worker_id uuid,
    cancel_requested boolean NOT NULL DEFAULT false,
    phase text NOT NULL DEFAULT 'queued',
    percent double precision NOT NULL DEFAULT 0,
    event_id bigint NOT NULL DEFAULT 1,
    n_trades bigint NOT NULL DEFAULT 0,
    equity_time_s bigint,
    equity text,
    eta_s double precision,
    error jsonb,
    digest text,
    has_result boolean NOT NULL DEFAULT false,
    result jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    CHECK ((state IN ('completed', 'failed', 'cancelled')) = (completed_at IS NOT NULL)),
    CHECK (state <> 'failed' OR error IS NOT NULL),
    CHECK (state <> 'completed' OR has_result)
);
-- Number of a run's next event: it grows over attempts and workers, and past the numbers of frames that
-- went out by NOTIFY since the row was written, which are milliseconds since the run was accepted.
CREATE FUNCTION next_event(last_event bigint, accepted_at timestamptz) RETURNS bigint
    LANGUAGE sql VOLATILE
    RETURN greatest(last_event + 1, (extract(epoch FROM clock_timestamp() - accepted_at) * 1000)::bigint);

CREATE INDEX backtest_runs_page_idx ON backtest_runs (owner, created_at DESC, id DESC);
CREATE INDEX backtest_runs_active_idx ON backtest_runs (created_at, id) WHERE state IN ('queued', 'running');

-- The canonical document as gzip bytes: served as stored, never parsed (jsonb would reorder its keys).
CREATE TABLE run_documents (
    run_id uuid PRIMARY KEY REFERENCES backtest_runs (id) ON DELETE CASCADE,
    document bytea NOT NULL
);
ALTER TABLE run_documents ALTER COLUMN document SET STORAGE EXTERNAL;

-- Trades, equity, ledger and so on, in chunks of at most 1 MB: a page never loads the whole.
CREATE TABLE run_columns (
    run_id uuid NOT NULL REFERENCES backtest_runs (id) ON DELETE CASCADE,
    table_name text NOT NULL,
    number integer NOT NULL,
    first_row bigint NOT NULL,
    n_rows integer NOT NULL CHECK (n_rows > 0),
    data bytea NOT NULL CHECK (octet_length(data) <= 1048576),
    PRIMARY KEY (run_id, table_name, number)
);
ALTER TABLE run_columns ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE strategies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL,
    name text NOT NULL,
    folder text NOT NULL DEFAULT '',
    current_revision integer NOT NULL DEFAULT 0,
    hidden_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- One file stem always names one strategy, also for a client on a file system that ignores case.
CREATE UNIQUE INDEX strategies_name_idx ON strategies (owner, lower(name));

CREATE TABLE strategy_revisions (
    strategy_id bigint NOT NULL REFERENCES strategies (id) ON DELETE CASCADE,
    revision integer NOT NULL CHECK (revision > 0),
    text text NOT NULL,
    description text NOT NULL DEFAULT '',
    version text NOT NULL DEFAULT '',
    valid boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (strategy_id, revision)
);

CREATE TABLE workspaces (
    id uuid PRIMARY KEY,
    owner text NOT NULL,
    name varchar(255) NOT NULL CHECK (name <> ''),
    data jsonb NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workspaces_page_idx ON workspaces (owner, created_at DESC, id DESC);

-- A repeated POST with the same key gives the same answer; rows older than a day no longer count.
CREATE TABLE idempotency_keys (
    owner text NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    entity_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_keys_age_idx ON idempotency_keys (created_at);

-- The seed's names, for clients that read the tables by SQL. What exists under a name is left alone.
DO $views$
DECLARE
    shown record;
BEGIN
    FOR shown IN
        SELECT * FROM (VALUES
            ('backtest_runs', 'id, strategy_name, symbol, timeframe, start_date, end_date, initial_capital, '
                || 'status, created_at, completed_at, result'),
            ('workspaces', 'id, name, data, created_at, updated_at')
        ) AS names (name, columns)
    LOOP
        IF to_regclass('public.' || shown.name) IS NOT NULL THEN
            RAISE NOTICE 'public.% exists already and is left alone; ours is sptraderb.%', shown.name, shown.name;
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE VIEW public.%I AS SELECT %s FROM sptraderb.%I', shown.name, shown.columns, shown.name);
            EXECUTE format('COMMENT ON VIEW public.%I IS %L', shown.name, 'view of sptraderb');
        EXCEPTION WHEN insufficient_privilege OR invalid_schema_name THEN
            RAISE NOTICE 'public.% could not be made (no right to); ours is sptraderb.%', shown.name, shown.name;
        END;
    END LOOP;
END
$views$;

-- What follows is pgqueuer's own text for an installation, made by:
--   python -m pgqueuer sql install
-- pgqueuer 1.6.0 -- prefix='' schema=None durability=durable

CREATE TYPE pgqueuer_status AS ENUM ('queued', 'picked', 'successful', 'exception', 'canceled', 'deleted', 'failed');

CREATE TABLE pgqueuer (
    id bigserial NOT NULL PRIMARY KEY,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone NOT NULL DEFAULT now(),
    updated timestamp with time zone NOT NULL DEFAULT now(),
    heartbeat timestamp with time zone NOT NULL DEFAULT now(),
    execute_after timestamp with time zone NOT NULL DEFAULT now(),
    status pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer NOT NULL DEFAULT 0,
    slot bigint
);

CREATE TABLE pgqueuer_log (
    id bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL PRIMARY KEY,
    created timestamp with time zone NOT NULL DEFAULT now(),
    job_id bigint NOT NULL,
    status pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

CREATE TABLE pgqueuer_schedules (
    id bigserial NOT NULL PRIMARY KEY,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone NOT NULL DEFAULT now(),
    created timestamp with time zone NOT NULL DEFAULT now(),
    updated timestamp with time zone NOT NULL DEFAULT now(),
    next_run timestamp with time zone NOT NULL DEFAULT now(),
    last_run timestamp with time zone,
    status pgqueuer_status DEFAULT 'queued'::pgqueuer_status,
    UNIQUE (expression, entrypoint)
);

CREATE TABLE pgqueuer_statistics (
    id bigserial NOT NULL PRIMARY KEY,
    created timestamp with time zone NOT NULL DEFAULT date_trunc('sec'::text, now()),
    count bigint NOT NULL,
    priority integer NOT NULL,
    status pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

CREATE INDEX pgqueuer_ep_ea_idx ON pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::pgqueuer_status);

CREATE INDEX pgqueuer_ep_prio_id_idx ON pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::pgqueuer_status);

CREATE INDEX pgqueuer_log_created ON pgqueuer_log USING btree (created);

CREATE INDEX pgqueuer_log_job_id_status ON pgqueuer_log USING btree (job_id, created DESC);

CREATE INDEX pgqueuer_log_not_aggregated ON pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

CREATE INDEX pgqueuer_log_status ON pgqueuer_log USING btree (status);

CREATE INDEX pgqueuer_picked_heartbeat_idx ON pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::pgqueuer_status);

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::pgqueuer_status) AND (slot IS NOT NULL));

CREATE INDEX pgqueuer_priority_id_id1_idx ON pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::pgqueuer_status);

CREATE INDEX pgqueuer_queue_manager_id_idx ON pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::pgqueuer_status, 'picked'::pgqueuer_status])) AND (dedupe_key IS NOT NULL));

CREATE INDEX pgqueuer_updated_id_id1_idx ON pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::pgqueuer_status);

CREATE FUNCTION fn_pgqueuer_changed() RETURNS TRIGGER AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER tg_pgqueuer_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pgqueuer
EXECUTE FUNCTION fn_pgqueuer_changed();
