-- list_instruments --
-- Seeded and imported ones, in the order people look them up.
SELECT * FROM sptraderb.instruments ORDER BY symbol

-- find_instrument --
-- By the exact name; names are unique.
SELECT * FROM sptraderb.instruments WHERE symbol = $1

-- save_instrument --
-- A known symbol takes the new facts; the caller has checked that no candle depends on the old ones.
INSERT INTO sptraderb.instruments (
    symbol, kind, base, quote, price_scale, quantity_scale, quantity_step, quantity_min, pip_ticks, lot_units,
    calendar, candle_side, margin_rate_ppb, point_value
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (symbol) DO UPDATE SET
    kind = excluded.kind, base = excluded.base, quote = excluded.quote, price_scale = excluded.price_scale,
    quantity_scale = excluded.quantity_scale, quantity_step = excluded.quantity_step,
    quantity_min = excluded.quantity_min, pip_ticks = excluded.pip_ticks, lot_units = excluded.lot_units,
    calendar = excluded.calendar, candle_side = excluded.candle_side,
    margin_rate_ppb = excluded.margin_rate_ppb, point_value = excluded.point_value
RETURNING id

-- has_candles --
-- The catalogue knows without looking at candles.
SELECT EXISTS (
    SELECT FROM sptraderb.candle_series s JOIN sptraderb.instruments i ON i.id = s.instrument_id
    WHERE i.symbol = $1
)
