-- Which run needs which revision of which symbol: the pin goes with the run, and history nobody needs can go.

CREATE TABLE sptraderb.revision_pins (
    run_id uuid NOT NULL REFERENCES sptraderb.backtest_runs (id) ON DELETE CASCADE,
    instrument_id integer NOT NULL REFERENCES sptraderb.instruments (id),
    revision bigint NOT NULL,
    PRIMARY KEY (run_id, instrument_id, revision)
);
CREATE INDEX revision_pins_revision_idx ON sptraderb.revision_pins (instrument_id, revision);
COMMENT ON TABLE sptraderb.revision_pins IS 'revisions of candles that stored results were computed from';

-- Rows of the revision are gone: it cannot be read any more. Its report and its file''s hash stay.
ALTER TABLE sptraderb.candle_revisions ADD COLUMN pruned boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sptraderb.candle_revisions.pinned IS 'pinned for good, by runs stored before revision_pins';
