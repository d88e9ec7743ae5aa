INSERT INTO invoice_lines (
    invoice_id, position, kind, code, description, period_start_ms, period_end_ms, corrects_month, quantity,
    base_unit, pricing_unit, pricing_unit_size, unit_price, amount_nanos
)
SELECT
    $1, position, kind, code, description, period_start_ms, period_end_ms, corrects_month, quantity::numeric,
    base_unit, pricing_unit, pricing_unit_size::numeric, unit_price::numeric, amount_nanos::numeric
FROM unnest(
    $2::int8[], $3::text[], $4::bytea[], $5::bytea[], $6::int8[], $7::int8[], $8::text[], $9::text[], $10::bytea[],
    $11::bytea[], $12::text[], $13::text[], $14::text[]
) AS line (
    position, kind, code, description, period_start_ms, period_end_ms, corrects_month, quantity, base_unit,
    pricing_unit, pricing_unit_size, unit_price, amount_nanos
)
