-- Candles of a database that was there before: relations of the seed's names that are not our views.
-- What is written here is only about them; they themselves are read and never touched.

-- How candles are kept here: one row, written when the first start has looked at the database.
CREATE TABLE sptraderb.candle_storage (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    kind text NOT NULL DEFAULT 'plain' CHECK (kind IN ('plain', 'timescale')),
    facts jsonb NOT NULL DEFAULT '{}',
    decided_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sptraderb.candle_storage IS 'how candles are kept in this database, decided once';

CREATE TABLE sptraderb.adopted_relations (
    timeframe text PRIMARY KEY,
    -- qualified, such as public.forex_candles_1h
    relation text NOT NULL UNIQUE,
    kind text NOT NULL,
    time_column text NOT NULL,
    time_type text NOT NULL CHECK (time_type IN ('timestamptz', 'timestamp')),
    -- of open, high, low and close
    price_types text[] NOT NULL CHECK (cardinality(price_types) = 4),
    volume_column text,
    adopted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sptraderb.adopted_relations IS 'candles of somebody else that are read as they are';
