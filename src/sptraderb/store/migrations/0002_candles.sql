-- Candles: instruments, own base tables in ticks, revisions with history, the catalogue, and the views
-- that show them under the names of the seed.

CREATE TABLE sptraderb.instruments (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text NOT NULL UNIQUE CHECK (symbol ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$'),
    kind text NOT NULL,
    base text NOT NULL,
    quote text NOT NULL,
    price_scale smallint NOT NULL CHECK (price_scale BETWEEN 0 AND 10),
    quantity_scale smallint NOT NULL CHECK (quantity_scale BETWEEN 0 AND 8),
    quantity_step bigint NOT NULL CHECK (quantity_step > 0),
    quantity_min bigint NOT NULL CHECK (quantity_min > 0),
    pip_ticks bigint NOT NULL CHECK (pip_ticks > 0),
    lot_units bigint NOT NULL CHECK (lot_units > 0),
    calendar text NOT NULL,
    candle_side text NOT NULL CHECK (candle_side IN ('bid', 'ask', 'mid', 'both')),
    margin_rate_ppb bigint NOT NULL CHECK (margin_rate_ppb BETWEEN 1 AND 1000000000),
    point_value bigint NOT NULL CHECK (point_value > 0),
    default_costs jsonb NOT NULL DEFAULT '{}',
    -- one tick as an exact decimal with as many places as the price: ticks * tick_size is the price
    tick_size numeric NOT NULL GENERATED ALWAYS AS (('1e-' || price_scale::text)::numeric) STORED
);
COMMENT ON TABLE sptraderb.instruments IS 'what the integers of a symbol mean';

-- No foreign key to instruments here: its check per row costs more than the row. The catalogue has one.

CREATE TABLE sptraderb.candles_1m (
    instrument_id integer NOT NULL,
    derived boolean NOT NULL,
    time timestamptz NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume double precision NOT NULL,
    revision bigint NOT NULL,
    ask_open bigint,
    ask_high bigint,
    ask_low bigint,
    ask_close bigint,
    PRIMARY KEY (instrument_id, time)
);

CREATE TABLE sptraderb.candles_5m (
    instrument_id integer NOT NULL,
    derived boolean NOT NULL,
    time timestamptz NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume double precision NOT NULL,
    revision bigint NOT NULL,
    ask_open bigint,
    ask_high bigint,
    ask_low bigint,
    ask_close bigint,
    PRIMARY KEY (instrument_id, time)
);

CREATE TABLE sptraderb.candles_15m (
    instrument_id integer NOT NULL,
    derived boolean NOT NULL,
    time timestamptz NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume double precision NOT NULL,
    revision bigint NOT NULL,
    ask_open bigint,
    ask_high bigint,
    ask_low bigint,
    ask_close bigint,
    PRIMARY KEY (instrument_id, time)
);

CREATE TABLE sptraderb.candles_1h (
    instrument_id integer NOT NULL,
    derived boolean NOT NULL,
    time timestamptz NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume double precision NOT NULL,
    revision bigint NOT NULL,
    ask_open bigint,
    ask_high bigint,
    ask_low bigint,
    ask_close bigint,
    PRIMARY KEY (instrument_id, time)
);

CREATE TABLE sptraderb.candles_4h (
    instrument_id integer NOT NULL,
    derived boolean NOT NULL,
    time timestamptz NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume double precision NOT NULL,
    revision bigint NOT NULL,
    ask_open bigint,
    ask_high bigint,
    ask_low bigint,
    ask_close bigint,
    PRIMARY KEY (instrument_id, time)
);

CREATE TABLE sptraderb.candles_12h (
    instrument_id integer NOT NULL,
    derived boolean NOT NULL,
    time timestamptz NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume double precision NOT NULL,
    revision bigint NOT NULL,
    ask_open bigint,
    ask_high bigint,
    ask_low bigint,
    ask_close bigint,
    PRIMARY KEY (instrument_id, time)
);

-- What a correction replaced: the row was valid from revision_from up to and without revision_to.
CREATE TABLE sptraderb.candle_history (
    instrument_id integer NOT NULL,
    timeframe text NOT NULL,
    derived boolean NOT NULL,
    time timestamptz NOT NULL,
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume double precision NOT NULL,
    revision_from bigint NOT NULL,
    revision_to bigint NOT NULL CHECK (revision_to > revision_from),
    ask_open bigint,
    ask_high bigint,
    ask_low bigint,
    ask_close bigint,
    PRIMARY KEY (instrument_id, timeframe, time, revision_to)
);

CREATE SEQUENCE sptraderb.candle_revision_seq AS bigint;

-- The catalogue: one row and one origin for each series.
CREATE TABLE sptraderb.candle_series (
    instrument_id integer NOT NULL REFERENCES sptraderb.instruments (id),
    timeframe text NOT NULL,
    origin text NOT NULL DEFAULT 'own' CHECK (origin IN ('own', 'adopted')),
    revision bigint,
    -- hash of the previous hash and of what this revision brought: the same hash is the same content
    content_hash text NOT NULL DEFAULT '',
    first_time timestamptz,
    last_time timestamptz,
    n_bars bigint NOT NULL DEFAULT 0,
    n_native bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (instrument_id, timeframe)
);

-- Every import or correction, one row for each series it changed; the native one carries the report.
CREATE TABLE sptraderb.candle_revisions (
    revision bigint NOT NULL,
    instrument_id integer NOT NULL REFERENCES sptraderb.instruments (id),
    timeframe text NOT NULL,
    derived_from text,
    content_hash text NOT NULL,
    file_hash text,
    options_hash text,
    source text NOT NULL DEFAULT '',
    trust text NOT NULL CHECK (trust IN ('verified', 'external', 'user')),
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    n_new bigint NOT NULL,
    n_corrected bigint NOT NULL,
    pinned boolean NOT NULL DEFAULT false,
    report jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (instrument_id, timeframe, revision)
);
CREATE INDEX candle_revisions_file_idx ON sptraderb.candle_revisions (instrument_id, timeframe, file_hash);

INSERT INTO sptraderb.instruments (symbol, kind, base, quote, price_scale, quantity_scale, quantity_step,
    quantity_min, pip_ticks, lot_units, calendar, candle_side, margin_rate_ppb, point_value) VALUES
    ('EURUSD', 'fx', 'EUR', 'USD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('GBPUSD', 'fx', 'GBP', 'USD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('AUDUSD', 'fx', 'AUD', 'USD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('NZDUSD', 'fx', 'NZD', 'USD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDCAD', 'fx', 'USD', 'CAD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDCHF', 'fx', 'USD', 'CHF', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDJPY', 'fx', 'USD', 'JPY', 3, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURGBP', 'fx', 'EUR', 'GBP', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURJPY', 'fx', 'EUR', 'JPY', 3, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURCHF', 'fx', 'EUR', 'CHF', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURAUD', 'fx', 'EUR', 'AUD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURCAD', 'fx', 'EUR', 'CAD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURNZD', 'fx', 'EUR', 'NZD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('GBPJPY', 'fx', 'GBP', 'JPY', 3, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('GBPCHF', 'fx', 'GBP', 'CHF', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('GBPAUD', 'fx', 'GBP', 'AUD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('GBPCAD', 'fx', 'GBP', 'CAD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('GBPNZD', 'fx', 'GBP', 'NZD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('AUDJPY', 'fx', 'AUD', 'JPY', 3, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('AUDNZD', 'fx', 'AUD', 'NZD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('AUDCAD', 'fx', 'AUD', 'CAD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('AUDCHF', 'fx', 'AUD', 'CHF', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('NZDJPY', 'fx', 'NZD', 'JPY', 3, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('NZDCAD', 'fx', 'NZD', 'CAD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('NZDCHF', 'fx', 'NZD', 'CHF', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('CADJPY', 'fx', 'CAD', 'JPY', 3, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('CADCHF', 'fx', 'CAD', 'CHF', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('CHFJPY', 'fx', 'CHF', 'JPY', 3, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDSGD', 'fx', 'USD', 'SGD', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDNOK', 'fx', 'USD', 'NOK', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDSEK', 'fx', 'USD', 'SEK', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDPLN', 'fx', 'USD', 'PLN', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDMXN', 'fx', 'USD', 'MXN', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDZAR', 'fx', 'USD', 'ZAR', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDTRY', 'fx', 'USD', 'TRY', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDHUF', 'fx', 'USD', 'HUF', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('USDCZK', 'fx', 'USD', 'CZK', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURPLN', 'fx', 'EUR', 'PLN', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURNOK', 'fx', 'EUR', 'NOK', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('EURSEK', 'fx', 'EUR', 'SEK', 5, 0, 1, 1, 10, 100000, 'fx', 'bid', 33333333, 1),
    ('XAUUSD', 'metal', 'XAU', 'USD', 2, 0, 1, 1, 10, 100, 'fx', 'bid', 50000000, 1),
    ('XAGUSD', 'metal', 'XAG', 'USD', 3, 0, 1, 1, 10, 5000, 'fx', 'bid', 50000000, 1),
    ('BTCUSDT', 'crypto', 'BTC', 'USDT', 2, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('ETHUSDT', 'crypto', 'ETH', 'USDT', 2, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('SOLUSDT', 'crypto', 'SOL', 'USDT', 2, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('BNBUSDT', 'crypto', 'BNB', 'USDT', 2, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('XRPUSDT', 'crypto', 'XRP', 'USDT', 4, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('ADAUSDT', 'crypto', 'ADA', 'USDT', 4, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('DOGEUSDT', 'crypto', 'DOGE', 'USDT', 5, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('NEARUSDT', 'crypto', 'NEAR', 'USDT', 4, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('SHIBUSDT', 'crypto', 'SHIB', 'USDT', 8, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('LTCUSDT', 'crypto', 'LTC', 'USDT', 4, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('BTCUSD', 'crypto', 'BTC', 'USD', 2, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1),
    ('ETHUSD', 'crypto', 'ETH', 'USD', 2, 8, 1, 1, 1, 1, 'crypto', 'bid', 1000000000, 1);

-- The names of the seed. A relation that has such a name already belongs to somebody else: it is left
-- alone and said. Views of ours are known by their comment.
DO $$
DECLARE
    length text;
BEGIN
    FOREACH length IN ARRAY ARRAY['5m', '15m', '1h', '4h', '12h'] LOOP
        IF to_regclass('public.forex_candles_' || length) IS NOT NULL THEN
            RAISE NOTICE 'public.forex_candles_% exists already and is left alone; own candles are in sptraderb.candles_%',
                length, length;
        ELSIF NOT has_schema_privilege('public', 'CREATE') THEN
            RAISE NOTICE 'no right to create in schema public: no view forex_candles_%', length;
        ELSE
            EXECUTE format(
                'CREATE VIEW public.forex_candles_%s AS
                 SELECT c.time, i.symbol,
                        c.open::numeric * i.tick_size AS open, c.high::numeric * i.tick_size AS high,
                        c.low::numeric * i.tick_size AS low, c.close::numeric * i.tick_size AS close,
                        c.volume
                 FROM sptraderb.candles_%s c JOIN sptraderb.instruments i ON i.id = c.instrument_id',
                length, length);
            EXECUTE format(
                'COMMENT ON VIEW public.forex_candles_%s IS %L', length,
                'sptraderb: view of sptraderb.candles_' || length || ' in exact decimals');
        END IF;
    END LOOP;
END
$$;
