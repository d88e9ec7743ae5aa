SELECT
    kind, code, description, period_start_ms, period_end_ms, corrects_month, quantity, base_unit, pricing_unit,
    pricing_unit_size, unit_price, amount_nanos
FROM invoice_lines
WHERE invoice_id = ?1 AND position >= ?2
ORDER BY position
LIMIT ?3
