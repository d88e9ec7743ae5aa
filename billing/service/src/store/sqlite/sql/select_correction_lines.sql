SELECT
    invoice.month AS invoice_month, line.position, line.kind, line.code, line.description, line.period_start_ms,
    line.period_end_ms, line.corrects_month, line.quantity, line.base_unit, line.pricing_unit,
    line.pricing_unit_size, line.unit_price, line.amount_nanos
FROM invoices AS invoice
JOIN invoice_lines AS line USING (invoice_id)
WHERE
    invoice.account_id = ?1 AND invoice.month >= ?3 AND invoice.status IN ('finalized', 'paid')
    AND line.corrects_month = ?2 AND (invoice.month, line.position) > (?3, ?4)
ORDER BY invoice.month, line.position
LIMIT ?5
