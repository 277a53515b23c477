-- lock --
-- Session-wide, so it outlasts the transaction of each migration; freed when the connection closes.
SELECT pg_advisory_lock(hashtextextended('sptraderb.migrate', 0));

-- has_table --
-- NULL in a database we have never seen; asks nothing of the user's rights.
SELECT to_regclass('sptraderb.schema_migrations');

-- create_table --
-- The one piece of schema outside the migrations, since they are recorded in it.
CREATE SCHEMA IF NOT EXISTS sptraderb;
CREATE TABLE IF NOT EXISTS sptraderb.schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- applied --
-- All of them: numbers newer than the program's must be seen too.
SELECT number, name, checksum FROM sptraderb.schema_migrations ORDER BY number;

-- version --
-- Cheap enough for every readiness probe.
SELECT coalesce(max(number), 0) FROM sptraderb.schema_migrations;

-- settle_names --
-- For this transaction only: whatever search_path the role has, a bare name means our schema.
SET LOCAL search_path = sptraderb, public;

-- record --
-- In the transaction of the migration itself.
INSERT INTO sptraderb.schema_migrations (number, name, checksum) VALUES ($1, $2, $3);
