-- pin_revision --
-- Writes the first time only: a thousand runs on one revision do not wait for each other.
UPDATE sptraderb.candle_revisions AS r
   SET pinned = true
  FROM sptraderb.instruments AS i
 WHERE i.id = r.instrument_id AND i.symbol = $1 AND r.revision = $2 AND NOT r.pinned;
