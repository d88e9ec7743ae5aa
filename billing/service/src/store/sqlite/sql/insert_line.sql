INSERT INTO invoice_lines (
    invoice_id, position, kind, code, description, period_start_ms, period_end_ms, corrects_month, quantity,
    base_unit, pricing_unit, pricing_unit_size, unit_price, amount_nanos
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
